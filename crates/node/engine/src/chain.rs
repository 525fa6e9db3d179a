//! Names for the consensus and storage types that this node is built from, fixed in one place.

use bytes::Bytes;
use chaincity_types::Digest;
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_consensus::simplex::{scheme, types};
use commonware_cryptography::{ed25519, sha256};
use commonware_runtime::{Clock, Metrics, Spawner, Storage};

pub(crate) type PublicKey = ed25519::PublicKey;
pub(crate) type PrivateKey = ed25519::PrivateKey;
/// Certificates are lists of Ed25519 signatures with a bitmap of the signers.
pub(crate) type Scheme = scheme::ed25519::Scheme;
pub(crate) type Context = types::Context<sha256::Digest, PublicKey>;
pub(crate) type Finalization = types::Finalization<Scheme, sha256::Digest>;
pub(crate) type Activity = types::Activity<Scheme, sha256::Digest>;

/// Most validators in a committee (`wire::Committee`); bounds every certificate.
pub(crate) const VALIDATORS_MAX: usize = 64;

/// What every part of the node needs from its runtime: real or simulated.
pub(crate) trait Runtime:
    Clock + rand::CryptoRng + Spawner + Storage + Metrics + Send + Sync + 'static
{
}

impl<T> Runtime for T where
    T: Clock + rand::CryptoRng + Spawner + Storage + Metrics + Send + Sync + 'static
{
}

pub(crate) fn to_engine(digest: Digest) -> sha256::Digest {
    sha256::Digest::from(digest.0)
}

pub(crate) fn from_engine(digest: sha256::Digest) -> Digest {
    Digest(digest.0)
}

/// The public key of these 32 bytes, if they are one.
pub(crate) fn public_key(bytes: &[u8]) -> Option<PublicKey> {
    PublicKey::decode(Bytes::copy_from_slice(bytes)).ok()
}

pub(crate) fn key_bytes(key: &PublicKey) -> Vec<u8> {
    key.encode().to_vec()
}
