//! The newest final blocks: what they wrote for the read model, which follows a moment behind, and
//! their receipts for those who wait for them. Neither need read back and decode what was just made.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaincity_history::{StoredBlock, Written};
use chaincity_ledger::WrittenVersion;
use chaincity_types::wire::LogicalKey;
use chaincity_types::{Digest, Height};

/// Most blocks and versions kept; the newest block is kept whatever its size. Who is further
/// behind reads the history.
const BLOCKS_MAX: usize = 256;
const VERSIONS_MAX: usize = 16_384;

/// The blocks, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Handed(Mutex<Blocks>);

#[derive(Debug, Default)]
struct Blocks {
    blocks: VecDeque<Kept>,
    versions: usize,
}

#[derive(Debug)]
struct Kept {
    height: Height,
    written: Arc<Written>,
    block: Arc<StoredBlock>,
}

impl Handed {
    fn kept(&self) -> MutexGuard<'_, Blocks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a final block that history holds, and what it wrote.
    pub(crate) fn add(&self, block: StoredBlock, digest: Digest, versions: &[WrittenVersion]) {
        let records = versions.iter().map(|written| &written.record);
        let records = records.filter(|r| matches!(r.version.key, LogicalKey::Record { .. }));
        let versions: Vec<_> = records.map(|r| (r.head.body, Arc::clone(&r.version))).collect();
        let (height, parent) = (block.block.header.height, block.block.header.parent);
        let mut kept = self.kept();
        kept.versions = kept.versions.saturating_add(versions.len());
        let written = Arc::new(Written { block: digest, parent, versions });
        kept.blocks.push_back(Kept { height, written, block: Arc::new(block) });
        while kept.blocks.len() > BLOCKS_MAX
            || (kept.versions > VERSIONS_MAX && kept.blocks.len() > 1)
        {
            let oldest = kept.blocks.pop_front();
            let gone = oldest.map_or(0, |oldest| oldest.written.versions.len());
            kept.versions = kept.versions.saturating_sub(gone);
        }
    }

    /// What the block at this height wrote, if it is kept.
    pub(crate) fn written(&self, height: Height) -> Option<Arc<Written>> {
        self.kept().at(height).map(|kept| Arc::clone(&kept.written))
    }

    /// The block at this height, if it is kept.
    pub(crate) fn block(&self, height: Height) -> Option<Arc<StoredBlock>> {
        self.kept().at(height).map(|kept| Arc::clone(&kept.block))
    }
}

impl Blocks {
    fn at(&self, height: Height) -> Option<&Kept> {
        self.blocks.iter().rev().find(|kept| kept.height == height)
    }
}

#[cfg(test)]
mod tests {
    use chaincity_ledger::Record;
    use chaincity_types::Timestamp;
    use chaincity_types::wire::{Block, Head, Header, Provenance, Status, Version};

    use super::*;

    fn version(key: LogicalKey) -> WrittenVersion {
        let by = Provenance {
            transaction: Digest([1; 32]),
            call: 0,
            operator: [].into(),
            member: String::new().into(),
            package: String::new().into(),
            package_version: 1,
            action: String::new().into(),
            height: Height(1),
            time: Timestamp(0),
            case: None,
            mandates: None,
        };
        let version = Version {
            key,
            version: 1,
            previous: Digest::ZERO,
            schema: 1,
            status: Status::Live,
            fields: std::collections::BTreeMap::new(),
            by,
            reason: None,
            corrects: None,
        };
        let head = Head { body: Digest([2; 32]), version: 1, began: Timestamp(0) };
        let record = Arc::new(Record { head, version: Arc::new(version) });
        WrittenVersion { state_key: Digest::ZERO, record, bytes: vec![] }
    }

    fn block(height: u64) -> StoredBlock {
        let digest = Digest([0; 32]);
        let header = Header {
            ledger: digest,
            protocol: 1,
            height: Height(height),
            parent: Digest([height.to_be_bytes()[7]; 32]),
            context: vec![],
            time: Timestamp(0),
            transactions_root: digest,
            state_root: digest,
            operations_root: digest,
            operations_start: 0,
            operations_end: 0,
            effects_root: digest,
            committee: digest,
            next_committee: digest,
        };
        let block = Block { header, transactions: vec![] };
        StoredBlock { block, receipts: vec![], writes: vec![] }
    }

    #[test]
    fn records_are_handed_over_and_index_entries_are_not() {
        let text = String::from;
        let record = LogicalKey::Record {
            package: text("p").into(),
            register: text("r").into(),
            key: text("k").into(),
        };
        let (package, register, index) = (text("p"), text("r"), text("i"));
        let entry = LogicalKey::Index {
            package: package.into(),
            register: register.into(),
            index: index.into(),
            values: vec![],
        };
        let handed = Handed::default();
        handed.add(block(7), Digest([9; 32]), &[version(entry), version(record.clone())]);
        let written = handed.written(Height(7)).unwrap();
        assert_eq!((written.block, written.parent), (Digest([9; 32]), Digest([7; 32])));
        let keys: Vec<_> = written.versions.iter().map(|(_, version)| &version.key).collect();
        assert_eq!(keys, [&record]);
        assert!(handed.written(Height(6)).is_none());
    }

    #[test]
    fn old_blocks_go_and_the_newest_stays() {
        let handed = Handed::default();
        for height in 1..=300 {
            handed.add(block(height), Digest::ZERO, &[]);
        }
        assert!(handed.block(Height(44)).is_none() && handed.block(Height(45)).is_some());
        let many = vec![
            version(LogicalKey::Record {
                package: "p".into(),
                register: "r".into(),
                key: "k".into(),
            });
            VERSIONS_MAX + 1
        ];
        handed.add(block(301), Digest::ZERO, &many);
        assert!(handed.block(Height(300)).is_none() && handed.block(Height(301)).is_some());
    }
}
