//! Final blocks as server-sent events (WHATWG HTML, 9.2).
//!
//! Each block is one event `block`, its id the height, so that a reader who lost the connection
//! resumes exactly after the last block it saw (`Last-Event-ID`). The node holds a bounded number
//! of blocks for a slow reader; one that leaves them lying too long is let go with an event
//! `end` that says so, and may resume. A stream ends with its token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chaincity_api::Problem;
use chaincity_api::block::StreamEnd;
use chaincity_types::Height;
use futures::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;

use crate::convert;
use crate::error::{Answer, Failure};
use crate::params::{self, Params};
use crate::session::Caller;
use crate::state::{Shared, blocking};

/// How often a silent stream sends a comment, so that proxies keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const LAST_EVENT_ID: &str = "last-event-id";

/// `GET /v1/events`.
pub(crate) async fn follow(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    mut params: Params,
) -> Answer<Response> {
    let from = params.height("from")?;
    let ids_only = params.parsed("view", "`ids`", |text| (text == "ids").then_some(()))?.is_some();
    params.done()?;
    let next = match last_event_id(&headers)? {
        Some(last) => last.saturating_add(1),
        None => from.unwrap_or_else(|| shared.node.status().height.0.saturating_add(1)),
    };
    let permit = Arc::clone(&shared.streams).try_acquire_owned().map_err(|_full| Problem::Busy)?;
    let (blocks, received) = mpsc::channel(shared.limits.stream_blocks_max.max(1));
    let (ended, end) = oneshot::channel();
    let producer = Producer {
        stopping: shared.stopping.clone(),
        stall: Duration::from_millis(shared.limits.stream_stall_ms_max),
        expires: caller.expires,
        next,
        ids_only,
        blocks,
        shared,
        _permit: permit,
    };
    tokio::spawn(async move {
        // The reader may be gone: then nobody wants to know why the stream ended.
        ended.send(producer.run().await).ok();
    });
    let last = futures::stream::once(end).filter_map(async |end| end.ok().and_then(end_event));
    let events = ReceiverStream::new(received).chain(last).map(Ok::<_, std::convert::Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Answer<Option<u64>> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let number = value.to_str().ok().and_then(params::height);
    let wrong = || Failure::because(Problem::BadRequest, "`Last-Event-ID` must be a height");
    number.map(Some).ok_or_else(wrong)
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Gone,
    Slow,
    Expired,
    Stopping,
    Incomplete,
    Fault,
}

/// Feeds one stream.
struct Producer {
    shared: Arc<Shared>,
    stopping: watch::Receiver<bool>,
    stall: Duration,
    expires: Instant,
    /// Height of the block to send next.
    next: u64,
    /// Whether of what happened only the ids are sent.
    ids_only: bool,
    blocks: mpsc::Sender<Event>,
    _permit: OwnedSemaphorePermit,
}

impl Producer {
    /// Sends blocks until something ends it: why, and the last height sent.
    async fn run(mut self) -> (Why, u64) {
        let mut stopping = self.stopping.clone();
        let gone = self.blocks.clone();
        let expires = tokio::time::Instant::from_std(self.expires);
        let why = tokio::select! {
            why = self.feed() => why,
            _ = stopping.wait_for(|stop| *stop) => Why::Stopping,
            () = tokio::time::sleep_until(expires) => Why::Expired,
            () = gone.closed() => Why::Gone,
        };
        (why, self.next.saturating_sub(1))
    }

    async fn feed(&mut self) -> Why {
        loop {
            let below = Height(self.next.saturating_sub(1));
            // Height 0 is there from the start; no height is above "nothing".
            let tip = match self.next {
                0 => self.shared.node.status().height,
                _ => self.shared.node.wait_above(below).await,
            };
            while self.next <= tip.0 {
                if let Err(why) = self.send(Height(self.next)).await {
                    return why;
                }
                self.next = self.next.saturating_add(1);
            }
        }
    }

    async fn send(&self, height: Height) -> Result<(), Why> {
        let shared = Arc::clone(&self.shared);
        let block = blocking(move || Ok(shared.node.block(height)?)).await;
        let block = block.map_err(|_logged| Why::Fault)?.ok_or(Why::Incomplete)?;
        let event = Event::default().event("block").id(height.to_string());
        let event = if self.ids_only {
            event.json_data(convert::block_ids(&block))
        } else {
            event.json_data(convert::block_info(&block))
        };
        let event = event.map_err(|_error| Why::Fault)?;
        match tokio::time::timeout(self.stall, self.blocks.send(event)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_closed)) => Err(Why::Gone),
            Err(_elapsed) => Err(Why::Slow),
        }
    }
}

/// The last event; `None` when nobody reads it.
fn end_event((why, height): (Why, u64)) -> Option<Event> {
    let (code, zh, en) = match why {
        Why::Gone => return None,
        Why::Slow => ("slow-consumer", "接收过慢，请续传", "reading too slowly: resume"),
        Why::Expired => ("token-expired", "会话已过期，请重新登录", "the session expired: sign in"),
        Why::Stopping => ("shutdown", "节点正在停止", "the node stops"),
        Why::Incomplete => {
            ("history-incomplete", "本节点缺少该区块", "this node does not hold that block")
        }
        Why::Fault => ("fault", "节点内部故障", "the node failed"),
    };
    let end = StreamEnd { code: code.to_owned(), zh: zh.to_owned(), en: en.to_owned(), height };
    Event::default().event("end").json_data(end).ok()
}
