//! A node put together: history, pipeline, engine, read model, interface.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chaincity_crypto::hash;
use chaincity_crypto::suite::SecretKey;
use chaincity_engine::stage;
use chaincity_engine::{Config, Engine, EngineError, Handle, Limits, NodeKey, Pace, Place, Thread};
use chaincity_history::{DiskOptions, DiskStore, HistoryError, HistoryStore};
use chaincity_pipeline::{Node, NodeApi, Pipeline};
use chaincity_server::{Server, TlsFiles};
use chaincity_types::Height;
use chaincity_types::wire::Genesis;
use tokio::runtime::Runtime;

use crate::clock::SystemClock;
use crate::failure::chain;
use crate::fault::Fault;
use crate::joining::Joining;
use crate::keeping::Kept;
use crate::node_config::NodeConfig;
use crate::{following, machine, measures, refusal, together};

/// Blocks looked at for the one whose state the engine has; it applies a few before it counts them.
const BLOCKS_AHEAD: u64 = 64;
/// Pause between two looks at a state that is being opened.
const OPENING_LOOK: Duration = Duration::from_millis(100);
/// Pages of state in a mebibyte.
pub(crate) const PAGES_PER_MIB: usize = 256;

/// A running node. It stops when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) handle: Handle,
    engine: Thread,
    server: Option<Server>,
    // Last, so that its timers outlive what sleeps on them.
    _timers: Runtime,
}

/// Opens the history, which must be this ledger's.
fn open_history(config: &NodeConfig, genesis: &Genesis) -> Result<Arc<dyn HistoryStore>, Fault> {
    let dir = config.history();
    if config.join.is_none() && !config.data.is_dir() {
        return Err(refusal::data_missing(config));
    }
    std::fs::create_dir_all(&dir).map_err(Fault::io(&dir))?;
    let damaged = |error: HistoryError| refusal::history_damaged(config, &chain(&error));
    let store = match DiskStore::open(&dir, &DiskOptions::default()) {
        Ok(store) => store,
        Err(error @ HistoryError::InUse) => return Err(Fault::form(&dir)(error)),
        Err(error) => return Err(damaged(error)),
    };
    if let Some(tip) = store.tip()
        && let Some(newest) = store.block(tip).map_err(damaged)?
        && newest.block.header.ledger != hash::ledger_id(genesis)
    {
        let other = format!("the history is of ledger {}", newest.block.header.ledger);
        return Err(refusal::genesis_damaged(&config.genesis, &other));
    }
    Ok(Arc::new(store))
}

impl Running {
    /// Starts the node that `node.toml` describes.
    ///
    /// # Errors
    /// When a file is missing or damaged, or an address is in use.
    pub(crate) fn start(config: &NodeConfig) -> Result<Self, Fault> {
        let genesis = Arc::new(config.read_genesis()?);
        let key = config.read_key()?;
        // First of all: a passphrase that does not fit must not cut the engine off in its work.
        let kept = Kept::open(config, hash::ledger_id(&genesis))?;
        let timers = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("chaincity-timers")
            .enable_time()
            .build()
            .map_err(Fault::io(Path::new("threads")))?;
        let clock = SystemClock(timers.handle().clone());
        let history = open_history(config, &genesis)?;
        together::check(config, &*history)?.map_err(|why| refusal::not_together(config, why))?;
        let public = key.public_key().as_bytes().to_vec();
        let pipeline = Pipeline::open(Arc::clone(&genesis), public, Arc::clone(&history))
            .map_err(|error| refusal::history_damaged(config, &chain(&error)))?
            .on_all_cores();
        let place = place(config, &genesis, &key)?;
        let mut engine_config = engine_config(config, &genesis, &key)?;
        let begun = crate::joining::snapshot_begun(config)?;
        let joining = Joining::prepare(config, &genesis, key, &*history, &pipeline)?;
        let by_snapshot = begun || joining.is_some();
        engine_config.sync_epoch = joining.as_ref().map(Joining::epoch);
        let (engine, handle) =
            Engine::new(engine_config, place).map_err(Fault::form(&config.data))?;
        let joining = joining.map(|joining| joining.keep_learning(handle.clone())).transpose();
        let joining = joining.map_err(Fault::io(Path::new("threads")))?;
        together::renew(config, &*history)?;
        let node = Node::new(pipeline.clone(), Arc::new(handle.clone()), clock.clone());
        let api: Arc<dyn NodeApi> = Arc::new(node);
        let engine = launch(config, engine, &pipeline)?;
        if !by_snapshot {
            check_once_open(config, &handle, &history)?;
        }
        if let Some(joining) = joining {
            joining.store(true, Ordering::Release);
        }
        timers.spawn({
            let (pipeline, clock) = (pipeline.clone(), clock.clone());
            async move { pipeline.gossip(clock).await }
        });
        timers.spawn(async move { pipeline.backfill(clock).await });
        let failing = handle.clone();
        let damaged = move |cause| failing.fail(cause);
        let model = following::follow(config, &api, &history, damaged)?;
        if let Some(keeping) = &config.vault {
            kept.start_agent(keeping, &api, &model)?;
        }
        let mut server = server_config(config);
        server.vault = kept.vault;
        server.part = kept.part;
        server.sector_keys = kept.sector_keys;
        let measured = handle.clone();
        server.more_metrics =
            Some(Arc::new(move || measures::text(&stage::used(), &measured.status())));
        let server = Server::start(&server, api, model).map_err(Fault::form(&config.data))?;
        Ok(Self { handle, engine, server: Some(server), _timers: timers })
    }

    /// Stops taking requests, then stops the node and waits until its storage is sealed.
    pub(crate) fn stop(mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
        futures::executor::block_on(self.handle.stop());
        self.engine.wait();
    }
}

/// Starts the engine.
fn launch(config: &NodeConfig, engine: Engine, pipeline: &Pipeline) -> Result<Thread, Fault> {
    engine.start(pipeline.clone()).map_err(|error| match error {
        EngineError::Damaged(_) => refusal::engine_damaged(config, &error),
        EngineError::Failed(_) => refusal::engine_failed(config, &error),
        EngineError::Stopped
        | EngineError::NotReady
        | EngineError::Config(_)
        | EngineError::Address(_) => Fault::form(&config.engine())(error),
    })
}

/// Refuses a state that is not of the blocks in the history: at once, or where it is so large that it
/// is still being opened, when it is open. Until then nothing is read from it, and no vote is cast.
fn check_once_open(
    config: &NodeConfig,
    handle: &Handle,
    history: &Arc<dyn HistoryStore>,
) -> Result<(), Fault> {
    if !handle.status().syncing {
        return check_state(config, handle, &**history);
    }
    tracing::info!("the state is being opened; until then the interface serves queries alone");
    let (config, handle, history) = (config.clone(), handle.clone(), Arc::clone(history));
    let thread = std::thread::Builder::new().name("chaincity-state".into());
    let check = move || {
        while handle.status().syncing {
            if handle.status().fault.is_some() {
                return;
            }
            std::thread::park_timeout(OPENING_LOOK);
        }
        match check_state(&config, &handle, &*history) {
            Ok(()) => tracing::info!("the state is open"),
            Err(fault) => handle.fail(fault.to_string()),
        }
    };
    thread.spawn(check).map(drop).map_err(Fault::io(Path::new("threads")))
}

/// Refuses a state that is not of the blocks in the history. A node that fetches a snapshot has
/// none yet, however long its history is.
fn check_state(
    config: &NodeConfig,
    handle: &Handle,
    history: &dyn HistoryStore,
) -> Result<(), Fault> {
    let status = handle.status();
    let behind = history.tip().unwrap_or_default().0.saturating_sub(status.opened_at.0);
    if status.snapshot == Height(0) && behind > BLOCKS_AHEAD {
        let detail = format!("the state is {behind} blocks behind the history");
        return Err(refusal::not_together(config, &detail));
    }
    // What a snapshot covers, history need not hold.
    if status.opened_at <= status.snapshot {
        return Ok(());
    }
    let (root, _) = futures::executor::block_on(handle.heads(Vec::new()))
        .map_err(|error| refusal::engine_failed(config, &error))?;
    for above in 0..BLOCKS_AHEAD {
        let height = Height(status.opened_at.0.saturating_add(above));
        let damaged = |error: HistoryError| refusal::history_damaged(config, &chain(&error));
        let Some(block) = history.block(height).map_err(damaged)? else { break };
        if block.block.header.state_root == root {
            return Ok(());
        }
    }
    let detail = format!("no block from {} on in the history has the state", status.opened_at);
    Err(refusal::not_together(config, &detail))
}

fn engine_config(config: &NodeConfig, genesis: &Genesis, key: &SecretKey) -> Result<Config, Fault> {
    let mut limits = Limits::by_folder(&config.engine(), machine::memory_bytes());
    if let Some(mib) = config.state_cache_mib {
        let mib = usize::try_from(mib).unwrap_or(usize::MAX).clamp(8, 65_536);
        let pages = NonZeroUsize::new(mib.saturating_mul(PAGES_PER_MIB));
        limits.state_pages = pages.unwrap_or(limits.state_pages);
    }
    let epoch_length = NonZeroU64::new(genesis.epoch_blocks)
        .ok_or_else(|| Fault::other("届的长度为零", "an epoch has no blocks"))?;
    let seed = key.seed();
    Ok(Config {
        genesis: chaincity_pipeline::genesis_header(genesis),
        epoch_length,
        key: NodeKey::from_seed(*seed).map_err(Fault::form(&config.key))?,
        sync_epoch: None,
        pace: Pace::default(),
        limits,
    })
}

/// Where the node lives, and whom it calls first: every node that genesis names.
fn place(config: &NodeConfig, genesis: &Genesis, key: &SecretKey) -> Result<Place, Fault> {
    let own = key.public_key();
    let folder = config.engine();
    std::fs::create_dir_all(&folder).map_err(Fault::io(&folder))?;
    let others = genesis.nodes.iter().filter(|n| n.node.key != own.as_bytes());
    Ok(Place {
        folder,
        listen: config.peer_listen,
        advertised: config.advertised(),
        bootstrap: others.map(|n| (n.node.key.clone(), n.node.address.clone())).collect(),
        threads: NonZeroUsize::MIN,
        private_network: config.private_network,
    })
}

fn server_config(config: &NodeConfig) -> chaincity_server::Config {
    let mut server = chaincity_server::Config::new(config.api_listen);
    server.tls = config
        .tls
        .as_ref()
        .map(|tls| TlsFiles { certificate: tls.certificate.clone(), key: tls.key.clone() });
    server
}
