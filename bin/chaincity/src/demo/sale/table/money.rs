//! The rows of the banks and the tax bureau. Amounts are sealed where they belong; the ledger has
//! their commitments.

use serde_json::{Value as Json, json};

use super::super::cast::{BUYERS, LENDER, PAYOFF_BANK, SELLERS};
use super::super::deal::{
    self, BUYER_ACCOUNT, ESCROW_ACCOUNT, LOAN, LOAN_ACCOUNT, NET, OWN, PAYOFF, PRICE,
    SELLER_ACCOUNT, digest, movement,
};
use super::super::desk::{Act, Desk, Doing};
use super::super::office::key;
use super::today;
use crate::fault::Fault;

/// Package of the escrow.
const MONEY: &str = "settlement";
/// What both sides and both banks agree to.
const AGREEMENT: &str = "agreement";
/// How long the quote and the offer hold, in days.
const QUOTE_DAYS: i64 = 10;
const OFFER_DAYS: i64 = 60;

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

pub(super) fn refund(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let values = movement(OWN, "监管账户", "买方", BUYER_ACCOUNT);
    let input = json!({
        "payment": desk.payment("own", "held")?, "amount": sealed_movement(desk, &values)?,
        "reference": reference(desk, "refund")?, "on": today(),
    });
    Ok(desk.act(MONEY, "refund", &input)?.into())
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

pub(super) fn instruct(desk: &Desk<'_>, kind: &str) -> Result<Doing, Fault> {
    let values = match kind {
        "payoff" => movement(PAYOFF, "监管账户", "甲银行", LOAN_ACCOUNT),
        "net" => movement(NET, "监管账户", "卖方", SELLER_ACCOUNT),
        _ => movement(0, "监管账户", "卖方", SELLER_ACCOUNT),
    };
    let input = json!({"kind": kind, "amount": sealed_movement(desk, &values)?});
    Ok(on_sheet(desk, "instruct-payment", input)?.into())
}

pub(super) fn paid(desk: &Desk<'_>, kind: &str) -> Result<Doing, Fault> {
    let input = json!({
        "payment": desk.payment(kind, "instructed")?, "reference": reference(desk, kind)?,
        "on": today(),
    });
    Ok(desk.act(MONEY, "confirm-payment", &input)?.into())
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
