//! Reading the governance records that the pipeline itself depends on.

use std::sync::Arc;

use chaincity_ledger::{Packages, governance};
use chaincity_package::model::Package;
use chaincity_types::wire::{LogicalKey, Validator, Version};
use chaincity_types::{Digest, Value};

use crate::execute::COMPILED;

/// The record of an operator.
pub(crate) fn operator_key(public_key: &[u8]) -> LogicalKey {
    governance::key(governance::OPERATOR, hex::encode(public_key))
}

fn text<'v>(version: &'v Version, name: &str) -> Option<&'v str> {
    version.fields.get(name).and_then(Value::as_text)
}

fn bytes<'v>(version: &'v Version, name: &str) -> Option<&'v [u8]> {
    if let Some(Value::Bytes(bytes)) = version.fields.get(name) { Some(bytes) } else { None }
}

/// The member of an operator's record.
pub(crate) fn member_of(version: &Version) -> Option<&str> {
    text(version, "member")
}

/// The node of a node's record.
pub(crate) fn node_of(version: &Version) -> Option<Validator> {
    Some(Validator {
        key: bytes(version, "key")?.to_vec(),
        member: member_of(version)?.to_owned(),
        address: text(version, "address")?.to_owned(),
    })
}

/// The compiled package of a package's record.
pub(crate) fn package_of(version: &Version) -> Option<Arc<Package>> {
    let digest = Digest::from_slice(bytes(version, "digest")?)?;
    COMPILED.compiled(digest, bytes(version, "document")?)
}
