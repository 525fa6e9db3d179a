//! `set-register-mode`: whether a register leads, runs beside its source system, or mirrors it.
//!
//! `mirror`: only the source's connector writes, and what it reports is always recorded.
//! `parallel`: others write too, by the rules. `master`: the rules alone decide; the mode of a
//! register for which none was set.

use chaincity_package::model::{Action, FieldType};
use chaincity_types::{Reject, Str, Value};

use super::discrepancy::{MODES, mode_key};
use super::schema::{action, field, title};
use super::{ADMIN, Input, MODE};
use crate::call::CallRun;
use crate::halt::{Halt, reject};

pub(super) const NAME: &str = "set-register-mode";

pub(super) fn declaration() -> Action {
    action(
        NAME,
        title("设置登记簿模式", "Set a register's mode"),
        &[ADMIN],
        vec![
            ("package", field(FieldType::Text(40), "应用包", "Package")),
            ("register", field(FieldType::Text(40), "登记簿", "Register")),
            ("mode", field(FieldType::Enum(MODES.map(Str::from).to_vec()), "模式", "Mode")),
        ],
    )
}

pub(super) fn apply(run: &mut CallRun<'_, '_>, input: &Input) -> Result<(), Halt> {
    super::check_majority(run)?;
    let (id, name) = (super::text(input, "package")?, super::text(input, "register")?);
    let package = run.session.package(&id)?;
    let Some(register) = package.registers.get(&name) else {
        return reject(Reject::UnknownRegister, format!("register `{name}`"));
    };
    if register.source.is_none() {
        return reject(Reject::GovernanceInvalid, "the register names no source");
    }
    let governance = super::package();
    let key = mode_key(&id, &name);
    if run.session.get(&super::key(MODE, &key))?.is_some() {
        return run.update(&governance, MODE, &key, input.clone(), None);
    }
    let mut fields = input.clone();
    fields.insert("name".into(), Value::Text(key));
    run.insert(&governance, MODE, fields).map(drop)
}
