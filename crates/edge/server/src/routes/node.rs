//! The node's state, its committee, health, metrics, and the interface's description.

use std::sync::{Arc, LazyLock};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chaincity_api::Problem;
use chaincity_api::openapi;
use chaincity_api::status::{Health, StatusInfo, ValidatorInfo, Validators};

use crate::error::Answer;
use crate::state::Shared;

/// How far the read model may be behind a node that is ready, in blocks.
const LAG_BLOCKS_MAX: u64 = 100;

static OPENAPI: LazyLock<String> = LazyLock::new(openapi::text);

/// `GET /v1/status`.
pub(crate) async fn status(State(shared): State<Arc<Shared>>) -> Json<StatusInfo> {
    let status = shared.node.status();
    let genesis = shared.node.genesis();
    Json(StatusInfo {
        ledger: status.ledger.to_string(),
        name_zh: genesis.name_zh.clone(),
        name_en: genesis.name_en.clone(),
        protocol: status.protocol,
        node: hex::encode(&status.node_key),
        validator: status.validator,
        height: status.height.0,
        block: status.block.to_string(),
        state_root: status.state_root.to_string(),
        time: status.time.to_string(),
        epoch: status.epoch,
        pool: status.pool,
        peers: status.peers,
        history_from: status.history_from.map(|height| height.0),
        read_model: shared.reader.height().map(|height| height.0),
        syncing: status.syncing,
    })
}

/// `GET /v1/validators`.
pub(crate) async fn validators(State(shared): State<Arc<Shared>>) -> Answer<Json<Validators>> {
    let status = shared.node.status();
    let committee = status.committee.ok_or(Problem::NotReady)?;
    let items = committee.validators.iter().map(|validator| ValidatorInfo {
        key: hex::encode(&validator.key),
        member: validator.member.clone(),
        address: validator.address.clone(),
        equivocated: status.equivocators.contains(&validator.key),
    });
    Ok(Json(Validators { epoch: committee.epoch, items: items.collect() }))
}

/// `GET /v1/health/live`.
pub(crate) async fn live() -> Json<Health> {
    Json(Health { ok: true })
}

/// `GET /v1/health/ready`: the state is there with all its blocks, and the read model follows.
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Answer<Json<Health>> {
    shared.node.ready().await?;
    let read_model = shared.reader.height().unwrap_or_default();
    let lag = shared.node.status().height.0.saturating_sub(read_model.0);
    if *shared.stopping.borrow() || lag > LAG_BLOCKS_MAX {
        return Err(Problem::NotReady.into());
    }
    Ok(Json(Health { ok: true }))
}

/// `GET /metrics`.
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], shared.metrics.render(&shared)).into_response()
}

/// `GET /openapi.json`.
pub(crate) async fn openapi() -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], OPENAPI.as_str()).into_response()
}
