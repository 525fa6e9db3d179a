//! Counts and times of requests, and the node's state, in Prometheus' text format.
//!
//! Labels are route templates and statuses: their number is bounded, and no address of a record
//! or of a caller is ever a label.

use std::time::Duration;

use axum::http::StatusCode;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::state::Shared;

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// A recorder of its own, so that several nodes in one process do not mix.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let builder = PrometheusBuilder::new();
        // The only error is an empty list of buckets.
        let builder =
            builder.set_buckets(BUCKETS).unwrap_or_else(|_empty| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        Self { handle: recorder.handle(), recorder }
    }

    /// One request answered.
    pub(crate) fn request(&self, route: &'static str, status: StatusCode, took: Duration) {
        metrics::with_local_recorder(&self.recorder, || {
            let status = status.as_u16().to_string();
            metrics::counter!("chaincity_http_requests_total", "route" => route, "status" => status)
                .increment(1);
            metrics::histogram!("chaincity_http_request_seconds", "route" => route).record(took);
        });
    }

    /// Everything, in Prometheus' text format.
    pub(crate) fn render(&self, shared: &Shared) -> String {
        let status = shared.node.status();
        let read_model = shared.reader.height().unwrap_or_default().0;
        let streams = shared.limits.streams_max.saturating_sub(shared.streams.available_permits());
        metrics::with_local_recorder(&self.recorder, || {
            let set = |name: &'static str, value: u64| metrics::gauge!(name).set(float(value));
            set("chaincity_height", status.height.0);
            set("chaincity_epoch", status.epoch);
            set("chaincity_pool_transactions", count(status.pool));
            set("chaincity_read_model_height", read_model);
            set("chaincity_read_model_lag_blocks", status.height.0.saturating_sub(read_model));
            set("chaincity_validator", u64::from(status.validator));
            set("chaincity_syncing", u64::from(status.syncing));
            set("chaincity_equivocators", count(status.equivocators.len()));
            set("chaincity_timer_lag_ms", status.timer_lag_ms);
            set("chaincity_event_streams", count(streams));
            set("chaincity_sessions", count(shared.sessions.count()));
            if let Some(peers) = status.peers {
                set("chaincity_peers", count(peers));
            }
        });
        self.handle.run_upkeep();
        let mut text = self.handle.render();
        if let Some(more) = &shared.more_metrics {
            text.push_str(&more());
        }
        text
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Gauges are floats; every number here is far below 2³².
fn float(n: u64) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}
