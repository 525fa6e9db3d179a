//! The YAML shapes of a package's files, and the budgets with which they are read.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::doc::TextDoc;

/// Largest file, in bytes.
const FILE_BYTES_MAX: usize = 262_144;

/// Reads one document. On failure: line, column (from 1), cause.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, (u64, u64, String)> {
    if text.len() > FILE_BYTES_MAX {
        return Err((1, 1, format!("the file is larger than {FILE_BYTES_MAX} bytes")));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 24,
            max_nodes: 20_000,
            max_events: 60_000,
            max_aliases: 0,
            max_anchors: 0,
            max_documents: 1,
            max_merge_keys: 0,
            max_total_scalar_bytes: FILE_BYTES_MAX,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let at = error.location();
        let cause = error.to_string().lines().next().unwrap_or_default().to_owned();
        (at.map_or(1, |at| at.line()), at.map_or(1, |at| at.column()), cause)
    })
}

/// A title in both languages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Title {
    #[serde(default)]
    zh: String,
    #[serde(default)]
    en: String,
}

impl From<Title> for TextDoc {
    fn from(title: Title) -> Self {
        Self { zh: title.zh, en: title.en }
    }
}

/// `package.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PackageFile {
    pub(super) package: Spanned<String>,
    pub(super) version: u32,
    pub(super) title: Title,
    #[serde(default)]
    pub(super) requires: Ordered<u32>,
    #[serde(default)]
    pub(super) roles: Ordered<Spanned<Title>>,
    #[serde(default)]
    pub(super) parameters: Ordered<Spanned<ParameterText>>,
    #[serde(default)]
    pub(super) sequences: Ordered<Spanned<String>>,
    #[serde(default)]
    pub(super) counters: Ordered<Spanned<Title>>,
}

/// A parameter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParameterText {
    #[serde(rename = "type")]
    pub(super) ty: String,
    pub(super) value: String,
    #[serde(default)]
    pub(super) zh: String,
    #[serde(default)]
    pub(super) en: String,
}

/// `groups/*.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupFile {
    pub(super) group: Spanned<String>,
    pub(super) title: Title,
    pub(super) steward: Spanned<String>,
    pub(super) fields: Ordered<Spanned<FieldText>>,
    #[serde(default)]
    pub(super) claims: Ordered<Spanned<ClaimText>>,
    #[serde(default)]
    pub(super) find_by: Ordered<Spanned<String>>,
    #[serde(default)]
    pub(super) placement: Option<Spanned<String>>,
}

/// A claim.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimText {
    #[serde(rename = "type")]
    pub(super) ty: String,
    pub(super) rule: Spanned<String>,
    #[serde(default)]
    pub(super) parameters: Ordered<Spanned<FieldText>>,
    #[serde(default)]
    pub(super) clear: Vec<String>,
    #[serde(default)]
    pub(super) zh: String,
    #[serde(default)]
    pub(super) en: String,
}

/// `registers/*.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterFile {
    pub(super) register: Spanned<String>,
    pub(super) title: Title,
    pub(super) steward: Spanned<String>,
    pub(super) key: Spanned<String>,
    pub(super) fields: Ordered<Spanned<FieldText>>,
    #[serde(default)]
    pub(super) indexes: Ordered<Spanned<IndexText>>,
    #[serde(default)]
    pub(super) computed: Ordered<Spanned<ComputedText>>,
    #[serde(default)]
    pub(super) invariants: Vec<InvariantText>,
    #[serde(default)]
    pub(super) on_close: Ordered<Spanned<String>>,
    #[serde(default)]
    pub(super) retention: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) source: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) visibility: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) timers: Ordered<Spanned<TimerText>>,
}

/// A timer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimerText {
    pub(super) at: String,
    pub(super) call: String,
    #[serde(default)]
    pub(super) input: Ordered<Spanned<String>>,
}

/// A computed field.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComputedText {
    #[serde(rename = "type")]
    pub(super) ty: String,
    pub(super) rule: String,
    #[serde(default)]
    pub(super) zh: String,
    #[serde(default)]
    pub(super) en: String,
}

/// An invariant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InvariantText {
    pub(super) code: String,
    #[serde(default)]
    pub(super) over: Option<String>,
    pub(super) that: Spanned<String>,
    #[serde(default)]
    pub(super) zh: String,
    #[serde(default)]
    pub(super) en: String,
}

/// An index.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IndexText {
    pub(super) fields: Vec<String>,
    #[serde(default)]
    pub(super) unique: bool,
}

/// `actions/*.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionFile {
    pub(super) action: Spanned<String>,
    pub(super) title: Title,
    #[serde(default)]
    pub(super) law: Vec<String>,
    pub(super) by: Spanned<OneOrMany>,
    #[serde(default)]
    pub(super) urgent: bool,
    #[serde(default)]
    pub(super) mandates: Vec<MandateText>,
    #[serde(default)]
    pub(super) input: Ordered<Spanned<FieldText>>,
    #[serde(default, rename = "let")]
    pub(super) reads: Ordered<Spanned<String>>,
    #[serde(default)]
    pub(super) require: Vec<GuardText>,
    #[serde(rename = "do")]
    pub(super) effects: Vec<Spanned<EffectText>>,
}

/// `forms/*.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FormFile {
    pub(super) form: Spanned<String>,
    pub(super) title: Title,
    #[serde(default)]
    pub(super) help: Option<Title>,
    #[serde(default)]
    pub(super) fields: Vec<Spanned<FormFieldText>>,
    #[serde(default)]
    pub(super) evidence: Ordered<Spanned<Title>>,
}

/// A field of a form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FormFieldText {
    pub(super) fills: OneOrMany,
    #[serde(default)]
    pub(super) title: Option<Title>,
    #[serde(default)]
    pub(super) help: Option<Title>,
}

/// `guards/*.yaml`: guards that several actions share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GuardsFile {
    pub(super) guard: Spanned<String>,
    pub(super) title: Title,
    #[serde(default)]
    pub(super) law: Vec<String>,
    pub(super) on: Vec<Spanned<String>>,
    #[serde(default, rename = "let")]
    pub(super) reads: Ordered<Spanned<String>>,
    pub(super) require: Vec<GuardText>,
}

/// `exports/*.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportFile {
    pub(crate) export: String,
    pub(crate) standard: String,
    pub(crate) objects: Vec<ObjectText>,
}

/// An object of an export.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectText {
    pub(crate) class: Spanned<String>,
    pub(crate) from: String,
    #[serde(default)]
    pub(crate) when: Option<String>,
    #[serde(default)]
    pub(crate) each: Option<String>,
    pub(crate) id: String,
    pub(crate) set: Ordered<String>,
}

/// A steward's release policy; no file of a package.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyFile {
    pub(crate) rules: Vec<PolicyRule>,
}

/// A rule of a release policy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyRule {
    pub(crate) when: Spanned<String>,
    #[serde(default)]
    pub(crate) refuse: Option<Title>,
    #[serde(default)]
    pub(crate) person: Option<Title>,
}

/// A demand for mandates.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MandateText {
    pub(super) of: Spanned<String>,
    #[serde(rename = "for")]
    pub(super) purpose: String,
}

/// A guard.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GuardText {
    pub(super) code: String,
    pub(super) that: Spanned<String>,
    #[serde(default)]
    pub(super) zh: String,
    #[serde(default)]
    pub(super) en: String,
}

/// An effect.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EffectText {
    Insert(InsertText),
    Update(UpdateText),
    Close(CloseText),
    Event(EventText),
    Tell(TellText),
    Each(EachText),
    When(WhenText),
    Call(CallText),
    Count(CountText),
    Append(AppendText),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountText {
    pub(super) counter: String,
    #[serde(default = "no_scope")]
    pub(super) scope: String,
    #[serde(default = "one")]
    pub(super) by: String,
    #[serde(default)]
    pub(super) limit: Option<LimitText>,
}

fn one() -> String {
    "1".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitText {
    pub(super) max: String,
    pub(super) code: String,
    #[serde(default)]
    pub(super) zh: String,
    #[serde(default)]
    pub(super) en: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AppendText {
    pub(super) register: String,
    pub(super) key: String,
    pub(super) field: String,
    pub(super) items: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EachText {
    #[serde(rename = "as")]
    pub(super) name: String,
    #[serde(default, rename = "at")]
    pub(super) position: Option<String>,
    #[serde(rename = "in")]
    pub(super) list: String,
    #[serde(default, rename = "of")]
    pub(super) register: Option<String>,
    #[serde(rename = "do")]
    pub(super) effects: Vec<Spanned<EffectText>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhenText {
    pub(super) that: String,
    #[serde(rename = "do")]
    pub(super) effects: Vec<Spanned<EffectText>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallText {
    pub(super) package: String,
    pub(super) action: String,
    #[serde(default)]
    pub(super) input: Ordered<Spanned<String>>,
    #[serde(default)]
    pub(super) mandates: Option<String>,
}

/// A field that gets the next number of a sequence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberedText {
    pub(super) sequence: String,
    #[serde(default = "no_scope")]
    pub(super) scope: String,
}

fn no_scope() -> String {
    "\"\"".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InsertText {
    pub(super) register: String,
    #[serde(default, rename = "as")]
    pub(super) name: Option<String>,
    pub(super) fields: Ordered<Spanned<String>>,
    #[serde(default)]
    pub(super) numbers: Ordered<Spanned<NumberedText>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateText {
    pub(super) record: String,
    pub(super) set: Ordered<Spanned<String>>,
    #[serde(default)]
    pub(super) corrects: Option<CorrectsText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CorrectsText {
    pub(super) version: String,
    pub(super) reason: String,
    pub(super) basis: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CloseText {
    pub(super) record: String,
    pub(super) reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TellText {
    pub(super) message: String,
    pub(super) register: String,
    pub(super) key: String,
    #[serde(default)]
    pub(super) fields: Ordered<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventText {
    pub(super) kind: String,
    pub(super) register: String,
    pub(super) key: String,
}

/// A field: its type alone, or `{type, zh, en}`.
#[derive(Debug)]
pub(super) struct FieldText {
    pub(super) ty: String,
    pub(super) title: Option<Title>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongField {
    #[serde(rename = "type")]
    ty: String,
    #[serde(default)]
    zh: String,
    #[serde(default)]
    en: String,
}

impl<'de> Deserialize<'de> for FieldText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = FieldText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a type, or {type, zh, en}")
            }
            fn visit_str<E: de::Error>(self, ty: &str) -> Result<FieldText, E> {
                Ok(FieldText { ty: ty.to_owned(), title: None })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FieldText, A::Error> {
                let LongField { ty, zh, en } =
                    LongField::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(FieldText { ty, title: Some(Title { zh, en }) })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// One text or a list of texts.
#[derive(Debug)]
pub(super) struct OneOrMany(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = seq.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMany(texts))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A map whose order is kept as written.
#[derive(Debug)]
pub(crate) struct Ordered<T>(pub(crate) Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}
