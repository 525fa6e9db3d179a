//! The wire and disk formats of the ledger, as canonical CBOR. `docs/formats.md` is their
//! specification for other implementers; the integer keys here are the ones written there.

mod block;
mod genesis;
mod proof;
mod receipt;
mod state;
mod transaction;

pub use block::{BLOCK_BYTES_MAX, Block, Committee, Header, Validator};
pub use genesis::{Genesis, GenesisMember, GenesisNode, GenesisOperator};
pub use proof::{
    ClaimProof, FinalityProof, InclusionProof, ReadLogProof, ReceiptProof, RecordProof,
    SeriesProof, TrustBundle,
};
pub use receipt::{Entry, Event, Outcome, Receipt, Write};
pub use state::{BODY_BYTES_MAX, Correction, Head, LogicalKey, Provenance, Status, Version};
pub use transaction::{
    CALLS_MAX, Call, EXPIRY_AHEAD_MAX_MS, Mode, TRANSACTION_BYTES_MAX, Transaction,
};

/// The protocol number that this code speaks: formats, limits, fuel table and rule language.
pub const PROTOCOL: u32 = 1;
