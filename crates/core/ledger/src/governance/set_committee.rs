//! `set-committee`: who the validators are from the next epoch on.

use std::collections::BTreeSet;

use chaincity_package::model::{Action, FieldType};
use chaincity_types::wire::{Status, Validator};
use chaincity_types::{Reject, Value};

use super::committee::{self, CURRENT, VALIDATORS_MAX};
use super::schema::{action, field, title};
use super::{ADMIN, COMMITTEE, Input, NODE};
use crate::call::CallRun;
use crate::halt::{Halt, reject};
use crate::session::field_text;

pub(super) const NAME: &str = "set-committee";

pub(super) fn declaration() -> Action {
    let nodes = FieldType::List(Box::new(FieldType::Bytes(32)), 64);
    action(
        NAME,
        title("变更共识委员会", "Set the committee"),
        &[ADMIN],
        vec![("nodes", field(nodes, "节点公钥", "Public keys of the nodes"))],
    )
}

pub(super) fn apply(run: &mut CallRun<'_, '_>, input: &Input) -> Result<(), Halt> {
    super::check_majority(run)?;
    let given = input.get("nodes").and_then(Value::as_list).unwrap_or_default();
    let keys: BTreeSet<String> = given
        .iter()
        .filter_map(|key| if let Value::Bytes(key) = key { Some(hex::encode(key)) } else { None })
        .collect();
    if keys.is_empty() || keys.len() > VALIDATORS_MAX || keys.len() != given.len() {
        return reject(Reject::GovernanceInvalid, "1 to 64 different nodes");
    }
    let logical: Vec<_> = keys.iter().map(|key| super::key(NODE, key)).collect();
    let mut validators = Vec::with_capacity(keys.len());
    for (name, record) in keys.iter().zip(run.session.get_all(&logical)?) {
        let Some(record) = record else {
            return reject(Reject::NotFound, "register `node`");
        };
        let version = &record.version;
        let candidate =
            version.status == Status::Live && field_text(version, "kind") == Some("candidate");
        let member = field_text(version, "member");
        let address = field_text(version, "address");
        let (true, Some(member), Some(address)) = (candidate, member, address) else {
            return reject(Reject::GovernanceInvalid, "a node that is not a candidate");
        };
        validators.push(Validator {
            key: hex::decode(name).unwrap_or_default(),
            member: member.to_owned(),
            address: address.to_owned(),
        });
    }
    let fields = committee::fields(validators);
    run.update(&super::package(), COMMITTEE, &CURRENT.into(), fields, None)
}
