//! Sharing on a running city, by the command line alone: a steward keeps a vault, a bank reads a
//! price under a grant, another one is refused, and the vault's node is killed in between.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chaincity_client::api::vault::SealRequest;
use chaincity_client::{Basis, Client, Log, LogFilter, Reading, one_time_key};
use chaincity_types::wire::Call;
use serde_json::{Value, json};

use crate::city::{City, NODES, Ran, SOON, chaincity, text};
use crate::load::register;
use crate::read_log::{an_entry_taken_out_of_an_export_is_found, every_view_shows_what_was_asked};

const UNIT: &str = "PRICED-1";
/// Who buys it.
const HOLDER: &str = "测试乙";
const RESOURCE: &str = "431300-0001";
pub(crate) const PURPOSE: &str = "核实抵押物成交价";
/// A case that stands in the vault alone.
pub(crate) const CASE: &str = "贷planted-case-1号";
/// A price that stands nowhere else, in fen.
pub(crate) const PRICE: i64 = 98_765_432_100;
/// The buyer's identity number, made up.
const NUMBER: &str = "110101190001010007";
/// The node that keeps the vault.
pub(crate) const STEWARD: &str = "registry";
/// The node that everyone else asks.
pub(crate) const DESK: &str = "court";

pub(crate) fn done(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.json().remove(0)
}

/// Makes a steward's vault and has its node keep it and answer by itself, with the key of `agent`.
/// Gives the options of the vault commands.
pub(crate) fn keep_a_vault(city: &City, steward: &str, agent: &str) -> [String; 4] {
    let config = city.config(steward);
    let dir = Path::new(&config).parent().unwrap();
    let (folder, passphrase) = (dir.join("vault"), dir.join("vault.passphrase"));
    fs::write(&passphrase, "correct horse battery\n").unwrap();
    let options = ["--vault", text(&folder), "--passphrase-file", text(&passphrase)];
    let options = options.map(str::to_owned);
    assert_eq!(done(&vault("create", &options, &[]))["groups"], 0);
    let section = format!(
        "[vault]\nfolder = \"vault\"\npassphrase = \"vault.passphrase\"\n\
         agent = \"../../keys/{agent}.key\"\n"
    );
    let before = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{before}\n{section}")).unwrap();
    options
}

pub(crate) fn vault(action: &str, options: &[String; 4], more: &[&str]) -> Ran {
    let options = options.each_ref().map(String::as_str);
    chaincity(&[&["vault", action], &options[..], more].concat())
}

/// Calls an action; gives its events.
pub(crate) fn call(
    city: &City,
    operator: &str,
    act: (&str, &str),
    input: &Value,
    more: &[&str],
) -> Vec<Value> {
    let input = input.to_string();
    let call = ["call", act.0, act.1, "--input", &input];
    let called = done(&city.run_as(operator, DESK, &[&call[..], more].concat()));
    called["receipt"]["entries"][0]["events"].as_array().unwrap().clone()
}

/// Key of the record that an event of this kind names.
pub(crate) fn key_of(events: &[Value], kind: &str, register: &str) -> String {
    let found = events.iter().find(|event| event["kind"] == kind && event["register"] == register);
    found.unwrap_or_else(|| panic!("{events:#?}"))["key"].as_str().unwrap().to_owned()
}

/// A flat is sold by order of the court; its price is sealed at the registry. Gives the new title.
pub(crate) fn sell(city: &City) -> String {
    sell_to(city, HOLDER)
}

/// The same, to somebody of this name.
pub(crate) fn sell_to(city: &City, name: &str) -> String {
    register(&city.client(&[DESK], "registrar"), UNIT);
    let seal = |group: &str, values: &Value| {
        let file = city.file(&format!("{group}.json"));
        fs::write(&file, values.to_string()).unwrap();
        let seal = ["seal", "real-estate", "right", group, "--values", &format!("@{file}")];
        done(&city.run_as("registrar", STEWARD, &seal))["commitment"].clone()
    };
    let deal = seal("deal", &json!({"price": PRICE, "contract": "示例合同1"}));
    let holder =
        json!({"subject": HOLDER, "name": name, "id_kind": "居民身份证", "id_number": NUMBER});
    let identity = seal("holder-identity", &json!({"holders": [holder]}));
    let sale = json!({
        "unit": UNIT, "to": [{"subject": HOLDER, "n": 1, "d": 1}], "court": "court",
        "document": "（2026）湘1302执123号裁定", "document_digest": "00".repeat(32),
        "served": "2026-09-01T08:00:00+08:00", "deal": deal, "identity": identity,
    });
    let input = sale.to_string();
    let give = ["mandate", "give", "real-estate", "transfer-by-judgment", "--input", &input];
    let given = done(&city.run_as("court", DESK, &[&give[..], &["--for", "execute"]].concat()));
    let mandate = ["--mandate", given["mandate"].as_str().unwrap()];
    let act = ("real-estate", "transfer-by-judgment");
    key_of(&call(city, "registrar", act, &sale, &mandate), "inserted", "right")
}

/// The protocol comes into force, after the package that it requires.
pub(crate) fn publish(city: &City) {
    publish_packages(city, &["identity", "disclosure"]);
}

/// These packages come into force, in this order.
pub(crate) fn publish_packages(city: &City, packages: &[&str]) {
    let (court, bank) = (city.key_file("court-admin"), city.key_file("bank-a-admin"));
    for package in packages {
        let folder = format!("{}/../../packages/{package}", env!("CARGO_MANIFEST_DIR"));
        let publish = ["package", "publish", &folder, "--approve", &court, "--approve", &bank];
        done(&city.run_as("registry-admin", DESK, &publish));
    }
}

/// The registry catalogues its deals and grants bank A's application. Gives the grant's number.
pub(crate) fn grant(city: &City) -> String {
    publish(city);
    let purpose = (PURPOSE, &["deal"][..], &["holder-identity.is-holder"][..]);
    grant_to(city, "bank-a", purpose)
}

/// The registry grants the application of an operator's member, for a purpose, groups and claims.
pub(crate) fn grant_to(
    city: &City,
    reader: &str,
    (purpose, groups, claims): (&str, &[&str], &[&str]),
) -> String {
    let resource = json!({
        "code": RESOURCE, "in_package": "real-estate", "register": "right",
        "groups": ["deal", "holder-identity"], "claims": [], "title_zh": "不动产交易信息",
        "title_en": "Terms of deals", "sharing": "conditional", "conditions": "办理抵押贷款所必需",
        "update_cycle": "at-once", "standards": [], "personal": true, "assessment": "评估1号",
    });
    call(city, "keeper", ("disclosure", "publish-resource"), &resource, &[]);
    let listed = json!({"resource": RESOURCE});
    call(city, "catalogue", ("disclosure", "list-resource"), &listed, &[]);
    let application = json!({
        "resource": RESOURCE, "groups": groups, "claims": claims, "purpose": purpose,
        "item": "1143130000TEXT021M3430715001000", "basis": "商业银行法 36",
        "from": "2020-01-01", "to": "2099-12-31", "records_max": 10,
    });
    let applied = call(city, reader, ("disclosure", "apply-use"), &application, &[]);
    let decision = json!({
        "application": key_of(&applied, "use-applied", "application"),
        "reason": {"zh": "符合共享条件", "en": "the conditions are met"},
    });
    let granted = call(city, "keeper", ("disclosure", "grant-use"), &decision, &[]);
    key_of(&granted, "use-granted", "grant")
}

/// An operator asks for the price of the title.
pub(crate) fn read(
    city: &City,
    operator: &str,
    (title, grant): (&str, &str),
    more: &[&str],
) -> Ran {
    let what = ["read", "real-estate", "right", title, "--groups", "deal", "--steward", STEWARD];
    let why = ["--purpose", PURPOSE, "--case", CASE, "--grant", grant];
    city.run_as(operator, DESK, &[&what[..], &why, more].concat())
}

/// The same, sealed now and asked later.
pub(crate) fn sealed(city: &City, operator: &str, (title, grant): (&str, &str)) -> Call {
    let right = ("real-estate", "right", title);
    let reading = Reading {
        groups: vec!["deal".to_owned()],
        case: Some(CASE.to_owned()),
        ..Reading::of(STEWARD, right, PURPOSE, Basis::Grant(grant.to_owned()))
    };
    let (client, steward) = (city.client(&[DESK], operator), city.client(&[STEWARD], operator));
    let (records, key) = ([title.to_owned()], one_time_key().unwrap());
    client.access_call(&reading, &records, &key, &steward).unwrap()
}

/// Asks what was sealed; gives the number of the access.
pub(crate) fn ask(city: &City, operator: &str, sealed: Call) -> String {
    let proved = city.client(&[DESK], operator).execute(vec![sealed]).unwrap();
    let events = &proved.receipt.entries[0].events;
    events.iter().find(|event| event.kind == "access-asked").unwrap().key.to_string()
}

fn opens(city: &City, asked: (&str, &str)) -> String {
    let read = read(city, "bank-a", asked, &["--steward-node", city.url(STEWARD)]);
    assert_eq!(read.code, 0, "{read:?}{}", city.logs());
    let opened = read.json().remove(0);
    assert_eq!(opened["state"], "released");
    assert_eq!(opened["groups"]["deal"][0]["price"], PRICE);
    opened["access"].as_str().unwrap().to_owned()
}

/// The accesses on the ledger: reader, state, code.
fn accesses(city: &City) -> Vec<[Value; 3]> {
    let query = ["query", "disclosure", "access", "--where", &format!("steward={STEWARD}")];
    let ran = city.run_as("court", DESK, &query);
    assert!(ran.code == 0 && !ran.out.contains(&PRICE.to_string()), "{ran:?}");
    let records = ran.json().into_iter().filter(|line| line.get("reader").is_some());
    records.map(|mut line| ["reader", "state", "code"].map(|field| line[field].take())).collect()
}

fn state(city: &City, access: &str) -> Value {
    let client = city.client(&[DESK], "court");
    let record = client.record("disclosure", "access", access).unwrap().unwrap();
    record.fields["state"].clone()
}

#[test]
fn a_bank_reads_the_price_under_its_grant_another_is_refused_and_a_crash_of_the_vaults_node_loses_nothing()
 {
    let mut city = City::found(1_000);
    let options = keep_a_vault(&city, STEWARD, "release-agent");
    city.start(&NODES);
    let title = sell(&city);
    let grant = grant(&city);
    let asked = (&*title, &*grant);

    let first = opens(&city, asked);
    let refused = read(&city, "bank-b", asked, &["--steward-node", city.url(STEWARD)]);
    assert_eq!(refused.code, 4, "{refused:?}");
    let told = refused.json().remove(0);
    assert_eq!((&told["state"], &told["code"]), (&json!("refused"), &json!("not-grantee")));
    assert!(!told["zh"].as_str().unwrap().is_ascii() && told["en"].as_str().unwrap().is_ascii());
    assert!(!refused.out.contains(&PRICE.to_string()), "{refused:?}");
    // Both are on the record.
    let both = [
        [json!("bank-a"), json!("released"), Value::Null],
        [json!("bank-b"), json!("refused"), json!("not-grantee")],
    ];
    city.wait("both accesses stand in the register", SOON, |city| {
        let mut found = accesses(city);
        found.sort_by_key(|entry| entry[0].to_string());
        found == both
    });

    // Asked while the vault is down; answered once it is back, and so is what comes after.
    let waiting = sealed(&city, "bank-a", asked);
    city.kill(&[STEWARD]);
    let waiting = ask(&city, "bank-a", waiting);
    assert_eq!(state(&city, &waiting), "asked");
    city.start(&[STEWARD]);
    city.wait("the access is answered", SOON, |city| state(city, &waiting) == "released");
    opens(&city, asked);
    // Of a node without the vault nothing is asked.
    let elsewhere = read(&city, "bank-a", asked, &[]);
    assert_eq!((elsewhere.code != 0, &elsewhere.json()[0]["code"]), (true, &json!("no-vault")));
    let at_steward = |operator: &str| city.client(&[STEWARD], operator).envelope(&first);
    assert!(at_steward("bank-a").unwrap().is_some());
    assert_eq!(at_steward("bank-b").unwrap_err().code(), Some("not-reader"));

    many_are_read_by_one_command(&city, asked);
    claims_are_read_kept_and_checked_by_others(&city, asked);
    let released = [("bank-a", "released"); 7];
    let seen = [&released[..], &[("bank-b", "refused")]].concat();
    let unknown = [("bank-a", "refused")];
    every_view_shows_what_was_asked(&city, (STEWARD, DESK), HOLDER, &seen, &unknown);
    an_entry_taken_out_of_an_export_is_found(&city, DESK, HOLDER);
    a_confidential_access_is_shown_to_the_subject_once_it_is_lifted(&city, &title);
    no_error_and_no_log_tells_what_was_asked_or_sealed(&city);

    the_vault_stays_closed_without_its_passphrase(&mut city, &options);
}

/// A batch, in which one record does not exist, and everything of one person.
fn many_are_read_by_one_command(city: &City, (title, grant): (&str, &str)) {
    let keys = city.file("keys.txt");
    fs::write(&keys, format!("{title}\nno-such-title\n\n{title}\n")).unwrap();
    let read = |more: &[&str]| {
        let what = ["read", "real-estate", "right", "--groups", "deal", "--steward", STEWARD];
        let why = ["--purpose", PURPOSE, "--case", CASE, "--grant", grant];
        let at = ["--steward-node", city.url(STEWARD)];
        let ran = city.run_as("bank-a", DESK, &[&what[..], &why, &at, more].concat());
        let told = ran.json();
        (ran, told)
    };
    let (ran, told) = read(&["--batch", &keys]);
    assert_eq!((ran.code, told.len()), (4, 4), "{ran:?}{}", city.logs());
    for (line, record, state) in
        [(0, title, "released"), (1, "no-such-title", "refused"), (2, title, "released")]
    {
        assert_eq!((&told[line]["record"], &told[line]["state"]), (&json!(record), &json!(state)));
    }
    assert_eq!(told[1]["code"], "record-unknown");
    assert_eq!(told[2]["groups"]["deal"][0]["price"], PRICE);
    let sum = json!({"records": 3, "released": 2, "refused": 1, "unanswered": 0});
    assert_eq!(told[3], sum);

    let (ran, told) = read(&["--subject", HOLDER]);
    assert_eq!((ran.code, &told[0]["record"]), (0, &json!(title)), "{ran:?}");
    assert_eq!(told[1]["records"], 1);
    let (ran, told) = read(&["--subject", "测试无名"]);
    assert_eq!((ran.code, &told[0]["records"]), (1, &json!(0)), "{ran:?}");
}

/// Whether a price is reached and a number the holder's, without either.
fn claims_are_read_kept_and_checked_by_others(city: &City, (title, grant): (&str, &str)) {
    let folder = city.file("claims");
    let claims = "deal.price-at-least,holder-identity.is-holder";
    let (amount, number) = (format!("amount={PRICE}"), format!("number={NUMBER}"));
    let what = ["read", "real-estate", "right", title, "--claims", claims, "--steward", STEWARD];
    let with = ["--with", &amount, "--with", &number, "--save", &folder];
    let why = ["--purpose", PURPOSE, "--case", CASE, "--grant", grant];
    let at = ["--steward-node", city.url(STEWARD)];
    let ran = city.run_as("bank-a", DESK, &[&what[..], &with, &why, &at].concat());
    let told = done(&ran);
    let said = json!({"deal.price-at-least": [true], "holder-identity.is-holder": [true]});
    assert_eq!((&told["claims"], &told["groups"]), (&said, &Value::Null), "{told}");
    // The amount may stand on the ledger, the number may not.
    let client = city.client(&[DESK], "court");
    let access = told["access"].as_str().unwrap();
    let access = client.record("disclosure", "access", access).unwrap().unwrap();
    assert_eq!(access.fields["parameters"], json!({"amount": PRICE.to_string()}));
    assert!(!serde_json::to_string(&access).unwrap().contains(NUMBER));
    // Whoever is shown a file checks it against the ledger alone.
    let trust = client.trust().unwrap();
    for file in told["saved"].as_array().unwrap() {
        let bytes = fs::read(file.as_str().unwrap()).unwrap();
        let proved = trust.claim_bytes(&bytes).unwrap();
        assert_eq!(proved.steward, STEWARD);
        let context = &proved.signed.statement.context;
        assert_eq!((&*context.record, context.version), (title, 1));
        let mut altered = bytes.clone();
        let at = bytes.windows(8).position(|part| part == b"real-est").unwrap();
        altered[at] ^= 1;
        assert_eq!(trust.claim_bytes(&altered).unwrap_err().code(), "claim-not-signed");
    }
}

/// Its reader asks, the keeper and the auditor sign, the reader opens the price; who it was stands nowhere
/// until the keeper lifts it.
fn a_confidential_access_is_shown_to_the_subject_once_it_is_lifted(city: &City, title: &str) {
    let file = city.file("confidential.key");
    let read = |wait: &str| {
        let what = ["read", "real-estate", "right", title, "--groups", "deal"];
        let why = ["--purpose", PURPOSE, "--case", CASE, "--confidential", &file, "--wait", wait];
        let at = ["--steward", STEWARD, "--steward-node", city.url(STEWARD)];
        let ran = city.run_as("bank-a", DESK, &[&what[..], &why, &at].concat());
        (ran.code, ran.json().remove(0))
    };
    let at_steward =
        |by: &str, act: &[&str]| city.run_as(by, STEWARD, &[&["confidential"], act].concat());
    let (code, asked) = read("0");
    assert_eq!((code, &asked["state"], &asked["access"]), (1, &json!("unanswered"), &Value::Null));
    let request = asked["request"].as_str().unwrap();
    let strange = at_steward("bank-b", &["show", request]);
    assert_eq!(
        (strange.code != 0, &strange.json()[0]["code"]),
        (true, &json!("request-not-yours"))
    );
    assert_eq!(done(&at_steward("keeper", &["show", request]))["reader"], "bank-a");
    let record = ["record", request, "--statute", "刑事诉讼法 54", "--days", "30"];
    let recorded = done(&at_steward("keeper", &record));
    let events = recorded["receipt"]["entries"][0]["events"].as_array().unwrap();
    let number = key_of(events, "confidential-asked", "confidential");
    let kept = city.file("request.json");
    done(&at_steward("auditor", &["countersign", &number, "--keep", &kept]));
    let (code, opened) = read("30");
    assert_eq!((code, &opened["access"]), (0, &json!(number)), "{opened}{}", city.logs());
    assert_eq!(opened["groups"]["deal"][0]["price"], PRICE);

    let at_desk = city.client(&[DESK], "auditor");
    let entry = || at_desk.record("disclosure", "confidential", &number).unwrap().unwrap();
    let written = serde_json::to_string(&entry()).unwrap();
    assert!(
        !["bank-a", title, PURPOSE, CASE].iter().any(|told| written.contains(told)),
        "{written}"
    );
    let shown = |client: &Client| {
        let (log, all) = (Log::Subject(HOLDER.to_owned()), LogFilter::default());
        let mut entries = client.whole_read_log(&log, &all).unwrap();
        entries.retain(|entry| entry.kind == "confidential");
        entries
    };
    assert!(shown(&at_desk).is_empty());
    done(&at_steward("keeper", &["lift", &number]));
    city.wait("the service shows it", SOON, |_| entry().fields["state"] == "shown");
    city.wait("the subject sees it", SOON, |city| {
        let entries = shown(&city.client(&[STEWARD], "auditor"));
        let [entry] = entries.as_slice() else { return false };
        assert_eq!(
            (entry.reader.as_deref(), entry.record.as_deref()),
            (Some("bank-a"), Some(title))
        );
        entry.purpose.as_deref() == Some(PURPOSE)
    });
}

/// Values that do not fit, a record's key that is a person's number, a wrong address: each refused, none
/// repeated.
fn no_error_and_no_log_tells_what_was_asked_or_sealed(city: &City) {
    let client = city.client(&[STEWARD], "registrar");
    for (group, values) in [
        ("deal", json!({"price": format!("{PRICE} yuan")})),
        ("deal", json!({"price": PRICE, NUMBER: 1})),
        ("holder-identity", json!({"holders": [{"id_number": NUMBER}]})),
    ] {
        let refused = client.seal_group(&SealRequest {
            package: "real-estate".to_owned(),
            register: "right".to_owned(),
            group: group.to_owned(),
            request: "11".repeat(32),
            values: values.as_object().unwrap().clone(),
            scopes: BTreeMap::new(),
        });
        let told = format!("{:?}", refused.unwrap_err());
        assert!(told.contains("group-invalid"), "{told}");
        assert!(!told.contains(&PRICE.to_string()), "{told}");
    }
    assert_eq!(client.record("real-estate", "right", NUMBER).unwrap(), None);
    assert!(client.record("real-estate", NUMBER, NUMBER).is_err());
    assert!(client.envelope(NUMBER).unwrap().is_none());
    let logs = city.logs();
    for private in [NUMBER, CASE, &PRICE.to_string()] {
        assert!(!logs.is_empty() && !logs.contains(private));
    }
}

/// A failure with this code, said in both languages.
pub(crate) fn refuses(code: &str, ran: &Ran) {
    assert_eq!(ran.code, 6, "{ran:?}");
    let told = ran.json().remove(0);
    assert_eq!(told["code"], code, "{told}");
    assert!(!told["zh"].as_str().unwrap().is_ascii() && told["en"].as_str().unwrap().is_ascii());
}

fn the_vault_stays_closed_without_its_passphrase(city: &mut City, options: &[String; 4]) {
    refuses("vault-in-use", &vault("status", options, &[]));
    city.stop(STEWARD);
    let status = done(&vault("status", options, &[]));
    assert_eq!((&status["groups"], &status["envelopes"]), (&json!(10), &json!(8)));

    let file = |name: &str| PathBuf::from(city.file(name));
    let (wrong, backup) = (file("wrong.passphrase"), file("backup"));
    fs::write(&wrong, "incorrect horse battery\n").unwrap();
    let mut guess = options.clone();
    text(&wrong).clone_into(&mut guess[3]);
    refuses("vault-key-wrong", &vault("status", &guess, &[]));
    refuses("vault-key-wrong", &vault("backup", &guess, &["--to", text(&backup)]));
    assert!(!backup.exists());
    done(&vault("backup", options, &["--to", text(&backup)]));

    let again = file("again");
    fs::create_dir(&again).unwrap();
    let from = ["--from", text(&backup)];
    text(&again.join("vault")).clone_into(&mut guess[1]);
    refuses("vault-key-wrong", &vault("restore", &guess, &from));
    let mut right = guess.clone();
    right[3].clone_from(&options[3]);
    // What was refused left nothing in the way.
    let restored = done(&vault("restore", &right, &from));
    assert_eq!((&restored["groups"], &restored["erasures_pending"]), (&json!(10), &json!(true)));

    // Nor does the node start without its vault, and nothing that it stores is touched.
    fs::copy(&wrong, &options[3]).unwrap();
    let config = city.config(STEWARD);
    refuses("vault-key-wrong", &chaincity(&["node", "--config", &config]));
    let checked = done(&chaincity(&["fsck", "--config", &config]));
    assert_eq!(checked["engine"]["condition"], "stopped");
}
