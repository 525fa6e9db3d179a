//! The bulk import: a file of synthetic units with their owners goes the way that `chaincity import`
//! takes, from its rows by a mapping to signed batches, as fast as the ledger takes them.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chaincity_client::Client;
use chaincity_engine::Limits;
use chaincity_types::calendar::{date_of_days, days_of_date};
use chaincity_types::{Digest, Value};

use super::cost::Nodes;
use super::drive::{Window, a_second};
use super::follow::Follower;
use super::process::Used;
use super::workload::{Kind, SEED};
use crate::city::City;
use crate::fault::Fault;
use crate::import::check::{self, Mapping};
use crate::import::mapping;
use crate::import::meter::Meter;
use crate::import::remote::Remote;
use crate::import::run::{Options, run as import};
use crate::import::synthetic::synthetic_calls;
use crate::node_config::NodeConfig;
use crate::running::PAGES_PER_MIB;
use crate::{machine, shipped};

const MAPPING: &str = include_str!("units.yaml");
const FILE: &str = "units.csv";
/// Keys of the state that a unit with its right takes: their heads and those of their index entries.
const KEYS_A_UNIT: u64 = 4;
/// How long to wait, after the last receipt, for the event stream to tell of it.
const PATIENCE: Duration = Duration::from_secs(60);
/// The columns of the file; the mapping names the same.
const COLUMNS: [&str; 10] = [
    "number",
    "location",
    "district",
    "land_area",
    "building_area",
    "use",
    "structure",
    "floor",
    "floors",
    "completed",
];

/// Where it runs.
pub(super) struct Place<'a> {
    /// Where the file is written.
    pub(super) dir: &'a Path,
    pub(super) nodes: Nodes<'a>,
    pub(super) follower: &'a Follower,
}

/// Gives the nodes' state the memory that it would have if they were started after the import.
pub(super) fn give_memory(city: &City, units: usize) -> Result<(), Fault> {
    let keys = u64::try_from(units).unwrap_or(u64::MAX).saturating_mul(KEYS_A_UNIT);
    let limits = Limits::by_log(Limits::log_of(keys), machine::memory_bytes());
    let mib = limits.state_pages.get().checked_div(PAGES_PER_MIB).unwrap_or(0);
    for name in &city.nodes {
        let path = city.node_dir(name).join("node.toml");
        let mut config = NodeConfig::read(&path)?;
        config.state_cache_mib = u32::try_from(mib).ok();
        config.write(&path)?;
    }
    Ok(())
}

fn failed(what: impl std::fmt::Display) -> Fault {
    Fault::other(format!("导入失败：{what}"), format!("the import failed: {what}"))
}

/// Imports `units` units. Writing their file is not in the time; all else is.
///
/// # Errors
/// When a unit does not come in.
pub(super) fn run(place: &Place<'_>, client: Client, units: usize) -> Result<Window, Fault> {
    write(&place.dir.join(FILE), units)?;
    let mapping = mapping()?;
    let aside = place.dir.join("set-aside.jsonl");
    let notes = BufWriter::new(File::create(&aside).map_err(Fault::io(&aside))?);
    let sent: Arc<Mutex<Vec<(Digest, Instant)>>> = Arc::default();
    let told = Arc::clone(&sent);
    let mut sink = Remote::watched(client, move |id| {
        told.lock().unwrap_or_else(PoisonError::into_inner).push((id, Instant::now()));
    });
    let own = [std::process::id()];
    let before = (place.nodes.before()?, Used::by(&own)?);
    let options = Options { seed: SEED, limit: None };
    let mut meter = Meter::silent();
    let begun = Instant::now();
    let summary = import(&mapping, place.dir, options, &mut sink, notes, &mut meter);
    let summary = summary.map_err(Fault::io(place.dir))?;
    let took = begun.elapsed();
    let imported = summary.total.imported;
    if !summary.adds_up || imported != u64::try_from(units).unwrap_or(u64::MAX) {
        return Err(failed(format!("{imported} of {units}: {}", aside.display())));
    }
    let sent = std::mem::take(&mut *sent.lock().unwrap_or_else(PoisonError::into_inner));
    let ids: Vec<Digest> = sent.iter().map(|(id, _)| *id).collect();
    let patience = Instant::now().checked_add(PATIENCE).unwrap_or_else(Instant::now);
    place.follower.wait(&ids, patience)?;
    let heard = place.follower.take(&ids);
    let latency = |((_, sent), heard): (&(Digest, Instant), &Option<Instant>)| {
        let took = heard.as_ref()?.saturating_duration_since(*sent);
        u64::try_from(took.as_micros()).ok()
    };
    let mut latencies: Vec<u64> = sent.iter().zip(&heard).filter_map(latency).collect();
    latencies.sort_unstable();
    let end = begun.checked_add(took).unwrap_or(begun);
    let blocks = u64::try_from(place.follower.blocks(begun, end)).unwrap_or(u64::MAX);
    let rate = a_second(imported, took);
    Ok(Window {
        rate,
        seconds: took.as_secs(),
        submitted: ids.len(),
        accepted: ids,
        committed_rate: rate,
        block_transactions: summary.transactions.checked_div(blocks).unwrap_or(0),
        latencies,
        cost: place.nodes.since(&before.0)?.each(imported, imported),
        client_us: Used::by(&own)?.since(&before.1).each(imported),
        ..Window::default()
    })
}

/// The mapping, checked against the package.
fn mapping() -> Result<Mapping, Fault> {
    let package = shipped::source(Kind::Import.package())?.compile();
    let package = package.map_err(|problems| failed(format!("{problems:?}")))?;
    let today = days_of_date(crate::commands::today_in_china());
    let document = mapping::read(MAPPING).map_err(failed)?;
    check::compile(&document, &package, today)
        .map_err(|problems| failed(problems.first().map(ToString::to_string).unwrap_or_default()))
}

/// Writes synthetic units as a publisher's file has them.
fn write(path: &Path, units: usize) -> Result<(), Fault> {
    let broken = |error: csv::Error| failed(error);
    let mut file = csv::Writer::from_path(path).map_err(broken)?;
    file.write_record(COLUMNS).map_err(broken)?;
    for call in synthetic_calls(SEED, 0..u64::MAX).take(units) {
        let cell = |column: &&str| call.input.get(*column).map(text).unwrap_or_default();
        file.write_record(COLUMNS.iter().map(cell)).map_err(broken)?;
    }
    file.flush().map_err(Fault::io(path))
}

/// A value as a cell.
fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        // Areas: hundredths of a square metre.
        Value::Decimal { mantissa, .. } => {
            let (whole, rest) = (mantissa.checked_div(100), mantissa.checked_rem(100));
            format!("{}.{:02}", whole.unwrap_or(0), rest.unwrap_or(0))
        }
        Value::Date(days) => date_of_days(*days).map(|date| date.to_string()).unwrap_or_default(),
        Value::Null
        | Value::Bool(_)
        | Value::Bytes(_)
        | Value::Time(_)
        | Value::List(_)
        | Value::Map(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn the_mapping_fits_the_package_and_the_file_that_is_written() {
        let mapping = mapping().unwrap();
        assert_eq!(mapping.files[mapping.main].path, FILE);
        assert_eq!(mapping.files[mapping.main].shape.columns, COLUMNS);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        write(&path, 3).unwrap();
        let lines = std::fs::read_to_string(&path).unwrap();
        let second: Vec<&str> = lines.lines().nth(1).unwrap().split(',').collect();
        assert_eq!((lines.lines().count(), second.len()), (4, COLUMNS.len()), "{lines}");
        assert!(second.iter().all(|cell| !cell.is_empty()), "{lines}");
    }
}
