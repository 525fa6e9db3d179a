//! What the load costs the nodes: processor time by stage, and bytes to peers.
//!
//! The kernel knows what each thread used, each node tells at `/metrics` what its threads used in
//! which stage. What a thread used outside of all stages is named after what it is there for: on
//! the engine's threads that is consensus, with its journals and flushes.

use std::collections::BTreeMap;

use chaincity_engine::stage::Stage;

use super::process::{Used, purpose};
use crate::fault::Fault;
use crate::measures::{CPU, WIRE, fetch};

/// Everything that is told apart, in the order of a transaction's way, in Chinese and English.
const NAMES: &[(&str, &str)] = &[
    ("interface", "接口"),
    ("admission", "准入"),
    ("gossip", "转发"),
    ("verification", "验签"),
    ("execution", "执行"),
    ("state", "状态"),
    ("consensus", "共识"),
    ("network", "网络"),
    ("history", "历史"),
    ("read_model", "查询库"),
    ("release", "释放"),
    (REST, "其余"),
    (TOTAL, "合计"),
];
const REST: &str = "rest";
pub(super) const TOTAL: &str = "total";

/// The nodes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nodes<'a> {
    pub(super) pids: &'a [u32],
    pub(super) urls: &'a [String],
}

/// What they used since they began.
#[derive(Debug)]
pub(super) struct Reading {
    threads: Used,
    told: Told,
}

/// What nodes tell: microseconds by stage and by what the threads are there for, and bytes sent.
#[derive(Debug, Default)]
struct Told {
    measured: BTreeMap<(Stage, Option<&'static str>), u64>,
    wire_out: u64,
}

/// What was used between two readings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Microseconds of all nodes together.
    pub(super) us: BTreeMap<&'static str, u64>,
    /// Bytes that all nodes together sent to peers.
    pub(super) wire_bytes: u64,
}

impl Nodes<'_> {
    /// Reads before a window: the threads first, so that they cover what the nodes tell.
    ///
    /// # Errors
    /// When a node has ended or does not tell.
    pub(super) fn before(&self) -> Result<Reading, Fault> {
        let threads = Used::by(self.pids)?;
        Ok(Reading { threads, told: self.told()? })
    }

    /// What was used since; the threads are read last.
    ///
    /// # Errors
    /// When a node has ended or does not tell.
    pub(super) fn since(&self, before: &Reading) -> Result<Cost, Fault> {
        let told = self.told()?;
        Ok(Cost::between(before, &Reading { threads: Used::by(self.pids)?, told }))
    }

    fn told(&self) -> Result<Told, Fault> {
        let mut told = Told::default();
        for url in self.urls {
            told.add(&fetch(url)?);
        }
        Ok(told)
    }
}

impl Told {
    /// Adds one node's metrics.
    fn add(&mut self, text: &str) {
        for line in text.lines() {
            let Some((name, labels)) = line.split_once('{') else { continue };
            let Some((labels, value)) = labels.split_once("} ") else { continue };
            let label = |key: &str| {
                let mut all = labels.split(',').filter_map(|label| label.split_once('='));
                let value = all.find(|(name, _)| *name == key).map(|(_, value)| value);
                value.unwrap_or_default().trim_matches('"')
            };
            if name == CPU {
                let of = |stage: &Stage| stage.name() == label("stage");
                let Some(stage) = Stage::ALL.into_iter().find(of) else { continue };
                let sum = self.measured.entry((stage, purpose(label("thread")))).or_default();
                *sum = sum.saturating_add(micros(value));
            } else if name == WIRE && label("direction") == "out" {
                self.wire_out = self.wire_out.saturating_add(value.parse().unwrap_or(0));
            }
        }
    }
}

/// Seconds with nine decimals in microseconds.
fn micros(seconds: &str) -> u64 {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    let part = number(part.get(..6).unwrap_or("0"));
    number(whole).saturating_mul(1_000_000).saturating_add(part)
}

impl Cost {
    fn between(before: &Reading, after: &Reading) -> Self {
        let mut us = after.threads.since(&before.threads).0;
        let total = us.remove(TOTAL).unwrap_or(0);
        let mut stages: BTreeMap<&'static str, u64> = BTreeMap::new();
        for (key, now) in &after.told.measured {
            let earlier = before.told.measured.get(key).copied().unwrap_or(0);
            let used = now.saturating_sub(earlier);
            if let Some(thread) = key.1.and_then(|purpose| us.get_mut(purpose)) {
                *thread = thread.saturating_sub(used);
            }
            let sum = stages.entry(key.0.name()).or_default();
            *sum = sum.saturating_add(used);
        }
        for (stage, used) in stages {
            let sum = us.entry(stage).or_default();
            *sum = sum.saturating_add(used);
        }
        let known = us.values().fold(0_u64, |sum, us| sum.saturating_add(*us));
        us.insert(REST, total.saturating_sub(known));
        us.insert(TOTAL, total);
        let wire_bytes = after.told.wire_out.saturating_sub(before.told.wire_out);
        Self { us, wire_bytes }
    }

    /// The share of one of so many operations and transactions.
    pub(super) fn each(&self, operations: u64, transactions: u64) -> Self {
        let share = |us: &u64| us.checked_div(operations).unwrap_or(0);
        Self {
            us: self.us.iter().map(|(stage, us)| (*stage, share(us))).collect(),
            wire_bytes: self.wire_bytes.checked_div(transactions).unwrap_or(0),
        }
    }
}

/// Processor time as a person reads it.
pub(super) fn for_person(us: &BTreeMap<&'static str, u64>) -> String {
    let named = NAMES.iter().filter_map(|(name, zh)| us.get(name).map(|us| (zh, name, us)));
    named.map(|(zh, name, us)| format!("{zh} {name} {us}")).collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(threads: &[(&'static str, u64)], text: &str) -> Reading {
        let mut told = Told::default();
        told.add(text);
        Reading { threads: Used(threads.iter().copied().collect()), told }
    }

    #[test]
    fn stages_and_what_no_stage_saw_add_up_to_the_total() {
        let before = reading(
            &[("total", 100), ("consensus", 50), ("interface", 10)],
            "chaincity_cpu_seconds_total{stage=\"execution\",thread=\"tokio-rt-worker\"} 0.000020000\n\
             chaincity_wire_bytes_total{direction=\"out\"} 1000\n",
        );
        let after = reading(
            &[("total", 1_200), ("consensus", 750), ("interface", 210), ("read_model", 90)],
            "# TYPE chaincity_cpu_seconds_total counter\n\
             chaincity_cpu_seconds_total{stage=\"execution\",thread=\"tokio-rt-worker\"} 0.000320000\n\
             chaincity_cpu_seconds_total{stage=\"verification\",thread=\"\"} 0.000100000\n\
             chaincity_cpu_seconds_total{stage=\"verification\",thread=\"chaincity-api\"} 0.000050999\n\
             chaincity_cpu_seconds_total{stage=\"read_model\",thread=\"chaincity-follow\"} 0.000080000\n\
             chaincity_cpu_seconds_total{stage=\"none\",thread=\"chaincity-api\"} 7.000000000\n\
             chaincity_wire_bytes_total{direction=\"in\"} 77\n\
             chaincity_wire_bytes_total{direction=\"out\"} 5000\n",
        );
        let cost = Cost::between(&before, &after);
        let expected = [
            ("consensus", 300),
            ("execution", 300),
            ("interface", 150),
            ("read_model", 90),
            ("rest", 110),
            ("total", 1_100),
            ("verification", 150),
        ];
        assert_eq!(cost, Cost { us: expected.into(), wire_bytes: 4_000 });
        let parts = cost.us.iter().filter(|(name, _)| **name != TOTAL);
        assert_eq!(parts.map(|(_, us)| us).sum::<u64>(), 1_100);
        let each = cost.each(10, 4);
        assert_eq!((each.us.get("execution"), each.wire_bytes), (Some(&30), 1_000));
        assert_eq!(cost.each(0, 0).wire_bytes, 0);
    }

    #[test]
    fn everything_that_is_told_apart_has_a_name_for_people() {
        let named: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        assert!(Stage::ALL.iter().all(|stage| named.contains(&stage.name())), "{named:?}");
        for thread in [
            "chaincity-api",
            "chaincity-engine",
            "",
            "chaincity-timers",
            "chaincity-release",
            "fjall:worker",
        ] {
            assert!(purpose(thread).is_some_and(|name| named.contains(&name)), "{thread}");
        }
        let told = for_person(&[("consensus", 7), ("admission", 3)].into());
        assert_eq!(told, "准入 admission 3 · 共识 consensus 7");
    }
}
