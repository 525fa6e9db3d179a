//! Signed requests: callbacks to the port, and questions to a running bank.

use std::time::Duration;

use ureq::http::Response;
use ureq::{Agent, Body};

use crate::Fault;
use crate::sign::{KEY, SIGNATURE, Secret, Signed};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// An answer.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) status: u16,
    pub(crate) body: String,
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(TIMEOUT))
        .build()
        .into()
}

/// Whether this is an address on this machine; gives its path.
pub(crate) fn local_path(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find('/')?);
    let local = authority.parse::<std::net::SocketAddr>().is_ok_and(|at| at.ip().is_loopback());
    local.then_some(path)
}

/// Tells an outcome; whether it was acknowledged, by who has the secret.
pub(crate) fn call_back(secret: &Secret, url: &str, key: &str, body: &[u8]) -> bool {
    let Some(path) = local_path(url) else { return false };
    let head = format!("POST {path}");
    let signature = secret.sign(Signed { head: &head, key, callback: "", body });
    let sent = agent()
        .post(url)
        .header("Content-Type", "application/json")
        .header(KEY, key)
        .header(SIGNATURE, signature)
        .send(body);
    sent.ok()
        .and_then(|mut response| read(secret, &mut response, path, key))
        .is_some_and(|Asked { status, .. }| status == 204)
}

/// Asks a running bank, and checks that it has the secret.
pub(crate) fn ask(
    secret: &Secret,
    bank: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Result<Asked, Fault> {
    let failed = |cause: &dyn std::fmt::Display| {
        let (zh, en) = ("模拟银行没有答复", "the simulated bank does not answer");
        Fault::new("unreachable", zh, en, cause)
    };
    let url = format!("{}{path}", bank.trim_end_matches('/'));
    if local_path(&url).is_none() {
        return Err(failed(&"http://127.0.0.1:PORT"));
    }
    let head = format!("{method} {path}");
    let signed = Signed { head: &head, key: "", callback: "", body: body.as_bytes() };
    let signature = secret.sign(signed);
    let sent = if method == "GET" {
        agent().get(&url).header(SIGNATURE, signature).call()
    } else {
        agent().put(&url).header(SIGNATURE, signature).send(body)
    };
    let mut response = sent.map_err(|error| failed(&error))?;
    read(secret, &mut response, path, "").ok_or_else(|| failed(&"signature-invalid"))
}

/// Reads an answer and checks its signature; `None` when it is another's.
fn read(secret: &Secret, response: &mut Response<Body>, path: &str, key: &str) -> Option<Asked> {
    let status = response.status().as_u16();
    let signature = response.headers().get(SIGNATURE)?.to_str().ok()?.to_owned();
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().ok()?;
    let head = format!("{status} {path}");
    let signed = Signed { head: &head, key, callback: "", body: &body };
    let body = secret.verify(signed, &signature).then_some(body)?;
    Some(Asked { status, body: String::from_utf8(body).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_on_this_machine_passes_and_any_other_is_refused() {
        assert_eq!(local_path("http://127.0.0.1:9702/v1/outcomes"), Some("/v1/outcomes"));
        assert_eq!(local_path("http://[::1]:9702/x"), Some("/x"));
        for bad in [
            "http://192.0.2.1:80/x",
            "https://127.0.0.1:9702/x",
            "http://127.0.0.1:9702",
            "http://127.0.0.1:9702@example.com/x",
            "http://localhost.example:1/x",
            "",
        ] {
            assert_eq!(local_path(bad), None, "{bad}");
        }
    }
}
