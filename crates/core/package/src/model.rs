//! A compiled package: what the ledger executes. Made from a package document by `compile`.
//!
//! Everything is resolved here: names exist, types fit, every read has an index, so execution
//! only meets faults of data (an overflow, a missing record), never of the package.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chaincity_types::{Digest, Str, Value};

use crate::rule::{Program, is_name};

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// A package, checked and compiled.
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// Identifier, such as `real-estate`.
    pub id: Str,
    /// Version, from 1.
    pub version: u32,
    /// Title.
    pub title: Text,
    /// Digest of the canonical package document.
    pub digest: Digest,
    /// Other packages whose actions it may call, with the lowest version that it needs.
    pub requires: BTreeMap<Str, u32>,
    /// Roles, by full name such as `registry.registrar`.
    pub roles: BTreeMap<Str, Text>,
    /// Constants that rules see as `param.name`.
    pub parameters: BTreeMap<Str, Parameter>,
    /// Running numbers by name.
    pub sequences: BTreeMap<Str, Sequence>,
    /// Counters by name.
    pub counters: BTreeMap<Str, Text>,
    /// Field groups by name.
    pub groups: BTreeMap<Str, Group>,
    /// Registers by name.
    pub registers: BTreeMap<Str, Register>,
    /// Actions by name.
    pub actions: BTreeMap<Str, Action>,
    /// Processes and decision tables by the name of the file: texts, which the ledger compiles.
    pub processes: BTreeMap<Str, Str>,
    /// Forms by name.
    pub forms: BTreeMap<Str, Form>,
}

/// A form: what a person fills in for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Title.
    pub title: Text,
    /// What helps with the whole.
    pub help: Option<Text>,
    /// Fields, in the order in which they are filled in.
    pub fields: Vec<FormField>,
    /// Kinds of evidence that go with it.
    pub evidence: Vec<(Str, Text)>,
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormField {
    /// What it fills: all of one type.
    pub fills: Vec<Fill>,
    /// Title; that of the input when absent.
    pub title: Option<Text>,
    /// What helps to fill it in.
    pub help: Option<Text>,
}

/// What a field of a form fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fill {
    /// An input of an action.
    Input {
        /// The action's package.
        package: Str,
        /// The action.
        action: Str,
        /// The input.
        input: Str,
    },
    /// A variable of the process.
    Variable(Str),
}

impl Fill {
    /// Reads `package.action.input`, or the name of a variable.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        match parts.as_slice() {
            [name] if is_name(name) => Some(Self::Variable((*name).into())),
            [package, action, input] if is_name(input) && !package.is_empty() => {
                Some(Self::Input {
                    package: (*package).into(),
                    action: (*action).into(),
                    input: (*input).into(),
                })
            }
            _ => None,
        }
    }

    /// The type of an input of `package`; `None` when it is no input of it.
    #[must_use]
    pub fn kind_in<'p>(&self, package: &'p Package) -> Option<&'p FieldType> {
        let Self::Input { package: of, action, input } = self else { return None };
        let action = package.actions.get(action).filter(|_| *of == package.id)?;
        Some(&action.input.get(input)?.kind)
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { package, action, input } => write!(f, "{package}.{action}.{input}"),
            Self::Variable(name) => write!(f, "{name}"),
        }
    }
}

/// A constant of the package: what a city may decide otherwise, in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Type and title.
    pub field: Field,
    /// Its value.
    pub value: Value,
}

/// A running number, such as that of a certificate: text around a number that counts from 1, for
/// each scope and, when the text names the year, for each year (UTC+8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// The parts of the text, in order.
    pub parts: Vec<SequencePart>,
}

/// A part of a running number's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SequencePart {
    /// As it stands.
    Text(Str),
    /// `{scope}`: what the effect gives, such as the name of the office.
    Scope,
    /// `{year}`: the block's year, four digits.
    Year,
    /// `{n:7}`: the number, with at least so many digits.
    Number(u8),
}

impl Sequence {
    /// Whether it begins anew each year.
    #[must_use]
    pub fn is_yearly(&self) -> bool {
        self.parts.contains(&SequencePart::Year)
    }
}

/// A field group: fields that are encrypted together and opened together, by a recorded access.
/// The ledger holds a commitment to them, where a field has the type `sealed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name, such as `holder-identity`.
    pub name: Str,
    /// Title.
    pub title: Text,
    /// Role whose members' vaults keep it.
    pub steward: Str,
    /// Its fields by name.
    pub fields: BTreeMap<Str, Field>,
    /// What its steward hands over in place of the fields, by name.
    pub claims: BTreeMap<Str, Claim>,
    /// What its steward's staff finds it by: kinds of terms, and where their texts stand in the
    /// fields.
    pub find_by: BTreeMap<Str, Vec<Str>>,
    /// Where its ciphertext lies.
    pub placement: Placement,
}

/// Where the ciphertext of a group lies. Its data key is the steward's vault's in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// In the steward's vault and its backups; of it the ledger has the commitment alone.
    #[default]
    Steward,
    /// In the record's version, behind the commitment: on every node.
    Ledger,
}

/// A claim: what follows from a group, worked out by its steward and handed over signed, in place of
/// the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Type and title.
    pub field: Field,
    /// Sees `this` (the group), `input` (the parameters), `now`, `today` and `param`.
    pub rule: Program,
    /// What the reader says with it, by name.
    pub parameters: BTreeMap<Str, Field>,
    /// The parameters that may stand in clear; the others reach the steward encrypted.
    pub clear: BTreeSet<Str>,
}

/// A register: records of one shape.
#[derive(Clone, Debug, Default)]
pub struct Register {
    /// Name, such as `unit`.
    pub name: Str,
    /// Title.
    pub title: Text,
    /// Role whose authority writes it.
    pub steward: Str,
    /// How record keys come about.
    pub key: KeyRule,
    /// Whether persons stand in it under pseudonyms of one family alone.
    pub blinded: bool,
    /// Fields by name.
    pub fields: BTreeMap<Str, Field>,
    /// Declared indexes by name. They hold live records only.
    pub indexes: BTreeMap<Str, Index>,
    /// What follows from the fields and the time, in order: a later one may use an earlier one.
    pub computed: Vec<Computed>,
    /// What must hold after every call that writes a record.
    pub invariants: Vec<Invariant>,
    /// What happens to a record when one that it refers to is closed, by field.
    pub on_close: BTreeMap<Str, OnClose>,
    /// How long records are kept.
    pub retention: Retention,
    /// Role of the connector that reports what the steward's own system has booked. While the
    /// register is in the mode `mirror` or `parallel`, what it reports is recorded even if a
    /// guard fails.
    pub source: Option<Str>,
    /// What the ledger does by itself when a record's time comes, by name.
    pub timers: BTreeMap<Str, Timer>,
}

/// What the ledger does by itself when a record's time comes: it tidies and tells. No rule may
/// wait for it: what holds is evaluated from dates and block time.
#[derive(Clone, Debug)]
pub struct Timer {
    /// Gives the time, or null for none; sees `this` (the record as stored) and `param`.
    pub at: Program,
    /// The action of the package that is called then, with the role [`TIMER_ROLE`].
    pub action: Str,
    /// Its input; sees what `at` sees.
    pub input: BTreeMap<Str, Program>,
}

/// The role with which the ledger's timers call. No operator and no member can hold it.
pub const TIMER_ROLE: &str = "ledger.timer";

/// A computed field: evaluated wherever a record is seen, never stored.
#[derive(Clone, Debug)]
pub struct Computed {
    /// Name, among the register's fields.
    pub name: Str,
    /// Type and title.
    pub field: Field,
    /// Sees `this` (the record), `now`, `today` and `param`.
    pub rule: Program,
}

/// A condition on a register's records.
#[derive(Clone, Debug)]
pub struct Invariant {
    /// Reject code of a call that would break it.
    pub code: Str,
    /// Which records it is about.
    pub over: Over,
    /// What must hold; sees `now`, `today` and `param` too.
    pub that: Program,
    /// What a person is told when it does not.
    pub text: Text,
}

/// Which records an invariant is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// One live record (`this`).
    Record,
    /// All live records under one entry of this index (`all`).
    Entry(Str),
    /// All records that a call writes, as they were (`before`) and as they will be (`after`): what
    /// no call changes, such as a sum over a whole register, however large it is.
    Call,
}

/// What happens to a record when one that it refers to is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnClose {
    /// The other cannot be closed while this one is live.
    Refuse,
    /// This one is closed with it.
    Close,
}

/// How long records are kept after they are closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// For ever: what the law keeps permanently (不动产登记暂行条例 13).
    #[default]
    Permanent,
    /// At least so many years; then their readable parts may be erased.
    Years(u16),
}

/// How a record gets its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeyRule {
    /// The value of this field, in canonical text.
    Field(Str),
    /// 24 hexadecimal digits derived from transaction id, call and ordinal.
    #[default]
    Auto,
}

/// A declared index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Name.
    pub name: Str,
    /// Indexed fields, in order.
    pub fields: Vec<Str>,
    /// At most one live record may have the same values; else at most `INDEX_ENTRY_MAX`.
    pub unique: bool,
    /// Only those who ask a node look through it: the ledger itself keeps no entries of it and
    /// reads nothing by it, so that any number of records may have the same values.
    pub for_lists: bool,
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

/// The records within which a person has one pseudonym.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Made by the vault of the group's steward, of a field of the group.
    Vault {
        /// The group that says who it is.
        group: Str,
        /// The field of the group.
        field: Str,
        /// The register's field whose value the pseudonym is scoped to.
        scope: Option<Str>,
    },
    /// Made by the stewards of a sector: the same with every member that keeps such records.
    Sector(Str),
}

impl Family {
    /// The name with which its pseudonyms begin.
    #[must_use]
    pub const fn name(&self) -> &Str {
        match self {
            Self::Vault { group: name, .. } | Self::Sector(name) => name,
        }
    }
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
    Enum(Vec<Str>),
    /// Key of a live or closed record of this register of the same package, as text.
    Ref(Str),
    /// The commitment to an instance of this field group, as 32 bytes in `Value::Bytes`. The values
    /// are the steward's vault's: execution never sees them.
    Sealed(Str),
    /// The same of a group that is placed on the ledger: the commitment, and behind it the ciphertext
    /// ([`chaincity_crypto::groups::held`]). Packages write `sealed` for both.
    Placed(Str),
    /// Id of a subject, as text: 1 to 128 bytes without white space or control characters.
    Subject,
    /// The id of a person in one family of records alone, as text.
    Pseudonym(Family),
    /// An identifier of this kind (`unit-number`, `uscc`, …), as text in canonical form.
    Identifier(Str),
    /// A holder's share: map `{subject: text, n: int, d: int}` with 0 < n ≤ d.
    Share,
    /// A list of at most so many items.
    List(Box<FieldType>, u32),
    /// A map with these fields and no others.
    Map(BTreeMap<Str, Field>),
    /// A map with keys of its own, texts of at most so many characters, and at most so many
    /// entries.
    MapOf(u32, Box<FieldType>, u32),
}

impl FieldType {
    /// The field group of which a field of this type holds an instance.
    #[must_use]
    pub const fn group(&self) -> Option<&Str> {
        if let Self::Sealed(group) | Self::Placed(group) = self { Some(group) } else { None }
    }
}

/// An action: the only way to write.
#[derive(Clone, Debug)]
pub struct Action {
    /// Name, such as `transfer`.
    pub name: Str,
    /// Title.
    pub title: Text,
    /// Legal basis, for people.
    pub law: Vec<String>,
    /// Roles, any of which may call it.
    pub by: Vec<Str>,
    /// Whether its transactions go before others (court seals and holds).
    pub urgent: bool,
    /// Mandates that parties must have given.
    pub mandates: Vec<MandateRule>,
    /// Input fields by name.
    pub input: BTreeMap<Str, Field>,
    /// Declared reads, in order; a later one may use an earlier one.
    pub reads: Vec<Let>,
    /// Guards, in order: the first that fails rejects.
    pub guards: Vec<Guard>,
    /// Effects, in order.
    pub effects: Vec<Effect>,
    /// Registers that the effects write, other packages' left out.
    pub writes: Vec<Str>,
}

impl Action {
    /// What it can be refused for by the package's own codes, with what a person is told: its
    /// guards, then the limits of its counters.
    #[must_use]
    pub fn refusals(&self) -> Vec<(&str, &Text)> {
        fn limits<'a>(effects: &'a [Effect], out: &mut Vec<(&'a str, &'a Text)>) {
            for effect in effects {
                if let Effect::Count { limit, .. } = effect {
                    out.extend(limit.iter().map(|limit| (limit.code.as_str(), &limit.text)));
                } else if let Effect::Each { effects, .. } | Effect::When { effects, .. } = effect {
                    limits(effects, out);
                }
            }
        }
        let mut out = self.guards.iter().map(|g| (g.code.as_str(), &g.text)).collect();
        limits(&self.effects, &mut out);
        out
    }
}

/// A demand for mandates.
#[derive(Clone, Debug)]
pub struct MandateRule {
    /// The parties: a string, a list of strings, or a list of shares (their subjects).
    pub of: Program,
    /// What for, such as `transfer`.
    pub purpose: Str,
}

/// A named read.
#[derive(Clone, Debug)]
pub struct Let {
    /// Name under which rules see the result.
    pub name: Str,
    /// Register read; none for a counter.
    pub register: Option<Str>,
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
    /// The live records with these keys, in the order of the keys: else `not-found`,
    /// `record-closed`, or `too-many-records`.
    Keys {
        /// Gives the keys, as a list of strings.
        keys: Program,
        /// Most keys.
        max: u32,
    },
    /// Live records under one index entry, or several, narrowed by further equalities.
    Index {
        /// Index used.
        index: Str,
        /// Values of its fields.
        values: Vec<Program>,
        /// Which of the values is a list of alternatives (`field in list`).
        any_of: Option<usize>,
        /// Further `field == value` conditions.
        filters: Vec<(Str, Program)>,
        /// How many are wanted.
        want: Want,
    },
    /// Where a counter stands before the call, as an integer; 0 before anything was counted.
    Counter {
        /// Counter.
        counter: Str,
        /// Gives the scope.
        scope: Program,
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
    pub code: Str,
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
        register: Str,
        /// Name for later effects.
        name: Option<Str>,
        /// Field values.
        fields: BTreeMap<Str, Program>,
        /// Fields that get the next number of a sequence.
        numbers: Vec<Numbered>,
    },
    /// A new version of a record read under this name.
    Update {
        /// Name of a `Key` or `Index` (one, maybe) read.
        record: Str,
        /// Fields that change; the others stay.
        set: BTreeMap<Str, Program>,
        /// Set for a correction.
        corrects: Option<Corrects>,
    },
    /// The record, or every record of a list read, is closed.
    Close {
        /// Name of a read.
        record: Str,
        /// Why, a word for machines such as `transfer`.
        reason: Str,
    },
    /// An event of the package's own.
    Event {
        /// Kind.
        kind: Str,
        /// Register concerned.
        register: Str,
        /// Gives the record's key, or a list of keys: then an event for each.
        key: Program,
    },
    /// A message to the open cases that are about a record and wait for it; it begins a case by each
    /// process that names it.
    Tell {
        /// Message.
        message: Str,
        /// Register concerned.
        register: Str,
        /// Gives the record's key, or a list of keys.
        key: Program,
        /// First values of a case that it begins, by the names of variables.
        fields: BTreeMap<Str, Program>,
    },
    /// The same for each item of a list, at most [`EACH_MAX`].
    Each {
        /// Name of the item.
        name: Str,
        /// Name of its position, from 0.
        position: Option<Str>,
        /// Gives the list.
        list: Program,
        /// The register whose records the items are, when they are.
        register: Option<Str>,
        /// What is done; sees item and position.
        effects: Vec<Effect>,
    },
    /// Only when a condition holds.
    When {
        /// The condition.
        that: Program,
        /// What is done.
        effects: Vec<Effect>,
    },
    /// An action of a required package, by the same operator with its own roles: authority is not
    /// inherited. Runs after the action's own effects are written.
    Call {
        /// Package.
        package: Str,
        /// Action.
        action: Str,
        /// Input values.
        input: BTreeMap<Str, Program>,
        /// Gives the keys of the mandates that it names.
        mandates: Option<Program>,
    },
    /// A counter moves, blindly: the call does not see where it stands, so that calls which move
    /// the same counter do not wait for each other.
    Count {
        /// Counter.
        counter: Str,
        /// Gives the scope, at most 64 characters; each counts for itself.
        scope: Program,
        /// Gives by how much; it never falls below 0.
        by: Program,
        /// How far it may go.
        limit: Option<Limit>,
    },
    /// Items at the end of a record's list, blindly: the record is not read.
    Append {
        /// Register.
        register: Str,
        /// Gives the record's key.
        key: Program,
        /// The list.
        field: Str,
        /// Gives the items.
        items: Program,
    },
}

/// How far a counter may go: a quota.
#[derive(Clone, Debug)]
pub struct Limit {
    /// Gives the most; null for no limit.
    pub max: Program,
    /// Reject code of a call that would go further.
    pub code: Str,
    /// What a person is told then.
    pub text: Text,
}

/// Most items of one `each`.
pub const EACH_MAX: usize = 256;

/// A field that gets the next number of a sequence.
#[derive(Clone, Debug)]
pub struct Numbered {
    /// The field.
    pub field: Str,
    /// The sequence.
    pub sequence: Str,
    /// Gives the scope.
    pub scope: Program,
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
