//! The node and the command line, one binary.
fn main() {}
