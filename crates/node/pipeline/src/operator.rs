//! Whether a key is an active operator's, or a registered node's: by the governance registers, at
//! the tip.
//!
//! A node signs in with its own key to read what it needs to join; it acts for nobody, so it has
//! no roles, and no transaction of its key is ever admitted.

use chaincity_crypto::PublicKey;
use chaincity_types::Value;
use chaincity_types::wire::{LogicalKey, Status, Version};

use crate::api::{NodeApi, NodeError};

/// An active operator of an active member, or a node of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Its member.
    pub member: String,
    /// Roles that the operator holds and its member may hand out.
    pub roles: Vec<String>,
    /// The person whom the operator is, or acts for.
    pub subject: Option<String>,
}

/// The active operator or the node with this key; `None` when there is none, or its member is
/// suspended.
///
/// # Errors
/// When the node cannot answer.
pub async fn find(node: &dyn NodeApi, key: &PublicKey) -> Result<Option<Operator>, NodeError> {
    let name = hex::encode(key.as_bytes());
    let found = match node.record(governance("operator", &name)).await? {
        Some((_, operator)) => Some(operator).filter(|version| is_active(version)),
        None => node.record(governance("node", &name)).await?.map(|(_, node)| node),
    };
    let Some(found) = found.filter(|version| version.status == Status::Live) else {
        return Ok(None);
    };
    let Some(id) = found.fields.get("member").and_then(Value::as_text) else {
        return Ok(None);
    };
    let member = node.record(governance("member", id)).await?;
    let Some((_, member)) = member.filter(|(_, version)| is_active(version)) else {
        return Ok(None);
    };
    let allowed = roles(&member);
    let mut roles = roles(&found);
    roles.retain(|role| allowed.contains(role));
    let subject = found.fields.get("subject").and_then(Value::as_text).map(str::to_owned);
    Ok(Some(Operator { member: id.to_owned(), roles, subject }))
}

fn governance(register: &str, key: &str) -> LogicalKey {
    LogicalKey::Record { package: "governance".into(), register: register.into(), key: key.into() }
}

fn is_active(version: &Version) -> bool {
    version.status == Status::Live && version.fields.get("active") == Some(&Value::Bool(true))
}

fn roles(version: &Version) -> Vec<String> {
    let list = version.fields.get("roles").and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(Value::as_text).map(str::to_owned).collect()
}
