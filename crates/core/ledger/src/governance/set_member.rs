//! `set-member`: a member's roles change, or it is suspended or admitted again.

use chaincity_package::model::{Action, FieldType};

use super::schema::{action, field, optional, roles, title};
use super::{ADMIN, Input, MEMBER};
use crate::call::CallRun;
use crate::halt::Halt;

pub(super) const NAME: &str = "set-member";

pub(super) fn declaration() -> Action {
    action(
        NAME,
        title("变更成员单位", "Change a member"),
        &[ADMIN],
        vec![
            ("id", field(FieldType::Ref(MEMBER.into()), "标识", "Identifier")),
            ("roles", optional(roles(), "可授角色", "Roles it may hand out")),
            ("active", optional(FieldType::Bool, "启用", "Active")),
        ],
    )
}

pub(super) fn apply(run: &mut CallRun<'_, '_>, input: &Input) -> Result<(), Halt> {
    super::check_majority(run)?;
    let id = super::text(input, "id")?;
    super::check_not_ledgers(&super::texts(input, "roles"))?;
    let set = input.iter().filter(|(name, _)| *name != "id");
    let set: Input = set.map(|(name, value)| (name.clone(), value.clone())).collect();
    run.update(&super::package(), MEMBER, &id, set, None)
}
