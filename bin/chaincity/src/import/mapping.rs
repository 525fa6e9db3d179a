//! The mapping document: which files, which columns, which conversions, which actions. What
//! stands here is only its shape; `check` holds it against the package and compiles it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;

/// Largest mapping, in bytes.
const MAPPING_BYTES_MAX: usize = 262_144;

/// What is wrong with a mapping, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappingProblem {
    /// Line, from 1.
    pub(crate) line: u64,
    /// Column, from 1.
    pub(crate) column: u64,
    /// The cause.
    pub(crate) cause: String,
}

impl fmt::Display for MappingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.cause)
    }
}

/// `imports/*.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MappingText {
    /// Identifier of the source.
    #[serde(rename = "import")]
    pub(crate) id: Spanned<String>,
    /// What is imported.
    pub(crate) title: Title,
    /// What the mapping takes for granted, for readers.
    #[serde(default)]
    pub(crate) assumptions: Vec<Title>,
    /// The package whose actions are called.
    pub(crate) package: Spanned<String>,
    /// Which state of which system the files are, when there are several.
    #[serde(default)]
    pub(crate) generation: Option<Spanned<GenerationText>>,
    /// Files by name, in the order in which they are reported.
    pub(crate) files: Ordered<Spanned<FileText>>,
    /// The file whose rows become calls; the others are joined to it by key.
    pub(crate) rows: Spanned<String>,
    /// Named values, for use in several places.
    #[serde(default, rename = "let")]
    pub(crate) names: Ordered<Spanned<ExprText>>,
    /// What is called for each row, in order.
    pub(crate) calls: Vec<Spanned<CallText>>,
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Title {
    /// Chinese.
    pub(crate) zh: String,
    /// English.
    pub(crate) en: String,
}

/// An import generation, and the action that records it before the first row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerationText {
    /// The register whose states these are: generations of one series follow each other.
    pub(crate) series: String,
    /// Which of them, from 1.
    pub(crate) number: u32,
    /// The system.
    pub(crate) system: SystemText,
    /// When the system gave the data out: a date or an RFC 3339 time.
    pub(crate) exported: String,
    /// Who gave them out.
    pub(crate) operator: String,
    /// The action.
    pub(crate) action: String,
    /// Reject codes that say the generation is recorded.
    pub(crate) already: Vec<String>,
}

/// A system's name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum SystemText {
    /// In both languages.
    Both(Title),
    /// In one.
    One(String),
}

/// A file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileText {
    /// Name in the source's directory.
    pub(crate) path: String,
    /// Label of the encoding, as the web names them.
    pub(crate) encoding: String,
    /// Ranges of two-byte codes left to users by the publisher's code page, such as `FA40-FEFE`.
    #[serde(default)]
    pub(crate) private: Vec<String>,
    /// Separator of cells; a comma unless given.
    #[serde(default)]
    pub(crate) separator: Option<String>,
    /// Lines before the first row; the last of them names the columns.
    pub(crate) header_lines: u64,
    /// Names of the columns, exactly as in the header.
    pub(crate) columns: Vec<String>,
    /// The column with the key.
    pub(crate) key: String,
}

/// One call a row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallText {
    /// The action.
    pub(crate) action: String,
    /// Reject codes that say the record is there: what makes a second run add nothing.
    pub(crate) already: Vec<String>,
    /// The input, field by field.
    pub(crate) input: Ordered<Spanned<ExprText>>,
}

/// Where a value comes from: exactly one of `column`, `constant`, `template`, `key`, `name`,
/// `synthetic_holders`, `children`, `flags`, `source`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExprText {
    /// A cell of this column.
    pub(crate) column: Option<String>,
    /// The conversion of the cell; `text` unless given.
    #[serde(rename = "as")]
    pub(crate) convert: Option<String>,
    /// What the conversion may let pass.
    #[serde(default)]
    pub(crate) allow: Vec<String>,
    /// Words of the source and what they become; any other is refused.
    pub(crate) words: Option<Ordered<String>>,
    /// Always this text.
    pub(crate) constant: Option<String>,
    /// A text with columns in braces; absent when all of them are empty.
    pub(crate) template: Option<String>,
    /// A key made of several columns.
    pub(crate) key: Option<KeyText>,
    /// A named value.
    pub(crate) name: Option<String>,
    /// Synthetic holders with shares, made from the seed and this named value.
    pub(crate) synthetic_holders: Option<String>,
    /// A list with an item for each joined row.
    pub(crate) children: Option<ChildrenText>,
    /// A list of words for what is doubtful about the row; absent when nothing is.
    pub(crate) flags: Option<Vec<FlagText>>,
    /// Where the row stands: `generation`, `file`, `row`, or `rows`.
    pub(crate) source: Option<String>,
    /// The joined file whose `file` or `rows` are meant.
    pub(crate) of: Option<String>,
}

/// A key made of several columns.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyText {
    /// How it begins.
    pub(crate) prefix: String,
    /// A column whose words, as `words` maps them, follow the prefix.
    pub(crate) word: Option<Box<Spanned<ExprText>>>,
    /// The columns that are hashed: rows that agree in all of them get the same key.
    pub(crate) columns: Vec<String>,
    /// Hexadecimal digits of the hash, 16 to 40.
    pub(crate) digits: usize,
}

/// A list made of joined rows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChildrenText {
    /// The file.
    pub(crate) file: String,
    /// The fields of an item.
    pub(crate) item: Ordered<Spanned<ExprText>>,
}

/// When a flag is set: when everything that is said holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlagText {
    /// The word.
    pub(crate) flag: String,
    /// This column …
    pub(crate) column: Option<String>,
    /// … contains this text …
    pub(crate) contains: Option<String>,
    /// … and does not contain this one.
    pub(crate) lacks: Option<String>,
    /// A joined row was set aside.
    #[serde(default)]
    pub(crate) children_set_aside: bool,
    /// The shares in the rows of this joined file do not make a whole.
    pub(crate) not_whole: Option<String>,
    /// Joined rows differ in a column.
    pub(crate) differ: Option<DifferText>,
}

/// A column in which joined rows may differ.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DifferText {
    /// The file.
    pub(crate) file: String,
    /// The column.
    pub(crate) column: String,
}

/// Reads a mapping's shape.
///
/// # Errors
/// When it is too large, no YAML, or has unknown or missing keys; with the place.
pub(crate) fn read(text: &str) -> Result<MappingText, MappingProblem> {
    if text.len() > MAPPING_BYTES_MAX {
        let cause = format!("the mapping is larger than {MAPPING_BYTES_MAX} bytes");
        return Err(MappingProblem { line: 1, column: 1, cause });
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
            max_total_scalar_bytes: MAPPING_BYTES_MAX,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let at = error.location();
        let cause = error.to_string().lines().next().unwrap_or_default().to_owned();
        let (line, column) = at.map_or((1, 1), |at| (at.line(), at.column()));
        MappingProblem { line, column, cause }
    })
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
