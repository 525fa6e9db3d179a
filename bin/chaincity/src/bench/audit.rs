//! What the ledger holds afterwards: every accepted transaction exactly once, on nodes that agree.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chaincity_client::Client;
use chaincity_types::Digest;

use super::process::disk_bytes;
use super::workload::{Answers, Balance, Counted, Workload};
use crate::actor::{Actor, remote};
use crate::city::City;
use crate::cluster::Cluster;
use crate::fault::Fault;

/// How long the slowest node may take to reach the others' height.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// What was submitted.
#[derive(Debug, Default)]
pub(super) struct Submitted {
    /// Ids that a node accepted, the preparation's among them.
    pub(super) accepted: Vec<Digest>,
    /// Ids of submissions without an answer.
    pub(super) unknown: Vec<Digest>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Accepted transactions without a receipt.
    pub(super) lost: u64,
    /// Receipts beyond the first of a transaction.
    pub(super) duplicated: u64,
    /// Receipts of transactions that nobody submitted.
    pub(super) foreign: u64,
    /// Receipts of which something was rejected that should apply.
    pub(super) rejected: u64,
    /// Receipts of what the benchmark's own definition lets be rejected.
    pub(super) aborted: u64,
    /// What the accounts hold, where there are accounts.
    pub(super) balance: Option<Balance>,
    /// What the blocks say of cases, where there are cases.
    pub(super) counted: Option<Counted>,
    /// What the blocks say of accesses, where there are accesses.
    pub(super) answers: Option<Answers>,
    /// Whether the blocks' counts and the receipts add up to what was submitted.
    pub(super) totals_agree: bool,
    /// Whether all nodes have the same state root.
    pub(super) roots_agree: bool,
    /// Blocks read.
    pub(super) blocks: u64,
    /// Record versions written, the preparation's among them.
    pub(super) records: u64,
    /// Bytes on the disk of one node, on average.
    pub(super) disk_bytes: u64,
    /// Bytes of all transactions as they were signed.
    pub(super) signed_bytes: u64,
}

/// Reads every block from the last node and compares the nodes.
pub(super) fn audit(
    city: &City,
    cluster: &Cluster,
    ledger: Digest,
    reader: &str,
    submitted: &Submitted,
    workload: &mut dyn Workload,
) -> Result<Found, Fault> {
    let clients = cluster
        .urls()
        .into_iter()
        .map(|url| Actor::sign_in(&[url], ledger, city.key(reader)?).map(|actor| actor.client));
    let clients = clients.collect::<Result<Vec<_>, Fault>>()?;
    let height = level(cluster)?;
    let mut found = Found { roots_agree: roots_agree(&clients, height)?, ..Found::default() };
    let last = clients.last().ok_or_else(|| Fault::other("没有节点", "no nodes"))?;
    let mut counts: BTreeMap<Digest, u64> = BTreeMap::new();
    let (mut transactions, mut anothers) = (0_u64, Vec::new());
    for at in 1..=height {
        let block = last.block(at).map_err(remote)?;
        let missing = || Fault::other(format!("缺少区块 {at}"), format!("no block {at}"));
        let block = block.ok_or_else(missing)?;
        found.blocks = found.blocks.saturating_add(1);
        transactions = transactions.saturating_add(count(block.block.transactions));
        found.signed_bytes =
            found.signed_bytes.saturating_add(count(block.block.transaction_bytes));
        found.records = found.records.saturating_add(count(block.writes.len()));
        for receipt in &block.receipts {
            // What the ledger did by itself nobody submitted.
            if !receipt.operator.is_empty() {
                let id = Digest::from_hex(&receipt.id).unwrap_or_default();
                let seen = counts.entry(id).or_default();
                *seen = seen.saturating_add(1);
                anothers.extend(workload.is_anothers(receipt).then_some(id));
            }
            let codes = receipt.entries.iter().filter(|entry| !entry.applied);
            let codes = codes.map(|entry| entry.rejection.as_ref().map_or("", |r| r.code.as_str()));
            let codes: Vec<&str> = codes.collect();
            let foreseen = codes.iter().all(|code| workload.rejections().contains(code));
            let (rejected, aborted) = (!foreseen, foreseen && !codes.is_empty());
            found.rejected = found.rejected.saturating_add(u64::from(rejected));
            found.aborted = found.aborted.saturating_add(u64::from(aborted));
        }
        workload.on_block(&block);
    }
    found.balance = workload.balance(last, height)?;
    found.counted = workload.counted();
    found.answers = workload.answers();
    compare(&mut found, counts, transactions, (submitted, &anothers));
    let nodes = city.nodes.iter().map(|name| disk_bytes(&city.node_dir(name).join("data")));
    let bytes = nodes.collect::<Result<Vec<_>, Fault>>()?;
    let all = bytes.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
    found.disk_bytes = all.checked_div(count(bytes.len())).unwrap_or(0);
    Ok(found)
}

fn compare(
    found: &mut Found,
    mut counts: BTreeMap<Digest, u64>,
    transactions: u64,
    (submitted, anothers): (&Submitted, &[Digest]),
) {
    let receipts = counts.values().fold(0_u64, |sum, n| sum.saturating_add(*n));
    let again = counts.values().map(|n| n.saturating_sub(1));
    found.duplicated = again.fold(0, u64::saturating_add);
    let there = submitted.accepted.iter().filter(|id| counts.remove(id).is_some()).count();
    found.lost = count(submitted.accepted.len().saturating_sub(there));
    let others = submitted.unknown.iter().chain(anothers);
    let arrived = others.filter(|id| counts.remove(id).is_some()).count();
    found.foreign = count(counts.len());
    let ours = count(there.saturating_add(arrived));
    found.totals_agree =
        transactions == receipts && receipts == ours && found.foreign == 0 && found.lost == 0;
}

/// The height that all nodes have reached, at least the highest of now.
fn level(cluster: &Cluster) -> Result<u64, Fault> {
    let nodes = 0..cluster.nodes.len();
    let highest = nodes.clone().filter_map(|node| cluster.height(node)).max().unwrap_or(0);
    let begun = Instant::now();
    while !nodes.clone().all(|node| cluster.height(node).is_some_and(|h| h >= highest)) {
        if begun.elapsed() > PATIENCE {
            return Err(Fault::other("有节点落后", "a node has fallen behind"));
        }
        std::thread::sleep(LOOK);
    }
    Ok(highest)
}

fn roots_agree(clients: &[Client], height: u64) -> Result<bool, Fault> {
    let root = |client: &Client| {
        let block = client.block(height).map_err(remote)?;
        Ok(block.map(|block| block.block.state_root))
    };
    let roots = clients.iter().map(root).collect::<Result<Vec<_>, Fault>>()?;
    let first = roots.first().cloned().flatten();
    Ok(first.is_some() && roots.iter().all(|root| *root == first))
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> Digest {
        Digest([byte; 32])
    }

    fn compared(receipts: &[(u8, u64)], transactions: u64, accepted: &[u8]) -> Found {
        let mut found = Found::default();
        let counts = receipts.iter().map(|(byte, n)| (id(*byte), *n)).collect();
        let accepted = accepted.iter().map(|byte| id(*byte)).collect();
        let submitted = Submitted { accepted, unknown: vec![id(9)] };
        compare(&mut found, counts, transactions, (&submitted, &[]));
        found
    }

    #[test]
    fn what_is_lost_doubled_or_foreign_is_counted() {
        let good = compared(&[(1, 1), (2, 1), (9, 1)], 3, &[1, 2]);
        assert!(good.totals_agree && (good.lost, good.duplicated, good.foreign) == (0, 0, 0));
        let unanswered = compared(&[(1, 1), (2, 1)], 2, &[1, 2]);
        assert!(unanswered.totals_agree, "what got no answer need not have arrived");
        let lost = compared(&[(1, 1)], 1, &[1, 2]);
        assert!(!lost.totals_agree && lost.lost == 1);
        let doubled = compared(&[(1, 2), (2, 1)], 3, &[1, 2]);
        assert!(!doubled.totals_agree && doubled.duplicated == 1);
        let foreign = compared(&[(1, 1), (2, 1), (3, 1)], 3, &[1, 2]);
        assert!(!foreign.totals_agree && foreign.foreign == 1);
        let without_receipt = compared(&[(1, 1), (2, 1)], 3, &[1, 2]);
        assert!(!without_receipt.totals_agree);
    }
}
