//! The person that a question is about, as the function's input.

use std::fmt;

use chaincity_types::cbor;
use chaincity_types::id::ResidentId;
use minicbor::Encode;
use zeroize::Zeroizing;

use crate::Scope;

/// The kind of identifier, so that two kinds with the same text are two persons.
const RESIDENT_ID: &str = "resident-id";

/// A person by a checked identifier in canonical form: all offices must write the same person the
/// same way. Wiped from memory when dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    kind: &'static str,
    text: Zeroizing<String>,
}

#[derive(Encode)]
#[cbor(map)]
struct Input<'a> {
    #[n(1)]
    scope: &'a Scope,
    #[n(2)]
    kind: &'a str,
    #[n(3)]
    text: &'a str,
}

impl Person {
    /// The person with this identity number.
    #[must_use]
    pub fn of(id: &ResidentId) -> Self {
        Self { kind: RESIDENT_ID, text: Zeroizing::new(id.as_str().to_owned()) }
    }

    /// What the function is evaluated of: canonical CBOR of scope, kind and text.
    pub(crate) fn input(&self, scope: &Scope) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(cbor::encode(&Input { scope, kind: self.kind, text: &self.text }))
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(redacted)")
    }
}
