//! The node's REST interface: routes, authentication, limits, error mapping, event stream,
//! metrics, TLS.
//!
//! It serves what [`chaincity_api`] declares: [`Endpoint`](chaincity_api::Endpoint) lists every
//! route, and [`routes`] must answer each, or it does not compile. The node is seen through
//! [`NodeApi`](chaincity_pipeline::NodeApi), the read model through [`Reader`].
//!
//! **Access.** Every endpoint but health, status, submission, verification, signing in and this
//! interface's own description demands a token. Metrics are served to callers on the node's own
//! machine only, or on an address of their own ([`Config::metrics`]).
//!
//! **Limits.** Bodies, queries, requests at a time, event streams, sessions and the time of each
//! request are bounded ([`Limits`]); what exceeds a bound is refused with a stable code.
//!
//! INVARIANT (I12): no token, key or value of a record reaches a log, a metric or an error.

mod config;
mod convert;
mod error;
mod guard;
mod metrics;
mod params;
mod pseudonyms;
mod read_log;
mod reader;
mod routes;
mod run;
mod session;
mod state;
mod tls;

pub use config::{Config, Copying, Limits, Part, TlsFiles};
pub use reader::Reader;
pub use run::{Server, ServerError};
