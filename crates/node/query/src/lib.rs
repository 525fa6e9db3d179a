//! The read model: declared indexes, filters, history and as-of reading in SQLite.
