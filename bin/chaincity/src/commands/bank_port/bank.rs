//! The core, as the port speaks to it: each request signed, each answer's signature checked.

use std::time::Duration;

use chaincity_crypto::cipher::Secret;
use serde::Deserialize;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::message::{
    BODY_BYTES_MAX, CALLBACK, INSTRUCTIONS, Instruction, KEY, SIGNATURE, Signed, Stage, Told,
};
use super::trouble::Trouble;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The code for an instruction that the core does not know.
const UNKNOWN: &str = "no-such-instruction";

/// The core.
#[derive(Debug)]
pub(super) struct Bank {
    url: String,
    ledger: String,
    secret: Secret,
    agent: Agent,
}

/// A refusal's body, as far as the port reads it.
#[derive(Debug, Deserialize)]
struct Refused {
    code: String,
}

impl Bank {
    pub(super) fn new(url: &str, ledger: String, secret: Secret) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("chaincity-bank-port/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(TIMEOUT))
            .build()
            .into();
        Self { url: url.to_owned(), ledger, secret, agent }
    }

    /// The state of an instruction; `None` when the core does not know it.
    pub(super) fn state(&self, key: &str) -> Result<Option<Told>, Trouble> {
        let path = format!("{INSTRUCTIONS}/{key}");
        let head = format!("GET {path}");
        let signature = self.sign(&head, "", "", b"");
        let url = format!("{}{path}", self.url);
        let mut response =
            self.agent.get(url).header(SIGNATURE, signature).call().map_err(unreachable)?;
        let (status, body) = self.read(&mut response, &path, "")?;
        match (status, refusal(status, &body)?) {
            (404, Some(code)) if code == UNKNOWN => Ok(None),
            (_, Some(code)) => Err(refused(status, &code)),
            (_, None) => self.told(&body, key).map(Some),
        }
    }

    /// Sends an instruction, again as often as need be: the core books it once.
    pub(super) fn instruct(
        &self,
        key: &str,
        callback: &str,
        instruction: &Instruction,
    ) -> Result<(), Trouble> {
        let body = serde_json::to_vec(instruction)
            .map_err(|_never| Trouble::Unfit("the instruction is no JSON"))?;
        let signature = self.sign(&format!("POST {INSTRUCTIONS}"), key, callback, &body);
        let mut response = self
            .agent
            .post(format!("{}{INSTRUCTIONS}", self.url))
            .header("Content-Type", "application/json")
            .header(KEY, key)
            .header(CALLBACK, callback)
            .header(SIGNATURE, signature)
            .send(&body)
            .map_err(unreachable)?;
        let (status, body) = self.read(&mut response, INSTRUCTIONS, key)?;
        if let Some(code) = refusal(status, &body)? {
            return Err(refused(status, &code));
        }
        match self.told(&body, key)?.state {
            Stage::Accepted => Ok(()),
            Stage::Settled | Stage::Failed => {
                Err(Trouble::BankAnswer("an instruction that is not accepted first"))
            }
        }
    }

    fn sign(&self, head: &str, key: &str, callback: &str, body: &[u8]) -> String {
        Signed { head, key, callback, body }.sign(&self.secret)
    }

    /// Status and body of an answer, whose signature is checked.
    fn read(
        &self,
        response: &mut Response<Body>,
        path: &str,
        key: &str,
    ) -> Result<(u16, Vec<u8>), Trouble> {
        let status = response.status().as_u16();
        let signature = response.headers().get(SIGNATURE).and_then(|value| value.to_str().ok());
        let signature = signature.unwrap_or_default().to_owned();
        let limit = u64::try_from(BODY_BYTES_MAX).unwrap_or(u64::MAX);
        let body = response.body_mut().with_config().limit(limit).read_to_vec();
        let body = body.map_err(unreachable)?;
        let head = format!("{status} {path}");
        let signed = Signed { head: &head, key, callback: "", body: &body };
        if signed.verify(&self.secret, &signature) {
            Ok((status, body))
        } else {
            Err(Trouble::BankAnswer("the signature is missing or another's"))
        }
    }

    fn told(&self, body: &[u8], key: &str) -> Result<Told, Trouble> {
        Told::read(body, key, &self.ledger)
            .ok_or(Trouble::BankAnswer("the state is not whole, or another instruction's"))
    }
}

/// The code of a refusal; `None` when it is none.
fn refusal(status: u16, body: &[u8]) -> Result<Option<String>, Trouble> {
    if matches!(status, 200..300) {
        return Ok(None);
    }
    let refused = serde_json::from_slice::<Refused>(body);
    refused
        .map(|refused| Some(refused.code))
        .map_err(|_form| Trouble::BankAnswer("a refusal without a code"))
}

fn refused(status: u16, code: &str) -> Trouble {
    // Of whatever else answers so: not much and nothing strange.
    let code: String = code.chars().filter(char::is_ascii_graphic).take(40).collect();
    if matches!(status, 429 | 500..) {
        Trouble::BankUnreachable(code)
    } else {
        Trouble::BankRefused(code)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn unreachable(error: ureq::Error) -> Trouble {
    Trouble::BankUnreachable(error.to_string())
}
