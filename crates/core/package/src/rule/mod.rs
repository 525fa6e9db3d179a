//! The rule language: CEL's expression syntax restricted to what is deterministic and bounded.
//!
//! Stages, each small and separate: lex and parse (`parse`), type-check (`check`), compile
//! (`compile`), run (`run`). A rule is checked and compiled once, when its package comes into
//! force; running it parses nothing and draws on [`Fuel`] for every step. It knows no clock, no
//! floating point, no map order, no loop without bound. `docs/package-language.md` is its
//! specification.

mod ast;
mod check;
mod compile;
mod fuel;
mod lex;
mod parse;
mod run;
mod types;

use std::collections::BTreeMap;
use std::fmt;

use chaincity_types::{Reject, Str, Value};

pub use fuel::{FUEL_TABLE, Fuel, FuelTable};
pub(crate) use parse::{Parser, is_name, parse};
pub use types::Type;

/// Longest text of a rule, in bytes.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// Most parts (literals, names, operators, calls) of a rule.
pub const NODES_MAX: usize = 1_000;
/// Deepest nesting of a rule. A chain such as `a && b && c` nests once a link.
pub const DEPTH_MAX: usize = 64;
/// Most parts of the type of a map literal.
pub const TYPE_PARTS_MAX: usize = 4_096;

/// A compiled rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    root: compile::Node,
    ty: Type,
}

/// What a rule can see: named values (`input`, `caller`, `now`, the reads by name).
pub type Environment = BTreeMap<Str, Value>;

/// The types of what a rule can see.
pub type Names = BTreeMap<String, Type>;

/// Why a rule gave no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFailure {
    /// `overflow`, `division-by-zero`, `rule-error` or `out-of-fuel`.
    pub code: Reject,
    /// What exactly, without any value of a record.
    pub detail: String,
}

impl fmt::Display for RuleFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.code(), self.detail)
    }
}

impl std::error::Error for RuleFailure {}

/// Why a text is not a rule: found when its package is checked, never when it runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {cause}", .at.saturating_add(1))]
pub struct RuleError {
    /// Byte offset in the text.
    pub at: usize,
    /// The cause.
    pub cause: String,
}

impl RuleError {
    pub(crate) fn new(at: usize, cause: impl Into<String>) -> Self {
        Self { at, cause: cause.into() }
    }
}

impl Program {
    /// Parses, checks and compiles `text`, which sees `names`.
    ///
    /// # Errors
    /// When the text is too large, too deep, not of the grammar, or not well typed.
    pub fn compile(text: &str, names: &Names) -> Result<Self, RuleError> {
        Self::from_expr(&parse::parse(text)?, names)
    }

    pub(crate) fn from_expr(expr: &ast::Expr, names: &Names) -> Result<Self, RuleError> {
        let types = check::check(expr, names)?;
        let ty = types.of(expr)?.clone();
        Ok(Self { root: compile::compile(expr, &types)?, ty })
    }

    /// A program that gives a constant text: an enum's word written bare.
    pub(crate) fn word(word: &str) -> Self {
        Self { root: compile::Node::Constant(Value::from(word)), ty: Type::String }
    }

    /// The static type of the result.
    #[must_use]
    pub const fn ty(&self) -> &Type {
        &self.ty
    }

    /// The text, if the rule is a constant text.
    pub(crate) fn constant_text(&self) -> Option<&str> {
        if let compile::Node::Constant(value) = &self.root { value.as_text() } else { None }
    }

    /// Runs the rule. Takes at most time proportional to the fuel used.
    ///
    /// # Errors
    /// See [`RuleFailure`].
    pub fn run(&self, environment: &Environment, fuel: &mut Fuel) -> Result<Value, RuleFailure> {
        run::run(&self.root, environment, fuel)
    }
}

/// A declared condition of a read: `field == value`, or `field in list`, then with `true`.
pub(crate) fn condition(expr: &ast::Expr) -> Option<(&str, &ast::Expr, bool)> {
    let ast::ExprKind::Binary(op, left, right) = &expr.kind else { return None };
    let ast::ExprKind::Name(field) = &left.kind else { return None };
    let is_list = *op == ast::BinaryOp::In;
    (is_list || *op == ast::BinaryOp::Eq).then_some((field, right, is_list))
}

pub(crate) use ast::Expr;

/// The beginning of a foreign text, for messages.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
