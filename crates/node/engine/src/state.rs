//! The authenticated state: 32-byte keys to 48-byte heads in an ordered, append-only database
//! whose root proves presence and absence.
//!
//! Writes of a block go to a batch over its parent's state. Batches of competing blocks exist side
//! by side in memory; only a final block's batch is applied, and applied state becomes durable
//! before the block counts as processed.

use std::num::{NonZeroU16, NonZeroU64, NonZeroUsize};
use std::sync::Arc;

use chaincity_types::Digest;
use chaincity_types::wire::Head;
use commonware_codec::Encode as _;
use commonware_cryptography::{Sha256, sha256};
use commonware_glue::stateful::db::{DatabaseSet, Shared, Unmerkleized as _};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::journal::contiguous::fixed::Config as LogConfig;
use commonware_storage::mmr::{self, full::Config as MerkleConfig};
use commonware_storage::qmdb::{self, current::FixedConfig, current::ordered::fixed};
use commonware_storage::translator::EightCap;
use commonware_utils::sequence::FixedBytes;
use commonware_utils::sync::AsyncRwLock;
use commonware_utils::{NZU16, NZU64, NZUsize};
use futures::FutureExt as _;
use tokio::task::unconstrained;

use crate::chain::{Runtime, from_engine, to_engine};
use crate::machine::StateReader;
use crate::node::WRITE_BUFFER;
use crate::stage::{Stage, measure, polled};

/// Bytes of activity bitmap in one chunk: part of every proof's format.
pub(crate) const CHUNK: usize = 32;

/// A head as the database holds it.
pub(crate) type Value = FixedBytes<{ Head::SIZE }>;
pub(crate) type Operation =
    qmdb::any::ordered::fixed::Operation<mmr::Family, sha256::Digest, Value>;
pub(crate) type Database<E> =
    fixed::Db<mmr::Family, E, sha256::Digest, Value, Sha256, EightCap, CHUNK, Sequential>;
pub(crate) type Databases<E> = Shared<Database<E>>;
/// A batch that still takes writes.
pub(crate) type Batch<E> = <Databases<E> as DatabaseSet<E>>::Unmerkleized;
/// A batch with its roots.
pub(crate) type Sealed<E> = <Databases<E> as DatabaseSet<E>>::Merkleized;
type Error = qmdb::Error<mmr::Family>;

/// Content of a page of the state's files.
pub(crate) const PAGE_BYTES: NonZeroU16 = NZU16!(4_096);
/// Name of the log of the state's operations.
pub(crate) const LOG: &str = "state-log";
/// Bytes of an operation: kind, key, head, next key.
pub(crate) const OPERATION_BYTES: u64 = 113;
const BUFFER: NonZeroUsize = NZUsize!(1 << 20);
const ITEMS_PER_FILE: NonZeroU64 = NZU64!(1 << 18);

/// Where the database lies and how much memory it may use. `keys` is the number of keys to keep
/// in memory while opening: too few make a restart slow.
pub(crate) fn database_config(
    storage: &str,
    pages: CacheRef,
    keys: NonZeroUsize,
) -> FixedConfig<EightCap, Sequential> {
    FixedConfig {
        merkle_config: MerkleConfig {
            journal_partition: format!("{storage}state-merkle"),
            metadata_partition: format!("{storage}state-pins"),
            items_per_blob: ITEMS_PER_FILE,
            write_buffer: WRITE_BUFFER,
            replay_buffer: BUFFER,
            strategy: Sequential,
            page_cache: pages.clone(),
        },
        journal_config: LogConfig {
            partition: format!("{storage}{LOG}"),
            items_per_blob: ITEMS_PER_FILE,
            page_cache: pages,
            write_buffer: WRITE_BUFFER,
            replay_buffer: BUFFER,
        },
        grafted_metadata_partition: format!("{storage}state-activity"),
        translator: EightCap,
        init_cache: Some(keys),
        init_buffer: NZUsize!(1 << 21),
        init_concurrency: (),
    }
}

/// Root and number of the operations of a new database: it holds its first commit.
pub(crate) fn empty_operations() -> (Digest, u64) {
    type Initial = Databases<commonware_runtime::deterministic::Context>;
    let target = <Initial as DatabaseSet<_>>::initial_sync_targets();
    (from_engine(target.root), target.range.end().as_u64())
}

/// Reads the state before a block, for as long as the block is being executed.
pub(crate) struct BatchReader<E: Runtime> {
    batch: Arc<AsyncRwLock<Option<Batch<E>>>>,
}

impl<E: Runtime> Clone for BatchReader<E> {
    fn clone(&self) -> Self {
        Self { batch: Arc::clone(&self.batch) }
    }
}

impl<E: Runtime> BatchReader<E> {
    pub(crate) fn new(batch: Batch<E>) -> Self {
        Self { batch: Arc::new(AsyncRwLock::new(Some(batch))) }
    }

    /// Writes the block's heads and computes the roots. Reads that are still under way finish
    /// first; later ones never resolve. `None`: the block's branch is no longer of interest.
    pub(crate) async fn seal(self, writes: &[(Digest, Head)]) -> Option<Sealed<E>> {
        let batch = self.batch.write().await.take()?;
        let batch = measure(Stage::State, || {
            writes.iter().fold(batch, |batch, (key, head)| {
                batch.write(to_engine(*key), Some(Value::new(head.to_bytes())))
            })
        });
        match polled(Stage::State, batch.merkleize()).await {
            Ok(sealed) => Some(sealed),
            Err(error) => {
                check_stale(&error);
                None
            }
        }
    }
}

impl<E: Runtime> StateReader for BatchReader<E> {
    async fn heads(&self, keys: Vec<Digest>) -> Vec<Option<Head>> {
        let keys: Vec<sha256::Digest> = keys.into_iter().map(to_engine).collect();
        let refs: Vec<&sha256::Digest> = keys.iter().collect();
        {
            let batch = self.batch.read().await;
            if let Some(batch) = batch.as_ref() {
                match polled(Stage::State, batch.get_many(&refs)).await {
                    Ok(values) => return values.iter().map(|v| v.as_ref().map(head)).collect(),
                    Err(error) => check_stale(&error),
                }
            }
        }
        // The block lost against a final one while it was being executed: its execution is about
        // to be cancelled, and an answer could only be wrong.
        futures::future::pending().await
    }

    fn head_at_hand(&self, key: Digest) -> Option<Option<Head>> {
        let key = to_engine(key);
        let read = async {
            match self.batch.read().await.as_ref()?.get(&key).await {
                Ok(value) => Some(value.as_ref().map(head)),
                Err(error) => {
                    check_stale(&error);
                    None
                }
            }
        };
        // A read that has to wait for the disk is given up: it comes again with others. The locks on
        // the way would also make it wait when this task has taken many of them (the runtime's
        // budget for a turn); nothing is shared fairly by that here.
        unconstrained(read).now_or_never().flatten()
    }
}

/// Reads the latest applied state.
pub(crate) struct AppliedReader<E: Runtime>(pub(crate) Databases<E>);

impl<E: Runtime> Clone for AppliedReader<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: Runtime> StateReader for AppliedReader<E> {
    async fn heads(&self, keys: Vec<Digest>) -> Vec<Option<Head>> {
        read(&self.0, keys).await.1
    }

    fn head_at_hand(&self, _key: Digest) -> Option<Option<Head>> {
        None
    }
}

pub(crate) fn head(value: &Value) -> Head {
    let mut bytes = [0; Head::SIZE];
    bytes.copy_from_slice(value.as_ref());
    Head::from_bytes(&bytes)
}

/// Stale reads belong to branches that lost; every other error is this machine's fault.
fn check_stale(error: &Error) {
    if !matches!(error, Error::StaleRead | Error::StaleBatch { .. }) {
        fault(error);
    }
}

/// Stops the node: its storage can no longer be trusted, and going on could serve wrong data.
#[allow(clippy::panic, reason = "a storage fault must stop the node; it never depends on input")]
fn fault(error: &Error) -> ! {
    panic!("state storage failed: {error}")
}

/// Keys with their heads and proofs, all against one state root.
pub(crate) struct Proved {
    pub(crate) root: Digest,
    pub(crate) proofs: Vec<(Option<Head>, Vec<u8>)>,
}

/// The heads under `keys` in the latest applied state, with its root.
pub(crate) async fn read<E: Runtime>(
    databases: &Databases<E>,
    keys: Vec<Digest>,
) -> (Digest, Vec<Option<Head>>) {
    let keys: Vec<sha256::Digest> = keys.into_iter().map(to_engine).collect();
    let refs: Vec<&sha256::Digest> = keys.iter().collect();
    let database = databases.read().await;
    match database.get_many(&refs).await {
        Ok(values) => {
            let heads = values.iter().map(|v| v.as_ref().map(head)).collect();
            (from_engine(database.root()), heads)
        }
        Err(error) => fault(&error),
    }
}

/// Proves presence or absence of each key in the latest applied state.
pub(crate) async fn prove<E: Runtime>(databases: &Databases<E>, keys: &[Digest]) -> Proved {
    let database = databases.read().await;
    let mut proofs = Vec::with_capacity(keys.len());
    for key in keys {
        match prove_one(&database, to_engine(*key)).await {
            Ok(proof) => proofs.push(proof),
            Err(error) => fault(&error),
        }
    }
    Proved { root: from_engine(database.root()), proofs }
}

async fn prove_one<E: Runtime>(
    database: &Database<E>,
    key: sha256::Digest,
) -> Result<(Option<Head>, Vec<u8>), Error> {
    Ok(match database.get(&key).await? {
        Some(value) => {
            let proof = database.key_value_proof(key).await?;
            (Some(head(&value)), proof.encode().to_vec())
        }
        None => (None, database.exclusion_proof(&key).await?.encode().to_vec()),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use commonware_runtime::{Runner as _, Supervisor as _, deterministic};

    use super::*;

    /// Both roots and the number of operations of a new database.
    pub(crate) fn empty_roots() -> (Digest, Digest, u64) {
        deterministic::Runner::default().start(|context| async move {
            let pages = CacheRef::new(PAGE_BYTES, NZUsize!(16));
            let config = database_config("", pages, NZUsize!(16));
            let database =
                Database::init(context.child("state"), config, None).await.expect("a new database");
            let end = database.bounds().end.as_u64();
            (from_engine(database.root()), from_engine(database.ops_root()), end)
        })
    }
}
