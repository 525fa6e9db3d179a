use chaincity_types::wire::{Header, Provenance, Status, Version};
use chaincity_types::{Digest, Height, Timestamp, Value};

use super::*;

fn block() -> FinalBlock {
    let header = Header {
        ledger: Digest::ZERO,
        protocol: 1,
        height: Height(7),
        parent: Digest::ZERO,
        context: Vec::new(),
        time: Timestamp(1),
        transactions_root: Digest::ZERO,
        state_root: Digest::ZERO,
        operations_root: Digest::ZERO,
        operations_start: 0,
        operations_end: 0,
        effects_root: Digest::ZERO,
        committee: Digest::ZERO,
        next_committee: Digest::ZERO,
    };
    FinalBlock { header, digest: Digest::ZERO, certified: Height(7), epoch: 0, signers: 1 }
}

fn record(register: &str, key: &str, fields: &[(&str, &str)]) -> ProvedRecord {
    let key =
        LogicalKey::Record { package: PACKAGE.into(), register: register.into(), key: key.into() };
    let by = Provenance {
        transaction: Digest::ZERO,
        call: 0,
        operator: [1; 32].into(),
        member: "registry".into(),
        package: PACKAGE.into(),
        package_version: 1,
        action: "access".into(),
        height: Height(7),
        time: Timestamp(1),
        case: None,
        mandates: None,
    };
    let fields = fields.iter().map(|(name, text)| ((*name).into(), Value::from(*text)));
    let version = Version {
        key: key.clone(),
        version: 1,
        previous: Digest::ZERO,
        schema: 1,
        status: Status::Live,
        fields: fields.collect(),
        by,
        reason: None,
        corrects: None,
    };
    ProvedRecord { key, block: block(), versions: vec![version] }
}

fn entry(number: &str, access: &str) -> ProvedRecord {
    let fields = [("subject", "测试甲"), ("number", number), ("access", access)];
    record("read-log", &format!("r-{number}"), &fields)
}

fn series(from: u64, last: u64, numbers: &[u64]) -> ProvedSeries {
    let entries = numbers.iter().map(|number| (*number, entry(&format!("{number:06}"), "a:1")));
    let (series, scope, entries) = (Series::Subject, "测试甲".into(), entries.collect());
    ProvedSeries { series, scope, last, from, block: block(), entries }
}

#[test]
fn every_number_that_was_given_out_and_is_not_there_is_missing() {
    assert_eq!(series(1, 0, &[]).missing(), []);
    assert_eq!(series(1, 3, &[1, 2, 3]).missing(), []);
    assert_eq!(series(1, 3, &[1, 3]).missing(), [2..=2]);
    assert_eq!(series(1, 9, &[3, 4, 7]).missing(), [1..=2, 5..=6, 8..=9]);
    assert_eq!(series(1, u64::MAX, &[]).missing(), [1..=u64::MAX]);
    // Later ones were given out after the counter was proved.
    assert_eq!(series(1, 2, &[1, 2, 5]).missing(), []);
    // A log that begins later says so, and lacks nothing before.
    assert_eq!(series(4, 6, &[1, 5]).missing(), [4..=4, 6..=6]);
}

#[test]
fn a_record_bears_the_number_of_its_own_scope_alone() {
    let number = |key: &str| Series::Access.number("bank-a:p:r", &record("access", key, &[]));
    assert_eq!(number("bank-a:p:r:00000012"), Some(12));
    for other in
        ["bank-b:p:r:00000012", "bank-a:p:r:12", "bank-a:p:r:+0000012", "bank-a:p:r:00000000"]
    {
        assert_eq!(number(other), None, "{other}");
    }
    let mut absent = record("access", "bank-a:p:r:00000012", &[]);
    absent.versions.clear();
    assert_eq!(Series::Access.number("bank-a:p:r", &absent), None);
    let confidential = record("confidential", "bank-a:p:r:00000012", &[]);
    assert_eq!(Series::Access.number("bank-a:p:r", &confidential), None);
    assert_eq!(Series::Subject.number("测试甲", &entry("000012", "a:1")), Some(12));
    assert_eq!(Series::Subject.number("测试乙", &entry("000012", "a:1")), None);
    assert_eq!(Series::Subject.number("测试甲", &entry("12", "a:1")), None);
}

#[test]
fn an_entry_of_a_subject_without_its_access_is_told() {
    let access = record("access", "a:1", &[]);
    let linked = BTreeMap::from([(access.key.clone(), access)]);
    let mut log = ProvedLog { series: vec![series(1, 2, &[1, 2])], linked };
    assert!(log.is_complete());
    let elsewhere = entry("000002", "a:2");
    log.series.first_mut().unwrap().entries.insert(2, elsewhere);
    assert_eq!(log.unresolved(), [("测试甲".into(), 2)]);
    assert!(!log.is_complete());
}
