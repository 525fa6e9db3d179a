//! Offline verifier of records, receipts and exports; contains no node code.
fn main() {}
