//! A payment out of escrow by a bank's core: a city of processes, the simulated bank and the bank
//! port as processes of their own, and the port killed between the instruction and its outcome.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use chaincity_crypto::hash;
use serde_json::{Value, json};

use crate::city::{City, NODES, Ran, SOON, chaincity, text};
use crate::disclosure::{call, done, keep_a_vault, key_of, publish_packages};
use crate::membership::govern;

/// The bank that keeps the escrow, with the vault.
const BANK: &str = "bank-a";
/// The node that everyone else asks.
const DESK: &str = "court";
const PURPOSE: &str = "支付监管房款";
/// An amount and names that stand nowhere else.
const AMOUNT: i64 = 61_728_394_500;
const PAYEE: &str = "测试卖方户名";
/// A day that is past.
const DAY: &str = "2020-01-02";

/// A process that says on its first line of output that it is ready.
struct Process {
    child: Child,
    listen: String,
}

impl Process {
    fn start(program: &Path, arguments: &[&str], log: &str) -> Self {
        let log_file = File::options().create(true).append(true).open(log).unwrap();
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("{line}{}", fs::read_to_string(log).unwrap()));
        assert_eq!(ready["ready"], true, "{line}{}", fs::read_to_string(log).unwrap());
        Self { child, listen: ready["listen"].as_str().unwrap().to_owned() }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and gives its exit code.
    fn end(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended cannot be killed and need not be.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The simulated bank, and how it is asked.
struct Bank<'a> {
    city: &'a City,
    process: Process,
}

impl<'a> Bank<'a> {
    fn open(city: &'a City) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_chaincity"));
        let program = program.with_file_name("chaincity-example-bank");
        assert!(
            program.is_file(),
            "`cargo build -p chaincity-example-bank` comes before this test"
        );
        let accounts = json!([
            {"id": "ESCROW", "name": "监管专户", "balance_fen": AMOUNT},
            {"id": "SELLER", "name": PAYEE, "balance_fen": 0},
        ]);
        let file = |name: &str| city.file(name);
        fs::write(file("accounts.json"), accounts.to_string()).unwrap();
        fs::write(file("bank.secret"), "5a".repeat(32)).unwrap();
        let (journal, secret) = (file("bank.jsonl"), file("bank.secret"));
        let listen = ["serve", "--listen", "127.0.0.1:0", "--journal", &journal];
        let rest = ["--secret", &secret, "--accounts", &file("accounts.json")];
        let process = Process::start(&program, &[&listen[..], &rest].concat(), &file("bank.log"));
        Self { city, process }
    }

    /// What the bank answers, and whether it is no refusal.
    fn ask(&self, method: &str, path: &str, body: &str) -> (bool, Value) {
        let program = Path::new(env!("CARGO_BIN_EXE_chaincity"));
        let bank = format!("http://{}", self.process.listen);
        let done = Command::new(program.with_file_name("chaincity-example-bank"))
            .args(["ask", method, path, body, "--bank", &bank])
            .args(["--secret", &self.city.file("bank.secret")])
            .output()
            .unwrap();
        let out = String::from_utf8(done.stdout).unwrap();
        let answer = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}"));
        (done.status.success(), answer)
    }

    fn plan(&self, plan: &Value) {
        let (taken, told) = self.ask("PUT", "/v1/simulation/SELLER", &plan.to_string());
        assert!(taken, "{told}");
    }

    /// How far the bank is with an instruction.
    fn state(&self, key: &str) -> Value {
        self.ask("GET", &format!("/v1/instructions/{key}"), "").1["state"].take()
    }
}

/// Gives the bank the roles of an escrow bank, and each its operators.
fn staff(city: &City) {
    let roles = |member: &str, roles: &[&str]| {
        govern(city, "set-member", &json!({"id": member, "roles": roles}));
    };
    let bank = ["escrow.officer", "escrow.system", "steward.clerk", "steward.agent"];
    let own = ["bank.officer", "reader.officer", "governance.admin"];
    roles(BANK, &[&bank[..], &own].concat());
    let housing = ["housing.clerk", "catalogue.editor", "auditor.officer", "governance.admin"];
    roles("housing", &[&housing[..], &["tax.officer"]].concat());
    for (name, member, roles) in [
        ("port-escrow-1", BANK, &["escrow.officer"][..]),
        ("port-escrow-2", BANK, &["escrow.officer"]),
        ("port-clerk", BANK, &["steward.clerk"]),
        ("port-agent", BANK, &["steward.agent"]),
        ("port-system", BANK, &["escrow.system", "reader.officer"]),
        ("port-tax", "housing", &["tax.officer"]),
    ] {
        let file = city.key_file(name);
        let made = if Path::new(&file).exists() { "show" } else { "new" };
        let key = done(&chaincity(&["key", made, &file]))["public"].clone();
        let operator = json!({"key": key, "member": member, "roles": roles});
        let admin = format!("{member}-admin");
        call(city, &admin, ("governance", "add-operator"), &operator, &[]);
    }
    publish_packages(city, &["identity", "disclosure", "settlement"]);
}

/// The bank's system may read the amounts of movements, for this purpose. Gives the grant.
fn grant(city: &City) -> String {
    let resource = json!({
        "code": "BANK-0001", "in_package": "settlement", "register": "payment",
        "groups": ["movement"], "claims": [], "title_zh": "监管款项", "title_en": "Movements",
        "sharing": "conditional", "conditions": "付款所必需", "update_cycle": "at-once",
        "standards": [], "personal": true, "assessment": "评估1号",
    });
    call(city, "port-clerk", ("disclosure", "publish-resource"), &resource, &[]);
    let listed = json!({"resource": "BANK-0001"});
    call(city, "catalogue", ("disclosure", "list-resource"), &listed, &[]);
    let application = json!({
        "resource": "BANK-0001", "groups": ["movement"], "claims": [], "purpose": PURPOSE,
        "item": "1143130000TEXT021M3430715001000", "basis": "民法典 509",
        "from": "2020-01-01", "to": "2099-12-31", "records_max": 1,
    });
    let applied = call(city, "port-system", ("disclosure", "apply-use"), &application, &[]);
    let decision = json!({
        "application": key_of(&applied, "use-applied", "application"),
        "reason": {"zh": "付款所必需", "en": "needed to pay"},
    });
    let granted = call(city, "port-clerk", ("disclosure", "grant-use"), &decision, &[]);
    key_of(&granted, "use-granted", "grant")
}

/// An act of the package with the parties' consent for this purpose. The parties are members here:
/// their officers consent.
fn settlement(
    city: &City,
    operator: &str,
    action: &str,
    input: &Value,
    purpose: Option<&str>,
) -> Vec<Value> {
    let mut mandates = Vec::new();
    for party in purpose.map_or(&[][..], |_| &["court", "housing"]) {
        let (text, purpose) = (input.to_string(), purpose.unwrap());
        let give = ["mandate", "give", "settlement", action, "--input", &text, "--for", purpose];
        let given = done(&city.run_as(party, DESK, &give));
        mandates.push(given["mandate"].as_str().unwrap().to_owned());
    }
    let mandates: Vec<&str> = mandates.iter().flat_map(|key| ["--mandate", key]).collect();
    call(city, operator, ("settlement", action), input, &mandates)
}

/// A sale without loans up to its booking. Gives the sheet.
fn book_a_sale(city: &City) -> String {
    let (content, other) = ("55".repeat(32), "77".repeat(32));
    let act = |operator: &str, action: &str, input: &Value, purpose: Option<&str>| {
        settlement(city, operator, action, input, purpose)
    };
    let opened = json!({
        "unit": "431302001002GB00011F00010001", "contract": other, "mode": "release-first",
        "sellers": ["court"], "buyers": ["housing"],
    });
    let opened = act("port-escrow-1", "open-sheet", &opened, Some("escrow"));
    let sheet = key_of(&opened, "inserted", "sheet");
    let assessed = json!({"sheet": sheet, "assessment": other});
    let tax = key_of(&act("port-tax", "assess-tax", &assessed, None), "inserted", "tax");
    act("port-tax", "confirm-tax", &json!({"tax": tax, "receipt": other, "on": DAY}), None);
    let of_sheet = json!({"sheet": sheet, "content": content});
    let written = json!({"sheet": sheet, "content": content, "withholds": false});
    act("port-escrow-1", "write-sheet", &written, None);
    act("port-escrow-2", "agree-sheet", &of_sheet, Some("settle"));
    let held = json!({
        "sheet": sheet, "kind": "own", "amount": other, "reference": "K-0001", "on": DAY,
    });
    act("port-system", "hold-funds", &held, None);
    act("port-escrow-1", "guarantee", &of_sheet, None);
    act("registrar", "book", &of_sheet, None);
    sheet
}

/// The bank's officer instructs the payment to the seller. Gives its record.
fn instruct(city: &City, sheet: &str) -> String {
    let values = city.file("movement.json");
    let movement = json!({
        "amount": AMOUNT, "payer": "测试买方户名", "payee": PAYEE, "account": "SELLER",
    });
    fs::write(&values, movement.to_string()).unwrap();
    let values = format!("@{values}");
    let seal = ["seal", "settlement", "payment", "movement", "--values", &values];
    let sealed = done(&city.run_as("port-escrow-1", BANK, &seal))["commitment"].clone();
    let net = json!({"sheet": sheet, "kind": "net", "amount": sealed});
    key_of(
        &settlement(city, "port-escrow-1", "instruct-payment", &net, None),
        "inserted",
        "payment",
    )
}

/// A field of a payment as it is.
fn field(city: &City, payment: &str, field: &str) -> Value {
    let client = city.client(&[DESK], "court");
    let record = client.record("settlement", "payment", payment).unwrap().unwrap();
    record.fields.get(field).cloned().unwrap_or_default()
}

/// The key of an instruction, as `docs/bank-port.md` derives it.
fn key(city: &City, payment: &str) -> String {
    let text = format!("chaincity-bank-port/1\n{}\nsettlement\npayment\n1\n{payment}", city.ledger);
    hash::plain(text.as_bytes()).to_string()
}

fn start_port(city: &City, bank: &Bank<'_>, grant: &str) -> Process {
    let config = format!(
        "bank = \"http://{}\"\nlisten = \"127.0.0.1:0\"\nsecret = \"bank.secret\"\n\
         [[payments]]\npackage = \"settlement\"\nfrom = \"ESCROW\"\ngrant = \"{grant}\"\n\
         purpose = \"{PURPOSE}\"\n",
        bank.process.listen
    );
    let path = city.file("bank-port.toml");
    fs::write(&path, config).unwrap();
    let (dir, key) = (city.path(), city.key_file("port-system"));
    let port = ["bank-port", "--json", "--config", &path, "--city", text(&dir)];
    let rest = ["--node", city.url(BANK), "--key", &key];
    let program = Path::new(env!("CARGO_BIN_EXE_chaincity"));
    Process::start(program, &[&port[..], &rest].concat(), &city.file("port.log"))
}

/// The port refuses to start with this code.
fn refuses(code: &str, ran: &Ran) {
    assert_eq!(ran.code, 6, "{ran:?}");
    assert_eq!(ran.json()[0]["code"], code, "{ran:?}");
}

#[test]
fn a_port_killed_between_instruction_and_outcome_pays_and_confirms_once() {
    let mut city = City::found(1_000);
    // The agent's key is there before its node starts; the ledger learns of it later.
    done(&chaincity(&["key", "new", &city.key_file("port-agent")]));
    keep_a_vault(&city, BANK, "port-agent");
    city.start(&NODES);
    staff(&city);
    let grant = grant(&city);
    let sheet = book_a_sale(&city);
    let bank = Bank::open(&city);

    // A payment that the core fails, told by its callback.
    let port = start_port(&city, &bank, &grant);
    bank.plan(&json!({"fail": "account-closed"}));
    let failed = instruct(&city, &sheet);
    let log = |city: &City| fs::read_to_string(city.file("port.log")).unwrap();
    city.wait("the payment has failed", SOON, |city| field(city, &failed, "state") == "failed");
    let reason = "账户已销户 · the account is closed (account-closed)";
    assert_eq!(field(&city, &failed, "failed_for"), reason, "{}", log(&city));

    // Instructed anew, and accepted by the core, which does not book it yet: the port is killed.
    bank.plan(&json!({"hold": true}));
    let payment = instruct(&city, &sheet);
    let own_key = key(&city, &payment);
    city.wait("the core has the instruction", SOON, |_| bank.state(&own_key) == "accepted");
    port.kill();
    bank.plan(&json!({}));
    city.wait("the core has booked it", SOON, |_| bank.state(&own_key) == "settled");
    assert_eq!(field(&city, &payment, "state"), "instructed");

    // Started again, twice even: what is paid is confirmed, and nothing else.
    let ports = [start_port(&city, &bank, &grant), start_port(&city, &bank, &grant)];
    city.wait("the payment is confirmed", SOON, |city| field(city, &payment, "state") == "paid");
    for port in ports {
        assert_eq!(port.end(), Some(0), "{}", log(&city));
    }
    paid_once(&city, &bank, &payment, &own_key);
    nothing_is_told_that_is_private(&city, &log(&city));

    let (dir, registrar) = (city.path(), city.key_file("registrar"));
    let config = city.file("bank-port.toml");
    let port = ["bank-port", "--config", &config, "--city", text(&dir), "--key", &registrar];
    refuses("port-role-missing", &chaincity(&port));
    fs::write(city.file("bank.secret"), "short").unwrap();
    refuses("port-secret-invalid", &chaincity(&port));
}

fn paid_once(city: &City, bank: &Bank<'_>, payment: &str, key: &str) {
    let (_, escrow) = bank.ask("GET", "/v1/accounts/ESCROW", "");
    assert_eq!(escrow["balance_fen"], 0, "{escrow}");
    let entries = escrow["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{escrow}");
    assert_eq!(entries[0]["amount_fen"], -AMOUNT);
    let (_, seller) = bank.ask("GET", "/v1/accounts/SELLER", "");
    assert_eq!(seller["balance_fen"], AMOUNT);
    assert_eq!(bank.ask("GET", "/v1/accounts", "").1["sum_fen"], 0);

    // On the ledger: instructed, then paid, with the bank's number.
    let client = city.client(&[DESK], "court");
    city.wait("the read model has both versions", SOON, |_| {
        client.history("settlement", "payment", payment, None, 10).unwrap().items.len() >= 2
    });
    let history = client.history("settlement", "payment", payment, None, 10).unwrap().items;
    let actions: Vec<&str> = history.iter().map(|version| version.by.action.as_str()).collect();
    assert_eq!(actions, ["confirm-payment", "instruct-payment"]);
    let told = bank.ask("GET", &format!("/v1/instructions/{key}"), "").1;
    assert_eq!(history[0].fields["reference"], told["reference"]);
    // Two payments, two accesses: none for the starts.
    let query = ["query", "disclosure", "access", "--where", &format!("steward={BANK}")];
    let accesses = city.run_as("court", DESK, &query).json();
    let states: Vec<&Value> = accesses.iter().filter_map(|line| line.get("state")).collect();
    assert_eq!(states, ["released", "released"], "{accesses:#?}");
}

/// No amount and no name stands in the port's log, nor in a node's but the vault's.
fn nothing_is_told_that_is_private(city: &City, log: &str) {
    assert!(log.contains("instructed"), "{log}");
    let logs = NODES.map(|node| city.log(node)).concat();
    for private in [AMOUNT.to_string().as_str(), PAYEE, "测试买方户名"] {
        assert!(!log.contains(private) && !logs.contains(private), "{private}: {log}");
    }
}
