//! Finality: that a block is decided for ever.

/// The namespace under which validators sign consensus votes.
///
/// It separates votes from every other use of a node's key. The engine and its verifiers use
/// the same constant.
pub const NAMESPACE: &[u8] = b"chaincity/1";
