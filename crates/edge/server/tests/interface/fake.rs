//! A fake node and a fake read model: they keep what a test puts in, and decide nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chaincity_crypto::{cose, hash};
use chaincity_history::{HistoryStore, StoredBlock};
use chaincity_package::model::Package;
use chaincity_pipeline::{NodeApi, NodeError, NodeStatus, Refusal};
use chaincity_query::{Count, Figures, Group, Page, QueryError, Select, Statistics, Versions};
use chaincity_server::Reader;
use chaincity_types::wire::{
    Block, Entry, Event, FinalityProof, Genesis, Head, Header, LogicalKey, Outcome, Provenance,
    Receipt, ReceiptProof, RecordProof, Status, TrustBundle, Version,
};
use chaincity_types::{Digest, Height, Reject, Timestamp, Value, cbor};
use futures::future::{BoxFuture, FutureExt as _};
use tokio::sync::watch;

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!("../../../../../examples/verify/vectors/", $name)).as_slice()
    };
}
pub(crate) use vector;

const MAX: usize = 1 << 20;

/// Time of the fake's block at a height.
pub fn time(height: u64) -> Timestamp {
    Timestamp(1_790_000_000_000 + height * 1_000)
}

pub struct FakeNode {
    pub bundle: TrustBundle,
    /// The trust bundle that it hands out.
    pub served: Mutex<TrustBundle>,
    pub records: Mutex<BTreeMap<LogicalKey, Version>>,
    pub packages: Vec<Arc<Package>>,
    blocks: Mutex<Vec<StoredBlock>>,
    tip: watch::Sender<u64>,
    /// So many submissions are refused as busy.
    pub busy: AtomicU32,
    /// The refusal of every other submission, if any.
    pub refusal: Mutex<Option<Refusal>>,
    /// Whether there is a state to read.
    pub ready: AtomicBool,
    /// How long a submission takes.
    pub slow: Mutex<Duration>,
    /// Bytes of padding in each block's event.
    pub padding: usize,
}

impl FakeNode {
    pub fn new(packages: Vec<Arc<Package>>, padding: usize) -> Self {
        let bundle: TrustBundle = cbor::decode(vector!("trust.cbor"), MAX).unwrap();
        let node = Self {
            served: Mutex::new(bundle.clone()),
            bundle,
            records: Mutex::default(),
            packages,
            blocks: Mutex::default(),
            tip: watch::channel(0).0,
            busy: AtomicU32::new(0),
            refusal: Mutex::default(),
            ready: AtomicBool::new(true),
            slow: Mutex::default(),
            padding,
        };
        node.add_block(None);
        node
    }

    pub fn ledger(&self) -> Digest {
        hash::ledger_id(&self.bundle.genesis)
    }

    pub fn put(&self, version: Version) {
        self.records.lock().unwrap().insert(version.key.clone(), version);
    }

    /// Adds a final block, with one transaction or none.
    pub fn add_block(&self, transaction: Option<(Digest, Vec<u8>)>) {
        let mut blocks = self.blocks.lock().unwrap();
        let height = Height(blocks.len() as u64);
        let parent = blocks.last().map_or(Digest::ZERO, |b| hash::header_digest(&b.block.header));
        let header = Header {
            ledger: self.ledger(),
            protocol: 1,
            height,
            parent,
            context: Vec::new(),
            time: time(height.0),
            transactions_root: Digest::ZERO,
            state_root: Digest([height.0 as u8; 32]),
            operations_root: Digest::ZERO,
            operations_start: 0,
            operations_end: 0,
            effects_root: Digest::ZERO,
            committee: Digest::ZERO,
            next_committee: Digest::ZERO,
        };
        let event = Event {
            package: "real-estate".into(),
            kind: "inserted".into(),
            register: "unit".into(),
            key: format!("u-{height}").into(),
            data: Some(Value::from("x".repeat(self.padding))),
        };
        let entry = Entry { outcome: Outcome::Applied, writes: Vec::new(), events: vec![event] };
        let receipts = transaction.iter().map(|(id, _)| Receipt {
            transaction: *id,
            height,
            index: 0,
            time: header.time,
            operator: vec![7; 32],
            entries: vec![entry.clone()],
            fuel: 5,
        });
        let receipts = receipts.collect();
        let transactions = transaction.into_iter().map(|(_, bytes)| bytes.into()).collect();
        let block = Block { header, transactions };
        blocks.push(StoredBlock { block, receipts, writes: Vec::new() });
        drop(blocks);
        self.tip.send_replace(height.0);
    }

    fn submit_one(&self, transaction: Bytes) -> Result<Digest, Refusal> {
        let refused = |code| Refusal { code, guard: None, detail: None };
        if self.busy.load(Ordering::SeqCst) > 0 {
            self.busy.fetch_sub(1, Ordering::SeqCst);
            return Err(refused(Reject::Busy));
        }
        let signed = cose::decode_transaction(&transaction).map_err(refused)?;
        signed.verify().map_err(refused)?;
        if let Some(refusal) = self.refusal.lock().unwrap().clone() {
            return Err(refusal);
        }
        if self.find_receipt(&signed.id).is_some() {
            return Err(refused(Reject::Duplicate));
        }
        self.add_block(Some((signed.id, transaction.to_vec())));
        Ok(signed.id)
    }

    fn find_receipt(&self, id: &Digest) -> Option<Receipt> {
        let blocks = self.blocks.lock().unwrap();
        blocks.iter().flat_map(|b| &b.receipts).find(|r| r.transaction == *id).cloned()
    }
}

impl NodeApi for FakeNode {
    fn submit_many(&self, batch: Vec<Bytes>) -> BoxFuture<'_, Vec<Result<Digest, Refusal>>> {
        async move {
            let slow = *self.slow.lock().unwrap();
            tokio::time::sleep(slow).await;
            batch.into_iter().map(|transaction| self.submit_one(transaction)).collect()
        }
        .boxed()
    }

    fn receipt(&self, id: &Digest) -> Result<Option<Receipt>, NodeError> {
        Ok(self.find_receipt(id))
    }

    fn wait_receipt(
        &self,
        id: Digest,
        ms: u64,
    ) -> BoxFuture<'_, Result<Option<Receipt>, NodeError>> {
        async move {
            let mut tip = self.tip.subscribe();
            let found = tip.wait_for(|_| self.find_receipt(&id).is_some());
            let waited = tokio::time::timeout(Duration::from_millis(ms), found).await;
            Ok(waited.ok().and_then(|_| self.find_receipt(&id)))
        }
        .boxed()
    }

    fn record(
        &self,
        key: LogicalKey,
    ) -> BoxFuture<'_, Result<Option<(Head, Arc<Version>)>, NodeError>> {
        async move {
            Ok(self.records.lock().unwrap().get(&key).map(|version| {
                let head = Head {
                    body: hash::version_digest(version),
                    version: version.version,
                    began: version.by.time,
                };
                (head, Arc::new(version.clone()))
            }))
        }
        .boxed()
    }

    fn prove_record(
        &self,
        key: LogicalKey,
        _: usize,
    ) -> BoxFuture<'_, Result<RecordProof, NodeError>> {
        async move {
            let key = match key {
                LogicalKey::Record { key, .. } => key.to_string(),
                _ => String::new(),
            };
            match key.as_str() {
                // Whatever else is asked for, the same proof: a node that lies.
                "uncertified" => Err(NodeError::NotCertified(9)),
                _ => Ok(cbor::decode(vector!("record.cbor"), MAX).unwrap()),
            }
        }
        .boxed()
    }

    fn prove_receipt(&self, id: Digest) -> BoxFuture<'_, Result<Option<ReceiptProof>, NodeError>> {
        async move {
            let proof: ReceiptProof = cbor::decode(vector!("receipt.cbor"), MAX).unwrap();
            Ok((id != Digest::ZERO).then_some(proof))
        }
        .boxed()
    }

    fn finality(&self, height: Height) -> Result<FinalityProof, NodeError> {
        Err(NodeError::NotCertified(height.0))
    }

    fn trust_bundle(&self) -> Result<TrustBundle, NodeError> {
        Ok(self.served.lock().unwrap().clone())
    }

    fn block(&self, height: Height) -> Result<Option<Arc<StoredBlock>>, NodeError> {
        Ok(self.blocks.lock().unwrap().get(height.0 as usize).cloned().map(Arc::new))
    }

    fn body(&self, _: Digest) -> BoxFuture<'_, Result<Option<Arc<Version>>, NodeError>> {
        async { Ok(None) }.boxed()
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), NodeError>> {
        let ready = self.ready.load(Ordering::SeqCst);
        async move { if ready { Ok(()) } else { Err(NodeError::NotReady) } }.boxed()
    }

    fn status(&self) -> NodeStatus {
        let blocks = self.blocks.lock().unwrap();
        let header = &blocks.last().unwrap().block.header;
        NodeStatus {
            ledger: self.ledger(),
            protocol: 1,
            node_key: vec![9; 32],
            validator: true,
            height: header.height,
            block: hash::header_digest(header),
            state_root: header.state_root,
            time: header.time,
            epoch: 0,
            committee: Some(chaincity_crypto::verify::first_committee(&self.bundle.genesis)),
            pool: 3,
            peers: Some(4),
            history_from: Some(Height(0)),
            syncing: false,
            timer_lag_ms: 0,
            equivocators: Vec::new(),
        }
    }

    fn genesis(&self) -> Arc<Genesis> {
        Arc::new(self.bundle.genesis.clone())
    }

    fn packages(&self) -> Vec<Arc<Package>> {
        self.packages.clone()
    }

    fn wait_above(&self, height: Height) -> BoxFuture<'_, Height> {
        async move {
            let mut tip = self.tip.subscribe();
            let above = tip.wait_for(|tip| *tip > height.0).await.map(|tip| *tip);
            Height(above.expect("the sender lives as long as the node"))
        }
        .boxed()
    }

    fn history(&self) -> Arc<dyn HistoryStore> {
        unimplemented!("the interface does not ask for it")
    }
}

/// A fake read model: it gives the versions put in, and notes what was selected.
#[derive(Default)]
pub struct FakeReader {
    pub versions: Mutex<Vec<Version>>,
    pub selected: Mutex<Option<Select>>,
    pub counted: Mutex<Option<Count>>,
}

impl Reader for FakeReader {
    fn select(&self, select: &Select) -> Result<Page, QueryError> {
        *self.selected.lock().unwrap() = Some(select.clone());
        if select.filters.iter().any(|filter| filter.field == "location") {
            return Err(QueryError::FilterNotIndexed);
        }
        let items = self.versions.lock().unwrap().clone();
        Ok(Page { items, next: Some("more".into()), height: Some(Height(3)) })
    }

    fn history(
        &self,
        _: (&str, &str, &str),
        before: Option<u64>,
        limit: usize,
    ) -> Result<Versions, QueryError> {
        let versions = self.versions.lock().unwrap();
        let below = |v: &&Version| before.is_none_or(|before| v.version < before);
        let items: Vec<_> = versions.iter().rev().filter(below).take(limit).cloned().collect();
        let next = items.last().map(|v| v.version).filter(|oldest| *oldest > 1);
        Ok(Versions { items, next, height: Some(Height(3)) })
    }

    fn as_of(&self, _: (&str, &str, &str), at: Timestamp) -> Result<Option<Version>, QueryError> {
        let versions = self.versions.lock().unwrap();
        Ok(versions.iter().rev().find(|version| version.by.time <= at).cloned())
    }

    fn count(&self, count: &Count) -> Result<Statistics, QueryError> {
        *self.counted.lock().unwrap() = Some(count.clone());
        let group = Group { member: Some("registry".to_owned()), ..Group::default() };
        let figures = Figures {
            group,
            opened: 5,
            done: 3,
            late: 1,
            open: 2,
            overdue: 1,
            returned: 4,
            median_minutes: Some(60),
            ..Figures::default()
        };
        Ok(Statistics { items: vec![figures], next: Some(7), height: Some(Height(3)) })
    }

    fn height(&self) -> Option<Height> {
        Some(Height(3))
    }
}

/// A version of a record, written at `height`.
pub fn version(
    (package, register, key): (&str, &str, &str),
    number: u64,
    height: u64,
    fields: &[(&str, Value)],
) -> Version {
    let fields = fields.iter().map(|(name, value)| ((*name).into(), value.clone()));
    Version {
        key: LogicalKey::Record {
            package: package.into(),
            register: register.into(),
            key: key.into(),
        },
        version: number,
        previous: Digest::ZERO,
        schema: 1,
        status: Status::Live,
        fields: fields.collect(),
        by: Provenance {
            transaction: Digest([5; 32]),
            call: 0,
            operator: [6; 32].into(),
            member: "registry".into(),
            package: package.into(),
            package_version: 1,
            action: "first-registration".into(),
            height: Height(height),
            time: time(height),
            case: None,
            mandates: None,
        },
        reason: None,
        corrects: None,
    }
}
