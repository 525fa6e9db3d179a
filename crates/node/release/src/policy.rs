//! The steward's own policy: what it makes of an access that grant and consent allow.

use std::collections::BTreeMap;

use chaincity_crypto::PublicKey;
use chaincity_package::policy::{Asking, Verdict};
use chaincity_pipeline::operator;
use chaincity_types::wire::Version;
use chaincity_types::{Digest, Str, Value};
use futures::executor::block_on;

use crate::agent::{Agent, AgentError, Submitted};
use crate::call;
use crate::opening::Asked;

/// Code of a refusal by policy, whatever the reason.
const REFUSED: &str = "refused-by-policy";

impl Agent {
    /// What is submitted in place of a release when the policy holds the access back; `said` holds the
    /// purpose.
    pub(crate) fn held_back(
        &self,
        asked: &Asked,
        (entry, said): (&Version, &BTreeMap<Str, Value>),
        subjects: &[Value],
    ) -> Result<Option<(Submitted, Vec<u8>)>, AgentError> {
        let has = |name: &str| entry.fields.get(name).is_some_and(|value| *value != Value::Null);
        // What a person let be released is left to nobody again.
        if self.policy.is_empty() || has("approved_by") {
            return Ok(None);
        }
        let key = Digest::from_hex(&asked.officer).ok();
        let key = key.and_then(|key| PublicKey::from_slice(key.as_bytes()));
        let officer = key.map(|key| block_on(operator::find(&*self.node, &key))).transpose()?;
        let roles = officer.flatten().map(|officer| officer.roles).unwrap_or_default();
        let text = |fields: &BTreeMap<Str, Value>, name: &str| {
            fields.get(name).and_then(Value::as_text).unwrap_or_default().to_owned()
        };
        let (reader, purpose) = (text(&entry.fields, "reader"), text(said, "purpose"));
        let asking = Asking {
            reader: &reader,
            officer: &asked.officer,
            roles: &roles,
            in_package: &asked.package,
            register: &asked.register,
            record: &asked.record,
            groups: &asked.groups,
            claims: &asked.claims,
            purpose: &purpose,
            basis: if has("grant") {
                "grant"
            } else if has("consent") {
                "consent"
            } else {
                "subject"
            },
        };
        let status = self.node.status();
        let (action, input) = match self.policy.judge(&asking, status.time) {
            Verdict::Answer => return Ok(None),
            Verdict::Refuse(reason) => {
                let texts = (REFUSED, reason.zh.as_str(), reason.en.as_str());
                ("refuse", call::refuse(&asked.key, texts, subjects.to_vec()))
            }
            Verdict::Person(_) => ("queue-for-person", call::queue(&asked.key)),
        };
        let (id, bytes) = call::signed(&status, &self.key, action, input);
        let (key, subjects) = (asked.key.clone(), subjects.to_vec());
        Ok(Some((Submitted { key, subjects, id, released: false }, bytes)))
    }
}
