//! The texts of declared reads: `one(right, unit == input.unit, max …)` and its kin.

use crate::rule::{Expr, Parser, RuleError};

/// A declared read as written.
#[derive(Debug)]
pub(crate) struct ReadText {
    /// Register; the counter, for one.
    pub(crate) of: String,
    /// What is read.
    pub(crate) kind: ReadKind,
}

/// What is read.
#[derive(Debug)]
pub(crate) enum ReadKind {
    /// `get(register, key)` or `find(register, key)`, perhaps `, closed`.
    Key {
        /// Gives the key.
        key: Expr,
        /// Whether it was `find`.
        optional: bool,
        /// Whether a closed record may be read.
        closed: bool,
    },
    /// `each(register, keys, max N)`.
    Keys {
        /// Gives the keys.
        keys: Expr,
        /// Its bound.
        max: u32,
    },
    /// `one`, `maybe` or `all`, with conditions.
    Where {
        /// `field == value` or `field in list`.
        conditions: Vec<(usize, Expr)>,
        /// How many.
        want: WantText,
    },
    /// `count(counter, scope)`.
    Counter {
        /// Gives the scope.
        scope: Expr,
    },
}

impl ReadText {
    /// The register that is read, if it is one.
    pub(crate) fn register(&self) -> Option<&str> {
        (!matches!(self.kind, ReadKind::Counter { .. })).then_some(self.of.as_str())
    }
}

/// How many records are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WantText {
    /// `one`
    One,
    /// `maybe`
    Maybe,
    /// `all`, with its bound.
    All(u32),
}

/// Most records that one read may want.
pub const READ_MAX: u64 = 1_000;

pub(crate) fn parse(text: &str) -> Result<ReadText, RuleError> {
    let mut p = Parser::new(text)?;
    let at = p.at();
    let verb = p.word()?;
    p.expect_mark("(")?;
    let register = p.word_with_hyphens()?;
    let read = match verb.as_str() {
        "get" | "find" => key_read(&mut p, register, verb == "find")?,
        "each" => {
            p.expect_mark(",")?;
            let keys = p.expr()?;
            p.expect_mark(",")?;
            let max = bound(&mut p)?;
            ReadText { of: register, kind: ReadKind::Keys { keys, max } }
        }
        "count" => {
            p.expect_mark(",")?;
            ReadText { of: register, kind: ReadKind::Counter { scope: p.expr()? } }
        }
        "one" => conditions(&mut p, register, Some(WantText::One))?,
        "maybe" => conditions(&mut p, register, Some(WantText::Maybe))?,
        "all" => conditions(&mut p, register, None)?,
        _ => {
            let cause = "a read is one, maybe, all, get, find, each or count";
            return Err(RuleError::new(at, cause));
        }
    };
    p.expect_mark(")")?;
    p.expect_end()?;
    if let ReadKind::Where { conditions, .. } = &read.kind
        && conditions.is_empty()
    {
        return Err(RuleError::new(
            at,
            "a read needs a condition `field == value` or `field in list`",
        ));
    }
    Ok(read)
}

fn key_read(p: &mut Parser, register: String, optional: bool) -> Result<ReadText, RuleError> {
    p.expect_mark(",")?;
    let key = p.expr()?;
    let mut closed = false;
    if p.take_mark(",") {
        let at = p.at();
        closed = p.word()? == "closed";
        if !closed {
            return Err(RuleError::new(at, "`closed` expected"));
        }
    }
    Ok(ReadText { of: register, kind: ReadKind::Key { key, optional, closed } })
}

fn conditions(
    p: &mut Parser,
    register: String,
    want: Option<WantText>,
) -> Result<ReadText, RuleError> {
    let mut conditions = Vec::new();
    let mut most = None;
    while p.take_mark(",") {
        let at = p.at();
        if p.peek_word().is_some_and(|(word, number)| word == "max" && number) {
            most = Some(bound(p)?);
            break;
        }
        conditions.push((at, p.expr()?));
    }
    let want = match (want, most) {
        (None, Some(max)) => WantText::All(max),
        (None, None) => {
            return Err(RuleError::new(p.at(), "`all` needs a bound, such as `max 100`"));
        }
        (Some(want), None) => want,
        (Some(_), Some(_)) => {
            return Err(RuleError::new(p.at(), "only `all` has a bound"));
        }
    };
    Ok(ReadText { of: register, kind: ReadKind::Where { conditions, want } })
}

/// `max N`.
fn bound(p: &mut Parser) -> Result<u32, RuleError> {
    let at = p.at();
    crate::field::max_word(p)?;
    let max = p.int()?;
    let max = u32::try_from(max).ok().filter(|_| (1..=READ_MAX).contains(&max));
    max.ok_or_else(|| RuleError::new(at, format!("a bound from 1 to {READ_MAX} expected")))
}
