//! A small chain with true digests: each block updates some records and leaves a receipt each.

use std::collections::BTreeMap;

use chaincity_crypto::{hash, tree};
use chaincity_history::{HistoryStore, StoredBlock};
use chaincity_types::wire::{
    Block, Entry, Header, LogicalKey, Outcome, Provenance, Receipt, Status, Version, Write,
};
use chaincity_types::{Digest, Height, Timestamp, Value, cbor};

pub type Bodies = Vec<(Digest, Vec<u8>)>;

/// Makes one block after another.
#[derive(Default)]
pub struct Chain {
    next: u64,
    parent: Digest,
    heads: BTreeMap<String, (u64, Digest)>,
}

impl Chain {
    /// A block that writes a version of each of these records, of `size` bytes and more.
    pub fn block(&mut self, keys: &[&str], size: usize) -> (StoredBlock, Bodies) {
        let height = Height(self.next);
        let (mut bodies, mut receipts, mut writes) = (Bodies::new(), vec![], vec![]);
        let mut transactions = vec![];
        for (index, key) in keys.iter().enumerate() {
            let index = u32::try_from(index).unwrap();
            let id = hash::plain(format!("{height} {index}").as_bytes());
            let head = self.heads.entry((*key).to_owned()).or_default();
            let version = version(height, key, *head, id, size);
            let body = cbor::encode(&version);
            let digest = hash::body_digest(&body);
            *head = (version.version, digest);
            let write = Write {
                key: hash::state_key(&version.key),
                version: version.version,
                body: digest,
            };
            let entry =
                Entry { outcome: Outcome::Applied, writes: vec![write.clone()], events: vec![] };
            receipts.push(receipt(id, height, index, entry));
            transactions.push(format!("transaction {height} {index}").into_bytes().into());
            bodies.push((digest, body));
            writes.push(write);
        }
        let header = self.header(height, &transactions, &receipts, &writes);
        self.parent = hash::header_digest(&header);
        self.next += 1;
        (StoredBlock { block: Block { header, transactions }, receipts, writes }, bodies)
    }

    fn header(
        &self,
        height: Height,
        transactions: &[minicbor::bytes::ByteVec],
        receipts: &[Receipt],
        writes: &[Write],
    ) -> Header {
        let raw: Vec<&[u8]> = transactions.iter().map(|bytes| bytes.as_slice()).collect();
        let effects: Vec<Vec<u8>> =
            receipts.iter().map(cbor::encode).chain(writes.iter().map(cbor::encode)).collect();
        Header {
            ledger: Digest([1; 32]),
            protocol: 1,
            height,
            parent: self.parent,
            context: vec![],
            time: Timestamp(1_000 * (height.0 + 1)),
            transactions_root: tree::root(&raw),
            state_root: Digest([2; 32]),
            operations_root: Digest([3; 32]),
            operations_start: 0,
            operations_end: 0,
            effects_root: tree::root(&effects),
            committee: Digest([4; 32]),
            next_committee: Digest([4; 32]),
        }
    }
}

fn receipt(transaction: Digest, height: Height, index: u32, entry: Entry) -> Receipt {
    Receipt {
        transaction,
        height,
        index,
        time: Timestamp(1_000 * (height.0 + 1)),
        operator: [7; 32].into(),
        entries: vec![entry],
        fuel: 1,
    }
}

fn version(
    height: Height,
    key: &str,
    (before, previous): (u64, Digest),
    transaction: Digest,
    size: usize,
) -> Version {
    // Bytes that do not compress: a chain of digests.
    let mut note = vec![];
    let mut link = hash::plain(format!("{key} {height}").as_bytes());
    while note.len() < size {
        note.extend_from_slice(link.as_bytes());
        link = hash::plain(link.as_bytes());
    }
    Version {
        key: LogicalKey::Record {
            package: "test".into(),
            register: "note".into(),
            key: key.into(),
        },
        version: before + 1,
        previous,
        schema: 1,
        status: Status::Live,
        fields: BTreeMap::from([("note".into(), Value::Bytes(note))]),
        by: Provenance {
            transaction,
            call: 0,
            operator: [7; 32].into(),
            member: "registry".into(),
            package: "test".into(),
            package_version: 1,
            action: "write".into(),
            height,
            time: Timestamp(1_000 * (height.0 + 1)),
            case: None,
            mandates: None,
        },
        reason: None,
        corrects: None,
    }
}

/// `count` blocks of three writes each, over seven records.
pub fn blocks(count: u64, size: usize) -> Vec<(StoredBlock, Bodies)> {
    const KEYS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
    let mut chain = Chain::default();
    (0..count)
        .map(|height| {
            let at = |offset: u64| KEYS[usize::try_from((height * 3 + offset) % 7).unwrap()];
            chain.block(&[at(0), at(1), at(2)], size)
        })
        .collect()
}

/// Everything a reader could ask for about these blocks, or the error that refuses it, so that
/// two histories can be compared.
pub fn read_all(store: &dyn HistoryStore, blocks: &[(StoredBlock, Bodies)]) -> Vec<String> {
    let mut out = vec![format!("{:?} {:?}", store.tip(), store.complete_from())];
    for (block, bodies) in blocks {
        let height = block.block.header.height;
        out.push(format!("{:?}", store.block(height)));
        out.push(format!("{:?}", store.height_of(&hash::header_digest(&block.block.header))));
        out.push(format!("{:?}", store.certificate(height)));
        out.extend(bodies.iter().map(|(digest, _)| format!("{:?}", store.body(digest))));
        let ids = block.receipts.iter().map(|receipt| &receipt.transaction);
        out.extend(ids.map(|id| format!("{:?}", store.transaction(id))));
    }
    let names = store.meta_names("");
    out.push(format!("{names:?}"));
    for name in names.unwrap_or_default() {
        out.push(format!("{:?}", store.meta(&name)));
    }
    out
}
