//! Claims: worked out from an opened group, and signed for the reader.

use std::collections::BTreeMap;

use chaincity_crypto::claim::ClaimStatement;
use chaincity_crypto::envelope::ReleaseContext;
use chaincity_crypto::groups::{GROUP_BYTES_MAX, Group};
use chaincity_package::model::{Claim, Package};
use chaincity_types::{Str, Value, cbor};

use crate::answer::Refusal;
use crate::opening::Answering;

/// The texts of a map; `None` when it is none.
pub(crate) fn texts(value: &Value) -> Option<BTreeMap<Str, Str>> {
    let entries = value.as_map()?.iter();
    entries.map(|(name, text)| Some((name.clone(), text.as_str()?.clone()))).collect()
}

/// What the reader said with the claims, in clear and to the steward alone: checked against each, before
/// anything is opened that is not his own.
pub(crate) fn said(answering: &Answering<'_>) -> Result<BTreeMap<Str, Str>, Refusal> {
    let Answering { package, asked, .. } = answering;
    let claims: Option<Vec<_>> = asked.claims.iter().map(|name| find(package, name)).collect();
    let claims = claims.ok_or(Refusal::ClaimUnknown)?;
    let is_open = |name: &Str| claims.iter().all(|claim| is_clear(claim, name));
    if !asked.parameters.keys().all(is_open) {
        return Err(Refusal::ParameterInClear);
    }
    let sealed = answering.said.get("values").map_or(Some(BTreeMap::new()), texts);
    let mut said = sealed.ok_or(Refusal::ParameterInvalid)?;
    said.extend(asked.parameters.clone());
    let is_known = |name: &Str| claims.iter().any(|claim| claim.parameters.contains_key(name));
    let now = answering.status.time;
    let fit = |claim: &&Claim| claim.input(&said, now).is_ok();
    if said.keys().all(is_known) && claims.iter().all(fit) {
        Ok(said)
    } else {
        Err(Refusal::ParameterInvalid)
    }
}

/// Whether a claim lets a parameter stand in clear, if it has it.
fn is_clear(claim: &Claim, name: &Str) -> bool {
    claim.clear.contains(name) || !claim.parameters.contains_key(name)
}

fn find<'p>(package: &'p Package, name: &str) -> Option<&'p Claim> {
    package.claim(name).map(|(_, claim)| claim)
}

/// The fields of an opened group.
pub(crate) fn fields(group: &Group) -> Option<BTreeMap<Str, Value>> {
    match cbor::decode(group.bytes(), GROUP_BYTES_MAX) {
        Ok(Value::Map(fields)) => Some(fields),
        _ => None,
    }
}

/// What the group says of a claim; the context names both.
pub(crate) fn statement(
    answering: &Answering<'_>,
    context: ReleaseContext,
    group: &Group,
    said: &BTreeMap<Str, Str>,
) -> Result<ClaimStatement, Refusal> {
    let Answering { package, status, .. } = answering;
    let name = context.claim.as_deref().unwrap_or_default();
    let claim = package.groups.get(context.group.as_str()).and_then(|group| group.claims.get(name));
    let claim = claim.ok_or(Refusal::ClaimUnknown)?;
    let parameters = claim.input(said, status.time).map_err(|_told| Refusal::ParameterInvalid)?;
    let group = fields(group).ok_or(Refusal::ClaimWithoutValue)?;
    let value = claim.value(package, group, parameters.clone(), status.time);
    let value = value.map_err(|_cause| Refusal::ClaimWithoutValue)?;
    let (package_version, parameters) = (package.version, Value::Map(parameters));
    Ok(ClaimStatement { context, package_version, parameters, value, at: status.time })
}
