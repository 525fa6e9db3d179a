//! A transaction before it is signed: the payload of a COSE_Sign1 message (RFC 9052).

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::{Digest, Str, Timestamp, Value};

/// Largest signed transaction, in bytes.
pub const TRANSACTION_BYTES_MAX: usize = 131_072;
/// Most calls in one transaction.
pub const CALLS_MAX: usize = 256;
/// How far ahead of block time a transaction may expire, in milliseconds (10 minutes).
pub const EXPIRY_AHEAD_MAX_MS: u64 = 600_000;

/// How a transaction's calls hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Mode {
    /// All calls apply, or none.
    #[n(0)]
    Atomic,
    /// Each call applies wholly or not at all, with its own receipt entry.
    #[n(1)]
    Independent,
}

/// What an operator signs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Transaction {
    /// The ledger it is meant for: digest of the genesis document.
    #[n(1)]
    pub ledger: Digest,
    /// Protocol number that it was written for.
    #[n(2)]
    pub protocol: u32,
    /// Block time after which it can no longer be included.
    #[n(3)]
    pub expiry: Timestamp,
    /// Atomic or independent.
    #[n(4)]
    pub mode: Mode,
    /// 1 to [`CALLS_MAX`] calls.
    #[n(5)]
    pub calls: Vec<Call>,
    /// Unique per member for ever, where a repetition beyond the expiry window must be caught
    /// (a bundle's row, a bank's callback); at most 64 characters.
    #[n(6)]
    pub intent: Option<Str>,
}

/// One action with its input.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Call {
    /// Package identifier.
    #[n(1)]
    pub package: Str,
    /// Action name.
    #[n(2)]
    pub action: Str,
    /// The input, by name.
    #[n(3)]
    #[cbor(encode_with = "encode_input", decode_with = "decode_input")]
    pub input: BTreeMap<Str, Value>,
    /// The case it belongs to.
    #[n(4)]
    pub case: Option<Str>,
    /// The task of the case that it completes.
    #[n(5)]
    pub task: Option<Str>,
    /// Keys of the mandates it uses.
    #[n(6)]
    pub mandates: Option<Vec<Str>>,
}

pub(super) fn encode_input<C, W: minicbor::encode::Write>(
    input: &BTreeMap<Str, Value>,
    e: &mut minicbor::Encoder<W>,
    ctx: &mut C,
) -> Result<(), minicbor::encode::Error<W::Error>> {
    crate::value::encode_map(input, e, ctx)
}

pub(super) fn decode_input<'b, C>(
    d: &mut minicbor::Decoder<'b>,
    ctx: &mut C,
) -> Result<BTreeMap<Str, Value>, minicbor::decode::Error> {
    let value = Value::decode(d, ctx)?;
    let kind = value.kind();
    let Value::Map(map) = value else {
        return Err(minicbor::decode::Error::message(format!("a {kind} for a map")));
    };
    Ok(map)
}
