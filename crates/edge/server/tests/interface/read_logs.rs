//! The read logs' views: who may see which, what stands in an entry, and what is asked of the read
//! model. The fake read model gives the same versions whatever is selected.

use std::collections::BTreeMap;

use chaincity_api::read_log::LogPage;
use chaincity_api::vault::SealRequest;
use chaincity_client::{Client, ClientError, Log, LogFilter, Scope};
use chaincity_crypto::SecretKey;
use chaincity_crypto::read_log::Series;
use chaincity_query::{Direction, Filter, Op};
use chaincity_types::wire::{LogicalKey, Version};
use chaincity_types::{Digest, Timestamp, Value};

use crate::city::City;
use crate::fake::{time, version};
use crate::vaults::{Keeping, client_of, confide, officer};

const PACKAGE: &str = "disclosure";
const SUBJECT: &str = "测试甲";
const ACCESS: &str = "bank-a:real-estate:right:00000001";
const CONFIDENTIAL: &str = "registry:00000001";

fn texts(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|text| Value::from(*text)).collect())
}

fn access() -> Version {
    let reason = [("zh".into(), "不是给本单位的".into()), ("en".into(), "for another".into())];
    version(
        (PACKAGE, "access", ACCESS),
        1,
        2,
        &[
            ("reader", "bank-a".into()),
            ("officer", "cc".into()),
            ("steward", "registry".into()),
            ("in_package", "real-estate".into()),
            ("register", "right".into()),
            ("record", "r-1".into()),
            ("groups", texts(&["deal"])),
            ("claims", texts(&[])),
            ("purpose", "贷款审查".into()),
            ("case_number", "贷1号".into()),
            ("grant", "g-1".into()),
            ("asked", Value::Time(time(2))),
            ("state", "refused".into()),
            ("code", "not-grantee".into()),
            ("reason", Value::Map(reason.into())),
        ],
    )
}

fn confidential(state: &'static str) -> Version {
    let mut fields = vec![
        ("steward", "registry".into()),
        ("statute", "刑事诉讼法 54".into()),
        ("until", Value::Date(20_800)),
        ("asked", Value::Time(time(3))),
        ("countersigned_by", "aa".into()),
        ("state", state.into()),
    ];
    if state == "shown" {
        fields.extend([
            ("reader", "court".into()),
            ("record", "r-1".into()),
            ("groups", texts(&["deal"])),
        ]);
    }
    version((PACKAGE, "confidential", CONFIDENTIAL), 1, 3, &fields)
}

fn logged(number: &str, register: &'static str, key: &str) -> Version {
    let fields = [("subject", SUBJECT.into()), ("number", number.into()), (register, key.into())];
    version((PACKAGE, "read-log", &format!("l-{number}")), 1, 3, &fields)
}

/// The read model gives these, whatever is selected.
fn gives(city: &City, versions: &[Version]) {
    *city.reader.versions.lock().unwrap() = versions.to_vec();
}

fn person(city: &City, seed: u8, member: &str, subject: &str) -> SecretKey {
    let key = officer(city, seed, member, "subject.self");
    let name = hex::encode(key.public_key().as_bytes());
    let operator = LogicalKey::Record {
        package: "governance".into(),
        register: "operator".into(),
        key: name.into(),
    };
    let mut records = city.node.records.lock().unwrap();
    records.get_mut(&operator).unwrap().fields.insert("subject".into(), subject.into());
    drop(records);
    key
}

fn ask(client: &Client, log: &Log) -> Result<LogPage, ClientError> {
    client.read_log(log, &LogFilter::default(), None)
}

fn refusal(answer: Result<LogPage, ClientError>) -> Option<String> {
    answer.err().map(|error| error.code().unwrap_or("none").to_owned())
}

#[test]
fn a_log_is_shown_to_those_whom_it_is_for_alone() {
    let city = City::open();
    let subject = client_of(&city, person(&city, 51, "citizens", SUBJECT));
    let other = client_of(&city, person(&city, 52, "more-citizens", "测试乙"));
    let window = client_of(&city, officer(&city, 53, "hall", "window.clerk"));
    let auditor = client_of(&city, officer(&city, 54, "audit", "auditor.officer"));
    let steward = client_of(&city, officer(&city, 55, "fund", "steward.clerk"));
    let reader = client_of(&city, officer(&city, 56, "bank-a", "reader.officer"));
    let no = || Some("not-your-log".to_owned());
    let seen = |log: Log, clients: [&Client; 6]| clients.map(|client| refusal(ask(client, &log)));
    let all = [&subject, &other, &window, &auditor, &steward, &reader];
    let own = seen(Log::Subject(SUBJECT.into()), all);
    assert_eq!(own, [None, no(), None, None, no(), no()]);
    let of_fund = seen(Log::Steward("fund".into()), all);
    assert_eq!(of_fund, [no(), no(), no(), None, None, no()]);
    let of_another = seen(Log::Steward("registry".into()), all);
    assert_eq!(of_another, [no(), no(), no(), None, no(), no()]);
    assert_eq!(seen(Log::All, all), [no(), no(), no(), None, no(), no()]);
    let used = |client: &Client| client.data_use("fund", None, None).err();
    assert!(used(&steward).is_none() && used(&auditor).is_none());
    assert_eq!(used(&reader).unwrap().code(), Some("not-your-log"));
}

#[test]
fn an_entry_says_who_when_what_for_and_by_whose_decision() {
    let city = City::open();
    city.node.put(access());
    let grant = [("application", "a-1".into())];
    city.node.put(version((PACKAGE, "grant", "g-1"), 1, 1, &grant));
    let decided = [("decided_by", "dd".into())];
    city.node.put(version((PACKAGE, "application", "a-1"), 2, 1, &decided));
    gives(&city, &[logged("000001", "access", ACCESS)]);
    let client = client_of(&city, person(&city, 51, "citizens", SUBJECT));
    let page = ask(&client, &Log::Subject(SUBJECT.into())).unwrap();
    let entry = serde_json::to_value(&page.items[0]).unwrap();
    let expected = serde_json::json!({
        "number": "000001", "kind": "access", "key": ACCESS, "state": "refused",
        "asked": time(2).to_string(), "steward": "registry", "reader": "bank-a", "officer": "cc",
        "package": "real-estate", "register": "right", "record": "r-1", "groups": ["deal"],
        "purpose": "贷款审查", "case": "贷1号",
        "basis": {"kind": "grant", "of": "g-1", "decided_by": "dd"},
        "code": "not-grantee", "reason": {"zh": "不是给本单位的", "en": "for another"},
    });
    assert_eq!(entry, expected);
}

#[test]
fn an_entry_names_the_representative_who_consented_for_the_subject() {
    let city = City::open();
    let mut access = access();
    access.fields.remove("grant");
    access.fields.insert("consent".into(), "c-1".into());
    city.node.put(access);
    let consent = [("recorder", "hall".into()), ("given_by", "测试乙".into())];
    city.node.put(version((PACKAGE, "consent", "c-1"), 1, 1, &consent));
    gives(&city, &[logged("000001", "access", ACCESS)]);
    let client = client_of(&city, person(&city, 51, "citizens", SUBJECT));
    let page = ask(&client, &Log::Subject(SUBJECT.into())).unwrap();
    let basis = serde_json::to_value(page.items[0].basis.as_ref().unwrap()).unwrap();
    let expected = serde_json::json!({
        "kind": "consent", "of": "c-1", "decided_by": "hall", "given_by": "测试乙",
    });
    assert_eq!(basis, expected);
}

/// An access with this one-time key that names what was sealed.
fn sealed_access(key: u8, commitment: Digest) -> Version {
    let mut access = access();
    access.fields.remove("purpose");
    access.fields.remove("case_number");
    access.fields.insert("key".into(), Value::Bytes(vec![key; 32]));
    let commitment = Value::Bytes(commitment.as_bytes().to_vec());
    access.fields.insert("sealed_parameters".into(), commitment);
    access
}

#[test]
fn a_sealed_purpose_and_case_are_told_to_subject_steward_and_auditor_by_the_node_with_the_vault_alone()
 {
    let keeping = Keeping::open();
    let city = &keeping.city;
    let reader = client_of(city, officer(city, 56, "bank-a", "reader.officer"));
    let said = serde_json::json!({
        "key": "11".repeat(32), "purpose": "贷款审查", "case_number": "贷1号", "values": {},
    });
    let commitment = reader
        .seal_group(&SealRequest {
            package: PACKAGE.into(),
            register: "access".into(),
            group: "parameters".into(),
            request: hex::encode([1; 32]),
            values: said.as_object().unwrap().clone(),
            scopes: BTreeMap::new(),
        })
        .unwrap();
    let told = |city: &City, access: &Version| {
        let roles = [("roles", texts(&["steward.clerk"])), ("active", Value::Bool(true))];
        city.node.put(version(("governance", "member", "registry"), 2, 2, &roles));
        let subject = client_of(city, person(city, 51, "citizens", SUBJECT));
        let steward = client_of(city, officer(city, 55, "registry", "steward.clerk"));
        let auditor = client_of(city, officer(city, 54, "audit", "auditor.officer"));
        let entry = |client: &Client, log: &Log, shown: Version| {
            gives(city, &[shown]);
            let entry = ask(client, log).unwrap().items.remove(0);
            (entry.purpose, entry.case)
        };
        city.node.put(access.clone());
        let own =
            entry(&subject, &Log::Subject(SUBJECT.into()), logged("000001", "access", ACCESS));
        let stewards = entry(&steward, &Log::Steward("registry".into()), access.clone());
        assert_eq!(own, stewards);
        assert_eq!(own, entry(&auditor, &Log::All, access.clone()));
        own
    };
    let both = (Some("贷款审查".to_owned()), Some("贷1号".to_owned()));
    assert_eq!(told(city, &sealed_access(0x11, commitment)), both);
    // An access to another steward that names the same, key and all.
    let mut copied = sealed_access(0x11, commitment);
    copied.fields.insert("steward".into(), "fund".into());
    assert_eq!(told(city, &copied), (None, None));
    // Another's access that names the same; and another node.
    assert_eq!(told(city, &sealed_access(0x22, commitment)), (None, None));
    assert_eq!(told(&City::open(), &sealed_access(0x11, commitment)), (None, None));
    // An old entry has them in clear.
    assert_eq!(told(&City::open(), &access()), both);
    // Nobody else is shown the log, and the record tells the commitment alone.
    assert_eq!(refusal(ask(&reader, &Log::All)).as_deref(), Some("not-your-log"));
    city.node.put(sealed_access(0x11, commitment));
    let record = serde_json::to_string(&reader.record(PACKAGE, "access", ACCESS).unwrap()).unwrap();
    assert!(record.contains(&commitment.to_string()) && !record.contains("贷"), "{record}");
}

#[test]
fn a_confidential_access_shows_nobody_who_asked_until_it_is_shown() {
    let city = City::open();
    let auditor = client_of(&city, officer(&city, 54, "audit", "auditor.officer"));
    let subject = client_of(&city, person(&city, 51, "citizens", SUBJECT));
    gives(&city, &[confidential("countersigned")]);
    let entry = ask(&auditor, &Log::All).unwrap().items.remove(0);
    assert_eq!(
        (entry.state.as_str(), &entry.reader, &entry.record),
        ("countersigned", &None, &None)
    );
    let basis = entry.basis.unwrap();
    assert_eq!((&*basis.kind, basis.decided_by.as_deref()), ("statute", Some("aa")));
    assert_eq!((entry.until.as_deref(), entry.overdue), (Some("2026-12-13"), Some(false)));

    // The ledger names it in the subject's log when it is shown, not before.
    city.node.put(confidential("shown"));
    gives(&city, &[logged("000001", "confidential", CONFIDENTIAL)]);
    let entry = ask(&subject, &Log::Subject(SUBJECT.into())).unwrap().items.remove(0);
    assert_eq!((entry.state.as_str(), entry.reader.as_deref()), ("shown", Some("court")));
    assert_eq!(entry.record.as_deref(), Some("r-1"));
}

#[test]
fn the_request_of_a_confidential_access_is_its_officers_and_told_to_steward_and_auditor_alone() {
    let keeping = Keeping::open();
    let city = &keeping.city;
    let roles = [("roles", texts(&["steward.clerk"])), ("active", Value::Bool(true))];
    city.node.put(version(("governance", "member", "registry"), 2, 2, &roles));
    let asker = officer(city, 56, "court", "reader.officer");
    let own = asker.public_key().to_string();
    let reader = client_of(city, asker);
    let steward = client_of(city, officer(city, 55, "registry", "steward.clerk"));
    let other = client_of(city, officer(city, 57, "fund", "steward.clerk"));
    let auditor = client_of(city, officer(city, 54, "audit", "auditor.officer"));

    let request = confide(&reader, 1, ("court", &own)).unwrap();
    for (number, named) in [(2, ("bank-a", &*own)), (3, ("court", "cc"))] {
        let refused = confide(&reader, number, named).unwrap_err();
        assert_eq!(refused.code(), Some("group-invalid"));
    }
    for client in [&reader, &other] {
        assert_eq!(client.request(&request).unwrap_err().code(), Some("request-not-yours"));
    }
    for client in [&steward, &auditor] {
        let opened = client.request(&request).unwrap();
        assert_eq!(opened.fields["reader"], "court".into());
        assert_eq!(opened.opening.commitment(), request);
        let unknown = client.request(&Digest([7; 32])).unwrap_err();
        assert_eq!(unknown.code(), Some("no-such-request"));
    }

    // Their logs tell it at the node with the vault; another node knows nothing of it.
    let mut access = confidential("released");
    access.fields.insert("key".into(), Value::Bytes(vec![0x11; 32]));
    access.fields.insert("request".into(), Value::Bytes(request.as_bytes().to_vec()));
    gives(city, &[access.clone()]);
    for (client, log) in [(&steward, Log::Steward("registry".into())), (&auditor, Log::All)] {
        let entry = ask(client, &log).unwrap().items.remove(0);
        assert_eq!(
            (entry.reader.as_deref(), entry.record.as_deref()),
            (Some("court"), Some("r-1"))
        );
        assert_eq!((entry.officer.as_deref(), entry.groups.len()), (Some(&*own), 1));
        assert_eq!(entry.purpose.as_deref(), Some("查封前查询"));
    }
    // Recorded by another steward with the same request and key, it tells him nothing.
    let mut copied = access.clone();
    copied.fields.insert("steward".into(), "fund".into());
    gives(city, &[copied]);
    let entry = ask(&other, &Log::Steward("fund".into())).unwrap().items.remove(0);
    assert_eq!((entry.reader, entry.record, entry.purpose), (None, None, None));
    let elsewhere = City::open();
    let auditor = client_of(&elsewhere, officer(&elsewhere, 54, "audit", "auditor.officer"));
    gives(&elsewhere, &[access]);
    let entry = ask(&auditor, &Log::All).unwrap().items.remove(0);
    assert_eq!((entry.reader, entry.record, entry.purpose), (None, None, None));
}

#[test]
fn views_are_narrowed_by_reader_register_state_and_time() {
    let city = City::open();
    let auditor = client_of(&city, officer(&city, 54, "audit", "auditor.officer"));
    let filter = LogFilter {
        reader: Some("bank-a".into()),
        register: Some(("real-estate".into(), "right".into())),
        state: Some("refused".into()),
        since: Some("2026-09-01".into()),
        until: Some("2026-09-30T00:00:00Z".into()),
    };
    gives(&city, &[access()]);
    let page = auditor.read_log(&Log::Steward("registry".into()), &filter, None).unwrap();
    assert_eq!((page.items.len(), page.next.as_deref()), (1, Some("access:more")));
    let condition = |field: &str, op, value: Value| Filter { field: field.into(), op, value };
    let selected = city.reader.selected.lock().unwrap().take().unwrap();
    assert_eq!((&*selected.register, selected.limit), ("access", 200));
    let order = ["state", "number"].map(|field| (field.to_owned(), Direction::Ascending));
    assert_eq!(selected.sort, order);
    let (since, until) = (Timestamp(1_788_192_000_000), Timestamp(1_790_726_400_000));
    assert_eq!(
        selected.filters,
        [
            condition("steward", Op::Eq, "registry".into()),
            condition("reader", Op::Eq, "bank-a".into()),
            condition("in_package", Op::Eq, "real-estate".into()),
            condition("register", Op::Eq, "right".into()),
            condition("state", Op::Eq, "refused".into()),
            condition("asked", Op::Ge, Value::Time(since)),
            condition("asked", Op::Lt, Value::Time(until)),
        ]
    );
    // What does not fit is not shown, though the subject's log is selected by the subject alone.
    city.node.put(access());
    gives(&city, &[logged("000001", "access", ACCESS)]);
    let of_subject = Log::Subject(SUBJECT.into());
    assert_eq!(auditor.read_log(&of_subject, &filter, None).unwrap().items.len(), 1);
    for other in [
        LogFilter { reader: Some("bank-b".into()), ..filter.clone() },
        LogFilter { register: Some(("real-estate".into(), "unit".into())), ..filter.clone() },
        LogFilter { state: Some("released".into()), ..filter.clone() },
        LogFilter { since: Some("2026-09-25".into()), ..filter.clone() },
        LogFilter { until: Some("2026-09-02".into()), ..filter.clone() },
    ] {
        let page = auditor.read_log(&of_subject, &other, None).unwrap();
        assert!(page.items.is_empty() && page.next.is_some(), "{other:?}");
    }
}

#[test]
fn confidential_accesses_come_after_the_others_and_a_strange_cursor_is_refused() {
    let city = City::open();
    let auditor = client_of(&city, officer(&city, 54, "audit", "auditor.officer"));
    let at = |cursor: &str| auditor.read_log(&Log::All, &LogFilter::default(), Some(cursor));
    at("access:x").unwrap();
    let selected = || city.reader.selected.lock().unwrap().take().unwrap();
    assert_eq!(selected().cursor.as_deref(), Some("x"));
    assert_eq!(at("confidential:").unwrap().next.as_deref(), Some("confidential:more"));
    let selected = selected();
    assert_eq!((&*selected.register, &selected.cursor), ("confidential", &None));
    assert_eq!(refusal(at("grant:x")).as_deref(), Some("bad-cursor"));
    assert_eq!(refusal(at("x")).as_deref(), Some("bad-cursor"));
}

#[test]
fn where_a_running_number_stands_is_proved_and_a_proof_of_something_else_is_no_log() {
    let city = City::open();
    let client = city.client();
    assert!(
        !client.counter_proof(PACKAGE, "access", "bank-a:real-estate:right").unwrap().is_empty()
    );
    let error = client.counter_proof(PACKAGE, "nothing", "").unwrap_err();
    assert_eq!(error.code(), Some("no-such-sequence"));
    // The fake node proves another record.
    let scope = Scope { series: Series::Access, scope: "bank-a:real-estate:right".into() };
    let proved = client.prove_read_log(&[scope].into(), None);
    assert!(matches!(proved, Err(ClientError::ProofOfOther(_))), "{proved:?}");
}
