//! The package document: what is authored, voted on and stored. Types and rules stand in it as
//! texts; `compile` makes a [`crate::model::Package`] of it. The digest of its canonical CBOR
//! names the package version for ever; the ledger holds that CBOR compressed (RFC 1950), since
//! most of it is text in two languages and it must fit one version body.

mod form;

use chaincity_types::Digest;
use chaincity_types::cbor::{self, CborError};
use minicbor::{Decode, Encode};

pub use form::{EvidenceDoc, FormDoc, FormFieldDoc};

/// Largest package document, in bytes of canonical CBOR.
pub const DOCUMENT_BYTES_MAX: usize = 393_216;
/// Largest package document as the ledger holds it, in bytes: it fits a version body.
pub const PACKED_BYTES_MAX: usize = 61_440;

/// Level of compression, of 10.
const LEVEL: u8 = 9;

/// Domain of a package digest.
const DIGEST_DOMAIN: &str = "chaincity/package/1";

/// A package document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PackageDoc {
    /// Identifier, such as `real-estate`: lower-case letters, digits, hyphens; 1 to 40.
    #[n(1)]
    pub id: String,
    /// Version, from 1.
    #[n(2)]
    pub version: u32,
    /// Title.
    #[n(3)]
    pub title: TextDoc,
    /// Roles that its actions name, as authored.
    #[n(4)]
    pub roles: Vec<RoleDoc>,
    /// Registers, sorted by name.
    #[n(5)]
    pub registers: Vec<RegisterDoc>,
    /// Actions, sorted by name.
    #[n(6)]
    pub actions: Vec<ActionDoc>,
    /// Required packages: identifier and lowest version.
    #[n(7)]
    pub requires: Vec<RequireDoc>,
    /// Parameters, as authored.
    #[n(8)]
    pub parameters: Vec<ParameterDoc>,
    /// Running numbers, as authored.
    #[n(9)]
    pub sequences: Vec<SequenceDoc>,
    /// Guards that several actions share, sorted by name.
    #[n(10)]
    pub guards: Vec<GuardSetDoc>,
    /// Field groups, sorted by name.
    #[n(11)]
    pub groups: Vec<GroupDoc>,
    /// Counters, as authored.
    #[n(12)]
    pub counters: Vec<CounterDoc>,
    /// Processes with their decision tables, sorted by name.
    #[n(13)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub processes: Vec<FileDoc>,
    /// Forms, sorted by name.
    #[n(14)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub forms: Vec<FormDoc>,
}

/// A file as it was authored.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct FileDoc {
    /// Its name, such as `transfer.bpmn`.
    #[n(0)]
    pub name: String,
    /// What it holds.
    #[n(1)]
    pub text: String,
}

/// A counter.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct CounterDoc {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Title.
    #[n(1)]
    pub title: TextDoc,
}

/// A field group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GroupDoc {
    /// Name.
    #[n(1)]
    pub name: String,
    /// Title.
    #[n(2)]
    pub title: TextDoc,
    /// Role whose members' vaults keep it.
    #[n(3)]
    pub steward: String,
    /// Fields, as authored.
    #[n(4)]
    pub fields: Vec<FieldDoc>,
    /// Claims, as authored.
    #[n(5)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub claims: Vec<ClaimDoc>,
    /// What it is found by: kinds of terms, as authored.
    #[n(6)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub find_by: Vec<TermDoc>,
    /// `steward`, or `ledger`: where its ciphertext lies; the steward when absent.
    #[n(7)]
    pub placement: Option<String>,
}

/// What a steward's staff finds a group by.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TermDoc {
    /// Kind of the term, such as `name`.
    #[n(0)]
    pub kind: String,
    /// Where its texts stand in the group, such as `holders.name`.
    #[n(1)]
    pub path: String,
}

/// What a group's steward hands over in place of its fields.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ClaimDoc {
    /// Name, type and title.
    #[n(0)]
    pub field: FieldDoc,
    /// Rule that gives it.
    #[n(1)]
    pub rule: String,
    /// What the reader says with it, as authored.
    #[n(2)]
    pub parameters: Vec<FieldDoc>,
    /// Names of the parameters that may stand in clear.
    #[n(3)]
    pub clear: Vec<String>,
}

/// Guards that several actions share, with the reads that they need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GuardSetDoc {
    /// Name.
    #[n(1)]
    pub name: String,
    /// Title.
    #[n(2)]
    pub title: TextDoc,
    /// Legal basis.
    #[n(3)]
    pub law: Vec<String>,
    /// Actions for which they stand.
    #[n(4)]
    pub on: Vec<String>,
    /// Declared reads: name and text.
    #[n(5)]
    pub reads: Vec<LetDoc>,
    /// Guards.
    #[n(6)]
    pub guards: Vec<GuardDoc>,
}

/// A required package.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RequireDoc {
    /// Identifier.
    #[n(0)]
    pub package: String,
    /// Lowest version.
    #[n(1)]
    pub version: u32,
}

/// A constant of the package.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ParameterDoc {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Type.
    #[n(1)]
    pub ty: String,
    /// Rule without names that gives the value.
    #[n(2)]
    pub value: String,
    /// Title.
    #[n(3)]
    pub title: TextDoc,
}

/// A running number.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SequenceDoc {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Text with `{scope}`, `{year}` and one `{n:DIGITS}`.
    #[n(1)]
    pub text: String,
}

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TextDoc {
    /// Chinese.
    #[n(0)]
    pub zh: String,
    /// English.
    #[n(1)]
    pub en: String,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RoleDoc {
    /// Full name, such as `registry.registrar`.
    #[n(0)]
    pub name: String,
    /// Title.
    #[n(1)]
    pub title: TextDoc,
}

/// A register.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RegisterDoc {
    /// Name.
    #[n(1)]
    pub name: String,
    /// Title.
    #[n(2)]
    pub title: TextDoc,
    /// Role whose authority writes it.
    #[n(3)]
    pub steward: String,
    /// The key's field, or `auto`.
    #[n(4)]
    pub key: String,
    /// Fields, as authored.
    #[n(5)]
    pub fields: Vec<FieldDoc>,
    /// Indexes, as authored.
    #[n(6)]
    pub indexes: Vec<IndexDoc>,
    /// Computed fields, as authored.
    #[n(7)]
    pub computed: Vec<ComputedDoc>,
    /// Invariants.
    #[n(8)]
    pub invariants: Vec<InvariantDoc>,
    /// What happens when a record referred to is closed: field, and `refuse` or `close`.
    #[n(9)]
    pub on_close: Vec<SetDoc>,
    /// `permanent`, or `N years`.
    #[n(10)]
    pub retention: String,
    /// Role of the connector that reports what the steward's own system has booked.
    #[n(11)]
    pub source: Option<String>,
    /// Timers, as authored.
    #[n(12)]
    pub timers: Vec<TimerDoc>,
    /// `open`, or `blinded`; open when absent.
    #[n(13)]
    pub visibility: Option<String>,
}

/// A timer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TimerDoc {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Rule that gives the time, or null.
    #[n(1)]
    pub at: String,
    /// Action that is called then.
    #[n(2)]
    pub action: String,
    /// Its input.
    #[n(3)]
    pub input: Vec<SetDoc>,
}

/// A computed field.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ComputedDoc {
    /// Name, type and title.
    #[n(0)]
    pub field: FieldDoc,
    /// Rule that gives it.
    #[n(1)]
    pub rule: String,
}

/// An invariant.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct InvariantDoc {
    /// Reject code.
    #[n(0)]
    pub code: String,
    /// Index over whose entries it speaks.
    #[n(1)]
    pub over: Option<String>,
    /// Rule that must hold.
    #[n(2)]
    pub that: String,
    /// What a person is told when it does not.
    #[n(3)]
    pub text: TextDoc,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct FieldDoc {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Type, such as `list(share, max 20)`; a final `?` makes it optional.
    #[n(1)]
    pub ty: String,
    /// Title; may be empty for inputs.
    #[n(2)]
    pub title: TextDoc,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct IndexDoc {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Fields, in order.
    #[n(1)]
    pub fields: Vec<String>,
    /// At most one live record may have the same values.
    #[n(2)]
    pub unique: bool,
}

/// An action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ActionDoc {
    /// Name.
    #[n(1)]
    pub name: String,
    /// Title.
    #[n(2)]
    pub title: TextDoc,
    /// Legal basis.
    #[n(3)]
    pub law: Vec<String>,
    /// Roles, any of which may call it.
    #[n(4)]
    pub by: Vec<String>,
    /// Whether its transactions go before others.
    #[n(5)]
    pub urgent: bool,
    /// Mandates demanded.
    #[n(6)]
    pub mandates: Vec<MandateDoc>,
    /// Input fields, as authored.
    #[n(7)]
    pub input: Vec<FieldDoc>,
    /// Declared reads: name and text.
    #[n(8)]
    pub reads: Vec<LetDoc>,
    /// Guards.
    #[n(9)]
    pub guards: Vec<GuardDoc>,
    /// Effects.
    #[n(10)]
    pub effects: Vec<EffectDoc>,
}

/// A demand for mandates.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct MandateDoc {
    /// Rule that gives the parties.
    #[n(0)]
    pub of: String,
    /// What for.
    #[n(1)]
    pub purpose: String,
}

/// A declared read.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct LetDoc {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Such as `one(right, unit == input.unit)`.
    #[n(1)]
    pub read: String,
}

/// A guard.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct GuardDoc {
    /// Reject code.
    #[n(0)]
    pub code: String,
    /// Rule that must hold.
    #[n(1)]
    pub that: String,
    /// What a person is told when it does not.
    #[n(2)]
    pub text: TextDoc,
}

/// A named rule: a field and what it becomes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SetDoc {
    /// Field.
    #[n(0)]
    pub field: String,
    /// Rule, or a bare word of an enum.
    #[n(1)]
    pub rule: String,
}

/// An effect.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum EffectDoc {
    /// A new record.
    #[n(1)]
    Insert {
        /// Register.
        #[n(0)]
        register: String,
        /// Name for later effects.
        #[n(1)]
        name: Option<String>,
        /// Fields.
        #[n(2)]
        fields: Vec<SetDoc>,
        /// Fields that get the next number of a sequence.
        #[n(3)]
        numbers: Vec<NumberedDoc>,
    },
    /// A new version.
    #[n(2)]
    Update {
        /// Name of a read.
        #[n(0)]
        record: String,
        /// Fields that change.
        #[n(1)]
        set: Vec<SetDoc>,
        /// Set for a correction.
        #[n(2)]
        corrects: Option<CorrectsDoc>,
    },
    /// An end.
    #[n(3)]
    Close {
        /// Name of a read.
        #[n(0)]
        record: String,
        /// Why.
        #[n(1)]
        reason: String,
    },
    /// An event.
    #[n(4)]
    Event {
        /// Kind.
        #[n(0)]
        kind: String,
        /// Register concerned.
        #[n(1)]
        register: String,
        /// Rule that gives the key.
        #[n(2)]
        key: String,
    },
    /// A message to the open cases that are about a record, and to processes that it begins.
    #[n(10)]
    Tell {
        /// Message.
        #[n(0)]
        message: String,
        /// Register concerned.
        #[n(1)]
        register: String,
        /// Rule that gives the key.
        #[n(2)]
        key: String,
        /// What a case that it begins is told.
        #[n(3)]
        fields: Option<Vec<SetDoc>>,
    },
    /// For each item of a list.
    #[n(5)]
    Each {
        /// Name of the item.
        #[n(0)]
        name: String,
        /// Name of its position.
        #[n(1)]
        position: Option<String>,
        /// Rule that gives the list.
        #[n(2)]
        list: String,
        /// Register whose records the items are.
        #[n(3)]
        register: Option<String>,
        /// What is done.
        #[n(4)]
        effects: Vec<EffectDoc>,
    },
    /// Only when a condition holds.
    #[n(6)]
    When {
        /// The condition.
        #[n(0)]
        that: String,
        /// What is done.
        #[n(1)]
        effects: Vec<EffectDoc>,
    },
    /// An action of a required package.
    #[n(7)]
    Call {
        /// Package.
        #[n(0)]
        package: String,
        /// Action.
        #[n(1)]
        action: String,
        /// Input.
        #[n(2)]
        input: Vec<SetDoc>,
        /// Rule that gives the keys of mandates.
        #[n(3)]
        mandates: Option<String>,
    },
    /// A counter moves.
    #[n(8)]
    Count {
        /// Counter.
        #[n(0)]
        counter: String,
        /// Rule that gives the scope.
        #[n(1)]
        scope: String,
        /// Rule that gives by how much.
        #[n(2)]
        by: String,
        /// How far it may go.
        #[n(3)]
        limit: Option<LimitDoc>,
    },
    /// Items at the end of a record's list.
    #[n(9)]
    Append {
        /// Register.
        #[n(0)]
        register: String,
        /// Rule that gives the record's key.
        #[n(1)]
        key: String,
        /// The list.
        #[n(2)]
        field: String,
        /// Rule that gives the items.
        #[n(3)]
        items: String,
    },
}

/// How far a counter may go.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct LimitDoc {
    /// Rule that gives the most.
    #[n(0)]
    pub max: String,
    /// Reject code.
    #[n(1)]
    pub code: String,
    /// What a person is told when it would go further.
    #[n(2)]
    pub text: TextDoc,
}

/// A field that gets the next number of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct NumberedDoc {
    /// Field.
    #[n(0)]
    pub field: String,
    /// Sequence.
    #[n(1)]
    pub sequence: String,
    /// Rule that gives the scope.
    #[n(2)]
    pub scope: String,
}

/// What a correction names: three rules.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct CorrectsDoc {
    /// Version that was wrong.
    #[n(0)]
    pub version: String,
    /// Why.
    #[n(1)]
    pub reason: String,
    /// Legal basis.
    #[n(2)]
    pub basis: String,
}

impl EffectDoc {
    /// Calls `look` with this effect and all effects inside it.
    pub fn walk<'d>(&'d self, look: &mut impl FnMut(&'d Self)) {
        look(self);
        if let Self::Each { effects, .. } | Self::When { effects, .. } = self {
            for effect in effects {
                effect.walk(look);
            }
        }
    }

    /// The texts of its own rules, those of effects inside it left out.
    #[must_use]
    pub fn rules(&self) -> Vec<&str> {
        fn of(sets: &[SetDoc]) -> Vec<&str> {
            sets.iter().map(|set| set.rule.as_str()).collect()
        }
        match self {
            Self::Insert { fields, numbers, .. } => {
                let scopes = numbers.iter().map(|n| n.scope.as_str());
                of(fields).into_iter().chain(scopes).collect()
            }
            Self::Update { set, corrects, .. } => {
                let corrects = corrects.iter();
                let named = corrects.flat_map(|c| [&c.version, &c.reason, &c.basis]);
                of(set).into_iter().chain(named.map(String::as_str)).collect()
            }
            Self::Close { .. } => Vec::new(),
            Self::Event { key, .. } => vec![key],
            Self::Tell { key, fields, .. } => {
                let told = fields.iter().flat_map(|fields| of(fields));
                [key.as_str()].into_iter().chain(told).collect()
            }
            Self::Each { list, .. } => vec![list],
            Self::When { that, .. } => vec![that],
            Self::Call { input, mandates, .. } => {
                of(input).into_iter().chain(mandates.as_deref()).collect()
            }
            Self::Count { scope, by, limit, .. } => {
                let max = limit.as_ref().map(|limit| limit.max.as_str());
                [scope.as_str(), by].into_iter().chain(max).collect()
            }
            Self::Append { key, items, .. } => vec![key, items],
        }
    }
}

impl ActionDoc {
    /// How far its effects may move counters.
    #[must_use]
    pub fn limits(&self) -> Vec<&LimitDoc> {
        let mut limits = Vec::new();
        for effect in &self.effects {
            effect.walk(&mut |effect| {
                if let EffectDoc::Count { limit, .. } = effect {
                    limits.extend(limit);
                }
            });
        }
        limits
    }
}

impl PackageDoc {
    /// The bytes that the ledger holds: the canonical CBOR, compressed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        miniz_oxide::deflate::compress_to_vec_zlib(&self.canonical(), LEVEL)
    }

    /// Reads what the ledger holds. Compressed bytes may come from any compressor of RFC 1950;
    /// what they hold must be the one canonical encoding of a document.
    ///
    /// # Errors
    /// When it is larger than [`PACKED_BYTES_MAX`], or than [`DOCUMENT_BYTES_MAX`] when unpacked,
    /// or holds no document.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DocumentError> {
        Ok(cbor::decode(&unpack(bytes)?, DOCUMENT_BYTES_MAX)?)
    }

    /// How many bytes of CBOR the compressed bytes hold; what compiling costs follows from it.
    ///
    /// # Errors
    /// As [`Self::from_bytes`], as far as size and compression go.
    pub fn unpacked_len(bytes: &[u8]) -> Result<usize, DocumentError> {
        Ok(unpack(bytes)?.len())
    }

    /// The canonical CBOR.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// The digest that names this document: over a domain and the canonical CBOR.
    #[must_use]
    pub fn digest(&self) -> Digest {
        chaincity_crypto::hash::in_domain(DIGEST_DOMAIN, &self.canonical())
    }

    /// The guard sets that stand for an action, in the order of their names.
    pub fn sets_of<'d>(&'d self, action: &str) -> impl Iterator<Item = &'d GuardSetDoc> {
        self.guards.iter().filter(move |set| set.on.iter().any(|on| on == action))
    }

    /// The reads of an action, then those of its guard sets.
    pub fn reads_of<'d>(&'d self, action: &'d ActionDoc) -> impl Iterator<Item = &'d LetDoc> {
        action.reads.iter().chain(self.sets_of(&action.name).flat_map(|set| &set.reads))
    }

    /// The guards of an action as they are tried: those of its guard sets, then its own.
    pub fn guards_of<'d>(&'d self, action: &'d ActionDoc) -> impl Iterator<Item = &'d GuardDoc> {
        self.sets_of(&action.name).flat_map(|set| &set.guards).chain(&action.guards)
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, DocumentError> {
    if bytes.len() > PACKED_BYTES_MAX {
        return Err(DocumentError::Packed);
    }
    miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(bytes, DOCUMENT_BYTES_MAX)
        .or(Err(DocumentError::Packed))
}

/// Why bytes are no package document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Too large, or not compressed as RFC 1950 says.
    #[error("not a compressed document of the size allowed")]
    Packed,
    /// Not canonical CBOR, or not a document.
    #[error(transparent)]
    Cbor(#[from] CborError),
}
