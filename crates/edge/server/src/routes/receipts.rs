//! Receipts and their proofs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chaincity_api::Problem;
use chaincity_api::transaction::ReceiptInfo;

use super::submit::wait_ms;
use crate::error::Answer;
use crate::params::{self, Parameters, Params};
use crate::routes::blocks::cbor;
use crate::state::{Shared, blocking};

/// `GET /v1/receipts/{id}`.
pub(crate) async fn receipt(
    State(shared): State<Arc<Shared>>,
    Parameters(id): Parameters<String>,
    mut params: Params,
) -> Answer<Json<ReceiptInfo>> {
    let id = params::digest(&id, "a transaction id")?;
    let wait_ms = wait_ms(&mut params)?;
    params.done()?;
    let receipt = if wait_ms == 0 {
        blocking(move || Ok(shared.node.receipt(&id)?)).await?
    } else {
        shared.node.wait_receipt(id, wait_ms).await?
    };
    Ok(Json(ReceiptInfo::from(&receipt.ok_or(Problem::NotFinal)?)))
}

/// `GET /v1/receipts/{id}/proof`.
pub(crate) async fn proof(
    State(shared): State<Arc<Shared>>,
    Parameters(id): Parameters<String>,
    params: Params,
) -> Answer<Response> {
    let id = params::digest(&id, "a transaction id")?;
    params.done()?;
    let proof = shared.node.prove_receipt(id).await?;
    Ok(cbor(&proof.ok_or(Problem::NotFinal)?))
}
