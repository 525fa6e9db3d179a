//! The words every other crate speaks: identifiers with their check digits, quantities with
//! their units, dynamic values, canonical CBOR, the wire formats, and the catalogue of reject
//! codes.
//!
//! This crate is pure: no clock, disk, network, randomness or floats. It knows nothing of
//! cryptography (see `chaincity-crypto`) and nothing of packages or execution.

pub mod calendar;
pub mod cbor;
pub mod digest;
pub mod id;
pub mod quantity;
pub mod reject;
mod text;
pub mod value;
pub mod wire;

pub use digest::Digest;
pub use quantity::{Area, Fen, Height, Share, Timestamp};
pub use reject::Reject;
pub use text::Str;
pub use value::Value;
