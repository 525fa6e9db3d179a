//! `add-member`: an organisation joins, with its first operator.

use chaincity_package::model::{Action, FieldType};
use chaincity_types::{Reject, Value};

use super::schema::{action, field, optional, roles, title};
use super::{ADMIN, Input, MEMBER, OPERATOR, record, text_list};
use crate::call::CallRun;
use crate::halt::{Halt, reject};

pub(super) const NAME: &str = "add-member";

pub(super) fn declaration() -> Action {
    action(
        NAME,
        title("增加成员单位", "Add a member"),
        &[ADMIN],
        vec![
            ("id", field(FieldType::Text(40), "标识", "Identifier")),
            ("name_zh", field(FieldType::Text(100), "中文名称", "Name, Chinese")),
            ("name_en", field(FieldType::Text(200), "英文名称", "Name, English")),
            ("roles", field(roles(), "可授角色", "Roles it may hand out")),
            (
                "operator",
                optional(FieldType::Bytes(32), "首位经办人公钥", "Its first operator's key"),
            ),
        ],
    )
}

pub(super) fn apply(run: &mut CallRun<'_, '_>, input: &Input) -> Result<(), Halt> {
    super::check_majority(run)?;
    let id = super::text(input, "id")?;
    if !super::is_name(&id) {
        return reject(Reject::InvalidInput, "`id` is not a member identifier");
    }
    let roles = super::texts(input, "roles");
    super::check_not_ledgers(&roles)?;
    let package = super::package();
    let fields = record([
        ("id", id.as_str().into()),
        ("name_zh", super::text(input, "name_zh")?.as_str().into()),
        ("name_en", super::text(input, "name_en")?.as_str().into()),
        ("roles", text_list(&roles)),
        ("active", Value::Bool(true)),
    ]);
    run.insert(&package, MEMBER, fields)?;
    if input.contains_key("operator") {
        let key = super::bytes(input, "operator")?;
        super::check_key(&key)?;
        let fields = record([
            ("key", Value::Bytes(key)),
            ("member", id.as_str().into()),
            ("roles", text_list(&roles)),
            ("active", Value::Bool(true)),
        ]);
        run.insert(&package, OPERATOR, fields)?;
    }
    Ok(())
}
