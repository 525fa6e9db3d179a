//! Construction funds: a payment from the progress to the bank, and a month of wages.

use std::collections::BTreeSet;

use chaincity_package::scenario::Scenario;
use serde_json::json;

use super::books::{self, balance, sum};
use super::{Act, Desk, Doing, Row, Trade, shipped, walk_over};

const FUNDS: &str = "engineering-funds";

/// Everything up to a deposit in the special account, and two workers: as the package's own scenario has
/// it.
fn prepared() -> Scenario {
    let name = "a-month-of-wages-runs-as-one-case";
    let mut scenarios = shipped(FUNDS).scenarios.into_iter();
    scenarios.find(|scenario| scenario.name == name).unwrap()
}

static PAYMENT: Trade = Trade {
    packages: &["accounts", FUNDS],
    process: "engineering-payment",
    file: include_str!("../../../../../../packages/engineering-funds/processes/payment.bpmn"),
    prepared,
    begun_by: "builder",
    variables: |_| {
        let named = [("developer", "city-group"), ("supervisor", "supervision-firm")];
        let named = named.into_iter().chain([("bank", "bank-a")]);
        named.map(|(name, value)| (name, value.to_owned())).collect()
    },
    subjects: &[],
    messages: &[],
    doing: pay,
    between: |desk| {
        answer_payment(desk, 3);
    },
    after: answer,
    check,
};

static WAGES: Trade = Trade {
    packages: &["accounts", FUNDS],
    process: "engineering-wages",
    file: include_str!("../../../../../../packages/engineering-funds/processes/wages.bpmn"),
    prepared,
    begun_by: "sub",
    variables: |_| {
        let named = [("contractor", "builder"), ("bank", "bank-a")];
        named.map(|(name, value)| (name, value.to_owned())).into()
    },
    subjects: &[],
    messages: &["wage-disputed"],
    doing: wages,
    between: port,
    after: answer,
    check,
};

#[test]
fn every_walk_over_a_payment_of_works_keeps_each_yuan() {
    walk_over(&PAYMENT);
}

#[test]
fn every_walk_over_a_month_of_wages_keeps_each_yuan() {
    walk_over(&WAGES);
}

fn digest(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn on(desk: &Desk, register: &str, action: &str, record: &Row) -> Act {
    desk.act(FUNDS, action, json!({register: record.key}))
}

/// Tasks of a payment.
fn pay(desk: &mut Desk, node: &str) -> Option<Doing> {
    let application = desk.last(FUNDS, "application");
    let key = application.as_ref().map(|application| application.key.clone());
    let of = |field: &str| application.as_ref().map_or(0, |application| application.int(field));
    Some(match node {
        "report" => Doing::by(&["builder"]).act(report(desk)?),
        "apply" => {
            let reported = desk.having(FUNDS, "progress", "state", "reported").pop()?;
            let input = json!({"contract": reported.text("contract"), "progress": [reported.key]});
            Doing::by(&["builder"]).act(desk.act(FUNDS, "apply-payment", input))
        }
        "inspect" => {
            let answer = if desk.happens(4) { "return" } else { "certify" };
            Doing::by(&["engineer"]).set("supervisor_answer", answer)
        }
        "certify" => {
            let input = json!({"application": key?, "certified": desk.share(of("applied"))});
            Doing::by(&["engineer"]).act(desk.act(FUNDS, "certify-application", input))
        }
        "supervisor-return" | "developer-return" => {
            let by = if node == "developer-return" { "approver" } else { "engineer" };
            let input = json!({"application": key?, "reason": "数量不符"});
            Doing::by(&[by]).act(desk.act(FUNDS, "return-application", input))
        }
        "examine" => {
            let answers = ["confirm", "confirm", "dispute", "return"];
            let answer = *desk.pick(&answers)?;
            Doing::by(&["approver", "dev_both"]).set("developer_answer", answer)
        }
        "confirm" | "resolve" => {
            let input = json!({"application": key?, "confirmed": desk.share(of("certified"))});
            let act = if node == "confirm" {
                desk.act(FUNDS, "confirm-application", input)
            } else {
                desk.act(FUNDS, "resolve-dispute", input).with(&["builder"], "settle")
            };
            Doing::by(&["approver", "dev_both"]).act(act)
        }
        "dispute" => {
            let input = json!({"application": key?, "reason": "质量", "document": digest('3')});
            let act = desk.act(FUNDS, "dispute-application", input);
            Doing::by(&["approver", "dev_both"]).act(act)
        }
        "correct" => {
            let reported = desk.having(FUNDS, "progress", "state", "reported").pop()?;
            Doing::by(&["builder"]).act(on(desk, "progress", "withdraw-progress", &reported))
        }
        "wages-instruct" => instruct(desk, &key?, "wages", of("wages_due") - of("wages_paid")),
        "works-instruct" => {
            instruct(desk, &key?, "works", of("confirmed") - of("retained") - of("sent"))
        }
        _ => Doing::by(&["dev"]),
    })
}

/// A report of an element that is not whole yet.
fn report(desk: &mut Desk) -> Option<Act> {
    let mut elements = desk.live(FUNDS, "element");
    elements.retain(|element| element.int("done") < element.int("quantity"));
    let element = desk.pick(&elements)?.clone();
    let done = desk.share(element.int("quantity") - element.int("done"));
    let input = json!({
        "contract": element.text("contract"), "month": "2026-09-01", "model": digest('1'),
        "lines": [{"element": element.key, "done": done}], "evidence": digest('6'),
    });
    Some(desk.act(FUNDS, "report-progress", input))
}

fn instruct(desk: &Desk, application: &str, kind: &str, amount: i64) -> Doing {
    let allocation = desk.last(FUNDS, "allocation").unwrap();
    let input = json!({
        "application": application, "allocation": allocation.key, "kind": kind, "amount": amount,
    });
    Doing::by(&["dev", "dev_both"]).act(desk.act(FUNDS, "instruct-payment", input))
}

/// The bank says what became of an instruction, if there is one; once in so often it failed.
fn answer_payment(desk: &mut Desk, fails: u64) -> bool {
    let Some(payment) = desk.having(FUNDS, "payment", "state", "instructed").pop() else {
        return false;
    };
    let act = if desk.happens(fails) {
        let input = json!({"payment": payment.key, "reason": "账号不符"});
        desk.act(FUNDS, "fail-payment", input)
    } else {
        let (reference, on) = (desk.reference(), desk.today());
        let input = json!({"payment": payment.key, "reference": reference, "on": on});
        desk.act(FUNDS, "settle-payment", input)
    };
    desk.must("bank_system", vec![act]);
    true
}

/// Tasks of a month's wages.
fn wages(desk: &mut Desk, node: &str) -> Option<Doing> {
    let list = desk.last(FUNDS, "wage-list");
    Some(match node {
        "list" => {
            let (account, due) = (desk.last(FUNDS, "wage-account")?, "2026-10-15");
            let mut items = Vec::new();
            for worker in desk.live(FUNDS, "worker") {
                let amount = desk.share(900_000);
                items.push(json!({"worker": worker.key, "amount": amount, "details": digest('0')}));
            }
            let count = items.len();
            let input = json!({
                "account": account.key, "month": "2026-09-01", "due": due, "items": items,
            });
            let doing = Doing::by(&["sub"]).act(desk.act(FUNDS, "list-wages", input));
            doing.set("workers", count)
        }
        "confirm" => {
            let listed = wage(desk, &["listed"])?;
            let by = desk.worker_of(&listed);
            Doing::by(&[by]).act(on(desk, "wage", "confirm-wage", &listed))
        }
        "dispute" => {
            let listed = wage(desk, &["listed"])?;
            let by = desk.worker_of(&listed);
            let input = json!({"wage": listed.key, "document": digest('3')});
            Doing::by(&[by]).act(desk.act(FUNDS, "dispute-wage", input))
        }
        "revise" => {
            let disputed = wage(desk, &["disputed"])?;
            let amount = desk.share(900_000);
            let input = json!({"wage": disputed.key, "amount": amount, "details": digest('0')});
            Doing::by(&["sub"]).act(desk.act(FUNDS, "revise-wage", input))
        }
        "approve" => {
            Doing::by(&["labour", "second_labour"]).act(on(desk, "list", "approve-wages", &list?))
        }
        "pay" => {
            let confirmed = desk.having(FUNDS, "wage", "state", "confirmed");
            let wages: Vec<&str> = confirmed.iter().map(|wage| wage.key.as_str()).collect();
            Doing::by(&["builder"]).act(sent(desk, &list?, &wages))
        }
        _ => Doing::by(&["labour", "second_labour"]),
    })
}

/// One of the wages that are so far.
fn wage(desk: &mut Desk, states: &[&str]) -> Option<Row> {
    let mut wages = desk.live(FUNDS, "wage");
    wages.retain(|wage| states.contains(&wage.text("state")));
    desk.pick(&wages).cloned()
}

impl Desk {
    /// Whose wage it is.
    fn worker_of(&self, wage: &Row) -> &'static str {
        let workers = self.live(FUNDS, "worker");
        let worker = workers.iter().find(|worker| worker.key == wage.text("worker")).unwrap();
        let people = ["worker_1", "worker_2"].into_iter();
        let mut is_his = people.filter(|name| self.parties[*name] == worker.text("signer"));
        is_his.next().unwrap()
    }
}

fn sent(desk: &Desk, list: &Row, wages: &[&str]) -> Act {
    let deposits = desk.having(FUNDS, "payment", "kind", "wages");
    let deposit = deposits.iter().find(|payment| payment.text("state") == "paid").unwrap();
    let input = json!({"list": list.key, "deposit": deposit.key, "wages": wages});
    desk.act(FUNDS, "pay-wages", input)
}

/// The bank has paid these wages of one list.
fn wages_settled(desk: &mut Desk, wages: &[Row]) -> Act {
    let list = wages.first().map_or(String::new(), |wage| wage.text("list").to_owned());
    let on = desk.today();
    let items: Vec<_> =
        wages.iter().map(|wage| json!({"wage": wage.key, "reference": desk.reference()})).collect();
    desk.act(FUNDS, "settle-wages", json!({"list": list, "items": items, "on": on}))
}

fn wage_failed(desk: &Desk, wage: &Row) -> Act {
    let input = json!({"wage": wage.key, "reason": "账户已销户"});
    desk.act(FUNDS, "fail-wage", input)
}

/// The bank port answers for one wage at a time.
fn port(desk: &mut Desk) {
    if let Some(wage) = wage(desk, &["sent"]) {
        answer_wage(desk, &wage);
    }
}

fn answer_wage(desk: &mut Desk, wage: &Row) {
    let act = if desk.happens(3) {
        wage_failed(desk, wage)
    } else {
        wages_settled(desk, std::slice::from_ref(wage))
    };
    desk.must("bank_system", vec![act]);
}

/// The bank answers whatever it was told, also when the case has ended meanwhile; wages that came back
/// are sent anew and paid.
fn answer(desk: &mut Desk) {
    while answer_payment(desk, 2) {}
    for wage in desk.having(FUNDS, "wage", "state", "sent") {
        answer_wage(desk, &wage);
    }
    let lists = desk.live(FUNDS, "wage-list").into_iter();
    for list in lists.filter(|list| !list.text("approved_by").is_empty()) {
        let confirmed = desk.having(FUNDS, "wage", "state", "confirmed");
        let own: Vec<&str> = confirmed
            .iter()
            .filter(|wage| wage.text("list") == list.key)
            .map(|wage| wage.key.as_str())
            .collect();
        if own.is_empty() {
            continue;
        }
        let act = sent(desk, &list, &own);
        desk.must("builder", vec![act]);
        for wage in desk.having(FUNDS, "wage", "state", "sent") {
            let act = wages_settled(desk, std::slice::from_ref(&wage));
            desk.must("bank_system", vec![act]);
        }
    }
}

/// What of these was paid.
fn paid<'r>(rows: &'r [Row], field: &'r str, value: &'r str) -> impl Iterator<Item = &'r Row> {
    rows.iter().filter(move |row| row.text("state") == "paid" && row.text(field) == value)
}

/// Every sum of the package's register, from the treasury to the worker, and the accounts beneath.
fn check(desk: &Desk) -> &'static str {
    books::accounts(desk);
    let payments = desk.all(FUNDS, "payment");
    let wages = desk.all(FUNDS, "wage");
    for row in payments.iter().chain(&wages) {
        assert!(!["instructed", "sent"].contains(&row.text("state")), "unanswered: {row:?}");
    }
    let mut references = BTreeSet::new();
    for row in payments.iter().chain(&wages).filter(|row| row.text("state") == "paid") {
        assert!(references.insert(row.text("reference")), "one reference twice: {row:?}");
    }
    for contract in desk.all(FUNDS, "contract") {
        let total = sum(paid(&payments, "contract", &contract.key), "amount");
        assert_eq!((contract.int("paid"), contract.int("sent")), (total, total), "{contract:?}");
        let applications = desk.live(FUNDS, "application");
        assert_eq!(contract.int("confirmed"), sum(&applications, "confirmed"));
        assert_eq!(contract.int("retained"), sum(&applications, "retained"));
        assert!(total <= contract.int("confirmed") - contract.int("retained"));
        assert!(contract.int("confirmed") <= contract.int("price"));
    }
    for application in desk.all(FUNDS, "application") {
        let own = || paid(&payments, "application", &application.key);
        assert_eq!(application.int("sent"), sum(own(), "amount"), "{application:?}");
        let deposits = own().filter(|payment| payment.text("kind") == "wages");
        assert_eq!(application.int("wages_paid"), sum(deposits, "amount"), "{application:?}");
    }
    for allocation in desk.all(FUNDS, "allocation") {
        let drawn = sum(paid(&payments, "allocation", &allocation.key), "amount");
        assert_eq!(allocation.int("drawn"), drawn, "{allocation:?}");
    }
    for payment in &payments {
        let drawn = sum(paid(&wages, "deposit", &payment.key), "amount");
        assert_eq!(payment.int("drawn"), drawn, "{payment:?}");
        assert!(drawn == 0 || (payment.text("kind") == "wages" && drawn <= payment.int("amount")));
    }
    special_account(desk, &payments, &wages);
    // Beside the one deposit that was there before.
    let more = payments.iter().filter(|row| row.text("state") == "paid").count() > 1;
    let owed = wages.iter().any(|wage| wage.text("state") != "paid");
    let some = more || !wages.is_empty();
    if some && !owed { "paid" } else { "unpaid" }
}

/// The special account: what came in by deposits left it by wages alone, each booked by itself.
fn special_account(desk: &Desk, payments: &[Row], wages: &[Row]) {
    let received = sum(paid(payments, "kind", "wages"), "amount");
    let settled: Vec<&Row> = wages.iter().filter(|wage| wage.text("state") == "paid").collect();
    let left = sum(settled.iter().copied(), "amount");
    for account in desk.all(FUNDS, "wage-account") {
        let sums = ["received", "sent", "paid"].map(|field| account.int(field));
        assert_eq!(sums, [received, left, left], "{account:?}");
    }
    let transfers = desk.all("accounts", "transfer");
    for wage in settled {
        let transfer = transfers.iter().find(|transfer| transfer.key == wage.text("transfer"));
        let transfer = transfer.unwrap_or_else(|| panic!("no booking of {wage:?}"));
        assert_eq!(transfer.int("posted"), wage.int("amount"), "{wage:?}");
    }
    for list in desk.all(FUNDS, "wage-list") {
        let own = || wages.iter().filter(|wage| wage.text("list") == list.key);
        assert_eq!(list.int("total"), sum(own(), "amount"), "{list:?}");
        let paid = sum(own().filter(|wage| wage.text("state") == "paid"), "amount");
        assert_eq!(list.int("paid"), paid, "{list:?}");
        assert_eq!(list.live, paid < list.int("total"), "{list:?}");
    }
    let accounts = desk.all("accounts", "account");
    let holds = |key: &str| balance(accounts.iter().find(|account| account.key == key).unwrap());
    let allocated = sum(
        desk.all(FUNDS, "allocation").iter().filter(|row| row.text("state") == "received"),
        "amount",
    );
    let works = sum(paid(payments, "kind", "works"), "amount");
    assert_eq!(holds("city-group:p1"), allocated - received - works);
    assert_eq!(holds("builder:wages"), received - left);
    assert_eq!(holds("bank-a:out"), works + left);
}
