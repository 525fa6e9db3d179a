//! `add-operator`: a person or machine acts for the caller's member from now on.
//!
//! A subject gives mandates under its own name, so only a caller with the role
//! `governance.identity` may say that a key is a subject's; and no subject is called like a
//! member, for which it could then speak.

use chaincity_package::model::{Action, FieldType};
use chaincity_types::{Reject, Value};

use super::schema::{action, field, optional, roles, title};
use super::{ADMIN, IDENTITY, Input, MEMBER, OPERATOR};
use crate::call::CallRun;
use crate::halt::{Halt, reject};

pub(super) const NAME: &str = "add-operator";

pub(super) fn declaration() -> Action {
    action(
        NAME,
        title("增加经办人", "Add an operator"),
        &[ADMIN],
        vec![
            ("key", field(FieldType::Bytes(32), "公钥", "Public key")),
            ("member", field(FieldType::Ref(MEMBER.into()), "成员单位", "Member")),
            ("roles", field(roles(), "角色", "Roles, among the member's")),
            ("subject", optional(FieldType::Text(128), "主体", "Subject that the operator is")),
        ],
    )
}

pub(super) fn apply(run: &mut CallRun<'_, '_>, input: &Input) -> Result<(), Halt> {
    super::check_no_mandates(run)?;
    super::check_key(&super::bytes(input, "key")?)?;
    let member = super::text(input, "member")?;
    super::check_own(run, &member)?;
    super::check_roles_of(run, &member, &super::texts(input, "roles"))?;
    if let Some(subject) = input.get("subject").and_then(Value::as_text) {
        if !run.frame.caller.has_role(IDENTITY) {
            return reject(Reject::NotAuthorised, format!("the role `{IDENTITY}` is needed"));
        }
        if run.session.get(&super::key(MEMBER, subject))?.is_some() {
            return reject(Reject::GovernanceInvalid, "the subject is called like a member");
        }
    }
    let mut fields = input.clone();
    fields.insert("active".into(), Value::Bool(true));
    run.insert(&super::package(), OPERATOR, fields)?;
    Ok(())
}
