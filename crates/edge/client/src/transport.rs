//! Requests to any of several nodes: the next when one is down, again when all are busy.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chaincity_api::endpoint::encode_segment;
use chaincity_api::{Endpoint, Method, Problem, ProblemBody};
use chaincity_types::Reject;
use ureq::Agent;
use ureq::http::{Response, header};

use crate::client::Retry;
use crate::error::ClientError;

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Largest error body that is read, in bytes.
const PROBLEM_BYTES_MAX: u64 = 64 * 1024;

/// One request, whichever node answers it.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) endpoint: Endpoint,
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
    /// How long the node may take besides the usual.
    pub(crate) wait: Duration,
}

impl Ask {
    pub(crate) fn new(endpoint: Endpoint, path: &[&str]) -> Self {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        Self { endpoint, path, query: Vec::new(), body: None, wait: Duration::ZERO }
    }

    pub(crate) fn query(mut self, name: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    pub(crate) fn body(mut self, media: &'static str, bytes: Vec<u8>) -> Self {
        self.body = Some((media, bytes));
        self
    }

    /// Path and query.
    pub(crate) fn address(&self) -> String {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let mut address = self.endpoint.url(&path);
        for (index, (name, value)) in self.query.iter().enumerate() {
            address.push(if index == 0 { '?' } else { '&' });
            address.push_str(&encode_segment(name));
            address.push('=');
            address.push_str(&encode_segment(value));
        }
        address
    }
}

/// An answer with a status of success.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) url: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether an earlier attempt may have reached a node without our seeing its answer.
    pub(crate) uncertain: bool,
}

/// A node's address and the token that it gave.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) url: String,
    token: Mutex<Option<String>>,
}

impl Node {
    pub(crate) fn new(url: String) -> Self {
        Self { url, token: Mutex::default() }
    }

    pub(crate) fn token(&self) -> Option<String> {
        self.lock().clone()
    }

    pub(crate) fn set_token(&self, token: Option<String>) {
        *self.lock() = token;
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nodes, and the agent that speaks to them.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) agent: Agent,
    nodes: Vec<Node>,
    preferred: AtomicUsize,
    timeout: Duration,
    retry: Retry,
}

/// Gives a node a token, on demand.
pub(crate) type SignIn<'a> = &'a dyn Fn(&Node) -> Result<(), ClientError>;

impl Transport {
    pub(crate) fn new(agent: Agent, nodes: Vec<Node>, timeout: Duration, retry: Retry) -> Self {
        Self { agent, nodes, preferred: AtomicUsize::new(0), timeout, retry }
    }

    /// The nodes, the preferred first.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = &Node> {
        let first = self.preferred.load(Ordering::Relaxed);
        self.nodes.iter().cycle().skip(first).take(self.nodes.len())
    }

    /// Prefers a node from now on.
    pub(crate) fn prefer(&self, node: &Node) {
        if let Some(at) = self.nodes.iter().position(|other| other.url == node.url) {
            self.preferred.store(at, Ordering::Relaxed);
        }
    }

    /// Every node's token is forgotten.
    pub(crate) fn forget_tokens(&self) {
        self.nodes.iter().for_each(|node| node.set_token(None));
    }

    /// Asks the nodes in turn; again, after a growing pause, while all are down or busy.
    pub(crate) fn run(&self, ask: &Ask, sign_in: SignIn<'_>) -> Result<Reply, ClientError> {
        let mut uncertain = false;
        let mut pause = self.retry.pause;
        let mut attempt = 0;
        loop {
            let mut last = None;
            for node in self.in_turn() {
                match self.once(node, ask, sign_in) {
                    Ok(bytes) => {
                        self.prefer(node);
                        return Ok(Reply { url: node.url.clone(), bytes, uncertain });
                    }
                    Err(error) if error.is_passing() => {
                        uncertain |= is_uncertain(&error);
                        last = Some(error);
                    }
                    Err(error) if uncertain && error.code() == Some(Reject::Duplicate.code()) => {
                        return Ok(Reply { url: node.url.clone(), bytes: Vec::new(), uncertain });
                    }
                    Err(error) => return Err(error),
                }
            }
            let error = last.unwrap_or_else(|| ClientError::Setup("no nodes".to_owned()));
            if attempt >= self.retry.attempts {
                return Err(error);
            }
            attempt = attempt.saturating_add(1);
            std::thread::sleep(pause.max(asked_pause(&error)).min(self.retry.pause_max));
            pause = pause.saturating_mul(2);
        }
    }

    /// Asks one node, signing in when the endpoint wants a token.
    fn once(&self, node: &Node, ask: &Ask, sign_in: SignIn<'_>) -> Result<Vec<u8>, ClientError> {
        let wants_token = ask.endpoint.access() == chaincity_api::Access::Token;
        if wants_token && node.token().is_none() {
            sign_in(node)?;
        }
        match self.bytes(node, ask) {
            Err(error) if wants_token && error.code() == Some(Problem::TokenRequired.code()) => {
                node.set_token(None);
                sign_in(node)?;
                self.bytes(node, ask)
            }
            other => other,
        }
    }

    /// Asks one node and reads the whole answer.
    pub(crate) fn bytes(&self, node: &Node, ask: &Ask) -> Result<Vec<u8>, ClientError> {
        let timeout = self.timeout.saturating_add(ask.wait);
        let mut response = self.send(node, ask, Some(timeout), None)?;
        read(&mut response, ANSWER_BYTES_MAX).map_err(|source| unreachable(node, source))
    }

    /// Asks one node; the answer's body is still to be read. Without a timeout each read may
    /// take as long as an event stream may be silent.
    pub(crate) fn send(
        &self,
        node: &Node,
        ask: &Ask,
        timeout: Option<Duration>,
        last_event: Option<u64>,
    ) -> Result<Response<ureq::Body>, ClientError> {
        let url = format!("{}{}", node.url, ask.address());
        let token = node.token().filter(|_| ask.endpoint.access() == chaincity_api::Access::Token);
        let bearer = token.map(|token| format!("Bearer {token}"));
        let failed = |source| unreachable(node, source);
        let silent = timeout.is_none().then_some(crate::events::SILENCE_MAX);
        let mut response = match ask.endpoint.method() {
            Method::Get => {
                let mut request = self.agent.get(url);
                if let Some(bearer) = bearer {
                    request = request.header(header::AUTHORIZATION, bearer);
                }
                if let Some(height) = last_event {
                    request = request.header("Last-Event-ID", height.to_string());
                }
                let config = request.config().timeout_global(timeout).timeout_per_read(silent);
                config.build().call().map_err(failed)?
            }
            Method::Post => {
                let (media, bytes) = ask.body.as_ref().map_or(("", [].as_slice()), |(m, b)| (m, b));
                let mut request = self.agent.post(url).header(header::CONTENT_TYPE, media);
                if let Some(bearer) = bearer {
                    request = request.header(header::AUTHORIZATION, bearer);
                }
                let config = request.config().timeout_global(timeout);
                config.build().send(bytes).map_err(failed)?
            }
        };
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let bytes = read(&mut response, PROBLEM_BYTES_MAX).map_err(failed)?;
        match serde_json::from_slice::<ProblemBody>(&bytes) {
            Ok(body) => Err(ClientError::Refused { status, body: Box::new(body) }),
            Err(_) => Err(ClientError::answer(&node.url, format!("status {status}"))),
        }
    }
}

fn read(response: &mut Response<ureq::Body>, max: u64) -> Result<Vec<u8>, ureq::Error> {
    let mut bytes = Vec::new();
    let mut reader = response.body_mut().with_config().limit(max).reader();
    reader.read_to_end(&mut bytes).map_err(ureq::Error::Io)?;
    Ok(bytes)
}

fn unreachable(node: &Node, source: ureq::Error) -> ClientError {
    ClientError::Unreachable { url: node.url.clone(), source: Box::new(source) }
}

/// Whether a node may have acted on the request nevertheless.
fn is_uncertain(error: &ClientError) -> bool {
    if let ClientError::Refused { status, .. } = error {
        return matches!(status, 500 | 504);
    }
    if let ClientError::Unreachable { source, .. } = error {
        return !matches!(**source, ureq::Error::ConnectionFailed | ureq::Error::HostNotFound);
    }
    true
}

/// The pause that a busy node asks for.
fn asked_pause(error: &ClientError) -> Duration {
    if let ClientError::Refused { body, .. } = error {
        Duration::from_secs(body.retry_after_s.unwrap_or(0))
    } else {
        Duration::ZERO
    }
}
