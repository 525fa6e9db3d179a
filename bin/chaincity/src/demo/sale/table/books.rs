//! The registry's rows: the check, the application, the entries, the certificates.

use serde_json::{Value as Json, json};

use super::super::cast::{BUYERS, LENDER, PAYOFF_BANK, SELLERS};
use super::super::deal::{self, LOAN, PRICE, digest, joint};
use super::super::desk::{Act, Desk, Doing};
use super::super::office::key;
use super::today;
use crate::fault::Fault;

/// Package of the register.
const BOOKS: &str = "real-estate";
/// Who sells and who buys.
const PARTIES: [&[&str]; 2] = [&SELLERS, &BUYERS];
/// The acts that the registrar carries out at the end.
const ENTRIES: &str = "entries";

fn parties() -> Vec<&'static str> {
    PARTIES.concat()
}

/// The check of the unit; `again`: after a seal was lifted, on a new request to the holders.
pub(super) fn verify(desk: &Desk<'_>, again: bool) -> Result<Doing, Fault> {
    let mut input = json!({"unit": desk.play.deal.unit});
    if again && let Some(input) = input.as_object_mut() {
        // A request stands for one act: another one says that nobody is represented.
        input.insert("representations".to_owned(), json!([]));
    }
    let act = desk.act(BOOKS, "verify-unit", &input)?.with(&SELLERS, "verify-unit");
    Ok(Doing::from(act).set("unit_free", "true"))
}

/// One application for each entry, by those whose right it concerns.
pub(super) fn apply(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let with_bank = [BUYERS[0], BUYERS[1], LENDER];
    let acts =
        [("release", vec![PAYOFF_BANK]), ("transfer", parties()), ("mortgage", with_bank.to_vec())];
    let apply = |(kind, applicants): &(&str, Vec<&str>)| {
        let input = json!({
            "kind": kind, "office": "娄星", "units": [desk.play.deal.unit],
            "applicants": applicants,
            "materials": [{"name": "登记申请书"}, {"name": "完税凭证"}],
        });
        Ok(desk.act(BOOKS, "apply-registration", &input)?.with(applicants, "apply"))
    };
    let acts: Vec<Act> = acts.iter().map(apply).collect::<Result<_, Fault>>()?;
    Ok(acts.into())
}

/// The same act for each open application.
fn each(desk: &Desk<'_>, action: &str, with: &Json) -> Result<Vec<Act>, Fault> {
    let of = |(_, application): (String, String)| {
        let mut input = with.clone();
        if let Some(input) = input.as_object_mut() {
            input.insert("application".to_owned(), application.into());
        }
        desk.act(BOOKS, action, &input)
    };
    desk.applications()?.into_iter().map(of).collect()
}

pub(super) fn accept(desk: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(each(desk, "accept-application", &json!({}))?.into())
}

pub(super) fn review(desk: &Desk<'_>, action: &str) -> Result<Doing, Fault> {
    Ok(each(desk, action, &json!({"opinion": "材料齐全，同意"}))?.into())
}

pub(super) fn ask_correction(desk: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(each(desk, "ask-correction", &json!({"missing": "缺少完税凭证"}))?.into())
}

fn supplied(desk: &Desk<'_>) -> Result<Vec<Act>, Fault> {
    each(desk, "supply-correction", &json!({"materials": [{"name": "完税凭证"}]}))
}

pub(super) fn supply(desk: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(supplied(desk)?.into())
}

pub(super) fn recall(desk: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(each(desk, "recall-correction", &json!({"reason": "完税凭证已由税务机关提供"}))?.into())
}

fn declined(desk: &Desk<'_>) -> Result<Vec<Act>, Fault> {
    each(desk, "decline-application", &json!({"reason": "交易未能办成"}))
}

pub(super) fn decline(desk: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(declined(desk)?.into())
}

/// What was asked for never came: it is taken as it is, and declined.
pub(super) fn lapse(desk: &Desk<'_>) -> Result<Doing, Fault> {
    Ok([supplied(desk)?, declined(desk)?].concat().into())
}

pub(super) fn refuse(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let why = json!({"refused_for": "other-law", "reason": "交易未能办成"});
    Ok(each(desk, "refuse-application", &why)?.into())
}

/// All who applied withdraw.
pub(super) fn withdraw(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let mut acts = Vec::new();
    for (kind, application) in desk.applications()? {
        let input = json!({"application": application, "reason": "双方协商一致"});
        let act = desk.act(BOOKS, "withdraw-application", &input)?;
        acts.push(match kind.as_str() {
            "release" => act.with(&[PAYOFF_BANK], "withdraw"),
            "transfer" => act.with(&parties(), "withdraw"),
            _ => act.with(&[BUYERS[0], BUYERS[1], LENDER], "withdraw"),
        });
    }
    Ok(acts.into())
}

/// The lock on the unit; and what will be entered is laid before all who must consent to it.
pub(super) fn notice(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let ([seller, _], [buyer, _]) = (SELLERS, BUYERS);
    let input = json!({
        "unit": desk.play.deal.unit, "kind": "transfer", "holder": buyer, "obligor": seller,
        "basis": "存量房买卖合同",
    });
    let act = desk.act(BOOKS, "register-notice", &input)?.with(&[seller, buyer], "notice");
    let laid = entries(desk)?;
    desk.play.put(ENTRIES, &laid);
    Ok(Doing { acts: vec![act], laid, ..Doing::default() })
}

pub(super) fn end_notice(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let notice = desk.record((BOOKS, "notice"), &[("unit", desk.play.deal.unit)])?;
    let input = json!({
        "notice": key(&notice), "cause": "claim_ended", "basis": "买卖合同已解除",
        "basis_digest": digest("解除协议"),
    });
    Ok(desk.act(BOOKS, "end-notice", &input)?.into())
}

/// Release, transfer, mortgage: what the parties sign and the registrar books.
fn entries(desk: &Desk<'_>) -> Result<Vec<Act>, Fault> {
    let unit = desk.play.deal.unit;
    let by = [("unit", unit), ("mortgagee", PAYOFF_BANK)];
    let old = desk.record((BOOKS, "mortgage"), &by)?;
    let release = json!({
        "mortgage": key(&old), "application": desk.application("release")?,
        "basis": "结清前同意注销，凭监管付款担保",
    });
    let identity = desk.seal((BOOKS, "right", "holder-identity"), &deal::buyers_identity())?;
    let terms = json!({"price": PRICE, "contract": desk.play.deal.contract});
    let transfer = json!({
        "unit": unit, "application": desk.application("transfer")?, "to": joint(&BUYERS),
        "co_ownership": "joint", "basis": "存量房买卖合同", "identity": identity,
        "deal": desk.seal((BOOKS, "right", "deal"), &terms)?,
    });
    let mortgage = json!({
        "unit": unit, "application": desk.application("mortgage")?, "mortgagee": LENDER,
        "kind": "general", "amount": LOAN, "transfer_banned": false, "basis": "抵押合同",
    });
    Ok(vec![
        desk.act(BOOKS, "release", &release)?.with(&[PAYOFF_BANK], "release"),
        desk.act(BOOKS, "transfer", &transfer)?.with(&SELLERS, "transfer").with(&BUYERS, "acquire"),
        desk.act(BOOKS, "mortgage", &mortgage)?
            .with(&BUYERS, "mortgage")
            .with(&[LENDER], "mortgage"),
    ])
}

/// 登簿: one transaction of all entries, the certificates, and what binds the escrow.
pub(super) fn commit(desk: &Desk<'_>, release: bool, loan: bool) -> Result<Doing, Fault> {
    let wanted = |act: &Act| match act.action.as_str() {
        "release" => release,
        "mortgage" => loan,
        _ => true,
    };
    let mut acts = desk.play.kept(ENTRIES)?;
    acts.retain(wanted);
    let unit = desk.play.deal.unit;
    acts.push(desk.act(BOOKS, "issue-certificate", &json!({"unit": unit}))?);
    if loan {
        let input = json!({"unit": unit, "mortgagee": LENDER});
        acts.push(desk.act(BOOKS, "issue-certificate", &input)?);
    }
    let input = json!({"sheet": key(&desk.sheet()?), "content": desk.content()?});
    acts.push(desk.act("settlement", "book", &input)?);
    Ok(acts.into())
}

/// With the old mortgage still there: its holder lets it go once it is paid.
pub(super) fn release_old(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let by = [("unit", desk.play.deal.unit), ("mortgagee", PAYOFF_BANK)];
    let old = desk.record((BOOKS, "mortgage"), &by)?;
    Ok(desk.act(BOOKS, "release", &json!({"mortgage": key(&old), "basis": "已结清"}))?.into())
}

/// Numbers of the certificates of title and of the new mortgage.
pub(super) fn certificates(desk: &Desk<'_>) -> Result<(String, String), Fault> {
    let unit = desk.play.deal.unit;
    let right = desk.record((BOOKS, "right"), &[("unit", unit)])?;
    let by = [("unit", unit), ("mortgagee", LENDER)];
    let mortgage = desk.record((BOOKS, "mortgage"), &by)?;
    let title = desk.record((BOOKS, "certificate"), &[("right", &right.key)])?;
    let proof = desk.record((BOOKS, "certificate"), &[("mortgage", &mortgage.key)])?;
    Ok((title.key, proof.key))
}

/// The certificates go to the buyer and to the bank that lends.
pub(super) fn deliver(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let (title, proof) = certificates(desk)?;
    let [buyer, _] = BUYERS;
    let mut acts = Vec::new();
    for (kind, number, to) in [("transfer", title, buyer), ("mortgage", proof, LENDER)] {
        let application = desk.application(kind)?;
        let printed = json!({"application": application, "certificates": [number]});
        acts.push(desk.act(BOOKS, "print-certificate", &printed)?);
        let delivered = json!({"application": application, "to": to});
        let act = desk.act(BOOKS, "deliver-certificate", &delivered)?;
        acts.push(act.with(&[to], "receive"));
    }
    Ok(acts.into())
}

pub(super) fn archive(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let file = |(kind, application): (String, String)| {
        let number = format!("{}-{kind}", desk.play.deal.number);
        let input = json!({"application": application, "archive_number": number});
        desk.act(BOOKS, "archive-application", &input)
    };
    let acts = desk.applications()?.into_iter().map(file).collect::<Result<Vec<_>, _>>()?;
    Ok(acts.into())
}

/// The day on which title passed, and the certificate, for what follows.
pub(super) fn titled(desk: &Desk<'_>) -> Result<(String, String), Fault> {
    Ok((certificates(desk)?.0, today()))
}
