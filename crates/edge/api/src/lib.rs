//! The public interface of a node, as data: endpoints, request and response types, error codes,
//! and the OpenAPI document made from them.
//!
//! Server and client are both written against this crate, so a path, a field or a code stands in
//! one place. It knows nothing of how a request is answered.
//!
//! Numbers: money is an integer of fen; areas and other decimals are strings; digests, keys and
//! bytes are hexadecimal; dates are `YYYY-MM-DD`; times are RFC 3339 in UTC with milliseconds.

pub mod block;
pub mod endpoint;
pub mod explain;
pub mod json;
pub mod openapi;
pub mod package;
pub mod problem;
pub mod read_log;
pub mod record;
pub mod session;
pub mod statistics;
pub mod status;
pub mod transaction;
pub mod vault;

pub use endpoint::{Access, Endpoint, Method};
pub use problem::{Problem, ProblemBody};

/// Content type of signed transactions and sign-in statements (RFC 9052, 11.3.1).
pub const COSE: &str = "application/cose";
/// Content type of proofs and trust bundles (RFC 8949, 9.5).
pub const CBOR: &str = "application/cbor";
