//! The sale of a mortgaged house: escrow and register as they are shipped; utilities and consents are
//! stand-ins, for no money and no right hangs on them. Amounts are commitments on the ledger, so the
//! walk keeps the bank's own books.

use std::collections::BTreeSet;

use chaincity_package::scenario::Scenario;
use chaincity_package::source;
use serde_json::{Value as Json, json};

use super::{Act, Desk, Doing, Row, Trade, walk_over};

const MONEY: &str = "settlement";
const BOOKS: &str = "real-estate";
const UNIT: &str = "431302001002GB00011F00010001";
const SELLER: &str = "测试甲";
const BUYER: &str = "测试乙";
const OWN: i64 = 30_000_000;
const LOAN: i64 = 70_000_000;
const PAYOFF: i64 = 48_000_000;
const WITHHELD: i64 = 2_000_000;
/// Either writes, the other agrees.
const ESCROW: &[&str] = &["escrow", "second_escrow"];
const REVIEWERS: &[&str] = &["reviewer", "second_reviewer"];

static SALE: Trade = Trade {
    packages: &[MONEY, BOOKS],
    process: "sale-mortgaged",
    file: include_str!("../../../../../../packages/real-estate/processes/sale-mortgaged.bpmn"),
    prepared,
    begun_by: "acceptor",
    variables,
    subjects: &["real-estate/unit/431302001002GB00011F00010001"],
    messages: &["withdrawal", "water-held", "power-held", "gas-held", "cable-held"],
    doing,
    between,
    after,
    check,
};

#[test]
fn every_walk_over_a_sale_pays_each_sum_once_and_leaves_one_owner() {
    walk_over(&SALE);
}

fn prepared() -> Scenario {
    let head = "package: none\nversion: 1\ntitle: {zh: 无, en: None}\n";
    let files = [("package.yaml", head), ("scenarios/sale.yaml", include_str!("sale.yaml"))];
    source::parse(&files).unwrap().scenarios.remove(0)
}

/// How this sale is: with the old mortgage or after it, with a loan or without.
fn variables(desk: &mut Desk) -> Vec<(&'static str, String)> {
    let mode = if desk.happens(3) { "with-mortgage" } else { "release-first" };
    let named = [
        ("unit", UNIT.to_owned()),
        ("escrow_bank", "bank-c".to_owned()),
        ("payoff_bank", "bank-a".to_owned()),
        ("loan_bank", "bank-b".to_owned()),
        ("sellers", format!("[\"{SELLER}\"]")),
        ("buyers", format!("[\"{BUYER}\"]")),
        ("mode", mode.to_owned()),
        ("loan", (!desk.happens(4)).to_string()),
        ("lock_unit", desk.happens(2).to_string()),
        ("withholds", desk.happens(3).to_string()),
    ];
    desk.notes = named.iter().map(|(name, value)| (*name, value.clone())).collect();
    named.into()
}

/// Who signs for a lender.
fn lender(member: &str) -> &'static str {
    if member == "fund-centre" { "fund" } else { "banker_b" }
}

/// Who signs for a party.
fn signer(party: &str) -> &'static str {
    match party {
        SELLER => "seller",
        BUYER => "buyer",
        "bank-a" => "banker_a",
        member => lender(member),
    }
}

impl Desk {
    fn sheet(&self) -> Option<Row> {
        self.last(MONEY, "sheet")
    }

    fn on_sheet(&self, action: &str, mut input: Json) -> Option<Act> {
        input["sheet"] = self.sheet()?.key.into();
        Some(self.act(MONEY, action, input))
    }

    /// The bank has money in.
    fn hold(&mut self, kind: &str, amount: i64) -> Option<Act> {
        let (amount, reference, on) = (self.sealed(amount), self.reference(), self.today());
        let input = json!({"kind": kind, "amount": amount, "reference": reference, "on": on});
        self.on_sheet("hold-funds", input)
    }

    /// What lies in escrow and is not paid out yet.
    fn held(&self) -> i64 {
        let payments = self.live(MONEY, "payment");
        let amount = |row: &Row| match row.text("kind") {
            "own" | "loan" => self.vault[row.text("amount")],
            _ => -self.vault[row.text("amount")],
        };
        payments.iter().map(amount).sum()
    }

    fn instruct(&mut self, kind: &str) -> Option<Act> {
        let withholds = self.sheet()?.get("withholds").as_bool() == Some(true);
        let amount = match kind {
            "payoff" => PAYOFF,
            "withheld" => WITHHELD,
            _ => self.held() - if withholds { WITHHELD } else { 0 },
        };
        let amount = self.sealed(amount);
        self.on_sheet("instruct-payment", json!({"kind": kind, "amount": amount}))
    }

    /// A deposit that nobody is paying back yet.
    fn refund(&mut self) -> Option<Act> {
        let payments = self.live(MONEY, "payment");
        let is_open = |deposit: &&Row| {
            deposit.text("kind") == "own"
                && deposit.text("state") == "held"
                && !payments.iter().any(|refund| refund.text("refunds") == deposit.key)
        };
        let deposit = payments.iter().find(is_open)?;
        let amount = self.sealed(self.vault[deposit.text("amount")]);
        let input = json!({"payment": deposit.key, "amount": amount});
        Some(self.act(MONEY, "instruct-refund", input))
    }

    fn applications(&self) -> Vec<Row> {
        self.live(BOOKS, "application")
    }

    /// The same act for each open application.
    fn each(&self, action: &str, more: &Json) -> Vec<Act> {
        let of = |application: Row| {
            let mut input = more.clone();
            input["application"] = application.key.into();
            self.act(BOOKS, action, input)
        };
        self.applications().into_iter().map(of).collect()
    }

    fn application(&self, kind: &str) -> Option<String> {
        let found = self.applications().into_iter().find(|row| row.text("kind") == kind);
        found.map(|row| row.key)
    }

    /// The live mortgage of this bank.
    fn mortgage(&self, bank: &str) -> Option<String> {
        self.having(BOOKS, "mortgage", "mortgagee", bank).pop().map(|row| row.key)
    }

    fn withdrawn(&self, application: &Row) -> Act {
        let input = json!({"application": application.key, "reason": "不再办理"});
        let applicants = application.get("applicants").as_array().unwrap();
        let people: Vec<&str> =
            applicants.iter().map(|party| signer(party.as_str().unwrap())).collect();
        self.act(BOOKS, "withdraw-application", input).with(&people, "withdraw")
    }
}

fn of(by: &[&'static str], act: Option<Act>) -> Option<Doing> {
    Some(Doing::by(by).act(act?))
}

fn all(by: &[&'static str], acts: Vec<Act>) -> Option<Doing> {
    let doing = Doing::by(by);
    (!acts.is_empty()).then_some(Doing { acts, ..doing })
}

/// Any task of the sale.
fn doing(desk: &mut Desk, node: &str) -> Option<Doing> {
    money(desk, node).or_else(|| entries(desk, node)).or_else(|| plain(desk, node))
}

/// Tasks of the banks and of the tax bureau.
fn money(desk: &mut Desk, node: &str) -> Option<Doing> {
    let loan_bank = desk.sheet().map(|sheet| sheet.text("loan_bank").to_owned())?;
    let (lends, today) = (lender(&loan_bank), desk.today());
    match node {
        "own-funds" => of(&["second_escrow", "machine"], desk.hold("own", OWN)),
        "loan-top-up" | "offer-top-up" => of(&["second_escrow", "machine"], desk.hold("own", LOAN)),
        "draw-down" => of(&["second_escrow", "machine"], desk.hold("loan", LOAN)),
        "loan-approve" | "offer-again" if desk.happens(5) => {
            Some(Doing::by(&[lends]).fails("loan-refused"))
        }
        "loan-approve" | "offer-again" => {
            let until = 5 + i32::try_from(desk.dice.roll(55)).unwrap();
            let input = json!({"until": desk.day(until), "terms": desk.sealed(LOAN)});
            of(&[lends], desk.on_sheet("offer-loan", input))
        }
        "loan-decline" | "offer-decline" => {
            of(&[lends], desk.on_sheet("decline-loan", json!({"reason": "收入不足"})))
        }
        "loan-other-bank" => {
            let other = if loan_bank == "bank-b" { "fund-centre" } else { "bank-b" };
            let act = desk.on_sheet("change-loan-bank", json!({"loan_bank": other}))?;
            let doing = Doing::by(ESCROW).act(act.with(&["buyer"], "borrow"));
            Some(doing.set("loan_bank", other))
        }
        "loan-no-bank" | "offer-no-bank" => {
            let act = desk.on_sheet("change-loan-bank", json!({}))?;
            Some(Doing::by(ESCROW).act(act.with(&["buyer"], "borrow")))
        }
        "quote" | "quote-again" => {
            let until = 3 + i32::try_from(desk.dice.roll(12)).unwrap();
            let input = json!({"until": desk.day(until), "terms": desk.sealed(PAYOFF)});
            of(&["banker_a"], desk.on_sheet("quote-payoff", input))
        }
        "tax-assess" => {
            let input = json!({"assessment": desk.sealed(0)});
            of(&["taxman"], desk.on_sheet("assess-tax", input))
        }
        "tax-pay" | "tax-pay-again" => {
            let tax = desk.last(MONEY, "tax")?.key;
            let input = json!({"tax": tax, "receipt": "7".repeat(64), "on": today});
            of(&["taxman"], Some(desk.act(MONEY, "confirm-tax", input)))
        }
        "sheet-write" => {
            let withholds = desk.notes["withholds"] == "true";
            let input = json!({"content": desk.sealed(OWN + LOAN), "withholds": withholds});
            of(ESCROW, desk.on_sheet("write-sheet", input))
        }
        "sheet-agree" => of(ESCROW, agreement(desk)),
        "guarantee" => {
            let content = desk.sheet()?.get("content").clone();
            of(ESCROW, desk.on_sheet("guarantee", json!({"content": content})))
        }
        "failure-void" => {
            let act = desk.on_sheet("void-sheet", json!({"cause": "agreed"}))?;
            Some(Doing::by(ESCROW).act(act.with(&["seller", "buyer"], "void")))
        }
        "refund-instruct" => of(ESCROW, desk.refund()),
        "payoff-instruct" => of(ESCROW, desk.instruct("payoff")),
        "net-instruct" => of(ESCROW, desk.instruct("net")),
        "rest-instruct" => of(ESCROW, desk.instruct("withheld")),
        "receipt" => {
            let paid = desk.having(MONEY, "payment", "kind", "payoff").pop()?;
            let input = json!({"payment": paid.key, "on": today});
            of(&["banker_a"], Some(desk.act(MONEY, "confirm-receipt", input)))
        }
        "dispute" => {
            let paid = desk.having(MONEY, "payment", "kind", "payoff").pop()?;
            let input = json!({"payment": paid.key, "reason": "逾期未确认收款"});
            of(ESCROW, Some(desk.act(MONEY, "dispute-receipt", input)))
        }
        "settle" => of(ESCROW, desk.on_sheet("settle-sheet", json!({}))),
        _ => None,
    }
}

/// What both sides and both banks agree to.
fn agreement(desk: &Desk) -> Option<Act> {
    let sheet = desk.sheet()?;
    let input = json!({"content": sheet.get("content")});
    let act = desk.on_sheet("agree-sheet", input)?.with(&["seller", "buyer"], "settle");
    let act = act.with(&["banker_a"], "release-against-payoff");
    let bank = sheet.text("loan_bank");
    Some(if bank.is_empty() { act } else { act.with(&[lender(bank)], "draw-down") })
}

/// Tasks of the registry.
fn entries(desk: &mut Desk, node: &str) -> Option<Doing> {
    let unit = json!({"unit": UNIT});
    match node {
        "check" | "resume" => {
            let sealed = !desk.live(BOOKS, "seal").is_empty();
            let is_bound = sealed || (node == "check" && desk.happens(20));
            let act = desk.act(BOOKS, "verify-unit", unit).with(&["seller"], "verify-unit");
            Some(Doing::by(&["acceptor"]).act(act).set("unit_free", !is_bound))
        }
        "escrow" => {
            let mut input = json!({
                "unit": UNIT, "contract": "5".repeat(64), "mode": desk.notes["mode"],
                "sellers": [SELLER], "buyers": [BUYER], "payoff_bank": "bank-a",
            });
            if desk.notes["loan"] == "true" {
                input["loan_bank"] = "bank-b".into();
            }
            let act = desk.act(MONEY, "open-sheet", input).with(&["seller", "buyer"], "escrow");
            Some(Doing::by(&["escrow"]).act(act))
        }
        "apply" => {
            let complete = !desk.happens(5);
            all(&["acceptor"], apply(desk)?).map(|doing| doing.set("complete", complete))
        }
        "ask-correction" => {
            let acts = desk.each("ask-correction", &json!({"missing": "缺少完税凭证"}));
            all(&["acceptor"], acts).map(|doing| doing.set("stage", "asked"))
        }
        "supply" if desk.happens(3) => Some(Doing::by(&["acceptor"]).fails("correction-recalled")),
        "supply" => {
            let supplied = json!({"materials": [{"name": "完税凭证"}]});
            let acts = desk.each("supply-correction", &supplied);
            all(&["acceptor"], acts).map(|doing| doing.set("stage", "applied"))
        }
        "recall" => {
            let acts = desk.each("recall-correction", &json!({"reason": "已由税务机关提供"}));
            all(&["acceptor"], acts).map(|doing| doing.set("stage", "applied"))
        }
        "accept" => {
            let acts = desk.each("accept-application", &json!({}));
            all(&["acceptor"], acts).map(|doing| doing.set("stage", "accepted"))
        }
        "review" | "review-again" if desk.happens(12) => {
            Some(Doing::by(REVIEWERS).fails("review-refused"))
        }
        "review" => all(REVIEWERS, desk.each("review-application", &json!({"opinion": "同意"}))),
        "review-again" => {
            all(REVIEWERS, desk.each("approve-application", &json!({"opinion": "同意"})))
        }
        "application-withdraw" => {
            let acts = desk.applications().iter().map(|row| desk.withdrawn(row)).collect();
            all(&["acceptor"], acts)
        }
        "application-refuse" => {
            let why = json!({"refused_for": "other-law", "reason": "交易未能办成"});
            all(REVIEWERS, desk.each("refuse-application", &why))
        }
        "application-decline" => {
            all(&["acceptor"], desk.each("decline-application", &json!({"reason": "交易未成"})))
        }
        "application-lapse" => {
            let supplied = json!({"materials": [{"name": "完税凭证"}]});
            let mut acts = desk.each("supply-correction", &supplied);
            acts.extend(desk.each("decline-application", &json!({"reason": "交易未成"})));
            all(&["acceptor"], acts)
        }
        "notice" => {
            let input = json!({
                "unit": UNIT, "kind": "transfer", "holder": BUYER, "obligor": SELLER,
                "basis": "存量房买卖合同",
            });
            let act =
                desk.act(BOOKS, "register-notice", input).with(&["seller", "buyer"], "notice");
            Some(Doing::by(&["registrar"]).act(act))
        }
        "notice-end" => of(&["registrar"], notice_ended(desk)),
        "commit-release" | "commit-release-own" | "commit-mortgaged" | "commit-mortgaged-own" => {
            all(&["registrar"], commit(desk, node)?)
        }
        "release-old" => {
            let input = json!({"mortgage": desk.mortgage("bank-a")?, "basis": "已结清"});
            of(&["banker_a"], Some(desk.act(BOOKS, "release", input)))
        }
        "deliver" => all(&["acceptor"], deliver(desk)?),
        "archive" => {
            let number = desk.reference();
            let acts = desk.applications().into_iter().map(|row| {
                let number = format!("{number}-{}", row.text("kind"));
                let input = json!({"application": row.key, "archive_number": number});
                desk.act(BOOKS, "archive-application", input)
            });
            all(&["acceptor", "registrar"], acts.collect())
        }
        _ => None,
    }
}

/// One application for each entry, by those whose right it concerns.
fn apply(desk: &Desk) -> Option<Vec<Act>> {
    let sheet = desk.sheet()?;
    let bank = sheet.text("loan_bank").to_owned();
    let mut wanted = vec![("transfer", vec![SELLER, BUYER])];
    if sheet.text("mode") == "release-first" {
        wanted.push(("release", vec!["bank-a"]));
    }
    if !bank.is_empty() {
        wanted.push(("mortgage", vec![BUYER, &bank]));
    }
    let act = |(kind, applicants): (&str, Vec<&str>)| {
        let input = json!({
            "kind": kind, "office": "娄星", "units": [UNIT], "applicants": applicants,
            "materials": [{"name": "登记申请书"}],
        });
        let people: Vec<&str> = applicants.iter().map(|party| signer(party)).collect();
        desk.act(BOOKS, "apply-registration", input).with(&people, "apply")
    };
    Some(wanted.into_iter().map(act).collect())
}

fn notice_ended(desk: &Desk) -> Option<Act> {
    let notice = desk.last(BOOKS, "notice")?.key;
    let input = json!({
        "notice": notice, "cause": "claim_ended", "basis": "买卖合同已解除",
        "basis_digest": "3".repeat(64),
    });
    Some(desk.act(BOOKS, "end-notice", input))
}

/// 登簿: all entries of the sale, the certificates, and what binds the escrow.
fn commit(desk: &mut Desk, node: &str) -> Option<Vec<Act>> {
    let sheet = desk.sheet()?;
    let bank = sheet.text("loan_bank").to_owned();
    let mut acts = Vec::new();
    if node.starts_with("commit-release") {
        let input = json!({
            "mortgage": desk.mortgage("bank-a")?, "application": desk.application("release")?,
            "basis": "凭监管付款担保",
        });
        acts.push(desk.act(BOOKS, "release", input).with(&["banker_a"], "release"));
    }
    let input = json!({
        "unit": UNIT, "application": desk.application("transfer")?,
        "to": [{"subject": BUYER, "n": 1, "d": 1}], "basis": "存量房买卖合同",
        "deal": desk.sealed(OWN + LOAN),
    });
    let act = desk.act(BOOKS, "transfer", input);
    acts.push(act.with(&["seller"], "transfer").with(&["buyer"], "acquire"));
    if !node.ends_with("-own") {
        let input = json!({
            "unit": UNIT, "application": desk.application("mortgage")?, "mortgagee": bank,
            "kind": "general", "amount": LOAN, "transfer_banned": false, "basis": "抵押合同",
        });
        let act = desk.act(BOOKS, "mortgage", input);
        acts.push(act.with(&["buyer", lender(&bank)], "mortgage"));
        let paper = json!({"unit": UNIT, "mortgagee": bank});
        acts.push(desk.act(BOOKS, "issue-certificate", paper));
    }
    acts.push(desk.act(BOOKS, "issue-certificate", json!({"unit": UNIT})));
    acts.push(desk.on_sheet("book", json!({"content": sheet.get("content")}))?);
    Some(acts)
}

/// The certificates go to the buyer and to the bank that lends.
fn deliver(desk: &Desk) -> Option<Vec<Act>> {
    let mut acts = Vec::new();
    let mut give = |kind: &str, of: (&str, String), to: &str| {
        let certificate = desk.having(BOOKS, "certificate", of.0, &of.1).pop()?.key;
        let application = desk.application(kind)?;
        let printed = json!({"application": application, "certificates": [certificate]});
        acts.push(desk.act(BOOKS, "print-certificate", printed));
        let input = json!({"application": application, "to": to});
        acts.push(desk.act(BOOKS, "deliver-certificate", input).with(&[signer(to)], "receive"));
        Some(())
    };
    give("transfer", ("right", desk.last(BOOKS, "right")?.key), BUYER)?;
    for bank in ["bank-b", "fund-centre"] {
        if let Some(mortgage) = desk.mortgage(bank) {
            give("mortgage", ("mortgage", mortgage), bank)?;
        }
    }
    Some(acts)
}

/// Tasks in which nothing of ours is written.
fn plain(desk: &mut Desk, node: &str) -> Option<Doing> {
    let supplier = |kind: &'static str, actions: &[(&str, &str)]| {
        let acts = actions.iter().map(|(package, action)| desk.act(package, action, json!({})));
        Some(Doing { acts: acts.collect(), ..Doing::by(&[kind]) })
    };
    match node {
        "loan-choose" => {
            let choices = ["other-bank", "own-funds", "give-up"];
            Some(Doing::by(&["buyer"]).set("loan_choice", desk.pick(&choices)?))
        }
        "offer-choose" => {
            let choice = if desk.happens(3) { "give-up" } else { "own-funds" };
            Some(Doing::by(&["buyer"]).set("loan_choice", choice))
        }
        "withdrawal-look" => {
            let granted = desk.happens(2);
            let doing = Doing::by(ESCROW).set("withdrawn", granted);
            Some(if granted { doing.set("cause", "agreed") } else { doing })
        }
        "sellers-sign" => signed(desk, "seller", "settle"),
        "buyers-sign" => signed(desk, "buyer", "settle"),
        "payoff-bank-signs" => signed(desk, "banker_a", "release-against-payoff"),
        "loan-bank-signs" => {
            let by = lender(desk.sheet()?.text("loan_bank"));
            signed(desk, by, "draw-down")
        }
        "utilities-ask" => {
            let asked = [("utilities", "request-transfer"), ("disclosure", "give-consent")];
            supplier("acceptor", &asked)
        }
        "water-read" | "power-read" | "gas-read" | "cable-read" => {
            supplier(named(node)?, &[("disclosure", "access"), ("utilities", "read-part")])
        }
        "water-accept" | "power-accept" | "gas-accept" | "cable-accept" => {
            supplier(named(node)?, &[("utilities", "accept-part")])
        }
        "water-clear" | "power-clear" | "gas-clear" | "cable-clear" => Some(Doing::by(&["buyer"])),
        "contract" | "contract-annul" => Some(Doing::by(&["housing"])),
        "tax-chase" => Some(Doing::by(&["taxman"])),
        "hand-over" => Some(Doing::by(&["seller"])),
        "chase" | "suspend" => Some(Doing::by(&["acceptor"])),
        _ => None,
    }
}

/// Whose task it is of the suppliers.
fn named(node: &str) -> Option<&'static str> {
    ["water", "power", "gas", "cable"].into_iter().find(|name| node.starts_with(*name))
}

/// A party's word on the sheet that lies before it.
fn signed(desk: &Desk, by: &'static str, purpose: &str) -> Option<Doing> {
    let call = desk.mandate(by, purpose, &agreement(desk)?.call);
    Some(Doing::by(&[by]).act(Act { call, mandates: Vec::new() }))
}

/// The bank's core pays, or cannot; a court seals the house and lifts its seal; and nobody goes on with
/// an application for which there is no loan any more.
fn between(desk: &mut Desk) {
    answer(desk, 3);
    let seals = desk.live(BOOKS, "seal");
    match seals.first() {
        Some(seal) if desk.happens(3) => {
            let input = json!({"seal": seal.key, "document": "（2026）湘1302执123号之一"});
            let act = desk.act(BOOKS, "unseal", input);
            desk.act_alone("judge", vec![act]);
        }
        None if desk.happens(60) => {
            let served = format!("{}T00:00:00+08:00", desk.today());
            let input = json!({
                "unit": UNIT, "document": "（2026）湘1302执123号", "served": served,
                "from": desk.today(), "to": desk.day(300),
            });
            let act = desk.act(BOOKS, "seal", input);
            desk.act_alone("judge", vec![act]);
        }
        Some(_) | None => {}
    }
    let is_lent = desk.sheet().is_none_or(|sheet| !sheet.text("loan_bank").is_empty());
    let stale = desk.applications().into_iter().find(|row| row.text("kind") == "mortgage");
    if let Some(stale) = stale.filter(|_| !is_lent) {
        let act = desk.withdrawn(&stale);
        desk.act_alone("acceptor", vec![act]);
    }
}

/// The bank says what became of one instruction, if there is one; once in so often it failed.
fn answer(desk: &mut Desk, fails: u64) -> bool {
    let Some(payment) = desk.having(MONEY, "payment", "state", "instructed").pop() else {
        return false;
    };
    let act = if fails > 0 && desk.happens(fails) {
        let input = json!({"payment": payment.key, "reason": "账户已销户"});
        desk.act(MONEY, "fail-payment", input)
    } else {
        let (reference, on) = (desk.reference(), desk.today());
        let input = json!({"payment": payment.key, "reference": reference, "on": on});
        desk.act(MONEY, "confirm-payment", input)
    };
    desk.must("machine", vec![act]);
    true
}

/// A case that ended early: what was booked is paid, everything else goes back to where it was.
fn after(desk: &mut Desk) {
    while answer(desk, 3) {}
    for seal in desk.live(BOOKS, "seal") {
        let input = json!({"seal": seal.key, "document": "（2026）湘1302执123号之一"});
        let act = desk.act(BOOKS, "unseal", input);
        desk.must("judge", vec![act]);
    }
    match desk.sheet() {
        Some(sheet) if sheet.text("state") == "booked" => pay(desk, &sheet),
        Some(sheet) => {
            if sheet.text("state") != "void" {
                let act = desk.on_sheet("void-sheet", json!({"cause": "agreed"})).unwrap();
                desk.must("escrow", vec![act.with(&["seller", "buyer"], "void")]);
            }
            while let Some(act) = desk.refund() {
                desk.must("escrow", vec![act]);
                answer(desk, 0);
            }
        }
        None => {}
    }
    while let Some(act) = notice_ended(desk) {
        desk.must("registrar", vec![act]);
    }
    let begun = ["applied", "correction-asked", "accepted", "first-reviewed", "reviewed"];
    for application in desk.applications() {
        if begun.contains(&application.text("state")) {
            let act = desk.withdrawn(&application);
            desk.must("acceptor", vec![act]);
        }
    }
}

/// What is left to pay of a sale that is booked.
fn pay(desk: &mut Desk, sheet: &Row) {
    let has = |desk: &Desk, kind: &str| !desk.having(MONEY, "payment", "kind", kind).is_empty();
    if !sheet.text("loan_bank").is_empty() && !has(desk, "loan") {
        let act = desk.hold("loan", LOAN).unwrap();
        desk.must("machine", vec![act]);
    }
    if !has(desk, "payoff") {
        let act = desk.instruct("payoff").unwrap();
        desk.must("escrow", vec![act]);
        answer(desk, 0);
    }
    let payoff = desk.having(MONEY, "payment", "kind", "payoff").pop().unwrap();
    if payoff.text("state") == "paid" {
        let input = json!({"payment": payoff.key, "on": desk.today()});
        let act = desk.act(MONEY, "confirm-receipt", input);
        desk.must("banker_a", vec![act]);
    }
    if let Some(mortgage) = desk.mortgage("bank-a") {
        let act = desk.act(BOOKS, "release", json!({"mortgage": mortgage, "basis": "已结清"}));
        desk.must("banker_a", vec![act]);
    }
    let withholds = sheet.get("withholds").as_bool() == Some(true);
    for kind in ["net", "withheld"] {
        if !has(desk, kind) && (kind == "net" || withholds) {
            let act = desk.instruct(kind).unwrap();
            desk.must("escrow", vec![act]);
            answer(desk, 0);
        }
    }
    let act = desk.on_sheet("settle-sheet", json!({})).unwrap();
    desk.must("escrow", vec![act]);
}

/// What came in went out, once each, and the register has one owner and the mortgages in force.
fn check(desk: &Desk) -> &'static str {
    let payments = desk.all(MONEY, "payment");
    let amount = |row: &Row| desk.vault[row.text("amount")];
    let of = |kinds: &[&str], states: &[&str]| -> i64 {
        let rows = payments.iter().filter(|row| kinds.contains(&row.text("kind")));
        rows.filter(|row| states.contains(&row.text("state"))).map(amount).sum()
    };
    assert!(payments.iter().all(|row| row.text("state") != "instructed"), "{payments:?}");
    let mut references = BTreeSet::new();
    let referred = payments.iter().filter(|row| !row.text("reference").is_empty());
    assert!(referred.map(|row| row.text("reference")).all(|text| references.insert(text)));
    let came = of(&["own", "loan"], &["held", "returned"]);
    let left = of(&["payoff", "withheld", "net"], &["paid", "received"]);
    let back = of(&["refund"], &["paid"]);
    let sheets = desk.all(MONEY, "sheet");
    assert!(sheets.iter().all(|sheet| !sheet.live), "{sheets:?}");
    let sold = sheets.first().filter(|sheet| sheet.text("state") == "settled");
    if sold.is_some() {
        assert_eq!((came, back), (left, 0), "{payments:?}");
    } else {
        assert_eq!((came, left), (back, 0), "{payments:?}");
        assert_eq!(of(&["own"], &["held"]), 0, "{payments:?}");
    }
    register(desk, sold);
    if sold.is_some() { "paid" } else { "called off" }
}

fn register(desk: &Desk, sold: Option<&Row>) {
    let (rights, mortgages) = (desk.live(BOOKS, "right"), desk.live(BOOKS, "mortgage"));
    let holders = |right: &Row| right.get("holders").clone();
    let owner = if sold.is_some() { BUYER } else { SELLER };
    let titles: Vec<&Row> = rights.iter().filter(|row| row.text("kind") == "ownership").collect();
    assert_eq!(titles.len(), 1, "one title: {rights:?}");
    assert_eq!(holders(titles[0]), json!([{"subject": owner, "n": 1, "d": 1}]));
    assert_eq!(desk.live(BOOKS, "unit").len(), 1);
    assert!(rights.iter().chain(&mortgages).all(|row| row.text("unit") == UNIT));
    let in_force: Vec<&str> = mortgages.iter().map(|row| row.text("mortgagee")).collect();
    let lender = sold.map_or("bank-a", |sheet| sheet.text("loan_bank"));
    let expected: Vec<&str> = [lender].into_iter().filter(|bank| !bank.is_empty()).collect();
    assert_eq!(in_force, expected);
    // Each entry in force has the one certificate that is not void.
    let certificates = desk.live(BOOKS, "certificate");
    for entry in titles.iter().copied().chain(&mortgages) {
        let field = if entry.text("kind") == "ownership" { "right" } else { "mortgage" };
        let own = certificates.iter().filter(|paper| paper.text(field) == entry.key);
        assert_eq!(own.count(), 1, "{entry:?}: {certificates:?}");
    }
    assert_eq!(certificates.len(), titles.len() + mortgages.len(), "{certificates:?}");
    for burden in ["notice", "seal"] {
        assert!(desk.live(BOOKS, burden).is_empty(), "a {burden} stands");
    }
    let done = ["registered", "printed", "issued"];
    let open = desk.applications();
    assert!(open.iter().all(|row| sold.is_some() && done.contains(&row.text("state"))), "{open:?}");
}
