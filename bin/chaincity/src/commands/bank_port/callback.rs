//! Listens for the core's callbacks and for the signals that end the port, on a thread of its own.
//! What it takes goes into the worker's queue; a queue that is full is said to be busy.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use chaincity_crypto::cipher::Secret;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Wake;
use super::config::Config;
use super::message::{BODY_BYTES_MAX, CALLBACK, KEY, OUTCOMES, SIGNATURE, Signed, Stage, Told};
use crate::fault::Fault;

/// Where callbacks arrive.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
}

/// What every callback is answered by.
#[derive(Clone, Debug)]
struct Shared {
    ledger: String,
    secret: Secret,
    wakes: SyncSender<Wake>,
}

impl Listener {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the address cannot be listened on, or there is no thread to be had.
    pub(super) fn start(
        config: &Config,
        ledger: &str,
        wakes: SyncSender<Wake>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, Fault> {
        let listen = config.listen;
        let failed = |cause: std::io::Error| {
            Fault::other(
                format!("无法监听 {listen}：{cause}"),
                format!("cannot listen on {listen}: {cause}"),
            )
        };
        let socket = TcpListener::bind(listen).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let shared = Shared {
            ledger: ledger.to_owned(),
            secret: config.secret.clone(),
            wakes: wakes.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let signals = {
            // Caught from here on, so that whoever was told that the port is ready can end it.
            let _guard = runtime.enter();
            let caught = |kind| signal(kind).map_err(failed);
            [caught(SignalKind::terminate())?, caught(SignalKind::interrupt())?]
        };
        let thread = std::thread::Builder::new().name("chaincity-bank".into()).spawn(move || {
            if let Err(fault) = runtime.block_on(serve(socket, signals, shared)) {
                tracing::error!(%fault, "回调监听中断 · callbacks are not listened for any more");
            }
            stop.store(true, Ordering::Release);
            // A full queue wakes the worker anyway.
            let _full = wakes.try_send(Wake::Stop);
        });
        thread.map_err(failed)?;
        Ok(Self { address })
    }

    /// The address that the core is told.
    pub(super) fn callback(&self) -> String {
        format!("http://{}{OUTCOMES}", self.address)
    }
}

/// Answers until SIGTERM or SIGINT.
async fn serve(
    socket: TcpListener,
    [mut terminate, mut interrupt]: [Signal; 2],
    shared: Shared,
) -> std::io::Result<()> {
    let socket = tokio::net::TcpListener::from_std(socket)?;
    let router = Router::new().fallback(answer).with_state(shared);
    let server = axum::serve(socket, router);
    tokio::select! {
        ended = async { server.await } => ended,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

/// What a callback is refused with: status, code, Chinese, English.
type Refusal = (StatusCode, &'static str, &'static str, &'static str);

const NO_PATH: Refusal =
    (StatusCode::NOT_FOUND, "no-such-path", "没有这个路径", "there is no such path");
const TOO_LARGE: Refusal =
    (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "正文过大", "the body is too large");
const SIGNATURE_INVALID: Refusal = (
    StatusCode::UNAUTHORIZED,
    "signature-invalid",
    "没有签名或签名不符",
    "the signature is missing or another's",
);
const OUTCOME_INVALID: Refusal = (
    StatusCode::BAD_REQUEST,
    "outcome-invalid",
    "结果的字段缺失、越界或与键不符",
    "a field of the outcome is missing, out of its bounds, or not the key's",
);
const BUSY: Refusal = (
    StatusCode::SERVICE_UNAVAILABLE,
    "busy",
    "队列已满，请稍后再试",
    "the queue is full; try again",
);

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let key = text(&parts.headers, KEY).to_owned();
    let taken = match axum::body::to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => shared.take(&parts.method, &path, &parts.headers, &body),
        Err(_too_large) => Err(TOO_LARGE),
    };
    let (status, body) = match taken {
        Ok(()) => (StatusCode::NO_CONTENT, Vec::new()),
        Err((status, code, zh, en)) => {
            tracing::warn!(code, "{zh} · {en}");
            (status, json!({"code": code, "zh": zh, "en": en}).to_string().into_bytes())
        }
    };
    let head = format!("{} {path}", status.as_u16());
    let signed = Signed { head: &head, key: &key, callback: "", body: &body };
    let signature = HeaderValue::from_str(&signed.sign(&shared.secret));
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    if let Ok(signature) = signature {
        response.headers_mut().insert(SIGNATURE, signature);
    }
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Shared {
    /// Takes an outcome into the queue.
    fn take(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), Refusal> {
        if method != Method::POST || path != OUTCOMES {
            return Err(NO_PATH);
        }
        let key = text(headers, KEY);
        let head = format!("{method} {path}");
        let signed = Signed { head: &head, key, callback: text(headers, CALLBACK), body };
        if !signed.verify(&self.secret, text(headers, SIGNATURE)) {
            return Err(SIGNATURE_INVALID);
        }
        let told = Told::read(body, key, &self.ledger).filter(|told| told.state != Stage::Accepted);
        let told = told.ok_or(OUTCOME_INVALID)?;
        self.wakes.try_send(Wake::Outcome(Box::new(told))).map_err(|_full_or_ended| BUSY)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::commands::bank_port::message::tests::source;

    fn told(state: &str) -> (String, Vec<u8>) {
        let key = source().key();
        let told = json!({
            "key": key, "source": source(), "state": state, "reference": "K-1",
            "booked_on": "2026-09-01",
        });
        (key, told.to_string().into_bytes())
    }

    fn headers(secret: &Secret, key: &str, body: &[u8]) -> HeaderMap {
        let head = format!("POST {OUTCOMES}");
        let signature = Signed { head: &head, key, callback: "", body }.sign(secret);
        let mut headers = HeaderMap::new();
        headers.insert(KEY, HeaderValue::from_str(key).unwrap());
        headers.insert(SIGNATURE, HeaderValue::from_str(&signature).unwrap());
        headers
    }

    #[test]
    fn a_signed_outcome_is_taken_and_any_other_callback_is_refused() {
        let (wakes, woken) = sync_channel(1);
        let secret = Secret::from_bytes([7; 32]);
        let shared = Shared { ledger: "0".repeat(64), secret: secret.clone(), wakes };
        let (key, body) = told("settled");
        let good = headers(&secret, &key, &body);
        let take = |headers: &HeaderMap, body: &[u8]| {
            shared.take(&Method::POST, OUTCOMES, headers, body).map_err(|refusal| refusal.1)
        };
        assert_eq!(take(&good, &body), Ok(()));
        assert_eq!(take(&good, &body), Err("busy"));
        assert!(matches!(woken.try_recv(), Ok(Wake::Outcome(told)) if told.key == key));

        assert_eq!(take(&HeaderMap::new(), &body), Err("signature-invalid"));
        assert_eq!(take(&good, b"{}"), Err("signature-invalid"));
        let other = Secret::from_bytes([8; 32]);
        assert_eq!(take(&headers(&other, &key, &body), &body), Err("signature-invalid"));
        let (_, accepted) = told("accepted");
        assert_eq!(take(&headers(&secret, &key, &accepted), &accepted), Err("outcome-invalid"));
        let another = "1".repeat(64);
        assert_eq!(take(&headers(&secret, &another, &body), &body), Err("outcome-invalid"));
        let elsewhere = shared.take(&Method::POST, "/v1/other", &good, &body);
        assert_eq!(elsewhere.map_err(|refusal| refusal.1), Err("no-such-path"));
        assert!(woken.try_recv().is_err(), "nothing else was taken");
    }
}
