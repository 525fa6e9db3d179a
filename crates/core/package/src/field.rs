//! The texts of field types: `list(share, max 20)`, `text(100)?`, `ref(unit)`.

use std::collections::BTreeMap;

use chaincity_types::Str;
use chaincity_types::id::IdKind;

use crate::model::{Family, Field, FieldType, Text};
use crate::rule::{Parser, RuleError};

/// Longest text, in characters, that a field may hold.
pub const TEXT_MAX: u32 = 4_000;
/// Most bytes that a field may hold.
pub const BYTES_MAX: u32 = 16_384;
/// Longest list that a field may hold.
pub const LIST_MAX: u32 = 1_000;
/// Most words of an enum: a value is compared with each.
pub(crate) const WORDS_MAX: usize = 256;
/// Longest name that rules see, in bytes: every copy of a record copies its fields' names.
pub(crate) const NAME_BYTES_MAX: usize = 40;
/// Longest key of a map, in characters.
const MAP_KEY_MAX: u32 = 200;
/// Deepest nesting of lists and maps in a field.
const DEPTH_MAX: u32 = 5;

/// Reads a type; whether it is optional.
pub(crate) fn parse(text: &str) -> Result<(FieldType, bool), RuleError> {
    let mut parser = Parser::new(text)?;
    let parsed = field(&mut parser, 0)?;
    parser.expect_end()?;
    Ok(parsed)
}

impl FieldType {
    /// Reads a type as a package writes it, such as `list(int, max 5)?`; whether it is optional.
    ///
    /// # Errors
    /// When `text` is not the type of a field.
    pub fn of_declaration(text: &str) -> Result<(Self, bool), RuleError> {
        parse(text)
    }

    /// Whether what is filled in for the one may be filled in for the other: the same type, or both
    /// texts.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self == other || matches!((self, other), (Self::Text(_), Self::Text(_)))
    }
}

fn field(p: &mut Parser, depth: u32) -> Result<(FieldType, bool), RuleError> {
    let kind = kind(p, depth)?;
    Ok((kind, p.take_mark("?")))
}

fn kind(p: &mut Parser, depth: u32) -> Result<FieldType, RuleError> {
    let at = p.at();
    if depth > DEPTH_MAX {
        return Err(RuleError::new(at, "a type is nested too deeply"));
    }
    let word = p.word()?;
    let simple = match word.as_str() {
        "bool" => Some(FieldType::Bool),
        "int" => Some(FieldType::Int),
        "fen" => Some(FieldType::Fen),
        "area" => Some(FieldType::Area),
        "digest" => Some(FieldType::Digest),
        "date" => Some(FieldType::Date),
        "time" => Some(FieldType::Time),
        "share" => Some(FieldType::Share),
        "subject" => Some(FieldType::Subject),
        "attachment" => Some(attachment()),
        _ => None,
    };
    if let Some(kind) = simple {
        return Ok(kind);
    }
    p.expect_mark("(")?;
    let kind = match word.as_str() {
        "text" => FieldType::Text(number(p, 1, TEXT_MAX)?),
        "bytes" => FieldType::Bytes(number(p, 1, BYTES_MAX)?),
        "decimal" => {
            let scale = number(p, 0, u32::from(crate::literal::SCALE_MAX))?;
            FieldType::Decimal(u8::try_from(scale).unwrap_or(0))
        }
        "enum" => FieldType::Enum(words(p)?),
        "ref" => FieldType::Ref(p.word_with_hyphens()?.into()),
        "sealed" => FieldType::Sealed(p.word_with_hyphens()?.into()),
        "pseudonym" => FieldType::Pseudonym(family(p)?),
        "identifier" => {
            let at = p.at();
            let name = p.word_with_hyphens()?;
            if IdKind::from_name(&name).is_none() {
                let known: Vec<_> = IdKind::ALL.iter().map(|kind| kind.name()).collect();
                let known = known.join("`, `");
                return Err(RuleError::new(at, format!("an identifier is one of `{known}`")));
            }
            FieldType::Identifier(name.into())
        }
        "list" => {
            let item = kind_of_item(p, depth)?;
            p.expect_mark(",")?;
            max_word(p)?;
            FieldType::List(Box::new(item), number(p, 1, LIST_MAX)?)
        }
        "map" => map(p, depth)?,
        _ => return Err(RuleError::new(at, "an unknown type")),
    };
    p.expect_mark(")")?;
    Ok(kind)
}

/// `group.field`, with the field that it is scoped to if there is one, or `sector: name`.
fn family(p: &mut Parser) -> Result<Family, RuleError> {
    let at = p.at();
    let name = p.word_with_hyphens()?;
    if p.take_mark(":") {
        if name != "sector" {
            return Err(RuleError::new(at, "a pseudonym is of `group.field` or of `sector: name`"));
        }
        let (at, name) = (p.at(), p.word_with_hyphens()?);
        // With epoch and digits it is then no longer than a subject's id.
        if name.len() > NAME_BYTES_MAX {
            return Err(RuleError::new(at, "a name of more than 40 characters"));
        }
        return Ok(Family::Sector(name.into()));
    }
    p.expect_mark(".")?;
    let field = p.word()?.into();
    let scope = if p.take_mark(",") { Some(p.word()?.into()) } else { None };
    Ok(Family::Vault { group: name.into(), field, scope })
}

/// A file kept elsewhere: its digest, and what a person needs to ask for it.
fn attachment() -> FieldType {
    let field = |kind| Field { kind, optional: false, title: Text::default() };
    FieldType::Map(BTreeMap::from([
        ("digest".into(), field(FieldType::Digest)),
        ("name".into(), field(FieldType::Text(200))),
        ("media".into(), field(FieldType::Text(100))),
        ("size".into(), field(FieldType::Int)),
    ]))
}

/// `map(text(N), type, max M)`, or `map(name: type, …)`: `text` may also be a field's name.
fn map(p: &mut Parser, depth: u32) -> Result<FieldType, RuleError> {
    let at = p.at();
    let first = p.word()?;
    if !p.take_mark("(") {
        return fields(p, depth, (at, first)).map(FieldType::Map);
    }
    if first != "text" {
        return Err(RuleError::new(at, "the keys of a map are texts: `text(40)`"));
    }
    let keys = number(p, 1, MAP_KEY_MAX)?;
    p.expect_mark(")")?;
    p.expect_mark(",")?;
    let item = kind_of_item(p, depth)?;
    p.expect_mark(",")?;
    max_word(p)?;
    Ok(FieldType::MapOf(keys, Box::new(item), number(p, 1, LIST_MAX)?))
}

fn kind_of_item(p: &mut Parser, depth: u32) -> Result<FieldType, RuleError> {
    kind(p, depth.saturating_add(1))
}

/// The word `max` before a bound.
pub(crate) fn max_word(p: &mut Parser) -> Result<(), RuleError> {
    let at = p.at();
    if p.word()? == "max" { Ok(()) } else { Err(RuleError::new(at, "`max` expected")) }
}

fn number(p: &mut Parser, min: u32, max: u32) -> Result<u32, RuleError> {
    let at = p.at();
    let found = u32::try_from(p.int()?).ok().filter(|n| (min..=max).contains(n));
    found.ok_or_else(|| RuleError::new(at, format!("a number from {min} to {max} expected")))
}

fn words(p: &mut Parser) -> Result<Vec<Str>, RuleError> {
    let mut words: Vec<Str> = Vec::new();
    loop {
        let at = p.at();
        let word = Str::from(p.word_with_hyphens()?);
        if words.contains(&word) {
            return Err(RuleError::new(at, format!("`{word}` stands twice")));
        }
        if words.len() >= WORDS_MAX {
            return Err(RuleError::new(at, format!("more than {WORDS_MAX} words")));
        }
        words.push(word);
        if !p.take_mark(",") {
            return Ok(words);
        }
    }
}

/// Named fields, the first of whose names is read already.
fn fields(
    p: &mut Parser,
    depth: u32,
    first: (usize, String),
) -> Result<BTreeMap<Str, Field>, RuleError> {
    let mut fields = BTreeMap::new();
    let mut next = Some(first);
    loop {
        let (at, name) = match next.take() {
            Some(first) => first,
            None => (p.at(), p.word()?),
        };
        if name.len() > NAME_BYTES_MAX {
            return Err(RuleError::new(at, "a name of more than 40 characters"));
        }
        p.expect_mark(":")?;
        let (kind, optional) = field(p, depth.saturating_add(1))?;
        let field = Field { kind, optional, title: Text::default() };
        if fields.insert(name.into(), field).is_some() {
            return Err(RuleError::new(at, "a field stands twice"));
        }
        if !p.take_mark(",") {
            return Ok(fields);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_written() {
        let list = FieldType::List(Box::new(FieldType::Share), 20);
        assert_eq!(parse("list(share, max 20)"), Ok((list, false)));
        assert_eq!(parse("text(100)?"), Ok((FieldType::Text(100), true)));
        assert_eq!(parse("ref(sub-unit)"), Ok((FieldType::Ref("sub-unit".into()), false)));
        let of_sector = FieldType::Pseudonym(Family::Sector("provident-fund".into()));
        assert_eq!(parse("pseudonym(sector: provident-fund)?"), Ok((of_sector, true)));
        let scope = Some("unit".into());
        let family = Family::Vault { group: "holder-id".into(), field: "number".into(), scope };
        let of_vault = FieldType::Pseudonym(family);
        assert_eq!(parse("pseudonym(holder-id.number, unit)"), Ok((of_vault, false)));
        assert_eq!(parse("sealed(deal)?"), Ok((FieldType::Sealed("deal".into()), true)));
        let words = vec!["general".into(), "maximum-amount".into()];
        assert_eq!(parse("enum(general, maximum-amount)"), Ok((FieldType::Enum(words), false)));
        assert!(matches!(parse("map(a: int, b: text(5)?)"), Ok((FieldType::Map(_), false))));
        assert!(matches!(parse("map(text: int)"), Ok((FieldType::Map(_), false))));
        let free = FieldType::MapOf(20, Box::new(FieldType::Fen), 30);
        assert_eq!(parse("map(text(20), fen, max 30)?"), Ok((free, true)));
    }

    #[test]
    fn unbounded_unknown_and_deep_types_are_refused() {
        for bad in [
            "",
            "text",
            "text()",
            "text(0)",
            "text(5000)",
            "list(int)",
            "list(int, max 100000)",
            "enum()",
            "enum(a, a)",
            "decimal(10)",
            "float",
            "int int",
            "identifier(x)",
            "pseudonym()",
            "pseudonym(holder)",
            "pseudonym(people: x)",
            "pseudonym(holder.number, unit, other)",
            "map()",
            "map(a: int, a: int)",
            "map(text(20), fen)",
            "map(text(20), fen?, max 3)",
            "map(text(300), fen, max 3)",
            "map(text(20), fen, max 2000)",
            "map(int, fen, max 3)",
            "map(decimal(2), fen, max 3)",
            "list(int?, max 3)",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let deep = format!("{}int{}", "list(".repeat(9), ", max 2)".repeat(9));
        assert!(parse(&deep).is_err());
    }
}
