//! `set-operator`: an operator's roles change, it is suspended, or its key is replaced.
//!
//! A new key is a new record that names the old one; the old record is closed. An administrator
//! of the same member may do all of it, an operator may replace its own key.

use chaincity_package::model::{Action, FieldType};
use chaincity_types::{Reject, Str, Value};

use super::schema::{action, field, optional, roles, title};
use super::{ADMIN, Input, OPERATOR};
use crate::call::CallRun;
use crate::halt::{Halt, reject};
use crate::session::field_text;

pub(super) const NAME: &str = "set-operator";

pub(super) fn declaration() -> Action {
    action(
        NAME,
        title("变更经办人", "Change an operator"),
        &[],
        vec![
            ("key", field(FieldType::Bytes(32), "公钥", "Public key")),
            ("roles", optional(roles(), "角色", "Roles, among the member's")),
            ("active", optional(FieldType::Bool, "启用", "Active")),
            ("rotate_to", optional(FieldType::Bytes(32), "新公钥", "Key that replaces it")),
        ],
    )
}

pub(super) fn apply(run: &mut CallRun<'_, '_>, input: &Input) -> Result<(), Halt> {
    super::check_no_mandates(run)?;
    let key = super::bytes(input, "key")?;
    let name = Str::from(hex::encode(&key));
    let Some(record) = run.session.get(&super::key(OPERATOR, &name))? else {
        return reject(Reject::NotFound, "register `operator`");
    };
    let member = field_text(&record.version, "member").unwrap_or_default().to_owned();
    super::check_own(run, &member)?;
    let own_key_only = run.frame.caller.key == key
        && !input.contains_key("roles")
        && !input.contains_key("active");
    if !run.frame.caller.has_role(ADMIN) && !own_key_only {
        return reject(Reject::NotAuthorised, format!("the role `{ADMIN}` is needed"));
    }
    super::check_roles_of(run, &member, &super::texts(input, "roles"))?;
    let package = super::package();
    let changes = input.iter().filter(|(name, _)| ["roles", "active"].contains(&name.as_str()));
    let set: Input = changes.map(|(name, value)| (name.clone(), value.clone())).collect();
    if !input.contains_key("rotate_to") {
        return run.update(&package, OPERATOR, &name, set, None);
    }
    let new = super::bytes(input, "rotate_to")?;
    super::check_key(&new)?;
    let mut fields = record.version.fields.clone();
    fields.extend(set);
    fields.insert("key".into(), Value::Bytes(new));
    fields.insert("rotated_from".into(), Value::Bytes(key));
    run.close(&package, OPERATOR, &name, &"rotated".into())?;
    run.insert(&package, OPERATOR, fields)?;
    Ok(())
}
