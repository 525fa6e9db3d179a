//! Following final blocks as they come.

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use chaincity_api::Endpoint;
use chaincity_api::block::{BlockIds, BlockInfo, BlockSummary, StreamEnd};
use serde::de::DeserializeOwned;
use ureq::BodyReader;

use crate::client::Client;
use crate::error::ClientError;
use crate::transport::Ask;

/// How long a stream may be silent: nodes send a comment every 15 s.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(45);
/// Longest line of a stream, in bytes: one block with what it did.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Connections in a row that bring no block before the iterator gives up.
const FRUITLESS_MAX: u32 = 10;

/// Final blocks in order, without gap or repetition, for ever. When a connection is lost, the
/// next node is asked to go on where it stopped.
#[derive(Debug)]
pub struct Events<'a>(Stream<'a>);

/// The same, of each block only which transactions it holds.
#[derive(Debug)]
pub struct EventIds<'a>(Stream<'a>);

impl Client {
    /// Follows final blocks from height `from` on.
    #[must_use]
    pub const fn events(&self, from: u64) -> Events<'_> {
        Events(Stream::new(self, from, None))
    }

    /// Follows which transactions are final, from height `from` on: much less to send and read.
    #[must_use]
    pub const fn event_ids(&self, from: u64) -> EventIds<'_> {
        EventIds(Stream::new(self, from, Some("ids")))
    }
}

impl Iterator for Events<'_> {
    type Item = Result<BlockInfo, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next(|info: &BlockInfo| &info.block))
    }
}

impl Iterator for EventIds<'_> {
    type Item = Result<BlockIds, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next(|info: &BlockIds| &info.block))
    }
}

/// The connection, remade as needed.
struct Stream<'a> {
    client: &'a Client,
    /// Height of the next block wanted.
    next: u64,
    view: Option<&'static str>,
    stream: Option<BufReader<BodyReader<'static>>>,
    fruitless: u32,
}

impl std::fmt::Debug for Stream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("next", &self.next).finish_non_exhaustive()
    }
}

impl<'a> Stream<'a> {
    const fn new(client: &'a Client, next: u64, view: Option<&'static str>) -> Self {
        Self { client, next, view, stream: None, fruitless: 0 }
    }

    /// The next block, of which `of` gives the summary.
    fn next<T: DeserializeOwned>(
        &mut self,
        of: impl Fn(&T) -> &BlockSummary,
    ) -> Result<T, ClientError> {
        loop {
            match self.step(&of) {
                Ok(Some(block)) => {
                    self.next = of(&block).height.saturating_add(1);
                    self.fruitless = 0;
                    return Ok(block);
                }
                Ok(None) => {}
                Err(error) => {
                    self.stream = None;
                    self.fruitless = self.fruitless.saturating_add(1);
                    if !error.is_passing() || self.fruitless >= FRUITLESS_MAX {
                        return Err(error);
                    }
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
        }
    }

    /// Reads one event; `None` when it was not a block.
    fn step<T: DeserializeOwned>(
        &mut self,
        of: impl Fn(&T) -> &BlockSummary,
    ) -> Result<Option<T>, ClientError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        let lost = |why: &str| ClientError::answer("event stream", why);
        let (kind, data) = read_event(&mut stream).map_err(|error| lost(&error.to_string()))?;
        match kind.as_str() {
            "block" => {
                let block: T =
                    serde_json::from_str(&data).map_err(|error| lost(&error.to_string()))?;
                if of(&block).height != self.next {
                    return Err(lost("a block out of order"));
                }
                self.stream = Some(stream);
                Ok(Some(block))
            }
            "end" => {
                let end: StreamEnd =
                    serde_json::from_str(&data).map_err(|error| lost(&error.to_string()))?;
                Err(ended(end))
            }
            _ => {
                self.stream = Some(stream);
                Ok(None)
            }
        }
    }

    fn connect(&self) -> Result<BufReader<BodyReader<'static>>, ClientError> {
        let mut ask = Ask::new(Endpoint::FollowEvents, &[]).query("from", &self.next);
        if let Some(view) = self.view {
            ask = ask.query("view", view);
        }
        let last = self.next.checked_sub(1);
        let mut trouble = ClientError::NotSignedIn;
        for node in self.client.transport.in_turn() {
            // A stream ends with its token: each begins with a fresh one.
            let response = self
                .client
                .sign_in_at(node)
                .and_then(|()| self.client.transport.send(node, &ask, None, last));
            match response {
                Ok(response) => {
                    let body = response.into_body().into_with_config().limit(u64::MAX);
                    return Ok(BufReader::new(body.reader()));
                }
                Err(error) => trouble = error,
            }
        }
        Err(trouble)
    }
}

/// Reads up to the empty line that ends an event: its kind and its data.
fn read_event(stream: &mut impl BufRead) -> std::io::Result<(String, String)> {
    let (mut kind, mut data) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        stream.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
        let Some(text) = line.strip_suffix('\n') else {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        };
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() && !(kind.is_empty() && data.is_empty()) {
            return Ok((kind, data));
        }
        let (field, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut kind),
            "data" => data.push_str(value),
            // The id is the block's height; comments keep the connection open.
            _ => {}
        }
    }
}

fn ended(end: StreamEnd) -> ClientError {
    let StreamEnd { code, zh, en, height } = end;
    let detail = Some(format!("after height {height}"));
    let status = if code == "history-incomplete" { 404 } else { 503 };
    let body = chaincity_api::ProblemBody { code, zh, en, detail, retry_after_s: None };
    ClientError::Refused { status, body: Box::new(body) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_over_comments_and_either_line_end() {
        let mut stream =
            ": hello\n\nevent: block\r\nid: 7\ndata: {\"a\":\ndata: 1}\n\nevent: x\n".as_bytes();
        let (kind, data) = read_event(&mut stream).unwrap();
        assert_eq!((kind.as_str(), data.as_str()), ("block", "{\"a\":1}"));
        assert!(read_event(&mut stream).is_err(), "cut off");
    }
}
