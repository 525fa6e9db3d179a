//! Claims: worked out from an opened group, and signed for the reader.

use std::collections::BTreeMap;

use chaincity_crypto::claim::ClaimStatement;
use chaincity_crypto::envelope::ReleaseContext;
use chaincity_crypto::groups::{GROUP_BYTES_MAX, Group};
use chaincity_package::model::{Claim, Package};
use chaincity_types::{Str, Value, cbor};

use crate::agent::AgentError;
use crate::answer::Refusal;
use crate::opening::{Answering, Asked};
use crate::{ACCESS, PACKAGE};

/// The group in which a reader seals what it does not say in clear.
pub const PARAMETERS: &str = "parameters";

/// The texts of a map; `None` when it is none.
pub(crate) fn texts(value: &Value) -> Option<BTreeMap<Str, Str>> {
    let entries = value.as_map()?.iter();
    entries.map(|(name, text)| Some((name.clone(), text.as_str()?.clone()))).collect()
}

/// What the reader said with the claims: checked against each, before anything is opened that is not
/// his own.
pub(crate) fn said(
    answering: &Answering<'_>,
) -> Result<Result<BTreeMap<Str, Str>, Refusal>, AgentError> {
    let Answering { package, asked, .. } = answering;
    let claims: Option<Vec<_>> = asked.claims.iter().map(|name| find(package, name)).collect();
    let Some(claims) = claims else { return Ok(Err(Refusal::ClaimUnknown)) };
    let is_open = |name: &Str| claims.iter().all(|claim| is_clear(claim, name));
    if !asked.parameters.keys().all(is_open) {
        return Ok(Err(Refusal::ParameterInClear));
    }
    let mut said = match sealed(answering)? {
        Ok(sealed) => sealed,
        Err(refusal) => return Ok(Err(refusal)),
    };
    said.extend(asked.parameters.clone());
    let is_known = |name: &Str| claims.iter().any(|claim| claim.parameters.contains_key(name));
    let now = answering.status.time;
    let fit = |claim: &&Claim| claim.input(&said, now).is_ok();
    if said.keys().all(is_known) && claims.iter().all(fit) {
        Ok(Ok(said))
    } else {
        Ok(Err(Refusal::ParameterInvalid))
    }
}

/// Whether a claim lets a parameter stand in clear, if it has it.
fn is_clear(claim: &Claim, name: &Str) -> bool {
    claim.clear.contains(name) || !claim.parameters.contains_key(name)
}

fn find<'p>(package: &'p Package, name: &str) -> Option<&'p Claim> {
    package.claim(name).map(|(_, claim)| claim)
}

/// What the reader sealed in this vault for this access alone.
fn sealed(answering: &Answering<'_>) -> Result<Result<BTreeMap<Str, Str>, Refusal>, AgentError> {
    let Asked { sealed_parameters: Some(commitment), reader_key, .. } = answering.asked else {
        return Ok(Ok(BTreeMap::new()));
    };
    let opened = match answering.open((PACKAGE, ACCESS, PARAMETERS), commitment)? {
        Ok(opened) => opened,
        Err(_) => return Ok(Err(Refusal::ParameterInvalid)),
    };
    let said = fields(&opened).and_then(|fields| {
        let is_his = fields.get("key") == Some(&Value::Bytes(reader_key.to_vec()));
        fields.get("values").filter(|_| is_his).and_then(texts)
    });
    Ok(said.ok_or(Refusal::ParameterInvalid))
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
