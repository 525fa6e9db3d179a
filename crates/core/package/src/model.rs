//! A compiled package: what the ledger executes. Made from a package document by `compile`.
//!
//! Everything is resolved here: names exist, types fit, every read has an index, so execution
//! only meets faults of data (an overflow, a missing record), never of the package.

use std::collections::BTreeMap;

use chaincity_types::Digest;

use crate::rule::Program;

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// A package, checked and compiled.
#[derive(Clone, Debug)]
pub struct Package {
    /// Identifier, such as `real-estate`.
    pub id: String,
    /// Version, from 1.
    pub version: u32,
    /// Title.
    pub title: Text,
    /// Digest of the canonical package document.
    pub digest: Digest,
    /// Roles, by full name such as `registry.registrar`.
    pub roles: BTreeMap<String, Text>,
    /// Registers by name.
    pub registers: BTreeMap<String, Register>,
    /// Actions by name.
    pub actions: BTreeMap<String, Action>,
}

/// A register: records of one shape.
#[derive(Clone, Debug)]
pub struct Register {
    /// Name, such as `unit`.
    pub name: String,
    /// Title.
    pub title: Text,
    /// Role whose authority writes it.
    pub steward: String,
    /// How record keys come about.
    pub key: KeyRule,
    /// Fields by name.
    pub fields: BTreeMap<String, Field>,
    /// Declared indexes by name. They hold live records only.
    pub indexes: BTreeMap<String, Index>,
}

/// How a record gets its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRule {
    /// The value of this field, in canonical text.
    Field(String),
    /// 24 hexadecimal digits derived from transaction id, call and ordinal.
    Auto,
}

/// A declared index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Name.
    pub name: String,
    /// Indexed fields, in order.
    pub fields: Vec<String>,
    /// At most one live record may have the same values; else at most `INDEX_ENTRY_MAX`.
    pub unique: bool,
}

/// Most live records under one index entry.
pub const INDEX_ENTRY_MAX: usize = 1_000;

/// A field of a register or of an action's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Type.
    pub kind: FieldType,
    /// Whether it may be absent (null).
    pub optional: bool,
    /// Title.
    pub title: Text,
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// True or false.
    Bool,
    /// 64-bit integer.
    Int,
    /// Money in fen, as `Value::Int`, not negative.
    Fen,
    /// Area in m² with two decimals, as `Value::Decimal` of scale 2, not negative.
    Area,
    /// Fixed-point decimal of this scale.
    Decimal(u8),
    /// Text of at most so many characters.
    Text(u32),
    /// Bytes of at most this length.
    Bytes(u32),
    /// A 32-byte digest, as `Value::Bytes`.
    Digest,
    /// Calendar date.
    Date,
    /// Point in time.
    Time,
    /// One of these words, as text.
    Enum(Vec<String>),
    /// Key of a live or closed record of this register of the same package, as text.
    Ref(String),
    /// An identifier of this kind (`unit-number`, `uscc`, …), as text in canonical form.
    Identifier(String),
    /// A holder's share: map `{subject: text, n: int, d: int}` with 0 < n ≤ d.
    Share,
    /// A list of at most so many items.
    List(Box<FieldType>, u32),
    /// A map with these fields and no others.
    Map(BTreeMap<String, Field>),
}

/// An action: the only way to write.
#[derive(Clone, Debug)]
pub struct Action {
    /// Name, such as `transfer`.
    pub name: String,
    /// Title.
    pub title: Text,
    /// Legal basis, for people.
    pub law: Vec<String>,
    /// Roles, any of which may call it.
    pub by: Vec<String>,
    /// Whether its transactions go before others (court seals and holds).
    pub urgent: bool,
    /// Mandates that parties must have given.
    pub mandates: Vec<MandateRule>,
    /// Input fields by name.
    pub input: BTreeMap<String, Field>,
    /// Declared reads, in order; a later one may use an earlier one.
    pub reads: Vec<Let>,
    /// Guards, in order: the first that fails rejects.
    pub guards: Vec<Guard>,
    /// Effects, in order.
    pub effects: Vec<Effect>,
}

/// A demand for mandates.
#[derive(Clone, Debug)]
pub struct MandateRule {
    /// The parties: a string, a list of strings, or a list of shares (their subjects).
    pub of: Program,
    /// What for, such as `transfer`.
    pub purpose: String,
}

/// A named read.
#[derive(Clone, Debug)]
pub struct Let {
    /// Name under which rules see the result.
    pub name: String,
    /// Register read.
    pub register: String,
    /// What is read.
    pub read: Read,
}

/// A declared read. Rules see a record as a map of its fields plus `_key` (string), `_version`
/// (int), `_status` ("live" or "closed"), `_began` (timestamp).
#[derive(Clone, Debug)]
pub enum Read {
    /// The record with this key; rejected with `not-found` when there is none, unless optional
    /// (then null). A closed record is rejected with `record-closed` unless `closed` allows it.
    Key {
        /// Gives the key, as a string.
        key: Program,
        /// Null instead of a rejection when absent.
        optional: bool,
        /// Whether a closed record may be read.
        closed: bool,
    },
    /// Live records under one index entry, narrowed by further equalities.
    Index {
        /// Index used.
        index: String,
        /// Values of its fields.
        values: Vec<Program>,
        /// Further `field == value` conditions.
        filters: Vec<(String, Program)>,
        /// How many are wanted.
        want: Want,
    },
}

/// How many records an index read wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Exactly one: else `not-found` or `not-unique`.
    One,
    /// None (null) or one: else `not-unique`.
    Maybe,
    /// A list, sorted by key, of at most so many: else `too-many-records`.
    All(u32),
}

/// A guard.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Reject code.
    pub code: String,
    /// The condition that must hold.
    pub that: Program,
    /// What a person is told when it does not.
    pub text: Text,
}

/// An effect.
#[derive(Clone, Debug)]
pub enum Effect {
    /// A new record. Later effects may use `as` as a read's name (its key only: `name._key`).
    Insert {
        /// Register.
        register: String,
        /// Name for later effects.
        name: Option<String>,
        /// Field values.
        fields: BTreeMap<String, Program>,
    },
    /// A new version of a record read under this name.
    Update {
        /// Name of a `Key` or `Index` (one, maybe) read.
        record: String,
        /// Fields that change; the others stay.
        set: BTreeMap<String, Program>,
        /// Set for a correction.
        corrects: Option<Corrects>,
    },
    /// The record, or every record of a list read, is closed.
    Close {
        /// Name of a read.
        record: String,
        /// Why, a word for machines such as `transfer`.
        reason: String,
    },
    /// An event of the package's own.
    Event {
        /// Kind.
        kind: String,
        /// Register concerned.
        register: String,
        /// Gives the record's key, or a list of keys: then an event for each.
        key: Program,
    },
}

/// What a correction must name (更正登记).
#[derive(Clone, Debug)]
pub struct Corrects {
    /// Gives the number of the wrong version: must be the current one, else
    /// `correction-mismatch`.
    pub version: Program,
    /// Gives the reason, a string that is not empty.
    pub reason: Program,
    /// Gives the legal basis, a string that is not empty.
    pub basis: Program,
}
