//! The packages that are written in Rust and are in force on every ledger.

use std::sync::Arc;

use chaincity_package::model::Package;

use crate::{cases, governance};

/// Whether a package of this name is built in.
#[must_use]
pub fn is_built_in(id: &str) -> bool {
    id == governance::ID || id == cases::ID
}

/// The built-in package of this name.
#[must_use]
pub fn built_in(id: &str) -> Option<Arc<Package>> {
    match id {
        governance::ID => Some(governance::package()),
        cases::ID => Some(cases::package()),
        _ => None,
    }
}
