//! The routes: one handler for each endpoint of [`chaincity_api`], one file for each group.

mod blocks;
mod events;
mod explain;
mod node;
mod packages;
mod read_log;
mod receipts;
pub(crate) mod records;
mod sector;
mod session;
mod statistics;
mod submit;
pub(crate) mod vault;
mod verify;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use chaincity_api::{Endpoint, Problem};

use crate::error::Failure;
use crate::guard;
use crate::state::Shared;

/// Everything the interface serves.
pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    let routes = Endpoint::ALL.iter().fold(Router::new(), |router, endpoint| {
        let guard = from_fn_with_state((Arc::clone(shared), *endpoint), guard::guard);
        let handler = handler(*endpoint).fallback(wrong_method).layer(guard);
        router.route(endpoint.path(), handler)
    });
    routes
        .fallback(guard::unmatched)
        // Handlers read bodies themselves, each with its own bound.
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(shared))
}

/// The metrics and health checks alone, for an address of their own.
pub(crate) fn metrics_router(shared: &Arc<Shared>) -> Router {
    [Endpoint::GetMetrics, Endpoint::GetLive, Endpoint::GetReady]
        .into_iter()
        .fold(Router::new(), |router, endpoint| router.route(endpoint.path(), handler(endpoint)))
        .fallback(guard::unmatched)
        .with_state(Arc::clone(shared))
}

/// The handler of an endpoint.
fn handler(endpoint: Endpoint) -> MethodRouter<Arc<Shared>> {
    match endpoint {
        Endpoint::SubmitTransaction => post(submit::submit),
        Endpoint::SubmitTransactions => post(submit::submit_many),
        Endpoint::GetReceipt => get(receipts::receipt),
        Endpoint::GetReceiptProof => get(receipts::proof),
        Endpoint::SelectRecords => get(records::select),
        Endpoint::GetRecord => get(records::record),
        Endpoint::GetHistory => get(records::history),
        Endpoint::ExplainRecord => get(explain::explain),
        Endpoint::GetRecordProof => get(records::proof),
        Endpoint::GetCounterProof => get(records::counter_proof),
        Endpoint::GetSubjectLog => get(read_log::subject),
        Endpoint::GetStewardLog => get(read_log::steward),
        Endpoint::GetStewardUse => get(read_log::of_steward),
        Endpoint::GetAuditLog => get(read_log::audit),
        Endpoint::CountCases => get(statistics::statistics),
        Endpoint::GetStatus => get(node::status),
        Endpoint::GetValidators => get(node::validators),
        Endpoint::ListBlocks => get(blocks::list),
        Endpoint::GetBlock => get(blocks::block),
        Endpoint::GetTrustBundle => get(blocks::trust_bundle),
        Endpoint::ListPackages => get(packages::list),
        Endpoint::GetPackage => get(packages::package),
        Endpoint::FollowEvents => get(events::follow),
        Endpoint::CreateChallenge => post(session::challenge),
        Endpoint::CreateSession => post(session::create),
        Endpoint::SealGroup => post(vault::seal),
        Endpoint::KeepCopy => post(vault::keep_copy),
        Endpoint::GetEnvelope => get(vault::envelope),
        Endpoint::GetRequest => get(vault::request),
        Endpoint::GetSearch => get(vault::search),
        Endpoint::EvaluateQuestion => post(sector::evaluate),
        Endpoint::Verify => post(verify::verify),
        Endpoint::GetLive => get(node::live),
        Endpoint::GetReady => get(node::ready),
        Endpoint::GetMetrics => get(node::metrics),
        Endpoint::GetOpenApi => get(node::openapi),
    }
}

async fn wrong_method() -> Failure {
    Problem::MethodNotAllowed.into()
}
