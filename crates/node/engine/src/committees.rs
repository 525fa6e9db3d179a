//! Which keys may sign in which epoch, as the ledger itself decides.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use commonware_consensus::types::Epoch;
use commonware_cryptography::Signer as _;
use commonware_cryptography::certificate::{Provider, Scoped};
use commonware_utils::ordered::Set;
use tracing::error;

use crate::chain::{PrivateKey, PublicKey, Scheme, VALIDATORS_MAX, public_key};
use crate::machine::Machine;

/// Signing schemes kept; more are made again from the machine's committees.
const KEPT: usize = 64;

/// The committee of each epoch as a signing scheme: one that can sign where this node is a member
/// and does not abstain, else one that only verifies.
#[derive(Clone)]
pub(crate) struct Committees<M> {
    machine: M,
    namespace: Arc<Vec<u8>>,
    key: PrivateKey,
    schemes: Arc<Mutex<Schemes>>,
}

#[derive(Default)]
struct Schemes {
    by_epoch: BTreeMap<u64, Arc<Scheme>>,
    /// Up to this epoch the node signs nothing.
    abstain_through: Option<u64>,
}

impl<M: Machine> Committees<M> {
    pub(crate) fn new(machine: M, namespace: Vec<u8>, key: PrivateKey) -> Self {
        Self { machine, namespace: Arc::new(namespace), key, schemes: Arc::default() }
    }

    /// The validators of an epoch, if the machine knows them yet.
    pub(crate) fn validators(&self, epoch: u64) -> Option<Set<PublicKey>> {
        let committee = self.machine.committee(epoch)?;
        let keys: Option<Vec<PublicKey>> =
            committee.validators.iter().map(|v| public_key(&v.key)).collect();
        match keys {
            Some(keys) if (1..=VALIDATORS_MAX).contains(&keys.len()) => {
                Some(Set::from_iter_dedup(keys))
            }
            _ => {
                error!(epoch, "the committee is empty, too large, or holds a key that is none");
                None
            }
        }
    }

    /// Nodes besides the validators that may connect.
    pub(crate) fn followers(&self) -> Vec<PublicKey> {
        self.machine.followers().iter().filter_map(|key| public_key(key)).collect()
    }

    /// Whether this node votes in an epoch with these validators.
    pub(crate) fn votes(&self, epoch: u64, validators: &Set<PublicKey>) -> bool {
        !self.schemes().abstains(epoch) && validators.position(&self.key.public_key()).is_some()
    }

    /// From now on the node signs nothing in epochs up to this one.
    pub(crate) fn abstain_through(&self, epoch: Option<u64>) {
        let mut schemes = self.schemes();
        schemes.abstain_through = schemes.abstain_through.max(epoch);
        schemes.by_epoch.clear();
    }

    fn schemes(&self) -> MutexGuard<'_, Schemes> {
        self.schemes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn scheme_of(&self, epoch: u64) -> Option<Arc<Scheme>> {
        let mut schemes = self.schemes();
        if let Some(scheme) = schemes.by_epoch.get(&epoch) {
            return Some(Arc::clone(scheme));
        }
        let validators = self.validators(epoch)?;
        let signer = if schemes.abstains(epoch) {
            None
        } else {
            Scheme::signer(&self.namespace, validators.clone(), self.key.clone())
        };
        let scheme = signer.unwrap_or_else(|| Scheme::verifier(&self.namespace, validators));
        let scheme = Arc::new(scheme);
        schemes.by_epoch.insert(epoch, Arc::clone(&scheme));
        if schemes.by_epoch.len() > KEPT {
            schemes.by_epoch.pop_first();
        }
        Some(scheme)
    }
}

impl Schemes {
    fn abstains(&self, epoch: u64) -> bool {
        self.abstain_through.is_some_and(|through| epoch <= through)
    }
}

impl<M: Machine> Provider for Committees<M> {
    type Scope = Epoch;
    type Scheme = Scheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Scheme>> {
        self.scheme_of(epoch.get()).map(Scoped::scheme)
    }

    fn scheme(&self, epoch: Epoch) -> Option<Arc<Scheme>> {
        self.scheme_of(epoch.get())
    }
}
