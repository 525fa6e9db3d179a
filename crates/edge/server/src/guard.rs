//! What stands before every handler: bounds, the token, the time allowed, the counting.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chaincity_api::transaction::WAIT_MS_MAX;
use chaincity_api::{Access, Endpoint, Problem};
use chaincity_pipeline::operator;

use crate::error::{Answer, Failure};
use crate::session::Caller;
use crate::state::Shared;

/// Runs before and after every handler of an endpoint.
pub(crate) async fn guard(
    State((shared, endpoint)): State<(Arc<Shared>, Endpoint)>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let mut response = match pass(&shared, endpoint, request, next).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    };
    harden(response.headers_mut());
    shared.metrics.request(endpoint.path(), response.status(), started.elapsed());
    response
}

/// Runs for addresses that no endpoint has.
pub(crate) async fn unmatched(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    drop(request);
    let mut response = Failure::from(Problem::NoSuchEndpoint).into_response();
    harden(response.headers_mut());
    shared.metrics.request("unmatched", response.status(), Duration::ZERO);
    response
}

async fn pass(
    shared: &Shared,
    endpoint: Endpoint,
    mut request: Request,
    next: Next,
) -> Answer<Response> {
    let uri = request.uri();
    let uri_bytes = uri.path().len().saturating_add(uri.query().map_or(0, str::len));
    if uri_bytes > shared.limits.uri_bytes_max {
        return Err(Problem::UriTooLong.into());
    }
    let _permit = shared.requests.try_acquire().map_err(|_full| Problem::Busy)?;
    let allowed = allowed(shared, endpoint);
    let handled = async {
        match endpoint.access() {
            Access::Open => {}
            Access::Loopback => check_loopback(&request)?,
            Access::Token => {
                let caller = check_token(shared, request.headers()).await?;
                request.extensions_mut().insert(caller);
            }
        }
        Ok(next.run(request).await)
    };
    match tokio::time::timeout(allowed, handled).await {
        Ok(response) => response,
        Err(_elapsed) => Err(Problem::TimedOut.into()),
    }
}

/// How long a request to this endpoint may take. For the event stream: until it begins.
fn allowed(shared: &Shared, endpoint: Endpoint) -> Duration {
    let waits = matches!(endpoint, Endpoint::SubmitTransaction | Endpoint::GetReceipt);
    let wait = if waits { WAIT_MS_MAX } else { 0 };
    Duration::from_millis(shared.limits.request_ms_max.saturating_add(wait))
}

/// Whose token the request carries.
async fn check_token(shared: &Shared, headers: &HeaderMap) -> Answer<Caller> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.split_once(' '));
    let Some((_, token)) = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        return Err(Problem::TokenRequired.into());
    };
    let caller = shared.sessions.find(token).ok_or(Problem::TokenRequired)?;
    if caller.stale {
        if operator::find(&*shared.node, &caller.key).await?.is_none() {
            shared.sessions.end(&caller.key);
            return Err(Problem::OperatorInactive.into());
        }
        shared.sessions.mark_checked(token);
    }
    Ok(caller)
}

/// Refuses callers from other machines, and those that come through a proxy on this one.
fn check_loopback(request: &Request) -> Answer<()> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let local = peer.is_some_and(|ConnectInfo(address)| address.ip().to_canonical().is_loopback());
    let headers = request.headers();
    let proxied = headers.contains_key(header::FORWARDED)
        || headers.contains_key("x-forwarded-for")
        || headers.contains_key("x-real-ip");
    if local && !proxied { Ok(()) } else { Err(Problem::LoopbackOnly.into()) }
}

/// No answer is for a cache, none is to be sniffed or framed.
fn harden(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
}
