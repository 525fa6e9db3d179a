//! Sector ids and blind questions: the same person under the same id in a whole sector, found
//! without showing anybody who it is.
//!
//! An id is the output of a pseudorandom function whose key a *steward* holds and whose input, an
//! identity number, the asker keeps: the asker sends it *blinded*, the steward evaluates what it
//! cannot read and proves that it used its published key, the asker finishes. This is the VOPRF
//! mode of RFC 9497 with ristretto255 and SHA-512, by the crate `voprf`. Two stewards in a chain
//! evaluate one after the other, so that neither alone can enumerate identity numbers.
//!
//! - [`Scope`]: the ledger, sector and key epoch that keys and ids are bound to.
//! - [`SectorKey`] evaluates, one for each steward, sector and epoch; [`Keys`] are all that a holder
//!   answers with, what it is [`Asked`]; [`Chain`] names the stewards' public keys in their order.
//! - [`Pending`] is what the asker keeps between [`Blinded`] and [`Evaluated`]; it gives
//!   [`SectorId`]s.
//! - [`ListKey`], [`TagSet`] and [`Question`] answer "is this person on your list?" so that the
//!   owner of the list does not learn whom, nor the asker who else.
//! - [`Limiter`] counts each member's evaluations, the one bound on guessing.
//!
//! This crate is pure: random numbers and times are arguments. It does not know who may ask, nor
//! how messages travel; it never prints an identity number, a blind or a key.

mod error;
mod evaluate;
mod function;
mod key;
mod keys;
mod limit;
mod list;
mod message;
mod pending;
mod person;
mod scope;

pub use error::SectorError;
pub use key::{Chain, PublicKey, STEWARDS_MAX, SectorKey};
pub use keys::{Asked, Keys};
pub use limit::{LIMITER_BYTES_MAX, Limiter, MEMBER_CHARS_MAX, MEMBERS_MAX, Quota};
pub use list::{CLASS_MAX, CLASS_MIN, ListKey, Question, TAG_BYTES, TAGS_BYTES_MAX, TagSet};
pub use message::{BATCH_MAX, Blinded, Element, Evaluated, MESSAGE_BYTES_MAX, Proof, Step};
pub use pending::Pending;
pub use person::Person;
pub use scope::{Epoch, NAME_CHARS_MAX, Name, Purpose, Scope, SectorId};
