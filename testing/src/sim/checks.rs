//! What must hold after a run, whatever went wrong in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaincity_crypto::hash;
use chaincity_crypto::verify::Trust;
use chaincity_engine::Clock as _;
use chaincity_history::StoredBlock;
use chaincity_ledger::governance;
use chaincity_pipeline::NodeApi;
use chaincity_types::wire::{LogicalKey, Receipt, Version};
use chaincity_types::{Digest, Height};

use crate::audit;
use crate::sim::Failure;
use crate::sim::city::City;
use crate::sim::client::Client;
use crate::workload::Random;

/// Virtual time within which a healed city must decide something new everywhere.
const HEALED_MS: u64 = 90_000;
/// Records of each kind whose proofs are verified.
const PROVED: usize = 6;

/// Asks for progress, then checks everything.
///
/// # Errors
/// The first thing that does not hold.
pub async fn everything(city: &mut City, client: &mut Client) -> Result<(), Failure> {
    progress(city, client).await?;
    let receipts: Vec<Receipt> = client.courier.receipts.values().cloned().collect();
    let mut top = None;
    for node in city.honest() {
        let Some(api) = city.doors.at(node) else { continue };
        let of = |failure: Failure| format!("node {node}: {failure}");
        kept(&*api, &receipts).map_err(of)?;
        let blocks = history(&*api, city.height()).map_err(of)?;
        once_each(&blocks, &receipts).map_err(of)?;
        let found: Vec<Digest> =
            blocks.iter().map(|stored| hash::header_digest(&stored.block.header)).collect();
        let wanted = top.get_or_insert_with(|| found.clone());
        if let Some(height) = differ(wanted, &found) {
            return Err(of(format!("another block at height {height} than another node's")));
        }
        proofs(&*api, city, client, &receipts).await.map_err(of)?;
        records(&*api, &blocks, client).await.map_err(of)?;
    }
    innocent(city)
}

/// New transactions become final on every honest node in bounded time.
async fn progress(city: &mut City, client: &mut Client) -> Result<(), Failure> {
    let begun = city.sim.now();
    let before = city.height();
    let calls = (0..3).map(|_| client.stranger(begun)).collect();
    let answers = client.courier.settle(calls).await?;
    let height = answers.iter().filter_map(|answer| Some(answer.receipt()?.height)).max();
    let height = height.ok_or("the healed city refuses")?;
    if height <= before {
        return Err(format!("a new transaction stands at the old height {height}"));
    }
    city.reach(height, HEALED_MS).await?;
    let took = city.sim.now().since_ms(begun);
    if took > HEALED_MS {
        return Err(format!("the healed city took {took} ms to decide something new"));
    }
    // What was on its way stays on its way no longer than a block: let it arrive everywhere.
    let height = city.height();
    city.reach(height, HEALED_MS).await
}

/// Every receipt that was ever shown is still what it was.
fn kept(api: &dyn NodeApi, receipts: &[Receipt]) -> Result<(), Failure> {
    for wanted in receipts {
        let found = api.receipt(&wanted.transaction).map_err(|error| error.to_string())?;
        if found.as_ref() != Some(wanted) {
            return Err(format!("a client was shown {wanted:?}, which is now {found:?}"));
        }
    }
    Ok(())
}

/// All blocks up to `height`; each follows the one before.
fn history(api: &dyn NodeApi, height: Height) -> Result<Vec<StoredBlock>, Failure> {
    let mut blocks: Vec<StoredBlock> = Vec::new();
    for at in 1..=height.0.min(api.status().height.0) {
        let stored = api.history().block(Height(at)).map_err(|error| error.to_string())?;
        let stored = stored.ok_or_else(|| format!("block {at} is missing"))?;
        if let Some(before) = blocks.last()
            && stored.block.header.parent != hash::header_digest(&before.block.header)
        {
            return Err(format!("block {at} does not follow the one before"));
        }
        blocks.push(stored);
    }
    Ok(blocks)
}

/// Each transaction stands in the ledger once, and no other transaction does. What nobody signed for
/// the ledger's timers did.
fn once_each(blocks: &[StoredBlock], receipts: &[Receipt]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    let all = blocks.iter().flat_map(|stored| &stored.receipts);
    for receipt in all.filter(|receipt| !receipt.operator.is_empty()) {
        if !seen.insert(receipt.transaction) {
            return Err(format!("transaction {} has two receipts", receipt.transaction));
        }
    }
    let sent: BTreeSet<Digest> = receipts.iter().map(|receipt| receipt.transaction).collect();
    match seen.symmetric_difference(&sent).next() {
        None => Ok(()),
        Some(id) if seen.contains(id) => {
            Err(format!("transaction {id} is final and nobody waits for it"))
        }
        Some(id) => Err(format!("transaction {id} was final and is not")),
    }
}

fn differ(a: &[Digest], b: &[Digest]) -> Option<usize> {
    let at = a.iter().zip(b).position(|(a, b)| a != b);
    at.map(|at| at.saturating_add(1))
}

/// Proofs of every receipt and of some records, present and absent, verify from genesis on.
async fn proofs(
    api: &dyn NodeApi,
    city: &City,
    client: &Client,
    receipts: &[Receipt],
) -> Result<(), Failure> {
    let bundle = api.trust_bundle().map_err(|error| error.to_string())?;
    let trust = Trust::from_bundle(&bundle, Some(&city.ledger));
    let trust = trust.map_err(|error| format!("the trust bundle: {error}"))?;
    for wanted in receipts {
        let proof = api.prove_receipt(wanted.transaction).await.map_err(|e| e.to_string())?;
        let proof = proof.ok_or("a receipt cannot be proved")?;
        let proved = trust.receipt(&proof).map_err(|error| format!("a receipt: {error}"))?;
        if proved.receipt != *wanted {
            return Err(format!("{wanted:?} is proved as {:?}", proved.receipt));
        }
    }
    let mut random = Random::new(city.sim.clock().now().0);
    for (key, present) in sample(client, &mut random) {
        let proof = api.prove_record(key.clone(), 3).await.map_err(|e| e.to_string())?;
        let proved = trust.record(&proof).map_err(|error| format!("{key:?}: {error}"))?;
        if proved.key != key || proved.versions.is_empty() == present {
            return Err(format!("{key:?} is proved otherwise than as present: {present}"));
        }
    }
    Ok(())
}

/// Keys of some records, and whether each is present.
fn sample(client: &Client, random: &mut Random) -> Vec<(LogicalKey, bool)> {
    let mut keys = vec![
        (governance::committee_key(), true),
        (audit::key("unit", "never-registered"), false),
        (audit::key("seal", "000000000000000000000000"), false),
    ];
    for register in ["unit", "right", "mortgage", "seal"] {
        let of = client.keys.of(register);
        let picked = (0..PROVED).filter_map(|_| random.pick(of)).collect::<BTreeSet<_>>();
        keys.extend(picked.iter().map(|name| (audit::key(register, name), true)));
    }
    keys
}

/// The state, and the versions that history holds, are what the model expects.
async fn records(
    api: &dyn NodeApi,
    blocks: &[StoredBlock],
    client: &Client,
) -> Result<(), Failure> {
    let mut current: BTreeMap<LogicalKey, Arc<Version>> = BTreeMap::new();
    for write in blocks.iter().flat_map(|stored| &stored.writes) {
        let version = api.body(write.body).await.map_err(|error| error.to_string())?;
        let version = version.ok_or_else(|| format!("body {} is missing", write.body))?;
        current.insert(version.key.clone(), version);
    }
    for (key, version) in &current {
        let read = api.record(key.clone()).await.map_err(|error| error.to_string())?;
        if read.as_ref().map(|(_, read)| read) != Some(version) {
            return Err(format!("{key:?}: the state has {read:?}, history {version:?}"));
        }
    }
    let records = current.iter().map(|(key, version)| (key, &**version)).collect();
    let mut model = client.workload.model().clone();
    model.block_ended(blocks.last().map_or(0, |last| last.block.header.time.0));
    audit::check(&records, &model, &client.keys)
}

/// Nobody was caught contradicting itself but who did.
fn innocent(city: &City) -> Result<(), Failure> {
    let guilty = city.equivocator().map(|node| city.keys.node_public(node));
    match city.accused().into_iter().find(|accused| Some(accused) != guilty.as_ref()) {
        None => Ok(()),
        Some(accused) => Err(format!("an honest validator was accused: {accused:?}")),
    }
}
