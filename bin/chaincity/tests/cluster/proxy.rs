//! A node seen through a proxy that counts the batches submitted to it and does what a test says
//! with each: so a test interrupts a client, or shows it a busy node, at a place that is counted.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::{Arc, Mutex};

use chaincity_client::api::ProblemBody;
use chaincity_client::api::transaction::{BatchItem, BatchSubmitted, decode_batch, encode_batch};

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Hand it on.
    Pass,
    /// Kill the client before the node hears of it.
    KillBefore,
    /// Kill the client when the node has answered, before it hears the answer.
    KillAfter,
    /// Answer that the node is busy.
    Busy,
    /// Hand on so many of its transactions; the node is too busy for the rest.
    BusyBeyond(usize),
    /// Hand it on and lose the answer.
    LoseAnswer,
}

/// The client, once it runs.
pub(crate) type Victim = Arc<Mutex<Option<Child>>>;

struct Script {
    acts: Vec<Act>,
    /// Batches seen.
    seen: Mutex<usize>,
    victim: Victim,
    /// `host:port` of the node.
    node: String,
}

/// A proxy; it lives as long as the process.
pub(crate) struct Proxy {
    /// Its address.
    pub(crate) url: String,
    script: Arc<Script>,
}

impl Proxy {
    /// Before the node at `url`; each batch is treated as its place in `acts` says, later ones pass.
    pub(crate) fn before(url: &str, acts: &[Act], victim: &Victim) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Script {
            acts: acts.to_vec(),
            seen: Mutex::new(0),
            victim: Arc::clone(victim),
            node: url.strip_prefix("http://").unwrap().to_owned(),
        });
        let shared = Arc::clone(&script);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let script = Arc::clone(&shared);
                // A connection that breaks off is the client's or the node's end.
                std::thread::spawn(move || script.serve(&stream.unwrap()).unwrap_or_default());
            }
        });
        Self { url: format!("http://{address}"), script }
    }

    /// Batches seen so far.
    pub(crate) fn seen(&self) -> usize {
        *self.script.seen.lock().unwrap()
    }
}

/// A request or an answer, as it came.
struct Message {
    head: String,
    body: Vec<u8>,
}

impl Message {
    fn read(from: &mut impl BufRead) -> std::io::Result<Option<Self>> {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head.push_str(&line);
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Ok(Some(Self { head, body }))
    }

    /// With another body.
    fn with(&self, body: Vec<u8>) -> Self {
        let length = |line: &str| {
            let is = line.to_ascii_lowercase().starts_with("content-length:");
            if is { format!("content-length: {}\r\n", body.len()) } else { line.to_owned() }
        };
        Self { head: self.head.split_inclusive("\r\n").map(length).collect(), body }
    }

    fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        to.write_all(self.head.as_bytes())?;
        to.write_all(&self.body)?;
        to.flush()
    }
}

fn busy() -> ProblemBody {
    ProblemBody {
        code: "busy".to_owned(),
        zh: "系统繁忙".to_owned(),
        en: "busy".to_owned(),
        detail: None,
        retry_after_s: Some(1),
    }
}

impl Script {
    fn serve(&self, client: &TcpStream) -> std::io::Result<()> {
        let node = TcpStream::connect(&self.node)?;
        let (mut asked, mut answered) = (BufReader::new(client), BufReader::new(&node));
        while let Some(request) = Message::read(&mut asked)? {
            let is_batch = request.head.starts_with("POST /v1/transactions/batch ");
            let act = if is_batch { self.next() } else { Act::Pass };
            let part = match act {
                Act::BusyBeyond(count) => Some(count),
                Act::Busy => Some(0),
                Act::KillBefore => {
                    self.kill();
                    return Ok(());
                }
                Act::Pass | Act::KillAfter | Act::LoseAnswer => None,
            };
            let Some(part) = part else {
                request.write(&mut &node)?;
                let Some(answer) = Message::read(&mut answered)? else { return Ok(()) };
                match act {
                    Act::KillAfter => self.kill(),
                    Act::LoseAnswer => return Ok(()),
                    Act::Pass | Act::KillBefore | Act::Busy | Act::BusyBeyond(_) => {
                        answer.write(&mut &*client)?;
                    }
                }
                continue;
            };
            let all = decode_batch(&request.body).unwrap();
            let first = encode_batch(all.iter().take(part).map(Vec::as_slice));
            request.with(first).write(&mut &node)?;
            let Some(answer) = Message::read(&mut answered)? else { return Ok(()) };
            let mut told: BatchSubmitted = serde_json::from_slice(&answer.body).unwrap();
            told.items.resize(all.len(), BatchItem { id: None, refusal: Some(busy()) });
            answer.with(serde_json::to_vec(&told).unwrap()).write(&mut &*client)?;
        }
        Ok(())
    }

    fn next(&self) -> Act {
        let mut seen = self.seen.lock().unwrap();
        let act = self.acts.get(*seen).copied().unwrap_or(Act::Pass);
        *seen += 1;
        act
    }

    fn kill(&self) {
        self.victim.lock().unwrap().as_mut().unwrap().kill().unwrap();
    }
}
