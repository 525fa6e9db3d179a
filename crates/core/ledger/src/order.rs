//! The order of a block: court seals and holds go first.

use chaincity_types::wire::Transaction;

use crate::session::{Layer, Session};
use crate::view::{BlockContext, Packages, Step, View};

/// Class of transactions whose calls are all urgent (a package's `urgent` actions).
pub const URGENT: u8 = 0;
/// Class of all others.
pub const ORDINARY: u8 = 1;

/// The priority class of a transaction, by the packages in force in the parent's state: lower
/// goes first. A transaction is urgent when every call of it is, so that nothing rides along.
pub fn priority(
    transaction: &Transaction,
    context: &BlockContext,
    view: &dyn View,
    packages: &dyn Packages,
) -> Step<u8> {
    let block = Layer::default();
    let mut session = Session::new(context, &block, view, packages);
    let mut urgent = !transaction.calls.is_empty();
    for call in &transaction.calls {
        let package = session.package(&call.package);
        let action = package.as_ref().ok().and_then(|package| package.actions.get(&call.action));
        urgent &= action.is_some_and(|action| action.urgent);
    }
    if session.missing.is_empty() {
        Step::Done(if urgent { URGENT } else { ORDINARY })
    } else {
        Step::Need(session.missing.into_iter().collect())
    }
}

/// Whether a block keeps the class order: no class before a lower one.
#[must_use]
pub fn check_order(classes: &[u8]) -> bool {
    classes.is_sorted()
}
