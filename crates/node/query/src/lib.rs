//! The read model: a SQLite file beside the ledger that answers filters, histories and *as of*
//! questions, and that can be thrown away and rebuilt at any time.
//!
//! A [`ReadModel`] follows the history by height ([`ReadModel::catch_up`]), several blocks a
//! transaction, and never holds up consensus. It only *finds* records: what it answers is read
//! from the history by digest and compared with what was asked, so a damaged file can hide a
//! record but never change one; [`ReadModel::check`] finds the former.
//!
//! Terms: a *current table* holds the newest version of each record of one register, a column for
//! each field that has an order; `past` holds the superseded versions of all registers. Index
//! entries and intents of the state are not records and are not here.
//!
//! This crate knows nothing of the consensus engine, of execution, or of who may read what.

mod apply;
mod column;
mod content;
mod error;
mod follow;
mod model;
mod schema;
mod select;
mod statistics;
mod versions;

pub use error::QueryError;
pub use follow::{Progress, Recent, rebuild};
pub use model::ReadModel;
pub use select::{Direction, Filter, LIMIT_MAX, Op, Page, Select, StatusFilter};
pub use statistics::{By, COUNTED_MAX, Count, Figures, Group, Statistics};
pub use versions::{Listed, Versions};
