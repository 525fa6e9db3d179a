//! Rust SDK: build, sign, submit, verify; it checks proofs itself.
