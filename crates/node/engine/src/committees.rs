//! Which keys may sign in which epoch, as the ledger itself decides.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use commonware_consensus::types::Epoch;
use commonware_cryptography::Signer as _;
use commonware_cryptography::certificate::{Provider, Scoped};
use commonware_utils::ordered::Set;
use tracing::error;

use crate::chain::{PrivateKey, PublicKey, Scheme, VALIDATORS_MAX, public_key};
use crate::machine::Machine;

/// Signing schemes kept; more are made again from the machine's committees.
const KEPT: usize = 64;

/// The committee of each epoch as a signing scheme: one that can sign where this node is a member,
/// else one that only verifies.
#[derive(Clone)]
pub(crate) struct Committees<M> {
    machine: M,
    namespace: Arc<Vec<u8>>,
    key: PrivateKey,
    schemes: Arc<Mutex<BTreeMap<u64, Arc<Scheme>>>>,
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

    pub(crate) fn is_validator(&self, validators: &Set<PublicKey>) -> bool {
        validators.position(&self.key.public_key()).is_some()
    }

    pub(crate) fn scheme_of(&self, epoch: u64) -> Option<Arc<Scheme>> {
        let mut schemes = self.schemes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scheme) = schemes.get(&epoch) {
            return Some(Arc::clone(scheme));
        }
        let validators = self.validators(epoch)?;
        let scheme = Scheme::signer(&self.namespace, validators.clone(), self.key.clone())
            .unwrap_or_else(|| Scheme::verifier(&self.namespace, validators));
        let scheme = Arc::new(scheme);
        schemes.insert(epoch, Arc::clone(&scheme));
        if schemes.len() > KEPT {
            schemes.pop_first();
        }
        Some(scheme)
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
