//! The utilities' rows: one signature, then each supplier reads what it needs, once, and answers.

use std::time::Duration;

use chaincity_client::{Answer, Basis, Read, Reading, one_time_key};
use serde_json::{Map, Value as Json, json};

use super::super::cast::{BUYERS, REGISTRY, SELLERS, UTILITIES};
use super::super::deal::{self, digest};
use super::super::desk::{Act, Desk, Doing, text};
use super::super::forms::Fields;
use super::super::prepare::{PURPOSE, RESOURCE};
use super::books::titled;
use super::today;
use crate::actor::{Sent, remote};
use crate::fault::Fault;

const SUPPLY: &str = "utilities";
const PART: &str = "part";
/// How long the registry's release agent may take.
const RELEASE_MAX: Duration = Duration::from_secs(30);
/// How long a supplier may read, in days.
const CONSENT_DAYS: i64 = 5;

/// The group of what a supplier is told.
fn group(kind: &str) -> String {
    format!("{kind}-payload")
}

/// The new holder's one signature; and for each supplier the consent by which it reads once.
pub(super) fn ask(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let ([seller, _], [buyer, _]) = (SELLERS, BUYERS);
    let unit = desk.play.deal.unit;
    let mut parts = Vec::new();
    for account in desk.records((SUPPLY, "account"), &[("unit", unit)])? {
        let kind = text(&account, "kind");
        let sealed =
            desk.seal((SUPPLY, PART, &group(kind)), &deal::payload(desk.play.deal, kind))?;
        parts.push(json!({"account": account.key, kind: sealed}));
    }
    let (certificate, transferred) = titled(desk)?;
    let request = json!({
        "unit": unit, "certificate": certificate, "transferor": seller, "transferee": buyer,
        "transferred": transferred, "parts": parts,
    });
    let request = desk.act(SUPPLY, "request-transfer", &request)?;
    let mut acts = vec![request.with(&[buyer], "transfer-utilities")];
    for kind in UTILITIES {
        let consent = json!({
            "resource": RESOURCE, "subject": buyer, "reader": kind, "groups": [group(kind)],
            "claims": [], "purpose": PURPOSE, "from": today(), "to": deal::day(CONSENT_DAYS),
            "times": 1, "text_digest": digest("公用事业过户告知同意书"), "text_version": "2026-1",
            "identity_check": format!("{} 核验", desk.play.deal.number),
        });
        acts.push(desk.act("disclosure", "give-consent", &consent)?);
    }
    Ok(acts.into())
}

/// The part of the request that is for this supplier.
fn part(desk: &Desk<'_>, state: &str) -> Result<String, Fault> {
    let by = [("provider", desk.person.seat.member), ("state", state)];
    Ok(desk.record((SUPPLY, PART), &by)?.key)
}

/// Reads what it is told, once: the access and the note of it in one step, the envelope when the
/// registry has released it.
pub(super) fn read(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let member = desk.person.seat.member;
    let part = part(desk, "asked")?;
    let consents = desk.records(("disclosure", "consent"), &[("reader", member)])?;
    let consent = consents.into_iter().filter(|consent| {
        consent.computed.get("state").and_then(Json::as_str) == Some("effective")
    });
    let consent = consent.map(|consent| consent.key).next();
    let consent = consent.ok_or_else(|| Fault::other("没有同意", "there is no consent"))?;
    let reading = Reading {
        groups: vec![group(member)],
        ..Reading::of(REGISTRY, (SUPPLY, PART, &part), PURPOSE, Basis::Consent(consent))
    };
    let key = one_time_key().map_err(remote)?;
    // It is connected through the registry's node, which keeps the vault and hands the envelope over.
    let client = &desk.person.actor.client;
    let call = client.access_call(&reading, std::slice::from_ref(&part), &key, client);
    let call = call.map_err(remote)?;
    let access =
        Act { package: call.package, action: call.action, input: call.input, consents: Vec::new() };
    let by = [("steward", REGISTRY), ("reader", member)];
    let before = desk.records(("disclosure", "access"), &by)?.len();
    let number = format!("{member}:{SUPPLY}:{PART}:{:08}", before.saturating_add(1));
    let noted = json!({"part": part, "access": number});
    let acts = vec![access, desk.act(SUPPLY, "read-part", &noted)?];
    let after = move |desk: &Desk<'_>, _: &Sent| {
        let client = &desk.person.actor.client;
        let read = client.read_access(&reading, (number, &key), client, RELEASE_MAX);
        opened(desk, read.map_err(remote)?)
    };
    Ok(Doing { acts, after: Some(Box::new(after)), ..Doing::default() })
}

/// Keeps what was read.
fn opened(desk: &Desk<'_>, read: Read) -> Result<(), Fault> {
    let Answer::Given { given, .. } = read else {
        return Err(Fault::other("读取未成", format!("the reading ended as {read:?}")));
    };
    let letter: Fields = given.groups.into_iter().flat_map(|(_, fields)| fields).collect();
    desk.play.post(desk.person.seat.member, letter);
    Ok(())
}

/// The account is the new holder's: whose name it read is in its own vault from now on.
pub(super) fn accept(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let letter = desk.play.letter(desk.person.seat.member);
    let letter = letter.ok_or_else(|| Fault::other("尚未读取", "nothing was read yet"))?;
    let read = |name: &str| letter.get(name).and_then(|value| value.as_text()).map(Json::from);
    let mut holder = Map::new();
    holder.extend(read("holder_name").map(|name| ("name".to_owned(), name)));
    holder.extend(read("phone").map(|phone| ("phone".to_owned(), phone)));
    holder.extend(read("document_masked").map(|id| ("document_number".to_owned(), id)));
    let details = desk.seal((SUPPLY, "account", "account-holder"), &Json::Object(holder))?;
    let input = json!({"part": part(desk, "read")?, "details": details});
    Ok(desk.act(SUPPLY, "accept-part", &input)?.into())
}
