//! The one place where tests touch the ledger and the package's files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use chaincity_ledger::memory::{self, Chain};
use chaincity_package::model::Package;
use chaincity_package::source::Source;
use chaincity_types::wire::{Call, GenesisOperator, LogicalKey, Mode, Outcome, Version};
use chaincity_types::{Str, Timestamp, Value};

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
    pub(super) chain: Chain,
    package: Str,
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
        let operator = |person: &Person| GenesisOperator {
            key: person.key.to_vec(),
            member: person.member.to_owned(),
            roles: person.roles.iter().map(|role| (*role).to_owned()).collect(),
            subject: person.subject.map(str::to_owned),
        };
        let sources = required.iter().chain([&source]);
        let genesis = memory::genesis(
            Timestamp(START_MS),
            people.iter().map(operator).collect(),
            sources.map(|source| source.doc.to_bytes()).collect(),
        );
        Self {
            chain: Chain::after(&genesis, Rc::default()).unwrap(),
            package: source.doc.id.as_str().into(),
            late: Vec::new(),
        }
    }

    /// Executes calls as one independent transaction in the next block.
    pub(super) fn execute(&mut self, calls: Vec<Call>) -> Vec<CallOutcome> {
        self.execute_by(&IMPORTER, calls)
    }

    /// The same, signed by this key.
    pub(super) fn execute_by(&mut self, key: &[u8; 32], calls: Vec<Call>) -> Vec<CallOutcome> {
        let signed = self.chain.signed(key.to_vec(), Mode::Independent, calls);
        let executed = self.chain.block([&signed]).unwrap();
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
        let found = self.chain.ledger.records().find(|(logical, _)| wanted(logical));
        found.map(|(_, record)| Version::clone(&record.version))
    }

    pub(super) fn count(&self, register: &str) -> usize {
        let of_register = |logical: &LogicalKey| matches!(logical, LogicalKey::Record { register: r, .. } if r == register);
        self.chain.ledger.records().filter(|(logical, _)| of_register(logical)).count()
    }
}

impl Sink for Memory {
    fn submit(&mut self, number: u64, calls: Vec<Call>) -> io::Result<Vec<Finished>> {
        let outcomes = self.execute(calls);
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
    a.chain.ledger == b.chain.ledger
}
