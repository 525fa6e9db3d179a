//! What read logs are made of: entries, and the use of a steward's data.

pub(crate) mod entry;
pub(crate) mod usage;
