//! Values against their declared types: what the ledger does with every input and every field
//! before it uses or stores it.
//!
//! A checked value is canonical: an absent optional field has no entry (never null), and an
//! identifier has its normal form. Whether a reference names a record is the ledger's to know.

use std::collections::BTreeMap;
use std::fmt;

use chaincity_crypto::groups;
use chaincity_crypto::pseudonym::is_pseudonym;
use chaincity_types::id::{self, IdKind};
use chaincity_types::{Share, Str, Value};

use crate::literal;
use crate::model::{Field, FieldType};

/// Longest record key and longest subject, in bytes.
pub const KEY_BYTES_MAX: usize = 128;

/// Why a value does not fit. Names the place and the rule, never the value: it may be personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// Path inside the value, such as `to[2].n`; empty for the value itself.
    pub path: String,
    /// The cause.
    pub cause: String,
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.cause)
        } else {
            write!(f, "`{}` {}", self.path, self.cause)
        }
    }
}

impl std::error::Error for FieldProblem {}

impl FieldProblem {
    pub(crate) fn new(cause: impl Into<String>) -> Self {
        Self { path: String::new(), cause: cause.into() }
    }

    pub(crate) fn inside(mut self, part: &str) -> Self {
        let joint = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{part}{joint}{}", self.path);
        self
    }
}

type Checked = Result<Value, FieldProblem>;

/// Checks a whole input or record against its fields. `today` is the block's calendar date in
/// China, as days since 1970-01-01: identifiers with a date in the future are refused.
///
/// # Errors
/// For a field that is not declared, missing, or does not fit its type.
pub fn check_fields(
    declared: &BTreeMap<Str, Field>,
    given: BTreeMap<Str, Value>,
    today: i32,
) -> Result<BTreeMap<Str, Value>, FieldProblem> {
    check_fields_but(&[], declared, given, today)
}

/// The same, where the fields of `later` may be missing yet.
///
/// # Errors
/// As [`check_fields`].
pub fn check_fields_but(
    later: &[&str],
    declared: &BTreeMap<Str, Field>,
    mut given: BTreeMap<Str, Value>,
    today: i32,
) -> Result<BTreeMap<Str, Value>, FieldProblem> {
    // Both are in order of names, so one pass pairs them.
    let mut names = declared.keys();
    if let Some(name) = given.keys().find(|name| !names.any(|declared| declared == *name)) {
        return Err(FieldProblem::new("is not declared").inside(&crate::rule::short(name)));
    }
    given.retain(|_, value| *value != Value::Null);
    let mut values = given.iter_mut().peekable();
    for (name, field) in declared {
        match values.next_if(|(given, _)| *given == name) {
            None if field.optional || later.contains(&name.as_str()) => {}
            None => return Err(FieldProblem::new("is missing").inside(name)),
            Some((_, value)) => {
                let checked = field.kind.check(std::mem::replace(value, Value::Null), today);
                *value = checked.map_err(|p| p.inside(name))?;
            }
        }
    }
    Ok(given)
}

impl FieldType {
    /// Checks `value` and gives its canonical form. `today` as for [`check_fields`].
    ///
    /// # Errors
    /// When it is of another kind, too long, out of range, not one of the words, or not a valid
    /// identifier.
    pub fn check(&self, value: Value, today: i32) -> Checked {
        match (self, value) {
            (Self::List(item, max), Value::List(items)) => list(item, *max, items, today),
            (Self::Map(declared), Value::Map(map)) => {
                check_fields(declared, map, today).map(Value::Map)
            }
            (Self::MapOf(keys, item, max), Value::Map(map)) => {
                map_of((*keys, item, *max), map, today)
            }
            (Self::Identifier(kind), Value::Text(text)) => identifier(kind, &text, today),
            (_, value) => self.fits(&value).map(|()| value),
        }
    }

    /// Whether a value is one of a type whose values have one form only; if not, the cause.
    fn fits(&self, value: &Value) -> Result<(), FieldProblem> {
        match (self, value) {
            (Self::Bool, Value::Bool(_))
            | (Self::Int, Value::Int(_))
            | (Self::Time, Value::Time(_)) => Ok(()),
            (Self::Date, Value::Date(days)) => {
                keep(literal::date_in_range(*days), || "is out of range".into())
            }
            (Self::Fen, Value::Int(n)) => keep(*n >= 0, || "is negative".into()),
            (Self::Area, Value::Decimal { mantissa, scale: 2 }) => {
                keep(*mantissa >= 0, || "is negative".into())
            }
            (Self::Area, Value::Decimal { .. }) => Err(FieldProblem::new("needs two decimals")),
            (Self::Decimal(wanted), Value::Decimal { scale, .. }) => {
                keep(scale == wanted, || format!("needs {wanted} decimals"))
            }
            (Self::Text(max), Value::Text(text)) => {
                let fits = u32::try_from(text.chars().count()).is_ok_and(|len| len <= *max);
                keep(fits, || format!("is longer than {max} characters"))
            }
            (Self::Bytes(max), Value::Bytes(bytes)) => {
                let fits = u32::try_from(bytes.len()).is_ok_and(|len| len <= *max);
                keep(fits, || format!("is longer than {max} bytes"))
            }
            (Self::Digest | Self::Sealed(_), Value::Bytes(bytes)) => {
                keep(bytes.len() == 32, || "is not 32 bytes".into())
            }
            (Self::Placed(_), Value::Bytes(bytes)) => {
                let fits = groups::held(bytes).is_some_and(|(_, sealed)| sealed.is_some());
                keep(fits, || "is not a commitment with its ciphertext".into())
            }
            (Self::Enum(words), Value::Text(word)) => {
                keep(words.contains(word), || format!("is none of `{}`", words.join("`, `")))
            }
            (Self::Ref(_), Value::Text(key)) => keep(is_key(key), || "is not a record key".into()),
            (Self::Subject, Value::Text(id)) => {
                let plain = !id.chars().any(|c| c.is_whitespace() || c.is_control());
                keep(is_key(id) && plain, || "is not the id of a subject".into())
            }
            (Self::Pseudonym(family), Value::Text(id)) => {
                let fits = is_pseudonym(family.name(), id);
                keep(fits, || format!("is not a pseudonym such as `{}.1.…`", family.name()))
            }
            (Self::Share, Value::Map(map)) => share(map),
            (wanted, found) => {
                Err(FieldProblem::new(format!("is a {}, not a {}", found.kind(), wanted.name())))
            }
        }
    }

    /// The type's name as packages write it, without its parameters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Fen => "fen",
            Self::Area => "area",
            Self::Decimal(_) => "decimal",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Digest => "digest",
            Self::Date => "date",
            Self::Time => "time",
            Self::Enum(_) => "enum",
            Self::Ref(_) => "ref",
            Self::Sealed(_) | Self::Placed(_) => "sealed",
            Self::Subject => "subject",
            Self::Pseudonym(_) => "pseudonym",
            Self::Identifier(_) => "identifier",
            Self::Share => "share",
            Self::List(..) => "list",
            Self::Map(_) | Self::MapOf(..) => "map",
        }
    }
}

fn keep(fits: bool, cause: impl FnOnce() -> String) -> Result<(), FieldProblem> {
    if fits { Ok(()) } else { Err(FieldProblem::new(cause())) }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= KEY_BYTES_MAX
}

fn list(item: &FieldType, max: u32, items: Vec<Value>, today: i32) -> Checked {
    if !u32::try_from(items.len()).is_ok_and(|len| len <= max) {
        return Err(FieldProblem::new(format!("has more than {max} items")));
    }
    let check = |(i, value)| item.check(value, today).map_err(|p| p.inside(&format!("[{i}]")));
    items.into_iter().enumerate().map(check).collect::<Result<_, _>>().map(Value::List)
}

/// A key may be personal, so a problem names the entry's place.
fn map_of(
    (keys, item, max): (u32, &FieldType, u32),
    mut map: BTreeMap<Str, Value>,
    today: i32,
) -> Checked {
    if !u32::try_from(map.len()).is_ok_and(|len| len <= max) {
        return Err(FieldProblem::new(format!("has more than {max} entries")));
    }
    for (i, (key, value)) in map.iter_mut().enumerate() {
        let fits = u32::try_from(key.chars().count()).is_ok_and(|len| (1..=keys).contains(&len));
        let checked = if fits {
            item.check(std::mem::replace(value, Value::Null), today)
        } else {
            Err(FieldProblem::new(format!("has a key that is not 1 to {keys} characters long")))
        };
        *value = checked.map_err(|p| p.inside(&format!("[{i}]")))?;
    }
    Ok(Value::Map(map))
}

fn share(map: &BTreeMap<Str, Value>) -> Result<(), FieldProblem> {
    let part = |name| {
        let n = map.get(name).and_then(Value::as_int).and_then(|n| u64::try_from(n).ok());
        n.ok_or_else(|| FieldProblem::new("is not a positive integer").inside(name))
    };
    let subject = map.get("subject").and_then(Value::as_text);
    if !subject.is_some_and(is_key) {
        return Err(FieldProblem::new("is missing or too long").inside("subject"));
    }
    let fits = map.len() == 3 && Share::new(part("n")?, part("d")?).is_ok();
    keep(fits, || "is not a share {subject, n, d} with 0 < n ≤ d".into())
}

fn identifier(kind: &str, text: &Str, today: i32) -> Checked {
    let Some(kind) = IdKind::from_name(kind) else {
        return Err(FieldProblem::new("is of an unknown kind of identifier"));
    };
    canonical_identifier(kind, text, today)
        .map(|form| Value::Text(if *text == form { text.clone() } else { form.into() }))
        .map_err(|error| FieldProblem::new(format!("is not a {}: {error}", kind.name())))
}

/// The canonical form of an identifier.
pub(crate) fn canonical_identifier(kind: IdKind, text: &str, today: i32) -> Result<String, String> {
    let today = literal::civil(today).ok_or_else(|| "no date".to_owned())?;
    let context = id::Context { today, strictness: id::Strictness::Issue };
    match id::check(kind, text, &context) {
        Ok(checked) => Ok(checked.value.canonical),
        Err(error) => Err(error.code().code().to_owned()),
    }
}
