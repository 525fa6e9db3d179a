//! Assembles one node on given channels: the same parts over real sockets and in the simulator.
//!
//! Parts: *simplex* votes on block digests; *marshal* keeps blocks and certificates, spreads them
//! and puts final blocks in order; *stateful* executes blocks on the state and applies final ones;
//! the *probe* and the *state resolver* serve and fetch snapshots; the *orchestrator* changes
//! committees; *gossip* and the *content exchange* carry the ledger's own messages.

use std::num::{NonZeroU16, NonZeroU64, NonZeroUsize};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use chaincity_crypto::finality;
use chaincity_types::Height;
use commonware_broadcast::buffered;
use commonware_codec::{Encode as _, FixedSize as _};
use commonware_consensus::marshal::core::{Actor as MarshalActor, Mailbox as MarshalMailbox};
use commonware_consensus::marshal::resolver::p2p as backfill;
use commonware_consensus::marshal::standard::{Deferred, Standard};
use commonware_consensus::types::{Epoch, FixedEpocher, ViewDelta};
use commonware_consensus::{Reporters, marshal, simplex};
use commonware_cryptography::{Digestible as _, Signer as _, sha256};
use commonware_glue::stateful::db::{SyncEngineConfig, p2p as state_sync};
use commonware_glue::stateful::probe::{self, Probe};
use commonware_glue::stateful::{Config as StatefulConfig, PruneConfig, Stateful, SyncPlan};
use commonware_p2p::utils::mux;
use commonware_p2p::{Blocker, Manager, Receiver, Recipients, Sender, max_message_size};
use commonware_parallel::Sequential;
use commonware_resolver::p2p as resolver;
use commonware_runtime::Quota;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::archive::prunable;
use commonware_storage::mmr;
use commonware_storage::translator::EightCap;
use commonware_utils::{NZDuration, NZU16, NZU32, NZU64, NZUsize};
use futures::channel::{mpsc, oneshot};
use futures::{FutureExt as _, StreamExt as _};
use tracing::info;

use crate::abstention::Abstention;
use crate::app::App;
use crate::block::ChainBlock;
use crate::chain::{PublicKey, Runtime, Scheme, VALIDATORS_MAX, key_bytes};
use crate::committees::Committees;
use crate::config::Config;
use crate::content::{CONTENT_BYTES_MAX, Exchange, TRY_LIMIT, WireKey};
use crate::epochs::Orchestrator;
use crate::handle::{EngineError, Request, StateProofs};
use crate::machine::Machine;
use crate::stage::{Stage, measure, polled};
use crate::state::{self, Databases, Operation, database_config};
use crate::status::StatusCell;
use crate::waiting::Waiting;
use crate::watch::{block_watch, collect_certificates};

/// Largest gossip message, in bytes.
pub const GOSSIP_BYTES_MAX: usize = 1 << 20;
/// Most gossip messages handed over at once; fewer where they are large.
const GOSSIP_TOGETHER_MAX: usize = 64;
/// Most nodes that may be connected in one epoch, this one included.
pub(crate) const PEERS_MAX: NonZeroUsize = NZUsize!(64);

pub(crate) type Variant = Standard<ChainBlock>;
pub(crate) type Marshal = MarshalMailbox<Scheme, Variant>;

/// Content of a page of all files but the state's.
pub(crate) const PAGE_BYTES: NonZeroU16 = NZU16!(16_384);
const BUFFER: NonZeroUsize = NZUsize!(1 << 20);
/// What a file gathers in memory between flushes. Each flush, several a block, takes the memory
/// along and the next write asks for as much anew: no more than a block usually needs.
pub(crate) const WRITE_BUFFER: NonZeroUsize = NZUsize!(1 << 16);
const MAILBOX: NonZeroUsize = NZUsize!(1_024);
const ITEMS_PER_SECTION: NonZeroU64 = NZU64!(256);
/// Operations of the state log that a peer hands over at a time.
const SYNC_BATCH: NonZeroU64 = NZU64!(1_024);
const REQUEST_LIMIT: Duration = Duration::from_secs(2);
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Blocks handed to execution before the first of them is durable.
const BLOCKS_AHEAD: NonZeroUsize = NZUsize!(8);
/// Certificates are looked for this many heights up: the most headers of a finality proof.
const HEIGHTS_UP: u64 = 1_024;
/// Questions answered at a time.
const ANSWERS: usize = 64;

/// The channels between nodes, in the order of their numbers.
pub(crate) struct Channels<S, R> {
    pub(crate) votes: (S, R),
    pub(crate) certificates: (S, R),
    pub(crate) votes_resolver: (S, R),
    pub(crate) backfill: (S, R),
    pub(crate) blocks: (S, R),
    pub(crate) state: (S, R),
    pub(crate) probe: (S, R),
    pub(crate) gossip: (S, R),
    pub(crate) content: (S, R),
}

/// How many channels there are.
pub(crate) const CHANNELS: u64 = 9;

/// Messages a second that a peer may send on each channel.
pub(crate) fn quota() -> Quota {
    Quota::per_second(NZU32!(1_024)).allow_burst(NZU32!(64))
}

impl<S, R> Channels<S, R> {
    /// From the channels in the order of their numbers; `None` when there are not enough.
    pub(crate) fn from_numbered(channels: Vec<(S, R)>) -> Option<Self> {
        let mut channels = channels.into_iter();
        Some(Self {
            votes: channels.next()?,
            certificates: channels.next()?,
            votes_resolver: channels.next()?,
            backfill: channels.next()?,
            blocks: channels.next()?,
            state: channels.next()?,
            probe: channels.next()?,
            gossip: channels.next()?,
            content: channels.next()?,
        })
    }
}

/// The largest message of any channel: a larger one would panic on sending.
pub(crate) fn message_bytes_max() -> u32 {
    let validators = u32::try_from(VALIDATORS_MAX).unwrap_or(u32::MAX);
    max_message_size(&[
        mux::prefixed(simplex::max_payload_size::<Scheme, sha256::Digest>(validators)),
        marshal::max_payload_size::<Variant, Scheme>(validators, &()),
        probe::max_payload_size::<Variant, Scheme>(validators),
        state_sync::max_payload_size::<mmr::Family, sha256::Digest>(SYNC_BATCH, Operation::SIZE),
        resolver::max_message_size::<WireKey>(CONTENT_BYTES_MAX),
        GOSSIP_BYTES_MAX,
    ])
}

/// The network as a node sees it.
pub(crate) struct Links<O, B, S, R> {
    pub(crate) manager: O,
    pub(crate) blocker: B,
    pub(crate) channels: Channels<S, R>,
}

/// One node before it runs.
pub(crate) struct Node<M> {
    pub(crate) config: Config,
    pub(crate) machine: M,
    pub(crate) status: Arc<StatusCell>,
    pub(crate) requests: mpsc::Receiver<Request>,
    /// Told when the node is running and its state is open, unless it fetches a snapshot or the state
    /// is large ([`crate::Limits`]).
    pub(crate) ready: oneshot::Sender<()>,
    /// What the names of this node's storage begin with.
    pub(crate) storage: String,
}

/// Everything that answering questions needs.
struct Desk<E: Runtime, M, S> {
    runtime: E,
    databases: Arc<OnceLock<Databases<E>>>,
    marshal: Marshal,
    exchange: Exchange<M>,
    peers: resolver::Mailbox<WireKey, PublicKey>,
    gossip: S,
}

impl<M: Machine> Node<M> {
    /// Runs the node until it is told to stop or its last handle is gone.
    #[allow(clippy::too_many_lines, reason = "wiring: one part after another, no decisions")]
    pub(crate) async fn run<E, O, B, S, R>(self, context: E, links: Links<O, B, S, R>)
    where
        E: Runtime,
        O: Manager<PublicKey = PublicKey>,
        B: Blocker<PublicKey = PublicKey>,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let Self { config, machine, status, requests, ready, storage } = self;
        let Links { mut manager, blocker, channels } = links;
        let key = config.key.private();
        let me = key.public_key();
        let pages = CacheRef::new(PAGE_BYTES, NZUsize!(1_024));
        let state_pages = CacheRef::new(state::PAGE_BYTES, config.limits.state_pages);
        let namespace = finality::NAMESPACE.to_vec();
        let committees = Committees::new(machine.clone(), namespace, key);
        let abstention = Abstention::open(&context, &storage).await;
        committees.abstain_through(abstention.through());
        let Some(genesis) = genesis_block(&config) else {
            status.set_fault("the genesis header contradicts itself".into());
            return;
        };
        let epocher = FixedEpocher::new(config.epoch_length);

        // Snapshots: find a recent final block to start from.
        let mut plan =
            SyncPlan::<E, Scheme, Variant>::init(context.child("plan"), format!("{storage}chain"))
                .await;
        // A node that stopped while it fetched a snapshot asks for no other of that epoch: who
        // vouches for a newer floor may be of an epoch whose committee only execution tells it.
        let begun = plan.floor().map(|floor| floor.proposal.round.epoch().get());
        let sync_epoch = config.sync_epoch.max(begun).unwrap_or_default();
        let (probe_actor, probe) = Probe::new(probe::Config {
            context: context.child("probe"),
            provider: committees.clone(),
            strategy: Sequential,
            mailbox_size: MAILBOX,
            blocker: blocker.clone(),
            minimum_epoch: Epoch::new(sync_epoch),
            retry_timeout: NZDuration!(Duration::from_millis(500)),
        });
        probe_actor.start(channels.probe);
        let syncing = plan.should_sync(config.sync_epoch.is_some());
        let beside = syncing || config.limits.opens_beside();
        status.set_syncing(beside);
        if syncing && begun != Some(sync_epoch) {
            track_for_probe(&mut manager, &committees, sync_epoch);
            if let Ok(floor) = probe.subscribe().await {
                info!(round = ?floor.proposal.round, "fetching a snapshot");
                // Before anything of the snapshot is kept: from then on a restart asks no more.
                let abstention = abstention.extend(floor.proposal.round.epoch()).await;
                committees.abstain_through(abstention.through());
                plan = plan.set_floor(floor).await;
            }
        }
        let sync_floor = plan.floor().cloned();
        let snapshot = plan.completed().map_or(0, |height| height.get());

        // Blocks and certificates.
        let backfill_mailbox = backfill::init(
            context.child("backfill"),
            backfill::Config {
                public_key: me.clone(),
                peer_provider: manager.clone(),
                blocker: blocker.clone(),
                mailbox_size: MAILBOX,
                fetch_timeout: NZDuration!(REQUEST_LIMIT),
                fetch_retry_delay: RETRY_DELAY,
                priority_requests: false,
                priority_responses: false,
            },
            channels.backfill,
        );
        let (broadcast, buffer) = buffered::Engine::new(
            context.child("broadcast"),
            buffered::Config {
                public_key: me.clone(),
                mailbox_size: MAILBOX,
                deque_size: 16,
                priority: false,
                codec_config: (),
                peer_provider: manager.clone(),
                strategy: Sequential,
            },
        );
        broadcast.start(channels.blocks);
        let certificates =
            open_archive(&context, &storage, "certificates", &pages, VALIDATORS_MAX).await;
        let blocks = open_archive(&context, &storage, "blocks", &pages, ()).await;
        let (marshal_actor, marshal, floor) = MarshalActor::<_, Variant, _, _, _, _, _>::init(
            context.child("marshal"),
            certificates,
            blocks,
            marshal::Config {
                provider: committees.clone(),
                epocher: epocher.clone(),
                start: plan.marshal_start(genesis.clone().digested()),
                partition_prefix: format!("{storage}chain"),
                mailbox_size: MAILBOX,
                view_retention: ViewDelta::new(10),
                prunable_items_per_section: ITEMS_PER_SECTION,
                page_cache: pages.clone(),
                replay_buffer: BUFFER,
                key_write_buffer: WRITE_BUFFER,
                value_write_buffer: WRITE_BUFFER,
                block_codec_config: (),
                max_repair: NZUsize!(16),
                max_pending_acks: BLOCKS_AHEAD,
                strategy: Sequential,
            },
        )
        .await;

        // State.
        let (state_actor, state_resolver) =
            state_sync::Actor::<_, PublicKey, _, _, mmr::Family, state::Database<E>>::new(
                context.child("state_resolver"),
                state_sync::Config {
                    peer_provider: manager.clone(),
                    blocker: blocker.clone(),
                    database: None,
                    mailbox_size: MAILBOX,
                    me: Some(me.clone()),
                    fetch_timeout: NZDuration!(REQUEST_LIMIT),
                    fetch_retry_delay: RETRY_DELAY,
                    max_serve_ops: SYNC_BATCH,
                    priority_requests: false,
                    priority_responses: false,
                },
            );
        state_actor.start(channels.state);
        let app = App {
            machine: machine.clone(),
            ledger: config.genesis.ledger,
            genesis: genesis.clone(),
            epoch_length: config.epoch_length,
            status: Arc::clone(&status),
        };
        let (stateful, state) = Stateful::new(
            context.child("stateful"),
            StatefulConfig {
                application: app,
                db_config: database_config(&storage, state_pages, config.limits.open_keys),
                provider: (),
                marshal: (marshal.clone(), floor),
                mailbox_size: MAILBOX,
                plan,
                resolvers: state_resolver,
                sync_config: SyncEngineConfig {
                    fetch_batch_size: SYNC_BATCH,
                    apply_batch_size: NZU64!(4_096),
                    max_outstanding_requests: NZUsize!(16),
                },
                prune_config: Some(prune_config(&config)),
                strategy: Sequential,
            },
        );
        let automaton = Deferred::new(
            context.child("deferred"),
            Waiting::new(machine.clone(), state.clone()),
            marshal.clone(),
            epocher.clone(),
        );
        let (watch, news) = block_watch();
        marshal_actor.start(Reporters::from((state.clone(), watch)), buffer, backfill_mailbox);
        probe.attach(marshal.clone());
        stateful.start();

        // Epochs.
        let certified_epochs = epocher.clone();
        let (orchestrator_machine, orchestrator_manager) = (machine.clone(), manager.clone());
        let (orchestrator_marshal, orchestrator_status) = (marshal.clone(), Arc::clone(&status));
        let (orchestrator_blocker, pace) = (blocker.clone(), config.pace);
        let databases = Arc::new(OnceLock::new());
        let orchestrator_databases = Arc::clone(&databases);
        context.child("orchestrator").spawn(move |context| {
            Orchestrator {
                context,
                machine: orchestrator_machine,
                manager: orchestrator_manager,
                blocker: orchestrator_blocker,
                automaton,
                committees,
                marshal: orchestrator_marshal,
                epocher,
                genesis: genesis.digest(),
                sync_floor,
                pages,
                pace,
                storage,
                status: orchestrator_status,
                blocks: news.blocks,
                databases: orchestrator_databases,
            }
            .run(channels.votes, channels.certificates, channels.votes_resolver)
        });
        let (collector, source) = (machine.clone(), marshal.clone());
        context.child("certificates").spawn(move |_| {
            collect_certificates(collector, source, certified_epochs, news.heights)
        });

        // The ledger's own messages.
        let exchange = Exchange::new(machine.clone());
        let (content, peers) = resolver::Engine::new(
            context.child("content"),
            resolver::Config {
                peer_provider: manager.clone(),
                blocker: blocker.clone(),
                consumer: exchange.clone(),
                producer: exchange.clone(),
                mailbox_size: MAILBOX,
                me: Some(me),
                fetch_timeout: NZDuration!(TRY_LIMIT),
                fetch_retry_delay: RETRY_DELAY,
                priority_requests: false,
                priority_responses: false,
            },
        );
        content.start(channels.content);
        let (gossip, incoming) = channels.gossip;
        let listener = machine.clone();
        // On a thread of its own: verifying what peers gossip must not hold up consensus.
        context.child("gossip").dedicated().spawn(move |_| hear_gossip(listener, incoming));

        // The state opens while questions are answered already: execution may ask some itself.
        let (opened, opened_status) = (Arc::clone(&databases), Arc::clone(&status));
        let processed = marshal.clone();
        let mut ready = Some(ready);
        if beside && ready.take().is_some_and(|ready| ready.send(()).is_err()) {
            tracing::trace!("nobody waits for the start");
        }
        context.child("open").spawn(move |_| async move {
            let database = state.subscribe_databases().await;
            let at = processed.get_processed().await.map_or(0, |at| at.height().get());
            opened_status.set_opened(at, snapshot);
            if opened.set(database).is_ok() {
                opened_status.set_syncing(false);
            }
            if let Some(ready) = ready
                && ready.send(()).is_err()
            {
                tracing::trace!("nobody waits for the start");
            }
        });
        let desk = Desk { runtime: context, databases, marshal, exchange, peers, gossip };
        desk.serve(requests).await;
    }
}

impl<E: Runtime, M: Machine, S: Sender<PublicKey = PublicKey>> Desk<E, M, S> {
    /// Answers questions, many at a time, until told to stop.
    async fn serve(&self, requests: mpsc::Receiver<Request>) {
        requests
            .take_while(|request| futures::future::ready(!matches!(request, Request::Stop)))
            .for_each_concurrent(ANSWERS, |request| self.answer(request))
            .await;
    }

    /// Answers one question; whoever has stopped waiting needs no answer.
    async fn answer(&self, request: Request) {
        match request {
            Request::Heads(keys, answer) => drop(answer.send(match self.databases.get() {
                Some(databases) => Ok(polled(Stage::State, state::read(databases, keys)).await),
                None => Err(EngineError::NotReady),
            })),
            Request::Prove(keys, answer) => drop(answer.send(match self.databases.get() {
                Some(databases) => {
                    Ok(proofs(polled(Stage::State, state::prove(databases, &keys)).await))
                }
                None => Err(EngineError::NotReady),
            })),
            Request::Certificate(height, answer) => {
                drop(answer.send(self.certificate(height).await));
            }
            Request::Fetch(key, answer) => {
                let fetched = self.exchange.fetch(&self.runtime, self.peers.clone(), key);
                drop(answer.send(fetched.await));
            }
            Request::Gossip(message) => {
                let sent = self.gossip.clone().send(Recipients::All, message, false);
                tracing::trace!(peers = sent.len(), "gossip");
            }
            Request::Stop => {}
        }
    }

    async fn certificate(&self, height: Height) -> Option<(Height, Vec<u8>)> {
        for height in height.0..height.0.saturating_add(HEIGHTS_UP) {
            let there = commonware_consensus::types::Height::new(height);
            if let Some(found) = self.marshal.get_finalization(there).await {
                return Some((Height(height), found.encode().to_vec()));
            }
        }
        None
    }
}

fn proofs(proved: state::Proved) -> StateProofs {
    let proofs = proved.proofs.into_iter().map(|(head, proof)| (head, Bytes::from(proof)));
    StateProofs { state_root: proved.root, proofs: proofs.collect() }
}

fn genesis_block(config: &Config) -> Option<ChainBlock> {
    ChainBlock::new(chaincity_types::wire::Block {
        header: config.genesis.clone(),
        transactions: Vec::new(),
    })
}

/// Blocks since the last epoch's boundary are always kept: a restart resumes from it.
fn prune_config(config: &Config) -> PruneConfig {
    let epoch = usize::try_from(config.epoch_length.get()).unwrap_or(usize::MAX);
    let retained = config.limits.recent_blocks.max(epoch.saturating_add(ANSWERS));
    PruneConfig {
        maintenance_interval: NZUsize!(256),
        retained_marshal_blocks: retained,
        retained_qmdb_blocks: retained.min(1_024),
    }
}

/// Before the orchestrator runs, the committee that is asked for a snapshot must be connected.
fn track_for_probe<M: Machine, O: Manager<PublicKey = PublicKey>>(
    manager: &mut O,
    committees: &Committees<M>,
    epoch: u64,
) {
    if let Some(validators) = committees.validators(epoch) {
        let peers = commonware_p2p::TrackedPeers::primary(validators);
        if !manager.track(epoch, peers).accepted() {
            tracing::warn!("the network has stopped");
        }
    }
}

#[allow(clippy::panic, reason = "damaged storage must stop the node; it never depends on input")]
async fn open_archive<E, V>(
    context: &E,
    storage: &str,
    name: &'static str,
    pages: &CacheRef,
    codec_config: V::Cfg,
) -> prunable::Archive<EightCap, E, sha256::Digest, V>
where
    E: Runtime,
    V: commonware_codec::CodecShared,
{
    let config = prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{storage}{name}-metadata"),
        key_partition: format!("{storage}{name}-key"),
        key_page_cache: pages.clone(),
        value_partition: format!("{storage}{name}-value"),
        compression: None,
        codec_config,
        items_per_section: ITEMS_PER_SECTION,
        key_write_buffer: WRITE_BUFFER,
        value_write_buffer: WRITE_BUFFER,
        replay_buffer: BUFFER,
    };
    match prunable::Archive::init(context.child(name), config).await {
        Ok(archive) => archive,
        Err(error) => panic!("the archive of {name} cannot be opened: {error}"),
    }
}

/// Passes on what peers gossip, all that has come at once.
async fn hear_gossip<M: Machine, R: Receiver<PublicKey = PublicKey>>(machine: M, mut incoming: R) {
    while let Ok(first) = incoming.recv().await {
        let (mut messages, mut bytes) = (Vec::new(), 0_usize);
        let mut next = Some(first);
        while let Some((from, message)) = next.take() {
            if message.len() <= GOSSIP_BYTES_MAX {
                bytes = bytes.saturating_add(message.len());
                messages.push((key_bytes(&from), Bytes::copy_from_slice(message.as_ref())));
            }
            if bytes < GOSSIP_BYTES_MAX && messages.len() < GOSSIP_TOGETHER_MAX {
                next = incoming.recv().now_or_never().and_then(Result::ok);
            }
        }
        measure(Stage::Admission, || machine.on_gossip(messages));
    }
}
