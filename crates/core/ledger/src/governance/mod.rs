//! The built-in package `governance`: members, operators, nodes, packages, the committee,
//! mandates and parameters are ordinary records, changed by actions written here.
//!
//! An action by an operator with the role `governance.admin` changes what is its own member's.
//! What concerns all (members, packages, the committee) needs the consent of more than half of
//! the members that run a validator: the caller's own member by its signature, the others by
//! mandates with the purpose `approve`. Proposals and ballots come with their own design.

mod add_member;
mod add_node;
mod add_operator;
mod committee;
mod discrepancy;
mod genesis;
mod mandate;
mod publish_package;
pub(crate) mod schema;
mod set_committee;
mod set_member;
mod set_operator;
mod set_parameter;
mod set_register_mode;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaincity_package::model::{Action, Package, TIMER_ROLE};
use chaincity_types::wire::LogicalKey;
use chaincity_types::{Digest, Reject, Str, Value};

use crate::call::CallRun;
use crate::cases::{Graph, Model};
use crate::halt::{Halt, reject, rejected};
use crate::mandates::take;
use crate::view::Packages;

pub use committee::{committee_key, committee_of};
pub(crate) use discrepancy::Booking;
pub use genesis::GenesisError;
pub(crate) use genesis::genesis;
pub use schema::package;

/// Identifier of the package.
pub const ID: &str = "governance";
/// Register of members.
pub const MEMBER: &str = "member";
/// Register of operators, by public key in hexadecimal.
pub const OPERATOR: &str = "operator";
/// Register of nodes, by public key in hexadecimal.
pub const NODE: &str = "node";
/// Register of packages in force.
pub const PACKAGE: &str = "package";
/// Register of the committee: the one record `current`.
pub const COMMITTEE: &str = "committee";
/// Register of mandates.
pub const MANDATE: &str = "mandate";
/// Register of the modes of packages' registers.
pub const MODE: &str = "mode";
/// Register of differences between the ledger's rules and what a source system has booked.
pub const DISCREPANCY: &str = "discrepancy";
/// Register of parameters.
pub const PARAMETER: &str = "parameter";
/// The role that governance actions demand.
pub const ADMIN: &str = "governance.admin";
/// The role that names subjects: whoever holds it vouches that a key is a citizen's or an
/// enterprise's own.
pub const IDENTITY: &str = "governance.identity";
/// The purpose of mandates for governance actions.
pub const APPROVE: &str = "approve";

/// The logical key of a governance record.
#[must_use]
pub fn key(register: &str, key: impl Into<Str>) -> LogicalKey {
    LogicalKey::Record { package: ID.into(), register: register.into(), key: key.into() }
}

/// A source of packages that has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPackages;

impl Packages for NoPackages {
    fn compiled(&self, _digest: Digest, _document: &[u8]) -> Option<Arc<Package>> {
        None
    }

    fn graph(&self, _digest: Digest, _model: &Model<'_>) -> Option<Arc<Graph>> {
        None
    }
}

/// The checked input of an action.
pub(crate) type Input = BTreeMap<Str, Value>;

/// Carries out a governance action.
pub(crate) fn apply(run: &mut CallRun<'_, '_>, action: &Action, input: &Input) -> Result<(), Halt> {
    match action.name.as_str() {
        add_member::NAME => add_member::apply(run, input),
        set_member::NAME => set_member::apply(run, input),
        add_operator::NAME => add_operator::apply(run, input),
        set_operator::NAME => set_operator::apply(run, input),
        add_node::NAME => add_node::apply(run, input),
        set_committee::NAME => set_committee::apply(run, input),
        publish_package::NAME => publish_package::apply(run, input),
        set_parameter::NAME => set_parameter::apply(run, input),
        set_register_mode::NAME => set_register_mode::apply(run, input),
        discrepancy::RESOLVE => discrepancy::resolve(run, input),
        mandate::GIVE => mandate::give(run, input),
        mandate::REVOKE => mandate::revoke(run, input),
        _ => reject(Reject::UnknownAction, "no action with this name"),
    }
}

/// The consent of more than half of the members that run a validator; the caller's member
/// consents by the caller's signature over this very call.
fn check_majority(run: &mut CallRun<'_, '_>) -> Result<(), Halt> {
    let committee = run.session.get(&committee_key())?;
    let members: BTreeSet<String> = committee
        .and_then(|record| committee_of(0, &record.version))
        .map(|committee| committee.validators.into_iter().map(|v| v.member).collect())
        .unwrap_or_default();
    let mut named = run.named_mandates()?;
    let consenting = members
        .iter()
        .filter(|member| **member == run.frame.caller.member || take(&mut named, member, APPROVE))
        .count();
    if consenting.saturating_mul(2) <= members.len() {
        return reject(
            Reject::MandateMissing,
            format!("{consenting} of {} members consent", members.len()),
        );
    }
    run.consume(&named)
}

/// No mandate is demanded, so none may be named.
fn check_no_mandates(run: &mut CallRun<'_, '_>) -> Result<(), Halt> {
    let named = run.named_mandates()?;
    run.consume(&named)
}

/// The caller may change what is its own member's only.
fn check_own(run: &CallRun<'_, '_>, member: &str) -> Result<(), Halt> {
    if run.frame.caller.member == member {
        Ok(())
    } else {
        reject(Reject::NotAuthorised, "the record is another member's")
    }
}

/// `roles` must be among the member's.
fn check_roles_of(run: &mut CallRun<'_, '_>, member: &str, roles: &[Str]) -> Result<(), Halt> {
    let record = run.session.get(&key(MEMBER, member))?;
    let version = record.as_ref().map(|record| &record.version);
    let allowed: Vec<&Str> = version
        .into_iter()
        .flat_map(|version| crate::session::field_texts(version, "roles"))
        .collect();
    if roles.iter().all(|role| allowed.contains(&role)) {
        Ok(())
    } else {
        reject(Reject::GovernanceInvalid, "a role that the member may not hand out")
    }
}

/// Nobody can hold a role of the ledger's own.
fn check_not_ledgers<R: AsRef<str>>(roles: &[R]) -> Result<(), Halt> {
    if roles.iter().any(|role| role.as_ref() == TIMER_ROLE) {
        return reject(Reject::GovernanceInvalid, format!("`{TIMER_ROLE}` is the ledger's own"));
    }
    Ok(())
}

fn text(input: &Input, name: &str) -> Result<Str, Halt> {
    match input.get(name).and_then(Value::as_str) {
        Some(text) => Ok(text.into()),
        None => Err(rejected(Reject::InvalidInput, format!("`{name}` is missing"))),
    }
}

fn bytes(input: &Input, name: &str) -> Result<Vec<u8>, Halt> {
    if let Some(Value::Bytes(bytes)) = input.get(name) {
        Ok(bytes.clone())
    } else {
        reject(Reject::InvalidInput, format!("`{name}` is missing"))
    }
}

/// A public key: 32 bytes in the `international` suite.
fn check_key(key: &[u8]) -> Result<(), Halt> {
    if key.len() == 32 { Ok(()) } else { reject(Reject::InvalidInput, "a key has 32 bytes") }
}

fn texts(input: &Input, name: &str) -> Vec<Str> {
    let list = input.get(name).and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(Value::as_str).cloned().collect()
}

/// Lower-case letters, digits, hyphens; 1 to 40; beginning with a letter.
fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 40 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(fits)
}

fn record<const N: usize>(fields: [(&str, Value); N]) -> Input {
    fields.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn text_list<T: AsRef<str>>(texts: &[T]) -> Value {
    Value::List(texts.iter().map(|text| text.as_ref().into()).collect())
}
