//! The one place where tests touch the ledger and the package's files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaincity_ledger::memory::{MemoryLedger, PackageCache};
use chaincity_ledger::{BlockContext, BlockRun, SignedCall, Step};
use chaincity_package::model::Package;
use chaincity_package::source::Source;
use chaincity_types::wire::{
    Call, Genesis, GenesisMember, GenesisNode, GenesisOperator, LogicalKey, Mode, Outcome,
    Transaction, Validator, Version,
};
use chaincity_types::{Digest, Height, Str, Timestamp, Value};

use crate::import::check::{self, Mapping};
use crate::import::mapping;
use crate::import::meter::Meter;
use crate::import::report::Summary;
use crate::import::run::{CallOutcome, Finished, Options, Sink, run};

pub(super) const IMPORTER: [u8; 32] = [7; 32];
/// 2026-01-05T00:00:00Z, a day in the future of the data.
const START_MS: u64 = 1_767_571_200_000;
const TODAY: i32 = 20_458;

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(super) fn real_estate() -> Source {
    crate::folder::read(&root().join("packages/real-estate")).unwrap().unwrap()
}

pub(super) fn package() -> Package {
    real_estate().compile().unwrap()
}

pub(super) fn taipei_text() -> String {
    fs::read_to_string(root().join("packages/real-estate/imports/taipei.yaml")).unwrap()
}

pub(super) fn compile(text: &str) -> Result<Mapping, Vec<mapping::MappingProblem>> {
    compile_for(&package(), text)
}

/// A mapping held against another package.
pub(super) fn compile_for(
    package: &Package,
    text: &str,
) -> Result<Mapping, Vec<mapping::MappingProblem>> {
    let read = mapping::read(text).map_err(|problem| vec![problem])?;
    check::compile(&read, package, TODAY)
}

pub(super) fn taipei() -> Mapping {
    compile(&taipei_text()).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// The mapping of a synthetic generation.
pub(super) fn generation_text(number: u64) -> String {
    let path = format!("packages/real-estate/imports/generation-{number}.yaml");
    fs::read_to_string(root().join(path)).unwrap()
}

/// The files of the synthetic generations.
pub(super) fn generations() -> PathBuf {
    root().join("examples/data/generations")
}

pub(super) fn data() -> PathBuf {
    root().join("examples/data/taipei-2015Q2")
}

/// Who may sign.
pub(super) struct Person {
    pub(super) key: [u8; 32],
    pub(super) member: &'static str,
    pub(super) roles: &'static [&'static str],
    pub(super) subject: Option<&'static str>,
}

/// A ledger that executes each transaction in a block of its own, and answers late.
pub(super) struct Memory {
    pub(super) ledger: MemoryLedger,
    package: Str,
    cache: PackageCache,
    context: BlockContext,
    /// Transactions that are final and not told yet.
    late: Vec<Finished>,
}

impl Memory {
    pub(super) fn new() -> Self {
        let roles = &["registry.importer", "registry.registrar"];
        let importer = Person { key: IMPORTER, member: "registry", roles, subject: None };
        Self::founded(&real_estate(), &[importer])
    }

    /// The ledger of a package after genesis; the first of the people runs its node.
    pub(super) fn founded(source: &Source, people: &[Person]) -> Self {
        Self::founded_with(source, &[], people)
    }

    /// The same, with packages that it requires.
    pub(super) fn founded_with(source: &Source, required: &[&Source], people: &[Person]) -> Self {
        let mut roles: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for person in people {
            roles.entry(person.member).or_default().extend(person.roles.iter().copied());
        }
        let member = |(id, roles): (&str, BTreeSet<&str>)| GenesisMember {
            id: id.to_owned(),
            name_zh: "测试".to_owned(),
            name_en: "test".to_owned(),
            roles: roles.into_iter().map(str::to_owned).collect(),
        };
        let operator = |person: &Person| GenesisOperator {
            key: person.key.to_vec(),
            member: person.member.to_owned(),
            roles: person.roles.iter().map(|role| (*role).to_owned()).collect(),
            subject: person.subject.map(str::to_owned),
        };
        let validator = Validator {
            key: vec![1; 32],
            member: people[0].member.to_owned(),
            address: "127.0.0.1:1".to_owned(),
        };
        let genesis = Genesis {
            protocol: 1,
            name_zh: "测试".to_owned(),
            name_en: "test".to_owned(),
            time: Timestamp(START_MS),
            epoch_blocks: 1_000,
            members: roles.into_iter().map(member).collect(),
            operators: people.iter().map(operator).collect(),
            nodes: vec![GenesisNode { node: validator, validator: true }],
            packages: required
                .iter()
                .chain([&source])
                .map(|source| source.doc.to_bytes().into())
                .collect(),
        };
        let mut memory = Self {
            ledger: MemoryLedger::new(),
            package: source.doc.id.as_str().into(),
            cache: PackageCache::default(),
            context: BlockContext {
                ledger: chaincity_crypto::hash::ledger_id(&genesis),
                protocol: 1,
                height: Height(1),
                time: Timestamp(START_MS + 1_000),
                parent_time: Timestamp(START_MS),
                epoch: 0,
            },
            late: Vec::new(),
        };
        let mut block = BlockRun::new(memory.context);
        block.genesis(&genesis, &memory.cache).unwrap();
        let executed = block.finish(&memory.ledger, &memory.cache).done().unwrap();
        memory.ledger.apply(&executed).unwrap();
        memory
    }

    /// Executes calls as one independent transaction in the next block.
    pub(super) fn execute(&mut self, number: u64, calls: Vec<Call>) -> Vec<CallOutcome> {
        self.execute_by(&IMPORTER, number, calls)
    }

    /// The same, signed by this key.
    pub(super) fn execute_by(
        &mut self,
        key: &[u8; 32],
        number: u64,
        calls: Vec<Call>,
    ) -> Vec<CallOutcome> {
        self.context.height = self.context.height.next();
        self.context.parent_time = self.context.time;
        self.context.time = self.context.time.plus_ms(1_000);
        let transaction = Transaction {
            ledger: self.context.ledger,
            protocol: 1,
            expiry: self.context.time.plus_ms(60_000),
            mode: Mode::Independent,
            calls,
            intent: None,
        };
        let mut id = [0; 32];
        id[..8].copy_from_slice(&self.context.height.0.to_be_bytes());
        id[8..16].copy_from_slice(&number.to_be_bytes());
        let signed = SignedCall { id: Digest(id), operator: key, transaction: &transaction };
        let mut block = BlockRun::new(self.context);
        assert_eq!(block.run(&signed, &self.ledger, &self.cache), Step::Done(()));
        let executed = block.finish(&self.ledger, &self.cache).done().unwrap();
        self.ledger.apply(&executed).unwrap();
        let outcome = |entry: &chaincity_types::wire::Entry| match &entry.outcome {
            Outcome::Applied => CallOutcome::Applied,
            Outcome::Rejected { code, detail, .. } => {
                CallOutcome::Rejected { code: code.to_string(), detail: detail.clone() }
            }
        };
        executed.receipts[0].entries.iter().map(outcome).collect()
    }

    /// The current version of a record.
    pub(super) fn record(&self, register: &str, key: &str) -> Option<Version> {
        let wanted = |logical: &LogicalKey| {
            matches!(
                logical,
                LogicalKey::Record { package, register: r, key: k }
                    if *package == self.package && r == register && k == key
            )
        };
        let found = self.ledger.records().find(|(logical, _)| wanted(logical));
        found.map(|(_, record)| Version::clone(&record.version))
    }

    pub(super) fn count(&self, register: &str) -> usize {
        let of_register = |logical: &LogicalKey| matches!(logical, LogicalKey::Record { register: r, .. } if r == register);
        self.ledger.records().filter(|(logical, _)| of_register(logical)).count()
    }
}

impl Sink for Memory {
    fn submit(&mut self, number: u64, calls: Vec<Call>) -> io::Result<Vec<Finished>> {
        let outcomes = self.execute(number, calls);
        self.late.push(Finished { number, outcomes });
        // The newest first, and only every third time, as a busy ledger may answer.
        if number % 3 == 2 {
            self.late.reverse();
            return Ok(std::mem::take(&mut self.late));
        }
        Ok(Vec::new())
    }

    fn drain(&mut self) -> io::Result<Vec<Finished>> {
        Ok(std::mem::take(&mut self.late))
    }
}

/// A note of a row that did not come in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) column: Option<String>,
    pub(super) code: String,
}

pub(super) fn note(file: &str, line: u64, column: Option<&str>, code: &str) -> Note {
    let column = column.map(str::to_owned);
    Note { file: file.to_owned(), line, column, code: code.to_owned() }
}

/// Runs an import and checks that what it says adds up.
pub(super) fn import(
    mapping: &Mapping,
    directory: &Path,
    options: Options,
    sink: &mut dyn Sink,
) -> (Summary, Vec<Note>) {
    let mut written = Vec::new();
    let summary =
        run(mapping, directory, options, sink, &mut written, &mut Meter::silent()).unwrap();
    let read = |line: &str| {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Note {
            file: text("file").unwrap(),
            line: json["line"].as_u64().unwrap(),
            column: text("column"),
            code: text("code").unwrap(),
        }
    };
    let notes: Vec<Note> = std::str::from_utf8(&written).unwrap().lines().map(read).collect();
    assert!(summary.adds_up && summary.files.iter().all(|counts| counts.add_up()));
    let out = summary.total.set_aside + summary.total.refused;
    assert_eq!(u64::try_from(notes.len()).unwrap(), out);
    (summary, notes)
}

/// The fields of a record.
pub(super) fn fields(version: &Version) -> BTreeMap<Str, Value> {
    version.fields.clone()
}

/// Whether two ledgers hold the same records.
pub(super) fn same(a: &Memory, b: &Memory) -> bool {
    let all = |memory: &Memory| -> Vec<(LogicalKey, Arc<chaincity_ledger::Record>)> {
        memory.ledger.records().map(|(k, r)| (k.clone(), r.clone())).collect()
    };
    all(a) == all(b)
}
