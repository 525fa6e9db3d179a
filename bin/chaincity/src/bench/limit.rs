//! The floor under every validator: how many signatures a core verifies in a second.

use std::path::Path;
use std::time::{Duration, Instant};

use chaincity_crypto::suite::{Claim, verify_batch};

use super::town::OPERATORS;
use crate::city::new_key;
use crate::fault::Fault;

/// Signatures in a batch: about as many as a full block has.
const BATCH: usize = 1_024;
/// Size of a message, in bytes.
const MESSAGE_BYTES: usize = 1_024;
/// How long the cores verify.
const LASTING: Duration = Duration::from_secs(2);

/// What the machine's signatures allow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// Cores.
    pub(super) cores: u64,
    /// Signatures verified in batches, a second and core, all cores at work.
    pub(super) verify_per_core: u64,
}

impl Limit {
    /// Measures it: every core verifies batches of its own, with as many keys as the workload has
    /// operators.
    pub(super) fn measure() -> Result<Self, Fault> {
        let threads = Path::new("threads");
        let cores = std::thread::available_parallelism().map_err(Fault::io(threads))?.get();
        let counts: Vec<Option<u64>> = std::thread::scope(|scope| {
            let started: Vec<_> = (0..cores).map(|_| scope.spawn(verified)).collect();
            started.into_iter().map(|thread| thread.join().ok().flatten()).collect()
        });
        let counts: Option<Vec<u64>> = counts.into_iter().collect();
        let counts = counts
            .ok_or_else(|| Fault::other("签名核验失败", "signatures that should verify did not"))?;
        let cores = u64::try_from(cores).unwrap_or(u64::MAX);
        let seconds = LASTING.as_secs();
        let total = counts.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
        let per_core = total.checked_div(cores.saturating_mul(seconds)).unwrap_or(0);
        Ok(Self { cores, verify_per_core: per_core })
    }

    /// Transactions a second that `validators` on this machine could at most verify.
    pub(super) fn transactions(self, validators: usize) -> u64 {
        let all = self.cores.saturating_mul(self.verify_per_core);
        all.checked_div(u64::try_from(validators).unwrap_or(u64::MAX)).unwrap_or(0)
    }
}

/// How many signatures one core verified; `None` when one did not verify.
fn verified() -> Option<u64> {
    let keys: Vec<_> = (0..OPERATORS).map(|_| new_key()).collect();
    let signed: Vec<_> = keys
        .iter()
        .cycle()
        .take(BATCH)
        .enumerate()
        .map(|(index, key)| {
            let mut message = index.to_be_bytes().to_vec();
            message.resize(MESSAGE_BYTES, 0);
            let signature = key.sign(&message);
            (key.public_key(), message, signature)
        })
        .collect();
    let claims: Vec<_> =
        signed.iter().map(|(key, message, signature)| Claim { key, message, signature }).collect();
    let mut count = 0_u64;
    let begun = Instant::now();
    while begun.elapsed() < LASTING {
        verify_batch(&claims).ok()?;
        count = count.saturating_add(u64::try_from(claims.len()).unwrap_or(u64::MAX));
    }
    Some(count)
}
