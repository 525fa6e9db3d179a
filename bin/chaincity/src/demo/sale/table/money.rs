//! The rows of the banks and the tax bureau. Amounts are sealed where they belong; the ledger has
//! their commitments.

use chaincity_types::Digest;
use serde_json::{Value as Json, json};

use super::super::bank::Paid;
use super::super::cast::{BUYERS, LENDER, PAYOFF_BANK, PORT, SELLERS};
use super::super::deal::{
    self, BUYER_ACCOUNT, ESCROW_ACCOUNT, LOAN, LOAN_ACCOUNT, NET, OWN, PAYOFF, PRICE,
    SELLER_ACCOUNT, digest, movement, outgoing,
};
use super::super::desk::{Act, Desk, Doing, text};
use super::super::office::{key, refused};
use super::super::play::{Line, in_both, time};
use super::today;
use crate::actor::{Done, Sent, key_of, remote};
use crate::fault::Fault;

/// Package of the escrow.
const MONEY: &str = "settlement";
/// What both sides and both banks agree to.
const AGREEMENT: &str = "agreement";
/// How long the quote and the offer hold, in days.
const QUOTE_DAYS: i64 = 10;
const OFFER_DAYS: i64 = 60;
/// The version of a payment by which the bank answers, and how many there can be by then.
const ANSWERED: u64 = 2;
const VERSIONS: usize = 10;

/// A call about the case's escrow.
fn on_sheet(desk: &Desk<'_>, action: &str, with: Json) -> Result<Act, Fault> {
    let mut input = with;
    if let Some(input) = input.as_object_mut() {
        input.insert("sheet".to_owned(), key(&desk.sheet()?));
    }
    desk.act(MONEY, action, &input)
}

/// The agreement of both sides with the escrow bank.
pub(super) fn open(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let input = json!({
        "unit": desk.play.deal.unit, "contract": digest(desk.play.deal.contract),
        "mode": "release-first", "sellers": SELLERS, "buyers": BUYERS,
        "payoff_bank": PAYOFF_BANK, "loan_bank": LENDER,
    });
    let act = desk.act(MONEY, "open-sheet", &input)?;
    Ok(act.with(&SELLERS, "escrow").with(&BUYERS, "escrow").into())
}

/// A bank's reference, used once.
fn reference(desk: &Desk<'_>, kind: &str) -> Result<String, Fault> {
    let sheet = desk.sheet()?.key;
    let before = desk.records((MONEY, "payment"), &[("sheet", &sheet)])?.len();
    let tail = desk.play.deal.unit.get(24..).unwrap_or_default();
    Ok(format!("K-{tail}-{kind}-{before}"))
}

fn sealed_movement(desk: &Desk<'_>, values: &Json) -> Result<Json, Fault> {
    desk.seal((MONEY, "payment", "movement"), values)
}

fn hold(desk: &Desk<'_>, kind: &str, values: &Json) -> Result<Act, Fault> {
    let input = json!({
        "kind": kind, "amount": sealed_movement(desk, values)?,
        "reference": reference(desk, kind)?, "on": today(),
    });
    on_sheet(desk, "hold-funds", input)
}

/// The buyers' own money is in.
pub(super) fn own_funds(desk: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(hold(desk, "own", &movement(OWN, "买方", "监管账户", ESCROW_ACCOUNT))?.into())
}

pub(super) fn draw_down(desk: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(hold(desk, "loan", &movement(LOAN, "公积金中心", "监管账户", ESCROW_ACCOUNT))?.into())
}

pub(super) fn offer(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let terms = json!({
        "contract": "示例借款合同", "amount": LOAN, "rate": "3.1000", "months": 240,
    });
    let terms = desk.seal((MONEY, "offer", "loan"), &terms)?;
    let input = json!({"until": deal::day(OFFER_DAYS), "terms": terms});
    Ok(on_sheet(desk, "offer-loan", input)?.into())
}

pub(super) fn decline(desk: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(on_sheet(desk, "decline-loan", json!({"reason": "收入证明不足"}))?.into())
}

pub(super) fn other_bank(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let act = on_sheet(desk, "change-loan-bank", json!({"loan_bank": PAYOFF_BANK}))?;
    Ok(act.with(&BUYERS, "borrow").into())
}

pub(super) fn no_bank(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let act = on_sheet(desk, "change-loan-bank", json!({}))?;
    Ok(act.with(&BUYERS, "borrow").into())
}

pub(super) fn quote(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let terms = json!({
        "contract": "示例旧借款合同", "principal": PAYOFF, "interest": 0, "per_day": 0,
        "charges": 0, "total": PAYOFF, "account": LOAN_ACCOUNT,
    });
    let terms = desk.seal((MONEY, "quote", "payoff"), &terms)?;
    let input = json!({"until": deal::day(QUOTE_DAYS), "terms": terms});
    Ok(on_sheet(desk, "quote-payoff", input)?.into())
}

pub(super) fn assess(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let taxes = json!({
        "deed": 1_000_358, "value_added": 0, "income": 0,
        "basis": "契税1%，家庭首套140平方米以下；满五唯一（示例）",
    });
    let assessment = desk.seal((MONEY, "tax", "tax"), &taxes)?;
    Ok(on_sheet(desk, "assess-tax", json!({"assessment": assessment}))?.into())
}

pub(super) fn taxes_paid(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let sheet = desk.sheet()?.key;
    let tax = desk.record((MONEY, "tax"), &[("sheet", &sheet)])?;
    let receipt = digest(&format!("{} 完税凭证", desk.play.deal.number));
    let input = json!({"tax": key(&tax), "receipt": receipt, "on": today()});
    Ok(desk.act(MONEY, "confirm-tax", &input)?.into())
}

/// The sheet is written, and laid before both sides and both banks.
pub(super) fn write(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let sheet = json!({
        "price": PRICE, "own": OWN, "loan": LOAN, "payoff": PAYOFF, "withheld": 0, "net": NET,
        "payoff_account": LOAN_ACCOUNT, "seller_account": SELLER_ACCOUNT,
        "refund_account": BUYER_ACCOUNT,
    });
    let content = desk.seal((MONEY, "sheet", "sheet"), &sheet)?;
    let agreement = on_sheet(desk, "agree-sheet", json!({"content": content}))?
        .with(&SELLERS, "settle")
        .with(&BUYERS, "settle")
        .with(&[PAYOFF_BANK], "release-against-payoff")
        .with(&[LENDER], "draw-down");
    let laid = vec![agreement];
    desk.play.put(AGREEMENT, &laid);
    let act = on_sheet(desk, "write-sheet", json!({"content": content, "withholds": false}))?;
    Ok(Doing { acts: vec![act], laid, ..Doing::default() })
}

pub(super) fn agree(desk: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(desk.play.kept(AGREEMENT)?.into())
}

pub(super) fn guarantee(desk: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(on_sheet(desk, "guarantee", json!({"content": desk.content()?}))?.into())
}

/// What leaves the escrow, sealed.
fn sealed_outgoing(desk: &Desk<'_>, kind: &str) -> Result<Json, Fault> {
    let to = outgoing(kind);
    sealed_movement(desk, &movement(to.amount, "监管账户", to.payee, to.account))
}

/// A kind of payment, and the step of the process that its confirmation is.
type Payment = (&'static str, &'static str);

pub(super) fn instruct(desk: &Desk<'_>, payment: Payment) -> Result<Doing, Fault> {
    let (kind, _) = payment;
    let input = json!({"kind": kind, "amount": sealed_outgoing(desk, kind)?});
    Ok(executed(on_sheet(desk, "instruct-payment", input)?, payment))
}

pub(super) fn refund(desk: &Desk<'_>, payment: Payment) -> Result<Doing, Fault> {
    let input = json!({
        "payment": desk.payment("own", "held")?, "amount": sealed_outgoing(desk, payment.0)?,
    });
    Ok(executed(desk.act(MONEY, "instruct-refund", &input)?, payment))
}

/// The instruction; then its officer waits for what the bank says.
fn executed(act: Act, payment: Payment) -> Doing {
    let after = move |desk: &Desk<'_>, sent: &Sent| confirmed(desk, sent, payment);
    Doing { acts: vec![act], after: Some(Box::new(after)), ..Doing::default() }
}

/// Nobody at the bank confirms: its core executes the payment, and the port says so on the ledger.
fn confirmed(desk: &Desk<'_>, sent: &Sent, (kind, node): Payment) -> Result<(), Fault> {
    let Done::Applied(events) = &sent.done else { return Ok(()) };
    let record = key_of(events, "payment")?;
    let client = &desk.person.actor.client;
    let said = desk.play.until(node, || {
        let versions = client.history(MONEY, "payment", &record, None, VERSIONS).map_err(remote)?;
        Ok(versions.items.into_iter().find(|version| version.version == ANSWERED))
    })?;
    let port = &desk.play.town.port;
    if said.by.action != "confirm-payment" || said.by.operator != *port {
        return Err(refused(node, &said.by.action));
    }
    let not_hex = |_bad| Fault::other("交易号有误", "a transaction's id is none");
    desk.play.done(Line {
        node: node.to_owned(),
        name: in_both(desk.play.town.forms.name(node)),
        seat: desk.play.town.person(PORT)?.seat,
        opened: sent.time,
        done: time(&said.began).unwrap_or(sent.time),
        transaction: Digest::from_hex(&said.by.transaction).map_err(not_hex)?,
    });
    desk.play.pay(Paid {
        kind,
        record,
        instructed: sent.transaction.to_string(),
        reference: text(&said, "reference").to_owned(),
        booked_on: text(&said, "on").to_owned(),
        confirmed: said.by.transaction,
    });
    Ok(())
}

pub(super) fn received(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let input = json!({"payment": desk.payment("payoff", "paid")?, "on": today()});
    Ok(desk.act(MONEY, "confirm-receipt", &input)?.into())
}

pub(super) fn dispute(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let input = json!({"payment": desk.payment("payoff", "paid")?, "reason": "逾期未确认收款"});
    Ok(desk.act(MONEY, "dispute-receipt", &input)?.into())
}

pub(super) fn void(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let act = on_sheet(desk, "void-sheet", json!({"cause": "agreed"}))?;
    Ok(act.with(&SELLERS, "void").with(&BUYERS, "void").into())
}

pub(super) fn settle(desk: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(on_sheet(desk, "settle-sheet", json!({}))?.into())
}
