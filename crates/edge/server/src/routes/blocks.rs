//! Blocks and the trust bundle.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chaincity_api::block::{BlockInfo, BlockPage, LIMIT_MAX};
use chaincity_api::{CBOR, Problem};
use chaincity_types::Height;
use minicbor::Encode;

use crate::convert;
use crate::error::{Answer, Failure};
use crate::params::{self, Parameters, Params};
use crate::state::{Shared, blocking};

const LIMIT_DEFAULT: usize = 20;

/// `GET /v1/blocks`.
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    mut params: Params,
) -> Answer<Json<BlockPage>> {
    let before = params.height("before")?;
    let limit = params.limit("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    params.done()?;
    blocking(move || {
        let above_tip = shared.node.status().height.0.saturating_add(1);
        let end = before.unwrap_or(above_tip).min(above_tip);
        let mut items = Vec::new();
        let mut next = end;
        while items.len() < limit
            && let Some(height) = next.checked_sub(1)
            && let Some(block) = shared.node.block(Height(height))?
        {
            items.push(convert::block_summary(&block));
            next = height;
        }
        let more = items.len() == limit && next > 0;
        Ok(Json(BlockPage { items, next: more.then_some(next) }))
    })
    .await
}

/// `GET /v1/blocks/{height}`.
pub(crate) async fn block(
    State(shared): State<Arc<Shared>>,
    Parameters(height): Parameters<String>,
    params: Params,
) -> Answer<Json<BlockInfo>> {
    params.done()?;
    let wrong = || Failure::because(Problem::BadRequest, "a height is a number below 2^63");
    let height = params::height(&height).map(Height).ok_or_else(wrong)?;
    blocking(move || {
        let block = shared.node.block(height)?.ok_or(Problem::NoSuchBlock)?;
        Ok(Json(convert::block_info(&block)))
    })
    .await
}

/// `GET /v1/trust-bundle`.
pub(crate) async fn trust_bundle(
    State(shared): State<Arc<Shared>>,
    params: Params,
) -> Answer<Response> {
    params.done()?;
    blocking(move || Ok(cbor(&shared.node.trust_bundle()?))).await
}

/// An answer in canonical CBOR.
pub(super) fn cbor<T: Encode<()>>(value: &T) -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static(CBOR));
    ([kind], chaincity_types::cbor::encode(value)).into_response()
}
