//! The committee as state: the record `committee/current` names the validators of the next
//! epoch.

use chaincity_types::Value;
use chaincity_types::wire::{Committee, LogicalKey, Validator, Version};

use super::{COMMITTEE, key};

/// Most validators of a committee.
pub(super) const VALIDATORS_MAX: usize = 64;
/// Key of the one committee record.
pub(super) const CURRENT: &str = "current";

/// Where the state says who the validators of the next epoch are.
#[must_use]
pub fn committee_key() -> LogicalKey {
    key(COMMITTEE, CURRENT)
}

/// The committee that a version of the committee record names, as that of `epoch`.
#[must_use]
pub fn committee_of(epoch: u64, version: &Version) -> Option<Committee> {
    let validators = version.fields.get("validators")?.as_list()?;
    let validators = validators.iter().map(from_value).collect::<Option<Vec<_>>>()?;
    Some(Committee { epoch, validators })
}

/// The committee record's fields; `validators` sorted by key.
pub(super) fn fields(mut validators: Vec<Validator>) -> super::Input {
    validators.sort();
    let list = validators.iter().map(to_value).collect();
    super::record([("name", CURRENT.into()), ("validators", Value::List(list))])
}

fn to_value(validator: &Validator) -> Value {
    Value::Map(super::record([
        ("key", Value::Bytes(validator.key.clone())),
        ("member", validator.member.as_str().into()),
        ("address", validator.address.as_str().into()),
    ]))
}

fn from_value(value: &Value) -> Option<Validator> {
    let map = value.as_map()?;
    let Some(Value::Bytes(key)) = map.get("key") else {
        return None;
    };
    let text = |name: &str| map.get(name).and_then(Value::as_text).map(str::to_owned);
    Some(Validator { key: key.clone(), member: text("member")?, address: text("address")? })
}
