//! The append-only history: blocks, version bodies, receipts, by height and digest.
