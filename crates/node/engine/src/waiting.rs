//! An idle leader waits for work before it builds.
//!
//! *Stateful* applies no final block while one is being built, so whoever waits inside of a build
//! holds up what is final: an idle leader would hear of its own last block a second late. The
//! waiting is therefore done here, between marshal and stateful.

use commonware_consensus::marshal::ancestry::Ancestry;
use commonware_consensus::{Application, Handoff};
use commonware_cryptography::Digested;
use futures::StreamExt as _;

use crate::app::NodeClock;
use crate::block::ChainBlock;
use crate::chain::{Context, Runtime, Scheme};
use crate::machine::Machine;

/// An application whose proposals begin when the machine has work.
#[derive(Clone)]
pub(crate) struct Waiting<M, A> {
    machine: M,
    application: A,
}

impl<M, A> Waiting<M, A> {
    pub(crate) const fn new(machine: M, application: A) -> Self {
        Self { machine, application }
    }
}

impl<E, M, A> Application<E> for Waiting<M, A>
where
    E: Runtime,
    M: Machine,
    A: Application<E, SigningScheme = Scheme, Context = Context, Block = ChainBlock>,
{
    type SigningScheme = Scheme;
    type Context = Context;
    type Block = ChainBlock;
    type Input = A::Input;

    async fn prepare(
        &mut self,
        context: (E, Context),
        ancestry: impl Ancestry<ChainBlock>,
        input: Self::Input,
    ) -> Handoff<Digested<ChainBlock>> {
        self.application.prepare(context, ancestry, input).await
    }

    async fn propose(
        &mut self,
        (runtime, context): (E, Context),
        ancestry: impl Ancestry<ChainBlock>,
        input: Self::Input,
    ) -> Option<Digested<ChainBlock>> {
        if let Some(parent) = ancestry.clone().next().await {
            let parent = parent.inner().header().clone();
            let clock = NodeClock::new(runtime.child("waiting"));
            self.machine.wait_for_work(parent, clock).await;
        }
        self.application.propose((runtime, context), ancestry, input).await
    }

    async fn verify(&mut self, context: (E, Context), ancestry: impl Ancestry<ChainBlock>) -> bool {
        self.application.verify(context, ancestry).await
    }
}
