//! The simulated bank as a process: idempotency over HTTP, callbacks until they are acknowledged,
//! and a kill in between.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use ureq::Agent;

/// The shared secret.
const SECRET: [u8; 32] = [0x5a; 32];

struct Bank {
    child: Child,
    url: String,
}

impl Bank {
    fn start(dir: &Path) -> Self {
        std::fs::write(dir.join("bank.secret"), hex::encode(SECRET)).unwrap();
        let accounts = concat!(env!("CARGO_MANIFEST_DIR"), "/accounts.json");
        let mut child = Command::new(env!("CARGO_BIN_EXE_chaincity-example-bank"))
            .args(["serve", "--listen", "127.0.0.1:0", "--accounts", accounts, "--journal"])
            .arg(dir.join("bank.jsonl"))
            .arg("--secret")
            .arg(dir.join("bank.secret"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        Self { child, url: format!("http://{}", ready["listen"].as_str().unwrap()) }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a request; gives status and body of the answer, whose signature is checked.
    fn send(&self, message: &Message<'_>) -> (u16, Value) {
        let Message { method, path, key, callback, body, secret } = message;
        let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
        let url = format!("{}{path}", self.url);
        let signature = mac(secret, &format!("{method} {path}\n{key}\n{callback}\n{body}"));
        let mut response = if *method == "GET" {
            agent.get(url).header("Chaincity-Signature", signature).call()
        } else {
            agent
                .post(url)
                .header("Chaincity-Signature", signature)
                .header("Idempotency-Key", *key)
                .header("Callback-Url", *callback)
                .send(*body)
        }
        .unwrap();
        let status = response.status().as_u16();
        let signed = response.headers()["chaincity-signature"].to_str().unwrap().to_owned();
        let body = response.body_mut().read_to_string().unwrap();
        assert_eq!(signed, mac(&SECRET, &format!("{status} {path}\n{key}\n\n{body}")));
        (status, serde_json::from_str(&body).unwrap())
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let message =
            Message { method: "GET", path, key: "", callback: "", body: "", secret: SECRET };
        self.send(&message)
    }

    /// Asks as a person does, by the command line.
    fn put(&self, dir: &Path, path: &str, body: &str) -> bool {
        let status = Command::new(env!("CARGO_BIN_EXE_chaincity-example-bank"))
            .args(["ask", "PUT", path, body, "--bank", &self.url, "--secret"])
            .arg(dir.join("bank.secret"))
            .stdout(Stdio::null())
            .status();
        status.unwrap().success()
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        // One that has ended cannot be killed and need not be.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[derive(Clone)]
struct Message<'a> {
    method: &'a str,
    path: &'a str,
    key: &'a str,
    callback: &'a str,
    body: &'a str,
    secret: [u8; 32],
}

fn mac(secret: &[u8], text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The port's side of callbacks: takes one connection after the other.
struct Port(TcpListener);

impl Port {
    fn url(&self) -> String {
        format!("http://{}/v1/outcomes", self.0.local_addr().unwrap())
    }

    /// The next callback's key and body; whether it is acknowledged, and under which secret.
    fn take(&self, acknowledge: Option<&[u8]>) -> (String, Value) {
        let (stream, _) = self.0.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let (mut key, mut signature, mut length) = (String::new(), String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line == "\r\n" {
                    break;
                }
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "idempotency-key" => value.clone_into(&mut key),
                "chaincity-signature" => value.clone_into(&mut signature),
                "content-length" => length = value.parse().unwrap(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        assert_eq!(signature, mac(&SECRET, &format!("POST /v1/outcomes\n{key}\n\n{body}")));
        if let Some(secret) = acknowledge {
            let signature = mac(secret, &format!("204 /v1/outcomes\n{key}\n\n"));
            let answer = format!(
                "HTTP/1.1 204 No Content\r\nChaincity-Signature: {signature}\r\n\
                 Connection: close\r\n\r\n"
            );
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
        (key, serde_json::from_str(&body).unwrap())
    }
}

/// An instruction with its key.
fn instruction(record: &str, amount_fen: u64) -> (String, String) {
    let ledger = "0".repeat(64);
    let key = format!("chaincity-bank-port/1\n{ledger}\nsettlement\npayment\n1\n{record}");
    let body = json!({
        "version": 1, "amount_fen": amount_fen, "from": "ESCROW", "to": "SELLER",
        "source": {"ledger": ledger, "package": "settlement", "register": "payment",
                   "record": record, "version": 1},
    });
    (hex::encode(Sha256::digest(key.as_bytes())), body.to_string())
}

fn journal(dir: &Path) -> PathBuf {
    dir.join("bank.jsonl")
}

#[test]
fn a_repeated_instruction_is_booked_once_and_told_until_acknowledged_over_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let port = Port(TcpListener::bind("127.0.0.1:0").unwrap());
    let callback = port.url();
    let bank = Bank::start(dir);
    assert!(bank.put(dir, "/v1/simulation/SELLER", "{\"hold\":true}"));
    assert!(!bank.put(dir, "/v1/simulation/SELLER", "{\"hold\":1}"));

    let (key, body) = instruction("7f3a", 70_000_000);
    let good = Message {
        method: "POST",
        path: "/v1/instructions",
        key: &key,
        callback: &callback,
        body: &body,
        secret: SECRET,
    };
    let (status, first) = bank.send(&good);
    assert_eq!((status, &first["state"]), (202, &json!("accepted")));
    // Again, and with another order of the same fields.
    assert_eq!(bank.send(&good), (202, first.clone()));
    let spaced = body.replace(',', ", ");
    assert_eq!(bank.send(&Message { body: &spaced, ..good.clone() }), (202, first.clone()));

    let refused = |message: Message<'_>| {
        let (status, told) = bank.send(&message);
        assert!(
            !told["zh"].as_str().unwrap().is_ascii() && told["en"].as_str().unwrap().is_ascii()
        );
        (status, told["code"].as_str().unwrap().to_owned())
    };
    let is = |status: u16, code: &str| (status, code.to_owned());
    let more = body.replace("70000000", "70000001");
    assert_eq!(refused(Message { body: &more, ..good.clone() }), is(409, "key-reused"));
    let other = instruction("7f3b", 1).0;
    assert_eq!(refused(Message { key: &other, ..good.clone() }), is(400, "key-invalid"));
    let away = Message { callback: "http://192.0.2.1:80/x", ..good.clone() };
    assert_eq!(refused(away), is(400, "callback-invalid"));
    assert_eq!(refused(Message { body: "{}", ..good.clone() }), is(400, "instruction-invalid"));
    let forged = Message { secret: [0; 32], ..good.clone() };
    assert_eq!(refused(forged), is(401, "signature-invalid"));
    let large = " ".repeat(16_385);
    assert_eq!(refused(Message { body: &large, ..good.clone() }), is(413, "too-large"));
    assert_eq!(bank.get(&format!("/v1/instructions/{other}")).1["code"], "no-such-instruction");
    assert_eq!(bank.get("/v1/accounts/NOBODY").1["code"], "no-such-account");

    // Killed while the instruction is held: nothing is lost, nothing is booked.
    bank.kill();
    let bank = Bank::start(dir);
    let path = format!("/v1/instructions/{key}");
    assert_eq!(bank.get(&path), (200, first.clone()));
    assert_eq!(bank.get("/v1/accounts/ESCROW").1["balance_fen"], 200_000_000);

    // Booked; told in vain, then to one without the secret, then acknowledged after another kill.
    assert!(bank.put(dir, "/v1/simulation/SELLER", "{}"));
    let (told_key, told) = port.take(None);
    assert_eq!((&told_key, &told["state"]), (&key, &json!("settled")));
    assert!(told.get("amount_fen").is_none() && told["reference"].is_string());
    assert_eq!(port.take(Some(&[0; 32])), (key.clone(), told.clone()));
    bank.kill();
    let bank = Bank::start(dir);
    assert_eq!(port.take(Some(&SECRET)), (key.clone(), told.clone()));
    assert_eq!(bank.get(&path), (200, told));
    assert_eq!(bank.send(&good), (202, first), "answered as the first time");

    // One booking, over all that; and what cannot be covered fails.
    let (_, escrow) = bank.get("/v1/accounts/ESCROW");
    assert_eq!(
        (&escrow["balance_fen"], escrow["entries"].as_array().unwrap().len()),
        (&json!(130_000_000), 1)
    );
    let (_, all) = bank.get("/v1/accounts");
    assert_eq!(all["sum_fen"], 0);
    let (key, body) = instruction("7f3c", 130_000_001);
    bank.send(&Message { key: &key, body: &body, ..good });
    let (_, told) = port.take(Some(&SECRET));
    assert_eq!((&told["state"], &told["reason"]), (&json!("failed"), &json!("insufficient-funds")));
    let lines = std::fs::read_to_string(journal(dir)).unwrap();
    assert_eq!(lines.matches("\"settled\"").count(), 1, "{lines}");
}
