//! Submission of signed transactions.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chaincity_api::transaction::{
    BATCH_BYTES_MAX, BATCH_MAX, BatchItem, BatchSubmitted, ReceiptInfo, Submitted, WAIT_MS_MAX,
    decode_batch,
};
use chaincity_api::{CBOR, COSE, Problem};
use chaincity_crypto::cose;
use chaincity_package::model::Text;
use chaincity_pipeline::Refusal;
use chaincity_types::wire::TRANSACTION_BYTES_MAX;
use chaincity_types::{Digest, Reject};

use crate::error::{Answer, Failure};
use crate::params::{self, Params};
use crate::state::{Shared, blocking};

/// `POST /v1/transactions`.
pub(crate) async fn submit(
    State(shared): State<Arc<Shared>>,
    mut params: Params,
    request: Request,
) -> Answer<Response> {
    let wait_ms = wait_ms(&mut params)?;
    params.done()?;
    let bytes = match params::body(request, COSE, TRANSACTION_BYTES_MAX).await {
        Ok(bytes) => bytes.to_vec(),
        Err(failure) if failure.is(Problem::BodyTooLarge) => {
            return Err(Failure::rejected(Reject::TooLarge, None));
        }
        Err(failure) => return Err(failure),
    };
    let id = match shared.node.submit(bytes.clone()).await {
        Ok(id) => id,
        Err(refusal) => return Err(refused(&shared, &bytes, refusal)),
    };
    let receipt = match wait_ms {
        0 => None,
        // The transaction is accepted: a fault while waiting must not hide that.
        ms => shared.node.wait_receipt(id, ms).await.unwrap_or(None),
    };
    let status = if receipt.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let receipt = receipt.as_ref().map(ReceiptInfo::from);
    Ok((status, Json(Submitted { id: id.to_string(), receipt })).into_response())
}

/// `POST /v1/transactions/batch`.
pub(crate) async fn submit_many(
    State(shared): State<Arc<Shared>>,
    params: Params,
    request: Request,
) -> Answer<Json<BatchSubmitted>> {
    params.done()?;
    let of_this = Arc::clone(&shared);
    let _permit = of_this.batches.try_acquire().map_err(|_full| Problem::Busy)?;
    let body = params::body(request, CBOR, BATCH_BYTES_MAX).await?;
    let runtime = tokio::runtime::Handle::current();
    // Many signatures take a while: away from the threads that serve connections.
    let submitted = blocking(move || {
        let batch = read_batch(&body)?;
        let answers = runtime.block_on(shared.node.submit_many(batch.clone()));
        let items = batch.iter().zip(answers);
        Ok(items.map(|(bytes, answer)| item(&shared, bytes, answer)).collect())
    });
    Ok(Json(BatchSubmitted { items: submitted.await? }))
}

fn read_batch(body: &[u8]) -> Answer<Vec<Bytes>> {
    let wrong = "the body must be a canonical CBOR array of byte strings";
    let batch =
        decode_batch(body).map_err(|_error| Failure::because(Problem::BadRequest, wrong))?;
    if batch.len() > BATCH_MAX {
        let text = format!("at most {BATCH_MAX} transactions");
        return Err(Failure::because(Problem::BodyTooLarge, text));
    }
    Ok(batch.into_iter().map(Bytes::from).collect())
}

fn item(shared: &Shared, bytes: &[u8], answer: Result<Digest, Refusal>) -> BatchItem {
    match answer {
        Ok(id) => BatchItem { id: Some(id.to_string()), refusal: None },
        Err(refusal) => {
            let id = cose::decode_transaction(bytes).ok().map(|signed| signed.id.to_string());
            BatchItem { id, refusal: Some(refused(shared, bytes, refusal).into_body()) }
        }
    }
}

/// The wait that the caller asks for, in milliseconds; 0 for none.
pub(super) fn wait_ms(params: &mut Params) -> Answer<u64> {
    let wait = params.number("wait_ms")?.unwrap_or(0);
    if wait > WAIT_MS_MAX {
        let text = format!("`wait_ms` must be at most {WAIT_MS_MAX}");
        return Err(Failure::because(Problem::BadRequest, text));
    }
    Ok(wait)
}

/// The answer to a refusal: with the guard's own texts when a guard refused.
fn refused(shared: &Shared, transaction: &[u8], refusal: Refusal) -> Failure {
    let Refusal { code, guard, detail } = refusal;
    match guard.filter(|guard| guard != code.code()) {
        None => Failure::rejected(code, detail),
        Some(guard) => {
            let text = guard_text(shared, transaction, &guard)
                .unwrap_or_else(|| Text { zh: code.zh().to_owned(), en: code.en().to_owned() });
            Failure::guarded(guard, text.zh, text.en, detail)
        }
    }
}

/// What the package says about a guard's code: that of the first call whose action has it.
fn guard_text(shared: &Shared, transaction: &[u8], code: &str) -> Option<Text> {
    let transaction = cose::decode_transaction(transaction).ok()?.transaction;
    let packages = shared.node.packages();
    transaction.calls.iter().find_map(|call| {
        let package = packages.iter().find(|package| package.id == call.package)?;
        let action = package.actions.get(&call.action)?;
        let refusals = action.refusals().into_iter();
        refusals.filter(|(refusal, _)| *refusal == code).map(|(_, text)| text.clone()).next()
    })
}
