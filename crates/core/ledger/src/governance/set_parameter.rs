//! `set-parameter`: a named value that packages' users and clients read.

use chaincity_package::model::{Action, FieldType};
use chaincity_types::Reject;

use super::schema::{action, field, title};
use super::{ADMIN, Input, PARAMETER};
use crate::call::CallRun;
use crate::halt::{Halt, reject};

pub(super) const NAME: &str = "set-parameter";

/// Parameters that only a new protocol or a new ledger can change.
const FIXED: [&str; 2] = ["protocol", "epoch-blocks"];

pub(super) fn declaration() -> Action {
    action(
        NAME,
        title("设置参数", "Set a parameter"),
        &[ADMIN],
        vec![
            ("name", field(FieldType::Text(40), "名称", "Name")),
            ("value", field(FieldType::Text(1_000), "值", "Value")),
        ],
    )
}

pub(super) fn apply(run: &mut CallRun<'_, '_>, input: &Input) -> Result<(), Halt> {
    super::check_majority(run)?;
    let name = super::text(input, "name")?;
    if !super::is_name(&name) || FIXED.contains(&name.as_str()) {
        return reject(Reject::GovernanceInvalid, "the parameter cannot be set");
    }
    let package = super::package();
    if run.session.get(&super::key(PARAMETER, &name))?.is_some() {
        run.update(&package, PARAMETER, &name, input.clone(), None)
    } else {
        run.insert(&package, PARAMETER, input.clone()).map(|_| ())
    }
}
