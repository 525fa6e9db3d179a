//! `mandate` and `revoke-mandate`: a party consents to a definite act by another, or takes the
//! consent back before it is used.

use chaincity_package::model::{Action, FieldType};
use chaincity_types::{Reject, Value};

use super::schema::{action, field, optional, title};
use super::{ADMIN, ID, Input, MANDATE};
use crate::authority::Caller;
use crate::call::CallRun;
use crate::cases;
use crate::halt::{Halt, reject};
use crate::session::field_text;

pub(super) const GIVE: &str = "mandate";
pub(super) const REVOKE: &str = "revoke-mandate";

pub(super) fn give_declaration() -> Action {
    action(
        GIVE,
        title("授意", "Give a mandate"),
        &[],
        vec![
            (
                "party",
                field(FieldType::Text(128), "当事人", "Party: the caller's member or subject"),
            ),
            ("package", field(FieldType::Text(40), "应用包", "Package")),
            ("action", field(FieldType::Text(60), "业务动作", "Action")),
            ("purpose", field(FieldType::Text(60), "用途", "Purpose")),
            ("digest", field(FieldType::Digest, "参数摘要", "Digest of the arguments")),
            ("case", optional(FieldType::Text(64), "办件", "Case")),
            ("expiry", field(FieldType::Time, "有效期至", "Expiry")),
        ],
    )
}

pub(super) fn revoke_declaration() -> Action {
    let mandate = field(FieldType::Ref(MANDATE.into()), "授意", "Mandate");
    action(REVOKE, title("撤回授意", "Revoke a mandate"), &[], vec![("mandate", mandate)])
}

/// A party speaks for itself; for a governance act its administrator speaks.
fn check_party(caller: &Caller, party: &str, package: &str) -> Result<(), Halt> {
    let own = caller.member == party || caller.subject.as_deref() == Some(party);
    if !own {
        return reject(Reject::NotAuthorised, "the party is another");
    }
    if package == ID && !caller.has_role(ADMIN) {
        return reject(Reject::NotAuthorised, format!("the role `{ADMIN}` is needed"));
    }
    Ok(())
}

pub(super) fn give(run: &mut CallRun<'_, '_>, input: &Input) -> Result<(), Halt> {
    super::check_no_mandates(run)?;
    let (party, package) = (super::text(input, "party")?, super::text(input, "package")?);
    check_party(run.frame.caller, &party, &package)?;
    if input.get("expiry") <= Some(&Value::Time(run.session.context.time)) {
        return reject(Reject::InvalidInput, "`expiry` is past");
    }
    let mut fields = input.clone();
    fields.insert("status".into(), "open".into());
    let name = run.insert(&super::package(), MANDATE, fields)?;
    cases::note_mandate(run, input, Some(&name))
}

pub(super) fn revoke(run: &mut CallRun<'_, '_>, input: &Input) -> Result<(), Halt> {
    super::check_no_mandates(run)?;
    let name = super::text(input, "mandate")?;
    let Some(record) = run.session.get(&super::key(MANDATE, &name))? else {
        return reject(Reject::NotFound, "register `mandate`");
    };
    let party = field_text(&record.version, "party").unwrap_or_default();
    // Revoking needs no role: whoever speaks for the party at all may withdraw.
    check_party(run.frame.caller, party, "")?;
    if field_text(&record.version, "status") != Some("open") {
        return reject(Reject::MandateInvalid, "used or revoked before");
    }
    let set = super::record([("status", "revoked".into())]);
    run.update(&super::package(), MANDATE, &name, set, None)?;
    cases::note_mandate(run, &record.version.fields, None)
}
