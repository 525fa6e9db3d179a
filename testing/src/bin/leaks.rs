//! 在城市的全部文件（保险库除外）中搜寻不得出现的内容。Looks for what must not be found in a city's
//! files, without its vaults: values as they may be written, and numbers by computing on them offline.
//!
//! Left out besides is the folder `bank` of the city: there the simulated bank of the demo keeps its own
//! books, with its customers' names and accounts, as every bank must. They are no part of the ledger or
//! of a node. The bank port, which reads amounts and keeps nothing, has its folder searched.
//!
//! The nodes do not run. It ends with 0 when nothing is found, with 1 otherwise; no value is told.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use chaincity_crypto::hash;
use chaincity_testing::leaks::{Derivation, Known, Numbers, Salts, Values, compute};
use chaincity_types::cbor;
use chaincity_types::wire::Genesis;
use clap::Parser;

/// Largest genesis, in bytes.
const GENESIS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Folder of the simulated bank's own books.
const BANK: &str = "bank";
/// Who answers out of a vault.
const AGENT: &str = "steward.agent";

/// 在城市的全部文件（保险库除外）中搜寻不得出现的内容。Looks for what must not be found in a city.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// 城市目录，节点须已停止。The city's folder; its nodes have stopped.
    city: PathBuf,
    /// 不得出现的内容，每行一个，不在城市目录中。What must not be found, one a line; not in the city's folder.
    values: PathBuf,
    /// 只计算这些行政区划的号码。Compute on the numbers of these regions alone.
    #[arg(long, value_name = "REGION,…", value_delimiter = ',')]
    regions: Vec<String>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let cli = Cli::parse();
    let mut out = io::stdout().lock();
    let begun = Instant::now();
    let text = fs::read_to_string(&cli.values)?;
    let values: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let regions: Vec<&str> = cli.regions.iter().map(String::as_str).collect();
    let numbers = if regions.is_empty() { Numbers::all() } else { Numbers::of(&regions) };
    let planted = values.iter().filter(|value| numbers.contains(value)).count();
    if planted == 0 {
        return Err("no value is among the numbers: nothing could be found by computing".into());
    }
    let mut search = Search { values: Values::new(values.iter().copied()), ..Search::default() };
    search.city(&cli.city)?;
    if search.vaults == 0 {
        return Err("there is no vault: what was sealed in it?".into());
    }
    let derivations = Derivation::all(&salts(&cli.city)?);
    writeln!(
        out,
        "{} files, {} blocks, {} strings; {} numbers, {planted} of them sealed, {} derivations of each",
        search.files,
        search.blocks,
        search.known.len(),
        numbers.count(),
        derivations.len(),
    )?;
    let computed = compute(&numbers, &derivations, &search.known);
    for (value, how, place) in &search.found {
        writeln!(out, "found: value {}, {how}, in {place}", value.saturating_add(1))?;
    }
    for (name, count) in &computed {
        writeln!(out, "computed: {name}, of {count} numbers")?;
    }
    writeln!(out, "{} s", begun.elapsed().as_secs())?;
    let clean = search.found.is_empty() && computed.is_empty();
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was read so far.
#[derive(Default)]
struct Search {
    values: Values,
    known: Known,
    files: usize,
    /// Folders that were left out.
    vaults: usize,
    blocks: u64,
    /// Position of the value, how it is written, where.
    found: BTreeSet<(usize, &'static str, String)>,
}

impl Search {
    /// Reads all files, and the history of each node as the node itself reads it.
    fn city(&mut self, city: &Path) -> Result<(), Box<dyn Error>> {
        let mut folders = vec![city.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.ends_with("vault") {
                    self.vaults = self.vaults.saturating_add(1);
                } else if path == city.join(BANK) {
                    // A bank's own books.
                } else if path.is_dir() {
                    folders.push(path);
                } else {
                    self.file(&path)?;
                }
            }
        }
        for node in fs::read_dir(city.join("nodes"))? {
            let history = node?.path().join("data").join("history");
            let Self { values, known, found, .. } = self;
            let place = history.display().to_string();
            let mut each = |bytes: &[u8]| {
                let of = values.found_in(bytes).into_iter();
                found.extend(of.map(|(value, how)| (value, how, place.clone())));
            };
            let blocks = known.add_history(&history, &mut each)?;
            if blocks == 0 {
                return Err(format!("{place}: no blocks").into());
            }
            self.blocks = self.blocks.saturating_add(blocks);
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> io::Result<()> {
        let bytes = fs::read(path)?;
        self.known.add_text(&bytes);
        let place = path.display().to_string();
        let of = self.values.found_in(&bytes).into_iter();
        self.found.extend(of.map(|(value, how)| (value, how, place.clone())));
        self.files = self.files.saturating_add(1);
        Ok(())
    }
}

/// What an attacker reads in the genesis.
fn salts(city: &Path) -> Result<Salts, Box<dyn Error>> {
    let genesis: Genesis = cbor::decode(&fs::read(city.join("genesis.cbor"))?, GENESIS_BYTES_MAX)
        .map_err(|_form| "the genesis cannot be read")?;
    let is_agent = |roles: &[String]| roles.iter().any(|role| role == AGENT);
    let agents = genesis.operators.iter().filter(|operator| is_agent(&operator.roles));
    Ok(Salts {
        ledger: hash::ledger_id(&genesis),
        keys: agents.map(|operator| operator.key.clone()).collect(),
        subjects: genesis.operators.iter().filter_map(|o| o.subject.clone()).collect(),
    })
}
