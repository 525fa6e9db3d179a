//! The fuel table: what a call's work costs. It belongs to the protocol; a change is a new
//! protocol number.
//!
//! INVARIANT (I8): a call's cost is bounded before it runs, by [`CALL_MAX`] and
//! [`TRANSACTION_MAX`]; rules draw on the same fuel as reads and writes.

use chaincity_package::rule::Fuel;

/// Most fuel of one call, rules included.
pub const CALL_MAX: u64 = Fuel::CALL_MAX;
/// Most fuel of one transaction's calls together.
pub const TRANSACTION_MAX: u64 = 4_000_000;

/// Every call: finding package and operator, checking the input.
pub const CALL: u64 = 100;
/// Reading one record or index entry.
pub const READ: u64 = 20;
/// Using one mandate.
pub const MANDATE: u64 = 100;
/// Writing one version.
pub const WRITE: u64 = 100;
/// Each started kilobyte of a version written.
pub const WRITE_KILOBYTE: u64 = 10;
/// Compiling a package document, a started kilobyte.
pub const COMPILE_KILOBYTE: u64 = 500;
/// Asking one timer of one record written for its time, and queueing it.
pub const TIMER: u64 = 300;
/// Reading or writing where a case stands, a started kilobyte.
pub const STATE_KILOBYTE: u64 = 20;
/// Raising an event.
pub const EVENT: u64 = 10;
