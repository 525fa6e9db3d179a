//! Proofs, checked here against the ledger's id.

use std::sync::{Arc, PoisonError};

use chaincity_api::Endpoint;
use chaincity_crypto::finality::FinalityError;
use chaincity_crypto::verify::{ProvedReceipt, ProvedRecord, Trust, VerifyError};
use chaincity_types::Digest;
use chaincity_types::wire::LogicalKey;

use crate::client::Client;
use crate::error::ClientError;
use crate::transport::Ask;

impl Client {
    /// The current version of a record, or its absence, proved and checked here, with up to
    /// `versions` (at most 64) older versions. What was current is that of the proof's block:
    /// its height and time tell how fresh it is.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn record_proved(
        &self,
        package: &str,
        register: &str,
        key: &str,
        versions: usize,
    ) -> Result<ProvedRecord, ClientError> {
        let bytes = self.record_proof(package, register, key, versions)?;
        let proved = self.check(|trust| trust.record_bytes(&bytes))?;
        let asked = LogicalKey::Record {
            package: package.into(),
            register: register.into(),
            key: key.into(),
        };
        if proved.key == asked {
            Ok(proved)
        } else {
            Err(ClientError::ProofOfOther(format!("record `{key}`")))
        }
    }

    /// The proof of a record as the node gave it: the bytes of a file that
    /// `chaincity-verify` reads. It is not checked.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn record_proof(
        &self,
        package: &str,
        register: &str,
        key: &str,
        versions: usize,
    ) -> Result<Vec<u8>, ClientError> {
        let ask = Ask::new(Endpoint::GetRecordProof, &[package, register, key]);
        Ok(self.run(&ask.query("versions", &versions))?.bytes)
    }

    /// The proof of where a running number stands, or that it was never given out, as the node gave
    /// it. It is not checked.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn counter_proof(
        &self,
        package: &str,
        sequence: &str,
        scope: &str,
    ) -> Result<Vec<u8>, ClientError> {
        let ask = Ask::new(Endpoint::GetCounterProof, &[package, sequence]);
        Ok(self.run(&ask.query("scope", scope))?.bytes)
    }

    /// The proof of a receipt as the node gave it. It is not checked.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn receipt_proof(&self, id: &Digest) -> Result<Vec<u8>, ClientError> {
        let ask = Ask::new(Endpoint::GetReceiptProof, &[&id.to_string()]);
        Ok(self.run(&ask)?.bytes)
    }

    /// The trust bundle as the node gave it. It is not checked.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn trust_bundle(&self) -> Result<Vec<u8>, ClientError> {
        Ok(self.run(&Ask::new(Endpoint::GetTrustBundle, &[]))?.bytes)
    }

    /// The committees of the ledger up to the current epoch, each established by the one
    /// before, from the ledger's id on.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn trust(&self) -> Result<Arc<Trust>, ClientError> {
        let fresh = Arc::new(Trust::from_bytes(&self.trust_bundle()?, Some(&self.ledger))?);
        *self.trust.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    pub(crate) fn prove_receipt(&self, id: &Digest) -> Result<ProvedReceipt, ClientError> {
        let bytes = self.receipt_proof(id)?;
        let proved = self.check(|trust| trust.receipt_bytes(&bytes))?;
        if proved.receipt.transaction == *id {
            Ok(proved)
        } else {
            Err(ClientError::ProofOfOther(format!("the receipt of `{id}`")))
        }
    }

    /// Checks with the trust learned so far; learns more when an epoch is unknown.
    pub(crate) fn check<T>(
        &self,
        proof: impl Fn(&Trust) -> Result<T, VerifyError>,
    ) -> Result<T, ClientError> {
        let known = self.trust.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            match proof(&known) {
                Err(VerifyError::Finality(FinalityError::UnknownEpoch { .. })) => {}
                checked => return Ok(checked?),
            }
        }
        Ok(proof(&*self.trust()?)?)
    }
}
