//! The client's side of a ledger: build, sign, submit, read, and check what a node says.
//!
//! A [`Client`] knows the ledger by its id, learned elsewhere, and one or more nodes by their
//! addresses. It trusts no node: receipts and records come with proofs on request
//! ([`Client::receipt_proved`], [`Client::record_proved`]), and it checks them itself against
//! the ledger's id. When a node is down or busy it asks the next.
//!
//! It is blocking, and sees nothing of a node's code.
//!
//! ```no_run
//! use chaincity_client::{Client, call};
//! use chaincity_crypto::SecretKey;
//! use chaincity_types::{Digest, Value};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ledger = Digest::from_hex(&"00".repeat(32))?; // the ledger's id, learned elsewhere
//! let client = Client::new("http://127.0.0.1:8081", ledger)?;
//! client.sign_in(SecretKey::from_seed(&[7; 32]))?;
//! let input = [("id".into(), Value::from("310101001001GB00001F00010001"))];
//! let receipt = client.execute(vec![call("real-estate", "first-registration", input.into())])?;
//! println!("final at height {}", receipt.receipt.height);
//! # Ok(())
//! # }
//! ```

mod asking;
mod client;
mod confidential;
mod error;
mod events;
mod explain;
mod input;
mod proof;
mod read;
mod read_log;
mod search;
mod sector;
mod select;
mod session;
mod statistics;
mod subjects;
mod submit;
mod transport;
mod vault;

pub use asking::{Answer, one_time_key};
pub use client::{Builder, Client, Retry};
pub use confidential::{Confided, Request};
pub use error::ClientError;
pub use events::{EventIds, Events};
pub use explain::{Checked, Doubt, ExplainedRecord, Inclusion};
pub use read::{BATCH_MAX, Basis, Opened, Read, Reading};
pub use read_log::{Log, LogFilter, Scope};
pub use search::{Hit, Search, Searched};
pub use sector::PublishedKey;
pub use select::Select;
pub use statistics::CaseCount;
pub use submit::{Signed, call};
pub use vault::{Sealed, open_envelope};

pub use chaincity_api as api;
