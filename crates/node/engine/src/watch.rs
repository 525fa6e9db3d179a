//! Listeners on consensus: what they hear goes to the machine and to the orchestrator.

use std::sync::Arc;

use chaincity_types::Height;
use commonware_actor::Feedback;
use commonware_codec::Encode;
use commonware_consensus::marshal::Update;
use commonware_consensus::simplex::types::Attributable;
use commonware_consensus::types::{Epoch, Epocher as _, FixedEpocher};
use commonware_consensus::{Epochable, Heightable as _, Reporter, Viewable};
use commonware_cryptography::Digested;
use commonware_cryptography::certificate::Scheme as _;
use commonware_utils::acknowledgement::Exact;
use commonware_utils::ordered::Quorum as _;
use futures::StreamExt as _;
use futures::channel::mpsc;
use tracing::warn;

use crate::block::ChainBlock;
use crate::chain::{Activity, Scheme, key_bytes};
use crate::machine::Machine;
use crate::node::Marshal;
use crate::stage::{Stage, measure};
use crate::status::StatusCell;

/// Certificates waiting to be handed to the machine; when it falls behind, later certificates
/// cover the ones left out.
const CERTIFICATES: usize = 1_024;
/// Newest blocks whose certificates are handed over again at the start.
const CERTIFICATES_AGAIN: u64 = 16;

/// Hears of finalized blocks: passes each with its acknowledgement to the orchestrator, and the
/// heights to whoever collects certificates.
#[derive(Clone)]
pub(crate) struct BlockWatch {
    // Bounded by the number of blocks that marshal dispatches before they are acknowledged.
    blocks: mpsc::UnboundedSender<(Digested<ChainBlock>, Exact)>,
    heights: mpsc::Sender<Height>,
}

/// The receiving ends of a [`BlockWatch`].
pub(crate) struct BlockNews {
    pub(crate) blocks: mpsc::UnboundedReceiver<(Digested<ChainBlock>, Exact)>,
    pub(crate) heights: mpsc::Receiver<Height>,
}

pub(crate) fn block_watch() -> (BlockWatch, BlockNews) {
    let (blocks, block_news) = mpsc::unbounded();
    let (heights, height_news) = mpsc::channel(CERTIFICATES);
    (BlockWatch { blocks, heights }, BlockNews { blocks: block_news, heights: height_news })
}

impl Reporter for BlockWatch {
    type Activity = Update<ChainBlock>;

    fn report(&mut self, update: Update<ChainBlock>) -> Feedback {
        let height = match &update {
            Update::Tip(_, height, _) => height.get(),
            Update::Block(block, _) => block.height().get(),
        };
        if self.heights.try_send(Height(height)).is_err() {
            warn!(height, "left out a certificate: the ledger is behind");
        }
        if let Update::Block(block, acknowledgement) = update
            && self.blocks.unbounded_send((block, acknowledgement)).is_err()
        {
            return Feedback::Closed;
        }
        Feedback::Ok
    }
}

/// Hands certificates to the machine as they become known.
///
/// A crash may have come between a block and its certificate, and no block is told twice: the
/// newest certificates, and that of the last handover, which nothing later can replace, are
/// handed over again at every start.
pub(crate) async fn collect_certificates<M: Machine>(
    machine: M,
    marshal: Marshal,
    epocher: FixedEpocher,
    mut heights: mpsc::Receiver<Height>,
) {
    for height in held_at_start(&marshal, &epocher).await {
        hand_over(&machine, &marshal, height).await;
    }
    while let Some(height) = heights.next().await {
        hand_over(&machine, &marshal, height).await;
    }
}

async fn hand_over<M: Machine>(machine: &M, marshal: &Marshal, height: Height) {
    let height_there = commonware_consensus::types::Height::new(height.0);
    if let Some(finalization) = marshal.get_finalization(height_there).await {
        let certificate = finalization.encode().to_vec();
        measure(Stage::History, || machine.certified(height, certificate));
    }
}

/// The last block of the epoch before, and the newest blocks.
async fn held_at_start(marshal: &Marshal, epocher: &FixedEpocher) -> Vec<Height> {
    let Some(processed) = marshal.get_processed().await else { return Vec::new() };
    let newest = processed.height().get();
    let epoch = epocher.containing(processed.height().next()).map(|within| within.epoch());
    let before = epoch.and_then(Epoch::previous).and_then(|before| epocher.last(before));
    let recent = newest.saturating_sub(CERTIFICATES_AGAIN).saturating_add(1)..=newest;
    before.map(|boundary| boundary.get()).into_iter().chain(recent).map(Height).collect()
}

/// Hears of votes: keeps the view for the status, and evidence of equivocation for the machine.
#[derive(Clone)]
pub(crate) struct VoteWatch<M> {
    pub(crate) machine: M,
    pub(crate) scheme: Arc<Scheme>,
    pub(crate) status: Arc<StatusCell>,
}

impl<M: Machine> VoteWatch<M> {
    fn saw(&self, certificate: &(impl Epochable + Viewable)) {
        self.status.raise_view(certificate.epoch().get(), certificate.view().get());
    }

    fn accuse(&self, evidence: &(impl Attributable + Encode)) {
        if let Some(validator) = self.scheme.participants().key(evidence.signer()) {
            self.machine.equivocated(key_bytes(validator), evidence.encode().to_vec());
        }
    }
}

impl<M: Machine> Reporter for VoteWatch<M> {
    type Activity = Activity;

    fn report(&mut self, activity: Activity) -> Feedback {
        match &activity {
            Activity::Notarization(certificate) => self.saw(certificate),
            Activity::Nullification(certificate) => self.saw(certificate),
            Activity::Finalization(certificate) => self.saw(certificate),
            Activity::ConflictingNotarize(evidence) => self.accuse(evidence),
            Activity::ConflictingFinalize(evidence) => self.accuse(evidence),
            Activity::NullifyFinalize(evidence) => self.accuse(evidence),
            Activity::Notarize(_)
            | Activity::Certification(_)
            | Activity::Nullify(_)
            | Activity::Finalize(_) => {}
        }
        Feedback::Ok
    }
}
