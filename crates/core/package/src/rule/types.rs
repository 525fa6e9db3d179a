//! The static types of rules.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chaincity_types::{Str, Value};

use crate::model::FieldType;

/// What a rule's part can be. Sharing keeps copies of large records cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// No value at all: the items of an empty list.
    Never,
    /// Only null.
    Null,
    /// True or false.
    Bool,
    /// 64-bit integer.
    Int,
    /// Fixed-point decimal of this scale.
    Decimal(u8),
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// Calendar date.
    Date,
    /// Point in time.
    Time,
    /// What `sum_shares` gives: only comparable with `whole`.
    ShareSum,
    /// What is encrypted under this name: null tests apply, and nothing else does.
    Sealed(Str),
    /// A list.
    List(Arc<Type>),
    /// A map with these fields.
    Record(Arc<BTreeMap<String, Type>>),
    /// A map from texts to values of one type.
    Map(Arc<Type>),
    /// The type, or null.
    Optional(Arc<Type>),
}

impl Type {
    /// A list of `item`.
    #[must_use]
    pub fn list(item: Self) -> Self {
        Self::List(Arc::new(item))
    }

    /// A map from texts to `item`.
    #[must_use]
    pub fn map(item: Self) -> Self {
        Self::Map(Arc::new(item))
    }

    /// The type of a map's values; a record whose fields go together, none of which may be null,
    /// is a map too.
    pub(crate) fn map_item(&self) -> Option<Self> {
        if let Self::Map(item) = self {
            return Some(item.as_ref().clone());
        }
        let Self::Record(fields) = self else { return None };
        let item = fields.values().try_fold(Self::Never, |item, field| item.unify(field));
        item.filter(|item| !matches!(item, Self::Optional(_) | Self::Null))
    }

    /// A record with these fields.
    #[must_use]
    pub fn record<K: Into<String>>(fields: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Record(Arc::new(fields.into_iter().map(|(name, ty)| (name.into(), ty)).collect()))
    }

    /// `self` or null.
    #[must_use]
    pub fn optional(self) -> Self {
        if matches!(self, Self::Optional(_) | Self::Null) {
            return self;
        }
        Self::Optional(Arc::new(self))
    }

    /// `self` without null.
    #[must_use]
    pub fn required(&self) -> Self {
        if let Self::Optional(inner) = self { inner.as_ref().clone() } else { self.clone() }
    }

    /// A holder's share: `{subject, n, d}`.
    #[must_use]
    pub fn share() -> Self {
        Self::record([("subject", Self::String), ("n", Self::Int), ("d", Self::Int)])
    }

    /// The type as which rules see a field.
    #[must_use]
    pub fn of_field(kind: &FieldType, optional: bool) -> Self {
        let ty = match kind {
            FieldType::Bool => Self::Bool,
            FieldType::Int | FieldType::Fen => Self::Int,
            FieldType::Area => Self::Decimal(2),
            FieldType::Decimal(scale) => Self::Decimal(*scale),
            FieldType::Text(_)
            | FieldType::Enum(_)
            | FieldType::Ref(_)
            | FieldType::Subject
            | FieldType::Pseudonym(_)
            | FieldType::Identifier(_) => Self::String,
            FieldType::Bytes(_)
            | FieldType::Digest
            | FieldType::Sealed(_)
            | FieldType::Placed(_) => Self::Bytes,
            FieldType::Date => Self::Date,
            FieldType::Time => Self::Time,
            FieldType::Share => Self::share(),
            FieldType::List(item, _) => Self::list(Self::of_field(item, false)),
            FieldType::MapOf(_, item, _) => Self::map(Self::of_field(item, false)),
            FieldType::Map(fields) => Self::record(
                fields.iter().map(|(name, f)| (name.clone(), Self::of_field(&f.kind, f.optional))),
            ),
        };
        if optional { ty.optional() } else { ty }
    }

    /// The type of a value. `None` when a list holds values of kinds that do not go together.
    #[must_use]
    pub fn of_value(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Int,
            Value::Decimal { scale, .. } => Self::Decimal(*scale),
            Value::Text(_) => Self::String,
            Value::Bytes(_) => Self::Bytes,
            Value::Date(_) => Self::Date,
            Value::Time(_) => Self::Time,
            Value::List(items) => {
                let unify = |ty: Self, item: &Value| ty.unify(&Self::of_value(item)?);
                Self::list(items.iter().try_fold(Self::Never, unify)?)
            }
            Value::Map(map) => {
                let typed =
                    |(name, value): (&Str, &Value)| Some((name.clone(), Self::of_value(value)?));
                Self::record(map.iter().map(typed).collect::<Option<Vec<_>>>()?)
            }
        })
    }

    /// The least type that holds both, if there is one.
    #[must_use]
    pub fn unify(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (a, b) if a == b => Some(a.clone()),
            (Self::Never, x) | (x, Self::Never) => Some(x.clone()),
            (Self::Null, x) | (x, Self::Null) => Some(x.clone().optional()),
            (Self::Optional(a), b) | (b, Self::Optional(a)) => {
                a.unify(&b.required()).map(Self::optional)
            }
            (Self::List(a), Self::List(b)) => a.unify(b).map(Self::list),
            (Self::Map(_), Self::Map(_) | Self::Record(_)) | (Self::Record(_), Self::Map(_)) => {
                self.map_item()?.unify(&other.map_item()?).map(Self::map)
            }
            (Self::Record(a), Self::Record(b)) if a.keys().eq(b.keys()) => a
                .iter()
                .zip(b.values())
                .map(|((name, a), b)| a.unify(b).map(|ty| (name.clone(), ty)))
                .collect::<Option<Vec<_>>>()
                .map(Self::record),
            _ => None,
        }
    }

    /// Whether every value of `self` may stand where `wanted` is declared. A record may leave
    /// out what may be null.
    #[must_use]
    pub fn fits(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (a, b) if a == b => true,
            (Self::Never, _) | (Self::Null, Self::Optional(_)) => true,
            (Self::Optional(a), Self::Optional(b))
            | (Self::List(a), Self::List(b))
            | (Self::Map(a), Self::Map(b)) => a.fits(b),
            (Self::Record(fields), Self::Map(item)) => fields.values().all(|ty| ty.fits(item)),
            (a, Self::Optional(b)) => a.fits(b),
            (Self::Record(a), Self::Record(b)) => {
                a.iter().all(|(name, ty)| b.get(name).is_some_and(|wanted| ty.fits(wanted)))
                    && b.iter()
                        .all(|(name, ty)| a.contains_key(name) || matches!(ty, Self::Optional(_)))
            }
            _ => false,
        }
    }

    /// Whether the type, written out, has at most `budget` parts; what is left of the budget.
    /// Types share their parts, so that a short rule could otherwise spell an enormous one.
    pub(crate) fn within(&self, budget: usize) -> Option<usize> {
        let left = budget.checked_sub(1)?;
        match self {
            Self::List(inner) | Self::Map(inner) | Self::Optional(inner) => inner.within(left),
            Self::Record(fields) => fields.values().try_fold(left, |left, ty| ty.within(left)),
            Self::Never
            | Self::Null
            | Self::Bool
            | Self::Int
            | Self::Decimal(_)
            | Self::String
            | Self::Bytes
            | Self::Date
            | Self::Time
            | Self::ShareSum
            | Self::Sealed(_) => Some(left),
        }
    }

    /// Whether `<` and its kin, `min` and `max` apply.
    #[must_use]
    pub const fn is_ordered(&self) -> bool {
        matches!(
            self,
            Self::Int | Self::Decimal(_) | Self::String | Self::Bytes | Self::Date | Self::Time
        )
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("nothing"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Decimal(scale) => write!(f, "decimal({scale})"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("timestamp"),
            Self::ShareSum => f.write_str("sum of shares"),
            Self::Sealed(name) => write!(f, "sealed({name})"),
            Self::List(item) => write!(f, "list({item})"),
            Self::Map(item) => write!(f, "map(string, {item})"),
            Self::Record(fields) => {
                f.write_str("{")?;
                for (i, (name, ty)) in fields.iter().take(6).enumerate() {
                    write!(f, "{}{name}: {ty}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(if fields.len() > 6 { ", …}" } else { "}" })
            }
            Self::Optional(inner) => write!(f, "{inner} or null"),
        }
    }
}
