//! Packages as the interface shows them: what a client needs to build calls and read records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextInfo {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// The packages in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageList {
    /// The packages, by id.
    pub items: Vec<PackageSummary>,
}

/// A package without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageSummary {
    /// Identifier, such as `real-estate`.
    pub id: String,
    /// Version, from 1.
    pub version: u32,
    /// Title.
    pub title: TextInfo,
    /// Digest of the canonical package document.
    pub digest: String,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageInfo {
    /// The package.
    pub package: PackageSummary,
    /// Roles by full name.
    pub roles: BTreeMap<String, TextInfo>,
    /// Encrypted field groups by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, GroupInfo>,
    /// Registers by name.
    pub registers: BTreeMap<String, RegisterInfo>,
    /// Actions by name.
    pub actions: BTreeMap<String, ActionInfo>,
    /// Constants that its rules use, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, ParameterInfo>,
    /// Forms by name, as `chaincity:form` of its processes names them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub forms: BTreeMap<String, FormInfo>,
    /// Packages whose actions it may call, with the lowest version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requires: BTreeMap<String, u32>,
}

/// A form: what a person fills in for a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FormInfo {
    /// Title.
    pub title: TextInfo,
    /// What helps with the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<TextInfo>,
    /// Fields, in the order in which they are filled in.
    pub fields: Vec<FormFieldInfo>,
    /// Kinds of evidence that go with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceInfo>,
}

/// A field of a form. Its type is that of what it fills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FormFieldInfo {
    /// What it fills: inputs as `package.action.input`, variables of the process by their names.
    pub fills: Vec<String>,
    /// Title; that of the input when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<TextInfo>,
    /// What helps to fill it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<TextInfo>,
}

/// A kind of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceInfo {
    /// Kind, as tasks name it.
    pub kind: String,
    /// Title.
    pub title: TextInfo,
}

/// A constant of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParameterInfo {
    /// Type and title.
    #[serde(flatten)]
    pub field: FieldInfo,
    /// Its value.
    pub value: serde_json::Value,
}

/// A field group: fields that are encrypted together and opened together, by a recorded access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupInfo {
    /// Title.
    pub title: TextInfo,
    /// Role whose members' vaults keep it.
    pub steward: String,
    /// Fields by name.
    pub fields: BTreeMap<String, FieldInfo>,
    /// What its steward hands over in place of the fields, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, ClaimInfo>,
    /// What its steward's staff finds it by: kinds of terms, with the path to their texts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub find_by: BTreeMap<String, String>,
    /// Whether its ciphertext lies on the ledger, on every node, and not with its steward.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_ledger: bool,
}

/// A claim: what follows from a field group, worked out and signed by its steward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimInfo {
    /// Type and title.
    #[serde(flatten)]
    pub field: FieldInfo,
    /// What the reader says with it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, FieldInfo>,
    /// The parameters that may stand in clear; the others are sealed in the steward's vault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clear: Vec<String>,
}

/// A register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegisterInfo {
    /// Title.
    pub title: TextInfo,
    /// Role whose authority writes it.
    pub steward: String,
    /// The field that gives the key; absent when the ledger makes keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_field: Option<String>,
    /// Whether persons stand in it under pseudonyms of one family alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blinded: bool,
    /// Fields by name.
    pub fields: BTreeMap<String, FieldInfo>,
    /// Indexes by name.
    pub indexes: BTreeMap<String, IndexInfo>,
    /// What follows from the fields and the time, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub computed: BTreeMap<String, FieldInfo>,
    /// What must hold after every call that writes a record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invariants: Vec<GuardInfo>,
    /// Years for which records are kept after they are closed; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_years: Option<u16>,
}

/// A declared index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IndexInfo {
    /// Indexed fields, in order.
    pub fields: Vec<String>,
    /// Whether at most one live record may have the same values.
    pub unique: bool,
}

/// A field of a register or of an action's input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldInfo {
    /// Type.
    #[serde(flatten)]
    pub kind: FieldKind,
    /// Whether it may be absent.
    pub optional: bool,
    /// Title.
    pub title: TextInfo,
}

/// The type of a field, named by `type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FieldKind {
    /// True or false.
    Bool,
    /// 64-bit integer.
    Int,
    /// Money in fen, an integer.
    Fen,
    /// Area in m², a string with two decimals.
    Area,
    /// Decimal, a string.
    Decimal {
        /// Digits after the point.
        scale: u8,
    },
    /// Text.
    Text {
        /// Most characters.
        max: u32,
    },
    /// Bytes in hexadecimal.
    Bytes {
        /// Most bytes.
        max: u32,
    },
    /// A 32-byte digest in hexadecimal.
    Digest,
    /// `YYYY-MM-DD`.
    Date,
    /// RFC 3339.
    Time,
    /// One of these words.
    Enum {
        /// The words.
        words: Vec<String>,
    },
    /// Key of a record of this register.
    Ref {
        /// The register.
        register: String,
    },
    /// The commitment to an encrypted field group, 32 bytes in hexadecimal; behind it the ciphertext
    /// where the group is placed on the ledger.
    Sealed {
        /// The group.
        group: String,
    },
    /// Id of a subject.
    Subject,
    /// Id of a person in one family of records alone, such as `holder.1.` and 64 hexadecimal digits.
    Pseudonym {
        /// The name with which it begins: the group of whose field the steward's vault makes it, or
        /// the sector whose stewards make it.
        name: String,
    },
    /// An identifier of this kind, such as `unit-number`.
    Identifier {
        /// The kind.
        kind: String,
    },
    /// A holder's share: `{subject, n, d}`.
    Share,
    /// A list.
    List {
        /// Type of its items.
        #[schema(no_recursion)]
        of: Box<FieldKind>,
        /// Most items.
        max: u32,
    },
    /// An object with these fields and no others.
    Map {
        /// Its fields.
        #[schema(no_recursion)]
        fields: BTreeMap<String, FieldInfo>,
    },
    /// An object with keys of its own.
    MapOf {
        /// Most characters of a key.
        key: u32,
        /// Type of its values.
        #[schema(no_recursion)]
        of: Box<FieldKind>,
        /// Most entries.
        max: u32,
    },
}

/// An action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionInfo {
    /// Title.
    pub title: TextInfo,
    /// Legal basis.
    pub law: Vec<String>,
    /// Roles, any of which may call it.
    pub by: Vec<String>,
    /// Whether its transactions go before others.
    pub urgent: bool,
    /// Purposes for which parties must have given mandates.
    pub mandates: Vec<String>,
    /// Input fields by name.
    pub input: BTreeMap<String, FieldInfo>,
    /// Registers read.
    pub reads: Vec<String>,
    /// Guards, in order: the first that fails rejects with its code.
    pub guards: Vec<GuardInfo>,
}

/// A guard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GuardInfo {
    /// Reject code.
    pub code: String,
    /// What a person is told when it fails.
    pub text: TextInfo,
}
