//! Decision tables of DMN files, for business-rule tasks: read, and turned into rules.
//!
//! A table's inputs, entries and outputs are written in the rule language; entries may also be
//! `-`, comparisons (`< 5`), ranges (`[1..5]`), alternatives (`"a", "b"`) and `not(…)`.

mod parse;
mod test;

use chaincity_package::Problem;
use chaincity_package::rule::Program;

use crate::model::Expression;

pub use parse::parse_decisions;
pub(crate) use test::unary;

/// Most rules of a table.
pub const ROWS_MAX: usize = 1_000;
/// Most inputs and most outputs of a table.
pub const COLUMNS_MAX: usize = 32;

/// The decisions of a file.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    /// The file's name, for findings.
    pub file: String,
    /// Its decisions that are tables.
    pub tables: Vec<Table>,
    /// What is wrong with it, elements outside the subset included.
    pub problems: Vec<Problem>,
}

/// A decision table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its decision's id.
    pub id: String,
    /// Its line.
    pub line: u64,
    /// What happens when several rules match.
    pub hit: Hit,
    /// Inputs.
    pub inputs: Vec<Expression>,
    /// Outputs: the variables that they set.
    pub outputs: Vec<Expression>,
    /// Rules, in order.
    pub rows: Vec<Row>,
}

/// What happens when several rules match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// It is an error.
    Unique,
    /// It is an error unless they give the same.
    Any,
    /// The first counts.
    First,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its line.
    pub line: u64,
    /// An entry for each input.
    pub when: Vec<Expression>,
    /// An entry for each output.
    pub then: Vec<Expression>,
}

/// A compiled table.
#[derive(Clone, Debug)]
pub(crate) struct TableDef {
    pub(crate) hit: Hit,
    /// The variables that it sets.
    pub(crate) outputs: Vec<String>,
    /// Tests that must all hold, and what then is set.
    pub(crate) rows: Vec<(Vec<Program>, Vec<Program>)>,
}
