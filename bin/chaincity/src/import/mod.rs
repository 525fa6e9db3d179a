//! Brings published data into the ledger by a declarative mapping.
//!
//! A *mapping* (`mapping`) names files, columns, conversions and actions; it is checked against
//! the package (`check`). Files are decoded and cut into rows (`read`), rows of several files
//! joined by key (`join`), cells converted (`convert`), rows planned as calls (`plan`), calls
//! packed, submitted and counted (`run`, `report`); `journal` keeps what was submitted, `meter` shows
//! how far it is. Which state of which system the files are may be
//! recorded first (`generation`). A row that cannot be imported is set aside
//! with its place and reason (`refusal`) and touches no other.
//!
//! Nothing here knows a city, a publisher or a file: all of that stands in the mapping.

pub(crate) mod check;
mod convert;
pub(crate) mod generation;
mod join;
pub(crate) mod journal;
pub(crate) mod mapping;
pub(crate) mod meter;
mod plan;
mod read;
mod refusal;
pub(crate) mod remote;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod synthetic;
#[cfg(test)]
mod tests;
