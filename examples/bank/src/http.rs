//! Answers requests: checks the signature, looks what is asked, signs the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use crate::Fault;
use crate::ask::local_path;
use crate::bank::Bank;
use crate::books::Plan;
use crate::message::{BODY_BYTES_MAX, Instruction};
use crate::refusal::Refusal;
use crate::sign::{CALLBACK, KEY, SIGNATURE, Signed};

/// How long open work may take after the end is asked for.
const STOP: Duration = Duration::from_secs(2);

/// Listens and answers until SIGTERM or SIGINT; `ready` is told the address.
pub(crate) fn serve(
    listen: SocketAddr,
    bank: Arc<Bank>,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Fault> {
    let failed = |error: std::io::Error| {
        let (zh, en) = ("无法监听", "cannot listen");
        Fault::new("listen", zh, en, format!("{listen}: {error}"))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(failed)?;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        bank.resume();
        ready(listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(bank);
        let server = axum::serve(listener, router);
        tokio::select! {
            ended = async { server.await } => ended,
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        }
    });
    runtime.shutdown_timeout(STOP);
    served.map_err(failed)
}

/// What is asked.
struct Asked {
    method: String,
    path: String,
    key: String,
    callback: String,
    body: Vec<u8>,
}

async fn answer(State(bank): State<Arc<Bank>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let text = |name: &str| header_text(&parts.headers, name);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (key, signature) = (text(KEY), text(SIGNATURE));
    let (head_path, head_key, signer) = (path.clone(), key.clone(), Arc::clone(&bank));
    let answered = match axum::body::to_bytes(body, BODY_BYTES_MAX).await {
        Err(_too_large) => Err(Refusal::TooLarge),
        Ok(body) => {
            let method = parts.method.as_str().to_owned();
            let callback = text(CALLBACK);
            let asked = Asked { method, path, key, callback, body: body.to_vec() };
            // The journal is written there, and written means on the disk.
            let work = tokio::task::spawn_blocking(move || {
                check(&bank, &asked, &signature)?;
                route(&bank, &asked)
            });
            work.await.unwrap_or(Err(Refusal::Fault))
        }
    };
    let (status, body) = answered.unwrap_or_else(|refusal| (refusal.status(), refusal.body()));
    respond(&signer, &head_path, &head_key, status, &body)
}

fn header_text(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

fn check(bank: &Bank, asked: &Asked, signature: &str) -> Result<(), Refusal> {
    let head = format!("{} {}", asked.method, asked.path);
    let Asked { key, callback, body, .. } = asked;
    let signed = Signed { head: &head, key, callback, body };
    if bank.secret.verify(signed, signature) { Ok(()) } else { Err(Refusal::SignatureInvalid) }
}

/// Status and body.
type Answered = Result<(u16, Value), Refusal>;

fn route(bank: &Arc<Bank>, asked: &Asked) -> Answered {
    let segments: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
    match (asked.method.as_str(), segments.as_slice()) {
        ("POST", ["v1", "instructions"]) => instruct(bank, asked),
        ("GET", ["v1", "instructions", key]) => json(200, &bank.told(key)?),
        ("GET", ["v1", "accounts"]) => Ok((200, bank.balances())),
        ("GET", ["v1", "accounts", id]) => Ok((200, bank.account(&decoded(id)?)?)),
        ("PUT", ["v1", "simulation", account]) => {
            let plan: Plan =
                serde_json::from_slice(&asked.body).map_err(|_form| Refusal::PlanInvalid)?;
            bank.plan(&decoded(account)?, plan.clone())?;
            json(200, &plan)
        }
        _ => Err(Refusal::NoSuchPath),
    }
}

fn instruct(bank: &Arc<Bank>, asked: &Asked) -> Answered {
    let instruction: Instruction =
        serde_json::from_slice(&asked.body).map_err(|_form| Refusal::InstructionInvalid)?;
    if !instruction.is_valid() {
        return Err(Refusal::InstructionInvalid);
    }
    if asked.key != instruction.source.key() {
        return Err(Refusal::KeyInvalid);
    }
    if local_path(&asked.callback).is_none() {
        return Err(Refusal::CallbackInvalid);
    }
    json(202, &bank.accept(&asked.key, &asked.callback, instruction)?)
}

fn json(status: u16, body: &impl Serialize) -> Answered {
    serde_json::to_value(body).map(|body| (status, body)).map_err(|_never| Refusal::Fault)
}

/// A path's segment without its percent-encoding.
fn decoded(segment: &str) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(Refusal::NoSuchPath)?;
        bytes.extend(hex::decode(digits).map_err(|_form| Refusal::NoSuchPath)?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_form| Refusal::NoSuchPath)
}

fn respond(bank: &Bank, path: &str, key: &str, status: u16, body: &Value) -> Response {
    let body = body.to_string().into_bytes();
    let head = format!("{status} {path}");
    let signature = bank.secret.sign(Signed { head: &head, key, callback: "", body: &body });
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Ok(signature) = signature.parse() {
        headers.insert(HeaderName::from_static(SIGNATURE), signature);
    }
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_with_a_slash_is_named_in_a_path() {
        assert_eq!(decoded("C-1%2Fworks").unwrap(), "C-1/works");
        assert_eq!(decoded("%E7%94%B2").unwrap(), "甲");
        for bad in ["%2", "%zz", "%ff"] {
            assert_eq!(decoded(bad), Err(Refusal::NoSuchPath), "{bad}");
        }
    }
}
