//! Mandates that a joint act needs: asked for in a case, given by the parties as ever, and seen to be
//! there before the act is tried.

use chaincity_crypto::hash;
use chaincity_types::wire::Status;
use chaincity_types::{Reject, Str, Value, cbor};

use super::flow::Flow;
use super::{CASE, Fields, REQUEST, caller, key, record, text};
use crate::call::CallRun;
use crate::fuel;
use crate::halt::{Halt, reject};
use crate::session::draw;

/// Domain of a request's key.
const DOMAIN: &str = "chaincity/mandate-request/1";
/// What a mandate and the request for it have in common.
const BINDS: [&str; 6] = ["case", "party", "package", "action", "purpose", "digest"];

/// The key of the request for a mandate with these fields: there is one for each.
fn name(fields: &Fields) -> Str {
    let bound = BINDS.iter().filter_map(|name| fields.get(*name).cloned());
    let digest = hash::in_domain(DOMAIN, &cbor::encode(&Value::List(bound.collect())));
    hex::encode(digest.as_bytes()).into()
}

/// Asks a party for a mandate in an open case. Asking again for the same changes nothing.
pub(super) fn ask(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let flow = Flow::load(run, &text(input, CASE)?)?;
    if !flow.is_open() {
        return reject(Reject::CaseState, "it has ended");
    }
    caller::check_involved(run, &flow)?;
    let id = name(input);
    let logical = key(REQUEST, &id);
    draw(&mut run.fuel, fuel::READ)?;
    if run.drafts.contains_key(&logical) || run.session.get(&logical)?.is_some() {
        return run.raise(&super::package().id, "asked-again", &REQUEST.into(), &id);
    }
    let mut fields = input.clone();
    fields.insert("id".into(), Value::Text(id));
    fields.insert("status".into(), "asked".into());
    run.insert(&super::package(), REQUEST, fields).map(drop)
}

/// A mandate was given, or taken back: the request for it, if there is one, says so.
pub(crate) fn note(
    run: &mut CallRun<'_, '_>,
    mandate: &Fields,
    given: Option<&Str>,
) -> Result<(), Halt> {
    if !mandate.contains_key("case") {
        return Ok(());
    }
    let name = name(mandate);
    draw(&mut run.fuel, fuel::READ)?;
    let request = run.session.get(&key(REQUEST, &name))?;
    if request.is_none_or(|request| request.version.status == Status::Closed) {
        return Ok(());
    }
    let set = record([
        ("status", if given.is_some() { "given" } else { "asked" }.into()),
        ("mandate", given.cloned().map_or(Value::Null, Value::Text)),
    ]);
    run.update(&super::package(), REQUEST, &name, set, None)
}
