//! Checking proofs for those who cannot run a verifier themselves.
//!
//! Whoever does not trust this node runs `chaincity-verify` instead.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, PAD};
use chaincity_api::Problem;
use chaincity_api::record::Record;
use chaincity_api::session::{ProofKind, Verified, VerifyRequest};
use chaincity_api::transaction::ReceiptInfo;
use chaincity_crypto::verify::{Trust, VerifyError};
use chaincity_types::wire::Header;

use crate::error::{Answer, Failure};
use crate::params;
use crate::state::{Shared, blocking};

/// `POST /v1/verify`.
pub(crate) async fn verify(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Answer<Json<Verified>> {
    let max = shared.limits.body_bytes_max;
    let _permit = shared.verifications.try_acquire().map_err(|_full| Problem::Busy)?;
    let asked: VerifyRequest = params::json(request, max).await?;
    let proof = base64(&asked.proof, "proof")?;
    let bundle = asked.trust_bundle.map(|text| base64(&text, "trust_bundle")).transpose()?;
    let node = Arc::clone(&shared.node);
    let verified = blocking(move || {
        let trust = match bundle {
            None => Trust::from_bundle(&node.trust_bundle()?, None),
            Some(bytes) => Trust::from_bytes(&bytes, None),
        };
        Ok(trust.map_or_else(
            |error| refused(String::new(), &error),
            |trust| check(&trust, asked.kind, &proof),
        ))
    });
    Ok(Json(verified.await?))
}

fn check(trust: &Trust, kind: ProofKind, proof: &[u8]) -> Verified {
    let ledger = trust.ledger().to_string();
    let result = match kind {
        ProofKind::Record => record(trust, proof),
        ProofKind::Receipt => receipt(trust, proof),
    };
    match result {
        Ok(verified) => Verified { ledger, ..verified },
        Err(error) => refused(ledger, &error),
    }
}

fn record(trust: &Trust, proof: &[u8]) -> Result<Verified, VerifyError> {
    let proved = trust.record_bytes(proof)?;
    let versions = proved.versions.iter().map(Record::from).collect();
    Ok(Verified { versions: Some(versions), ..holds(&proved.block.header) })
}

fn receipt(trust: &Trust, proof: &[u8]) -> Result<Verified, VerifyError> {
    let proved = trust.receipt_bytes(proof)?;
    let receipt = ReceiptInfo::from(&proved.receipt);
    Ok(Verified { receipt: Some(receipt), ..holds(&proved.block.header) })
}

fn holds(header: &Header) -> Verified {
    Verified {
        ok: true,
        reason: None,
        ledger: String::new(),
        height: Some(header.height.0),
        time: Some(header.time.to_string()),
        versions: None,
        receipt: None,
    }
}

fn refused(ledger: String, error: &VerifyError) -> Verified {
    Verified {
        ok: false,
        reason: Some(error.to_string()),
        ledger,
        height: None,
        time: None,
        versions: None,
        receipt: None,
    }
}

/// RFC 4648, 4. Bits after the end mean nothing: what is checked is the proof, not its wrapping.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, PAD.with_decode_allow_trailing_bits(true));

fn base64(text: &str, name: &str) -> Answer<Vec<u8>> {
    let wrong = |_| Failure::because(Problem::BadRequest, format!("`{name}` must be base64"));
    BASE64.decode(text).map_err(wrong)
}
