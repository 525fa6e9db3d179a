//! A validator that says different things to different peers: for some of its votes it signs a
//! second one for a block that does not exist, and peers get the one, the other or both.
//!
//! All of an honest node's channels go through the same type, which then passes everything on.

use std::time::SystemTime;

use chaincity_crypto::suite;
use commonware_actor::{Feedback, Unreliable};
use commonware_codec::varint::UInt;
use commonware_codec::{Decode as _, Encode as _, ReadExt as _};
use commonware_consensus::simplex::types::{Finalize, Notarize, Proposal, Vote};
use commonware_cryptography::sha256;
use commonware_p2p::{CheckedSender, LimitedSender, Recipients, Sender};
use commonware_runtime::{IoBuf, IoBufs};

use crate::chain::{Scheme, to_engine};
use crate::committees::Committees;
use crate::erased::AnyMachine;

type AnyVote = Vote<Scheme, sha256::Digest>;

/// A sending end, honest unless it has something to sign lies with.
#[derive(Clone)]
pub(super) struct Voter<S> {
    inner: S,
    forger: Option<Committees<AnyMachine>>,
}

impl<S> std::fmt::Debug for Voter<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voter").field("honest", &self.forger.is_none()).finish_non_exhaustive()
    }
}

impl<S> Voter<S> {
    pub(super) const fn honest(inner: S) -> Self {
        Self { inner, forger: None }
    }

    /// The same sending end, in the hands of an equivocator; for the votes' channel alone.
    pub(super) fn doubled(self, forger: Committees<AnyMachine>) -> Self {
        Self { inner: self.inner, forger: Some(forger) }
    }
}

impl<S: Sender> LimitedSender for Voter<S> {
    type PublicKey = S::PublicKey;
    type Checked<'a>
        = Checked<'a, S>
    where
        Self: 'a;

    fn check(
        &mut self,
        recipients: Recipients<S::PublicKey>,
    ) -> Result<Checked<'_, S>, SystemTime> {
        let lies = self.forger.clone().map(|forger| (forger, self.inner.clone()));
        Ok(Checked { inner: self.inner.check(recipients)?, lies })
    }
}

/// A message's way to those recipients who may be sent to now.
pub(super) struct Checked<'a, S: Sender + 'a> {
    inner: S::Checked<'a>,
    lies: Option<(Committees<AnyMachine>, S)>,
}

impl<'a, S: Sender + 'a> CheckedSender for Checked<'a, S> {
    type PublicKey = S::PublicKey;

    fn recipients(&self) -> Vec<S::PublicKey> {
        self.inner.recipients()
    }

    fn send(self, message: impl Into<IoBufs> + Send, priority: bool) -> Unreliable<Feedback> {
        let Some((forger, mut sender)) = self.lies else {
            return self.inner.send(message, priority);
        };
        let message = message.into().coalesce();
        let Some((lie, choice)) = contradict(&forger, &message) else {
            return self.inner.send(message, priority);
        };
        let (mut told_one, mut told_other) = (Vec::new(), Vec::new());
        for (at, peer) in self.inner.recipients().into_iter().enumerate() {
            // By turns: one half hears the truth and one the lie; a liar that is careful at
            // first and careless every fourth time, when everyone hears both.
            let careless = choice & 3 == 3;
            if careless || at & 1 == usize::from(choice & 1) {
                told_one.push(peer.clone());
            }
            if careless || at & 1 != usize::from(choice & 1) {
                told_other.push(peer);
            }
        }
        let heard = sender.send(Recipients::Some(told_one), message, priority);
        let misled = sender.send(Recipients::Some(told_other), lie, priority);
        tracing::debug!(heard = heard.len(), misled = misled.len(), "an equivocator votes twice");
        Unreliable::new(Feedback::Ok)
    }
}

/// The message with a vote for another block in place of its vote, and a number that varies from
/// vote to vote. `None`: it is no vote for a block.
fn contradict(forger: &Committees<AnyMachine>, message: &IoBuf) -> Option<(IoBuf, u8)> {
    // The channel is divided by epoch: the number of the epoch, then the vote.
    let mut rest = message.clone();
    let UInt(epoch) = UInt::<u64>::read(&mut rest).ok()?;
    let scheme = forger.scheme_of(epoch)?;
    let other = |proposal: &Proposal<sha256::Digest>| {
        let payload = suite::digest(&[b"no such block", proposal.payload.as_ref()]);
        let choice = payload.as_bytes().first().copied().unwrap_or_default();
        (Proposal::new(proposal.round, proposal.parent, to_engine(payload)), choice)
    };
    let (lie, choice) = match AnyVote::decode_cfg(rest, &()).ok()? {
        Vote::Notarize(vote) => {
            let (proposal, choice) = other(&vote.proposal);
            (AnyVote::Notarize(Notarize::sign(&*scheme, proposal)?), choice)
        }
        Vote::Finalize(vote) => {
            let (proposal, choice) = other(&vote.proposal);
            (AnyVote::Finalize(Finalize::sign(&*scheme, proposal)?), choice)
        }
        Vote::Nullify(_) => return None,
    };
    let mut bytes = UInt(epoch).encode().to_vec();
    bytes.extend_from_slice(&lie.encode());
    Some((IoBuf::from(bytes), choice))
}
