//! The final blocks of a simulated city, and what must come of them once more on a fresh node.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use chaincity_engine::replay;
use chaincity_history::{FsckOptions, HistoryStore, MemoryStore, fsck};
use chaincity_pipeline::{NodeApi, Pipeline, genesis_header};
use chaincity_types::wire::{Block, Genesis, LogicalKey, Status, Version};
use chaincity_types::{Digest, Height, Timestamp, Value, cbor};

use crate::desk::Desk;
use crate::sim::Failure;
use crate::sim::city::City;

/// Virtual time within which all nodes have every block.
const EVERYWHERE_MS: u64 = 60_000;
/// How long an idle proposer waits.
const HEARTBEAT_MS: u64 = 1_000;

/// What a city decided.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The genesis document.
    pub genesis: Arc<Genesis>,
    /// Every final block from the first on.
    pub blocks: Vec<Arc<Block>>,
    /// The content digest, which is the same on every node.
    pub content: Digest,
}

/// The content digest of a history in which nothing is wrong.
///
/// # Errors
/// What is wrong with it.
pub fn content(history: &dyn HistoryStore) -> Result<Digest, Failure> {
    let report = fsck(history, &FsckOptions::default());
    if let Some(finding) = report.findings.first() {
        return Err(format!("the history is damaged: {finding}"));
    }
    report.content.ok_or_else(|| "the history has no content digest".to_owned())
}

impl Recording {
    /// Takes the blocks of a city in which nothing is on its way any more.
    ///
    /// # Errors
    /// When its nodes do not have the same blocks and the same content.
    pub async fn take(city: &mut City) -> Result<Self, Failure> {
        let height = city.height();
        city.reach(height, EVERYWHERE_MS).await?;
        let mut found: Option<(usize, Vec<Arc<Block>>, Digest)> = None;
        for node in city.honest() {
            let Some(api) = city.doors.at(node) else { continue };
            let blocks = blocks(&*api, height).map_err(|error| format!("node {node}: {error}"))?;
            let content = content(&*api.history());
            let content = content.map_err(|error| format!("node {node}: {error}"))?;
            let (first, wanted, same) = found.get_or_insert((node, blocks.clone(), content));
            if *wanted != blocks {
                return Err(format!("nodes {first} and {node} have different blocks"));
            }
            if *same != content {
                return Err(format!("nodes {first} and {node} have different content"));
            }
        }
        let (_, blocks, content) = found.ok_or("no node is up")?;
        Ok(Self { genesis: Arc::clone(&city.genesis), blocks, content })
    }

    /// Replays the blocks on a fresh node with a state like every node's: each must be valid and
    /// have the state roots of its header, and the content must be the same in the end.
    ///
    /// # Errors
    /// The first height at which that is not so.
    pub fn replay(&self) -> Result<(), Failure> {
        let store = Arc::new(MemoryStore::new());
        let history: Arc<dyn HistoryStore> = Arc::<MemoryStore>::clone(&store);
        let pipeline = Pipeline::open(Arc::clone(&self.genesis), Vec::new(), history);
        let pipeline = pipeline.map_err(|error| error.to_string())?;
        let epoch = NonZeroU64::new(self.genesis.epoch_blocks).unwrap_or(NonZeroU64::MIN);
        replay(genesis_header(&self.genesis), epoch, &pipeline, &self.blocks)
            .map_err(|error| error.to_string())?;
        same("the replay", content(&*store)?, self.content)
    }

    /// Submits the same transactions at the same times to a node on the stand-in orderer, which
    /// makes blocks of its own: they must have the same effects, and the content must be the same
    /// in the end. Every block has one transaction at most.
    ///
    /// # Errors
    /// The first height at which that is not so.
    pub fn again(&self) -> Result<(), Failure> {
        let desk = self.on_the_stand_in()?;
        same("the stand-in", content(&*desk.node().history())?, self.content)
    }

    /// What was decided, apart from when: every version of every record in order, a text each, without
    /// times and bytes. What follows from the time at which a transaction was signed (keys, above all)
    /// is numbered as it comes. Two runs of the same transactions have the same.
    ///
    /// # Errors
    /// As [`Recording::again`].
    pub fn outline(&self) -> Result<Vec<String>, Failure> {
        let desk = self.on_the_stand_in()?;
        let history = desk.node().history();
        let mut outline = Outline::default();
        let failed = |error: chaincity_history::HistoryError| error.to_string();
        for block in &self.blocks {
            let stored = history.block(block.header.height).map_err(failed)?;
            for write in stored.ok_or("a block is missing")?.writes {
                let body = history.body(&write.body).map_err(failed)?.ok_or("a body is missing")?;
                let version = cbor::decode(&body, body.len());
                outline.version(&version.map_err(|error| error.to_string())?);
            }
        }
        Ok(outline.versions.iter().map(|version| format!("{version:?}")).collect())
    }

    fn on_the_stand_in(&self) -> Result<Desk, Failure> {
        let mut desk = Desk::before(Genesis::clone(&self.genesis));
        for wanted in &self.blocks {
            let height = wanted.header.height;
            // Whoever has nothing to propose waits a heartbeat for something, but with the first.
            let waits = wanted.transactions.is_empty() && height != Height(1);
            let wait = if waits { HEARTBEAT_MS } else { 0 };
            desk.clock().set(Timestamp(wanted.header.time.0.saturating_sub(wait)));
            for bytes in &wanted.transactions {
                // What admission refuses has come to the block by gossip, and comes so again.
                if desk.submit(bytes).is_err() {
                    desk.gossip(&[bytes.as_slice()]);
                }
            }
            let made = desk.step();
            let effects = |block: &Block| {
                let header = &block.header;
                let roots = (header.transactions_root, header.effects_root);
                (header.time, roots, header.committee, header.next_committee)
            };
            if effects(&made) != effects(wanted) {
                return Err(format!(
                    "at height {height} the stand-in makes {:?} of {:?}",
                    effects(&made),
                    effects(wanted)
                ));
            }
        }
        Ok(desk)
    }
}

/// What a run amounts to, apart from when it was.
#[derive(Default)]
struct Outline {
    versions: Vec<Value>,
    /// Texts that follow from when a transaction was signed, numbered.
    numbers: BTreeMap<String, usize>,
}

/// Hexadecimal digits from which on a text is a key or a digest.
const DIGITS_MIN: usize = 24;

impl Outline {
    fn version(&mut self, version: &Version) {
        let LogicalKey::Record { package, register, key } = &version.key else { return };
        let by = &version.by;
        let parts = vec![
            Value::Text(package.clone()),
            Value::Text(register.clone()),
            self.text(key),
            Value::Int(i64::try_from(version.version).unwrap_or(i64::MAX)),
            Value::Bool(version.status == Status::Live),
            Value::Text(by.package.clone()),
            Value::Text(by.action.clone()),
            Value::Bytes(by.operator.to_vec()),
            self.value(&Value::Map(version.fields.clone())),
        ];
        self.versions.push(Value::List(parts));
    }

    fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::Time(_) | Value::Bytes(_) => Value::Null,
            Value::Text(text) => self.text(text),
            Value::List(items) => Value::List(items.iter().map(|item| self.value(item)).collect()),
            Value::Map(map) => Value::Map(
                map.iter().map(|(name, item)| (name.clone(), self.value(item))).collect(),
            ),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal { .. }
            | Value::Date(_) => value.clone(),
        }
    }

    fn text(&mut self, text: &str) -> Value {
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let mut out = String::new();
        for part in text.split_inclusive(|c: char| !is_digit(c)) {
            let digits = part.trim_end_matches(|c: char| !is_digit(c));
            if digits.len() < DIGITS_MIN {
                out.push_str(part);
                continue;
            }
            let next = self.numbers.len();
            let number = *self.numbers.entry(digits.to_owned()).or_insert(next);
            out.extend(["#", &number.to_string(), part.get(digits.len()..).unwrap_or_default()]);
        }
        out.into()
    }
}

fn same(who: &str, found: Digest, wanted: Digest) -> Result<(), Failure> {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{who} has the content {found} where the city has {wanted}"))
}

fn blocks(api: &dyn NodeApi, height: Height) -> Result<Vec<Arc<Block>>, Failure> {
    let block = |at| {
        let stored = api.block(Height(at)).map_err(|error| error.to_string())?;
        let stored = stored.ok_or_else(|| format!("block {at} is missing"))?;
        Ok(Arc::new(stored.block.clone()))
    };
    (1..=height.0).map(block).collect()
}
