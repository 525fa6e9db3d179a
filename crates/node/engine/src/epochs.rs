//! One consensus engine per epoch: follows final blocks, and at an epoch's last block stops its
//! engine and starts the next one with the committee that the ledger decided.
//!
//! INVARIANT: the last block of an epoch is acknowledged only when the machine knows the next
//! committee. A node that crashes at the boundary therefore sees that block again, and one that
//! restarts later finds its epoch from the next height to process.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chaincity_types::wire::Header;
use commonware_consensus::marshal::core::Processed;
use commonware_consensus::simplex::config::{Config, Floor, ForwardPolicy, SkipPolicy};
use commonware_consensus::simplex::elector::RoundRobin;
use commonware_consensus::simplex::{Engine, Plan, SkipBudget};
use commonware_consensus::types::{Epoch, Epocher as _, FixedEpocher, Height, ViewDelta};
use commonware_consensus::{
    CertifiableAutomaton, Epochable as _, Heightable as _, Relay, Reporter, Reporters,
};
use commonware_cryptography::{Digested, Digestible as _, Sha256, sha256};
use commonware_p2p::utils::mux::{Builder as _, MuxHandle, Muxer};
use commonware_p2p::{Blocker, Manager, Receiver, Sender, TrackedPeers};
use commonware_parallel::Sequential;
use commonware_runtime::Handle;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_utils::acknowledgement::{Acknowledgement as _, Exact};
use commonware_utils::channel::mpsc;
use commonware_utils::ordered::Set;
use commonware_utils::vec::NonEmptyVec;
use commonware_utils::{NZDuration, NZUsize};
use futures::StreamExt as _;
use futures::channel::mpsc as news;
use futures::future::{Either, select};
use tracing::{error, info, warn};

use crate::app::NodeClock;
use crate::block::ChainBlock;
use crate::chain::{Activity, Context, Finalization, PublicKey, Runtime, Scheme};
use crate::committees::Committees;
use crate::config::Pace;
use crate::machine::Machine;
use crate::node::{Marshal, PEERS_MAX, WRITE_BUFFER};
use crate::state::{self, AppliedReader, Databases};
use crate::status::StatusCell;
use crate::watch::VoteWatch;

const BUFFER: NonZeroUsize = NZUsize!(1 << 20);
const MAILBOX: NonZeroUsize = NZUsize!(1_024);
/// How often to look whether the machine knows the next committee.
const COMMITTEE_POLL: Duration = Duration::from_millis(20);

/// What consensus calls to propose, verify and spread blocks.
pub(crate) trait Automaton:
    CertifiableAutomaton<Context = Context, Digest = sha256::Digest>
    + Relay<Digest = sha256::Digest, PublicKey = PublicKey, Plan = Plan<PublicKey>>
    + Reporter<Activity = Activity>
{
}

impl<T> Automaton for T where
    T: CertifiableAutomaton<Context = Context, Digest = sha256::Digest>
        + Relay<Digest = sha256::Digest, PublicKey = PublicKey, Plan = Plan<PublicKey>>
        + Reporter<Activity = Activity>
{
}

/// Runs one engine after another.
pub(crate) struct Orchestrator<E: Runtime, M, O, B, A> {
    pub(crate) context: E,
    pub(crate) machine: M,
    pub(crate) manager: O,
    pub(crate) blocker: B,
    pub(crate) automaton: A,
    pub(crate) committees: Committees<M>,
    pub(crate) marshal: Marshal,
    pub(crate) epocher: FixedEpocher,
    pub(crate) genesis: sha256::Digest,
    pub(crate) sync_floor: Option<Finalization>,
    pub(crate) pages: CacheRef,
    pub(crate) pace: Pace,
    pub(crate) storage: String,
    pub(crate) status: Arc<StatusCell>,
    pub(crate) blocks: news::UnboundedReceiver<(Digested<ChainBlock>, Exact)>,
    /// The state, once it is open.
    pub(crate) databases: Arc<OnceLock<Databases<E>>>,
}

/// Messages of epochs that this node has not entered.
type Strays = mpsc::Receiver<(u64, (PublicKey, commonware_runtime::IoBuf))>;

/// The channels of consensus, divided by epoch.
struct Channels<S: Sender<PublicKey = PublicKey>> {
    votes: MuxHandle<S>,
    stray_votes: Strays,
    certificates: MuxHandle<S>,
    stray_certificates: Strays,
    resolver: MuxHandle<S>,
}

/// Where to begin.
struct Start {
    epoch: Epoch,
    floor: Floor<Scheme, sha256::Digest>,
}

impl<E, M, O, B, A> Orchestrator<E, M, O, B, A>
where
    E: Runtime,
    M: Machine,
    O: Manager<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
    A: Automaton + Clone,
{
    /// Runs until the node stops.
    pub(crate) async fn run<S, R>(mut self, votes: (S, R), certificates: (S, R), resolver: (S, R))
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let mut channels = self.divide(votes, certificates, resolver);
        let Some(mut start) = self.resume().await else {
            let fault = "consensus holds neither a boundary block nor a certificate to resume from";
            error!(fault);
            self.status.set_fault(fault.to_owned());
            return;
        };
        loop {
            let epoch = start.epoch;
            let Some(engine) = self.enter(start, &mut channels).await else { return };
            let Some(boundary) = self.follow(epoch, &mut channels).await else { return };
            engine.abort();
            start = Start { epoch: epoch.next(), floor: Floor::Genesis(boundary) };
        }
    }

    fn divide<S, R>(&self, votes: (S, R), certificates: (S, R), resolver: (S, R)) -> Channels<S>
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let (muxer, votes, stray_votes) =
            Muxer::builder(self.context.child("votes"), votes.0, votes.1).with_backup().build();
        muxer.start();
        let (muxer, certificates, stray_certificates) =
            Muxer::builder(self.context.child("certificates"), certificates.0, certificates.1)
                .with_backup()
                .build();
        muxer.start();
        let (muxer, resolver) = Muxer::new(self.context.child("resolver"), resolver.0, resolver.1);
        muxer.start();
        Channels { votes, stray_votes, certificates, stray_certificates, resolver }
    }

    /// The epoch of the next height to process, and where consensus stands in it.
    async fn resume(&mut self) -> Option<Start> {
        let processed = self.marshal.get_processed().await;
        let epoch = match (processed, &self.sync_floor) {
            (Some(processed), _) => self.epocher.containing(processed.height().next())?.epoch(),
            (None, Some(floor)) => floor.epoch(),
            (None, None) => Epoch::zero(),
        };
        let floor = self.floor(epoch, processed).await?;
        Some(Start { epoch, floor })
    }

    /// The last block of the epoch before; on a node that fetched a snapshot within the epoch, a
    /// certificate of this epoch instead.
    async fn floor(
        &mut self,
        epoch: Epoch,
        processed: Option<Processed>,
    ) -> Option<Floor<Scheme, sha256::Digest>> {
        let Some(before) = epoch.previous() else { return Some(Floor::Genesis(self.genesis)) };
        let boundary = self.epocher.last(before)?;
        if let Some(block) = self.marshal.get_block(boundary).await {
            return Some(Floor::Genesis(block.digest()));
        }
        if let Some(floor) = self.sync_floor.as_ref().filter(|floor| floor.epoch() == epoch) {
            return Some(Floor::Finalized(floor.clone()));
        }
        let highest = processed.map(Processed::anchor)?;
        for height in (boundary.get().saturating_add(1)..=highest.get()).rev() {
            if let Some(found) = self.marshal.get_finalization(Height::new(height)).await {
                return Some(Floor::Finalized(found));
            }
        }
        None
    }

    /// Waits until the machine knows the committee of `epoch`.
    async fn scheme(&mut self, epoch: Epoch) -> Arc<Scheme> {
        loop {
            if let Some(scheme) = self.committees.scheme_of(epoch.get()) {
                return scheme;
            }
            self.context.sleep(COMMITTEE_POLL).await;
        }
    }

    /// Waits until the machine knows the committee of the epoch after `last`, the last block of
    /// `epoch`.
    ///
    /// It learns it by executing that block. When a snapshot is of that very block it never does:
    /// the committee is then read from the state. Waiting for it held the node up for ever, since
    /// of the next epoch nothing can be checked without.
    async fn hand_over(&mut self, epoch: Epoch, last: &Header) {
        loop {
            // Once the state is that after `last`, whoever executed it has persisted it as well.
            let reached = match self.databases.get() {
                Some(databases) => {
                    let (root, _) = state::read(databases, Vec::new()).await;
                    (root == last.state_root).then(|| AppliedReader(databases.clone()))
                }
                None => None,
            };
            if self.committees.scheme_of(epoch.next().get()).is_some() {
                return;
            }
            if let Some(state) = reached {
                info!(%epoch, "the snapshot ends the epoch: reading the next committee from it");
                let clock = NodeClock::new(self.context.child("hand_over"));
                self.machine.learn_committee(last.clone(), epoch.get(), state, clock).await;
            }
            self.context.sleep(COMMITTEE_POLL).await;
        }
    }

    /// Admits the epoch's peers. Beyond the limit followers are left out, never validators.
    fn track(&mut self, epoch: Epoch) {
        let validators = self.committees.validators(epoch.get()).unwrap_or_default();
        let room = PEERS_MAX.get().saturating_sub(validators.len());
        let mut followers = self.committees.followers();
        followers.retain(|key| validators.position(key).is_none());
        followers.truncate(room);
        let followers = Set::from_iter_dedup(followers);
        let validator = self.committees.votes(epoch.get(), &validators);
        let peers = validators.len().saturating_add(followers.len()).saturating_sub(1);
        self.status.enter_epoch(epoch.get(), u64::try_from(peers).unwrap_or(u64::MAX), validator);
        info!(%epoch, validators = validators.len(), followers = followers.len(), validator, "entered an epoch");
        if !self.manager.track(epoch.get(), TrackedPeers::new(validators, followers)).accepted() {
            warn!(%epoch, "the network has stopped");
        }
    }

    async fn enter<S>(&mut self, start: Start, channels: &mut Channels<S>) -> Option<Handle<()>>
    where
        S: Sender<PublicKey = PublicKey>,
    {
        let Start { epoch, floor } = start;
        self.abstain_if_blind(epoch);
        let scheme = self.scheme(epoch).await;
        self.track(epoch);
        self.forget(epoch).await;
        let watch = VoteWatch {
            machine: self.machine.clone(),
            scheme: Arc::clone(&scheme),
            status: Arc::clone(&self.status),
        };
        let config = Config {
            scheme: scheme.as_ref().clone(),
            elector: RoundRobin::<Sha256>::default(),
            blocker: self.blocker.clone(),
            automaton: self.automaton.clone(),
            relay: self.automaton.clone(),
            reporter: Reporters::from((self.automaton.clone(), watch)),
            strategy: Sequential,
            partition: self.partition(epoch),
            mailbox_size: MAILBOX,
            epoch,
            floor,
            replay_buffer: BUFFER,
            write_buffer: WRITE_BUFFER,
            page_cache: self.pages.clone(),
            leader_timeout: self.pace.leader,
            certification_timeout: self.pace.certification,
            timeout_retry: self.pace.certification,
            view_retention: ViewDelta::new(10),
            skip: SkipPolicy::Enabled { timeout: self.pace.skip, budget: SkipBudget::Participants },
            fetch_timeout: NZDuration!(Duration::from_secs(2)),
            fetch_retry_delay: Duration::from_millis(500),
            forward: ForwardPolicy::Disabled,
            // A vote that contradicts one already counted is evidence too, not only a reason to
            // hang up.
            track_historical_votes: true,
        };
        let context = self.context.child("engine").with_attribute("epoch", epoch);
        let engine = Engine::new(context, config);
        let votes = channels.votes.register(epoch.get()).await.ok()?;
        let certificates = channels.certificates.register(epoch.get()).await.ok()?;
        let resolver = channels.resolver.register(epoch.get()).await.ok()?;
        Some(engine.start(votes, certificates, resolver))
    }

    /// A machine that cannot judge the blocks of an epoch follows it, to its end.
    fn abstain_if_blind(&self, epoch: Epoch) {
        let before = epoch.previous().and_then(|before| self.epocher.last(before));
        let before = before.map_or(0, Height::get);
        if !self.machine.can_judge(chaincity_types::Height(before)) {
            warn!(%epoch, "not all blocks are held that voting needs: abstaining in this epoch");
            self.committees.abstain_through(Some(epoch.get()));
        }
    }

    fn partition(&self, epoch: Epoch) -> String {
        format!("{}votes-{epoch}", self.storage)
    }

    /// Removes the votes of the epoch before last.
    async fn forget(&mut self, epoch: Epoch) {
        let Some(old) = epoch.previous().and_then(Epoch::previous) else { return };
        if let Err(reason) = self.context.remove(&self.partition(old), None).await {
            tracing::debug!(epoch = %old, %reason, "no votes to remove");
        }
    }

    /// Acknowledges blocks until the epoch's last one, whose digest it returns. `None`: the node
    /// is stopping.
    async fn follow<S>(
        &mut self,
        epoch: Epoch,
        channels: &mut Channels<S>,
    ) -> Option<sha256::Digest>
    where
        S: Sender<PublicKey = PublicKey>,
    {
        let last = self.epocher.last(epoch)?;
        loop {
            let strays = select(
                Box::pin(channels.stray_votes.recv()),
                Box::pin(channels.stray_certificates.recv()),
            );
            let stray = match select(self.blocks.next(), strays).await {
                Either::Left((block, _)) => {
                    let (block, acknowledgement) = block?;
                    let boundary = block.height() == last;
                    if boundary {
                        self.hand_over(epoch, block.inner().header()).await;
                    }
                    acknowledgement.acknowledge();
                    if boundary {
                        return Some(block.digest());
                    }
                    continue;
                }
                Either::Right((Either::Left((stray, _)) | Either::Right((stray, _)), _)) => stray,
            };
            let (theirs, (from, _)) = stray?;
            if theirs > epoch.get() {
                // They are an epoch ahead, so this epoch's last block is final.
                self.marshal.hint_finalized(last, NonEmptyVec::new(from));
            }
        }
    }
}
