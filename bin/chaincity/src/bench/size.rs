//! A ledger at size: what it still does when many units stand on it, how long a node that was killed
//! takes to be back, and how long a new one takes to have everything.

use std::time::{Duration, Instant};

use chaincity_client::api::status::StatusInfo;
use serde::Serialize;

use super::drive::Window;
use super::report::{Latency, Step};
use super::workload::{Phase, QUERIES};
use super::{Options, Session, say};
use crate::city::City;
use crate::cluster::Cluster;
use crate::fault::Fault;
use crate::node_config::NodeConfig;

/// How long a node may take to be back, or to have everything.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// What was found. Times from when the process was started.
#[derive(Debug, Default, Serialize)]
pub(crate) struct AtSize {
    /// Units imported, each with a right: twice as many records.
    units: usize,
    import_seconds: u64,
    /// Of units with their rights.
    import_per_s: u64,
    register: Step,
    transfer: Step,
    /// Registrations a second while the queries ran, and queries a second.
    half_load_tps: u64,
    queries_per_s: u64,
    /// A unit by its number.
    query_by_key_ms: Latency,
    /// The right of a unit: the first page of an index.
    query_by_index_ms: Latency,
    /// A killed node: until its interface answers, and until it has caught up with the others, its
    /// read model too.
    restart_ready_ms: u64,
    restart_caught_up_ms: u64,
    /// A new node: until its state is that of the others, until its history reaches genesis, and until
    /// its read model has everything.
    snapshot_state_ms: u64,
    snapshot_history_ms: u64,
    snapshot_queries_ms: u64,
}

impl AtSize {
    /// Measures the windows, after the import.
    pub(super) fn windows(
        session: &mut Session<'_>,
        options: &Options,
        (units, import_seconds, import_per_s): (usize, u64, u64),
    ) -> Result<Self, Fault> {
        session.workload.turn_to(Phase::Register);
        session.warm_up()?;
        let register = session.measure(options)?;
        session.workload.turn_to(Phase::Transfer);
        let transfer = session.measure(options)?;
        let half = register.rate.div_ceil(2);
        let mut asked = |phase| {
            session.workload.turn_to(phase);
            session.window(half.saturating_add(QUERIES), options.seconds)
        };
        let (by_key, by_index) = (asked(Phase::ByKey)?, asked(Phase::ByIndex)?);
        check_answered(&by_key)?;
        check_answered(&by_index)?;
        Ok(Self {
            units,
            import_seconds,
            import_per_s,
            register: Step::of(&register),
            transfer: Step::of(&transfer),
            half_load_tps: half,
            queries_per_s: QUERIES,
            query_by_key_ms: Latency::of(&by_key.read_latencies),
            query_by_index_ms: Latency::of(&by_index.read_latencies),
            ..Self::default()
        })
    }

    /// Kills the last validator and starts it again; then starts the node that never ran.
    pub(super) fn nodes(
        &mut self,
        city: &City,
        cluster: &mut Cluster,
        validators: usize,
    ) -> Result<(), Fault> {
        say("重启一个节点 · restarting a node");
        let last = validators.saturating_sub(1);
        cluster.kill(last)?;
        let begun = Instant::now();
        cluster.spawn(last)?;
        self.restart_ready_ms = until(cluster, last, begun, |status, _| status.height > 0)?;
        self.restart_caught_up_ms = until(cluster, last, begun, |status, tip| {
            is_level(status, tip) && status.read_model.is_some_and(|height| height >= tip)
        })?;
        say("新节点经快照加入 · a new node joins by snapshot");
        let Some(name) = city.nodes.get(validators) else { return Ok(()) };
        let path = city.node_dir(name).join("node.toml");
        let mut config = NodeConfig::read(&path)?;
        config.join = cluster.urls().first().cloned();
        config.write(&path)?;
        let begun = Instant::now();
        cluster.spawn(validators)?;
        self.snapshot_state_ms = until(cluster, validators, begun, is_level)?;
        self.snapshot_history_ms =
            until(cluster, validators, begun, |status, _| status.history_from == Some(1))?;
        self.snapshot_queries_ms = until(cluster, validators, begun, |status, tip| {
            status.read_model.is_some_and(|height| height >= tip)
        })?;
        Ok(())
    }

    /// Lines of the table.
    pub(super) fn for_person(&self) -> Vec<String> {
        let seconds = |ms: u64| {
            let (whole, rest) = (ms.checked_div(1_000), ms.checked_rem(1_000));
            format!("{}.{:03} s", whole.unwrap_or(0), rest.unwrap_or(0))
        };
        let Self { units, import_seconds, import_per_s, half_load_tps, queries_per_s, .. } = self;
        let load = format!("{half_load_tps} tps, {queries_per_s}/s");
        let row = |what: &str, value: String| format!("{what}: {value}");
        vec![
            row("规模 · units with their rights", units.to_string()),
            row("导入 · import", format!("{import_seconds} s, {import_per_s}/s")),
            row("登记 · registrations", self.register.for_person()),
            row("转移 · transfers", self.transfer.for_person()),
            row("半载按键查询 · query by key at half load", {
                format!("{} ({load})", self.query_by_key_ms.for_person())
            }),
            row("半载按索引查询 · query by index at half load", {
                format!("{} ({load})", self.query_by_index_ms.for_person())
            }),
            row("重启至可用 · restart until it answers", seconds(self.restart_ready_ms)),
            row("重启至追平 · until it has caught up", seconds(self.restart_caught_up_ms)),
            row("快照至状态追平 · snapshot until its state is level", {
                seconds(self.snapshot_state_ms)
            }),
            row("至历史完整 · until its history is whole", seconds(self.snapshot_history_ms)),
            row("至查询追平 · until its queries are level", seconds(self.snapshot_queries_ms)),
        ]
    }
}

/// Every query of the window found something.
pub(super) fn check_answered(window: &Window) -> Result<(), Fault> {
    if window.missed == 0 && window.failed == 0 {
        return Ok(());
    }
    Err(Fault::other("有查询无结果或未应答", "a query found nothing or was not answered"))
}

/// Whether a node's state is that of the others.
const fn is_level(status: &StatusInfo, tip: u64) -> bool {
    !status.syncing && status.height >= tip
}

/// Milliseconds from `begun` until a node is so, given the first node's height at each look.
fn until(
    cluster: &mut Cluster,
    node: usize,
    begun: Instant,
    so: impl Fn(&StatusInfo, u64) -> bool,
) -> Result<u64, Fault> {
    cluster.wait(node, PATIENCE, |cluster, status| {
        cluster.height(0).is_some_and(|tip| so(status, tip))
    })?;
    Ok(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX))
}
