//! Which of a member's release services answers.

use chaincity_crypto::suite::PublicKey;
use chaincity_pipeline::{NodeApi, NodeError};
use chaincity_types::wire::LogicalKey;

use crate::PACKAGE;

/// Register of the services that answer, by member.
const ANSWERING: &str = "answering";

/// Whether the service with this key answers for a member: the one that took over last, and before any
/// did, whichever is no standby.
///
/// # Errors
/// When the node cannot answer.
pub async fn answers(
    node: &dyn NodeApi,
    member: &str,
    (key, is_standby): (Option<&PublicKey>, bool),
) -> Result<bool, NodeError> {
    let register = (PACKAGE.into(), ANSWERING.into());
    let key_of =
        LogicalKey::Record { package: register.0, register: register.1, key: member.into() };
    let Some((_, version)) = node.record(key_of).await? else { return Ok(!is_standby) };
    let named = version.fields.get("operator").and_then(chaincity_types::Value::as_text);
    Ok(key.map(ToString::to_string).as_deref() == named)
}
