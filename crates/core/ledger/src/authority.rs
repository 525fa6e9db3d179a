//! Who calls: the operator's record, its member's, and the roles that both have.

use std::sync::Arc;

use chaincity_types::wire::Status;
use chaincity_types::{Reject, Str, Value};

use crate::governance;
use crate::halt::{Halt, reject};
use crate::session::{Session, field_bool, field_text, field_texts};
use crate::view::Record;

/// An active operator of an active member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Public key.
    pub(crate) key: Arc<[u8]>,
    /// The same in hexadecimal: the key of the operator's record.
    pub(crate) name: Str,
    /// Member.
    pub(crate) member: Str,
    /// Roles that the operator holds and its member may still hand out.
    pub(crate) roles: Vec<Str>,
    /// The subject that the operator is, for citizens and enterprises with own keys.
    pub(crate) subject: Option<Str>,
}

impl Caller {
    /// Finds the operator with this public key.
    pub(crate) fn find(session: &mut Session<'_>, key: &[u8]) -> Result<Self, Halt> {
        let unknown = || reject(Reject::UnknownOperator, "no active operator with this key");
        let name = Str::from(hex::encode(key));
        let operator = session.get(&governance::key(governance::OPERATOR, &name))?;
        let Some(operator) = active(operator) else {
            return unknown();
        };
        let Some(member) = field_text(&operator.version, "member") else {
            return unknown();
        };
        let record = session.get(&governance::key(governance::MEMBER, member))?;
        let Some(record) = active(record) else {
            return reject(Reject::UnknownOperator, "the operator's member is suspended");
        };
        let allowed: Vec<&Str> = field_texts(&record.version, "roles").collect();
        let held = field_texts(&operator.version, "roles").cloned();
        let roles = held.filter(|role| allowed.contains(&role)).collect();
        Ok(Self {
            key: key.into(),
            name,
            member: member.into(),
            roles,
            subject: field_text(&operator.version, "subject").map(Str::from),
        })
    }

    /// Whether the caller holds the role.
    pub(crate) fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// One of `by` must be held; where none is named, nobody may call.
    ///
    /// INVARIANT (I11): a package does only what its declared authority allows.
    pub(crate) fn check_roles(&self, by: &[Str]) -> Result<(), Halt> {
        if by.iter().any(|role| self.has_role(role)) {
            Ok(())
        } else {
            reject(
                Reject::NotAuthorised,
                format!("one of the roles `{}` is needed", by.join("`, `")),
            )
        }
    }

    /// What rules see as `caller`; `via` is the package whose action calls, if the operator does
    /// not call himself.
    pub(crate) fn to_value(&self, via: Option<&Str>) -> Value {
        let text = |text: &Str| Value::Text(text.clone());
        Value::Map(
            [
                ("operator", text(&self.name)),
                ("member", text(&self.member)),
                ("roles", Value::List(self.roles.iter().map(text).collect())),
                ("subject", self.subject.as_ref().map_or(Value::Null, text)),
                ("via", via.map_or(Value::Null, text)),
            ]
            .map(|(name, value)| (name.into(), value))
            .into(),
        )
    }
}

fn active(record: Option<Arc<Record>>) -> Option<Arc<Record>> {
    record.filter(|record| {
        record.version.status == Status::Live && field_bool(&record.version, "active")
    })
}
