//! Listeners on consensus: what they hear goes to the machine and to the orchestrator.

use std::sync::Arc;

use chaincity_types::Height;
use commonware_actor::Feedback;
use commonware_codec::Encode;
use commonware_consensus::marshal::Update;
use commonware_consensus::simplex::types::Attributable;
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
use crate::status::StatusCell;

/// Certificates waiting to be handed to the machine; when it falls behind, later certificates
/// cover the ones left out.
const CERTIFICATES: usize = 1_024;

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
pub(crate) async fn collect_certificates<M: Machine>(
    machine: M,
    marshal: Marshal,
    mut heights: mpsc::Receiver<Height>,
) {
    while let Some(height) = heights.next().await {
        let height_there = commonware_consensus::types::Height::new(height.0);
        if let Some(finalization) = marshal.get_finalization(height_there).await {
            machine.certified(height, finalization.encode().to_vec());
        }
    }
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
