//! What the people of the city ask for, in plain words: an action and what is written on its form.

use std::collections::BTreeMap;

use crate::city::Actor;

/// A holder with a share n/d; the model takes any numbers, so that bad ones can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The person.
    pub subject: String,
    /// Numerator.
    pub n: i64,
    /// Denominator.
    pub d: i64,
}

/// Something written on a form or in a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A text, a name, a unit's number.
    Text(String),
    /// A number.
    Int(i64),
    /// An amount in fen.
    Money(i64),
    /// Days since 1970-01-01.
    Day(i32),
    /// Milliseconds since 1970.
    Time(u64),
    /// The time of the block, as it was foretold when the request was made.
    Moment(u64),
    /// Yes or no.
    Yes(bool),
    /// The digest of some document; all documents of the tests are the same.
    Digest,
    /// Digests of so many documents.
    Papers(usize),
    /// Several texts.
    Texts(Vec<String>),
    /// Units by their numbers, which must be there.
    Units(Vec<String>),
    /// Holders with their shares.
    Holders(Vec<Holder>),
    /// Number and location of each unit that comes of a split.
    Parts(Vec<(String, String)>),
    /// An entry: its register, and its number there in the order in which they came about.
    Entry(&'static str, usize),
    /// Several entries of a register.
    Entries(&'static str, Vec<usize>),
    /// Who signed.
    Operator(Actor),
    /// Facts that stand together.
    Group(Facts),
    /// Several such, in this order.
    Groups(Vec<Facts>),
    /// Several such, in the order of the keys of the entry that this fact names.
    ByKey(&'static str, Vec<Facts>),
}

/// Facts by name.
pub type Facts = BTreeMap<&'static str, Fact>;

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Fact {
    fn from(yes: bool) -> Self {
        Self::Yes(yes)
    }
}

impl From<Vec<Holder>> for Fact {
    fn from(holders: Vec<Holder>) -> Self {
        Self::Holders(holders)
    }
}

/// What is wrong with a mandate that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It was given for other arguments.
    OtherArguments,
    /// There is none of this key.
    Unknown,
}

/// A mandate that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Who gave it.
    pub by: Actor,
    /// What for.
    pub purpose: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The action.
    pub action: &'static str,
    /// What its form says.
    pub given: Facts,
}

impl Operation {
    /// An action with its form.
    #[must_use]
    pub fn new<const N: usize>(action: &'static str, given: [(&'static str, Fact); N]) -> Self {
        Self { action, given: given.into() }
    }
}

/// An operation with who asks for it and whose consent is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub by: Actor,
    /// For what.
    pub operation: Operation,
    /// Mandates named.
    pub mandates: Vec<Named>,
}
