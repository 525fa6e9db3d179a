//! `add-node`: the caller's member announces a node; a candidate may be voted into a committee.

use chaincity_package::model::{Action, FieldType};

use super::schema::{action, field, node_kind, title};
use super::{ADMIN, Input, MEMBER, NODE};
use crate::call::CallRun;
use crate::halt::Halt;

pub(super) const NAME: &str = "add-node";

pub(super) fn declaration() -> Action {
    action(
        NAME,
        title("增加节点", "Add a node"),
        &[ADMIN],
        vec![
            ("key", field(FieldType::Bytes(32), "公钥", "Public key")),
            ("member", field(FieldType::Ref(MEMBER.into()), "成员单位", "Member")),
            ("address", field(FieldType::Text(255), "地址", "Address, `host:port`")),
            ("kind", field(node_kind(), "类型", "Kind: may it be a validator")),
        ],
    )
}

pub(super) fn apply(run: &mut CallRun<'_, '_>, input: &Input) -> Result<(), Halt> {
    super::check_no_mandates(run)?;
    super::check_key(&super::bytes(input, "key")?)?;
    super::check_own(run, &super::text(input, "member")?)?;
    run.insert(&super::package(), NODE, input.clone())?;
    Ok(())
}
