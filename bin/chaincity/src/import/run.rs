//! Runs an import: reads, joins, plans, packs calls into transactions, submits, counts.
//!
//! A second run adds nothing, and a run that was killed is taken up by running it again. Both
//! rest on the keys of the records: a call whose record is there is rejected with a code that
//! the mapping names under `already`, and writes nothing. So that what was killed need not be
//! submitted again, a journal says what was (`journal`). No intent key is used: it belongs to
//! a whole transaction, so a batch that was tried once would count as there although some of its
//! rows had been refused, and a corrected file would shift every later batch.
//!
//! The calls of a row stand in one transaction, in order, so a later one finds what an earlier
//! one wrote. Transactions may become final in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use chaincity_types::cbor;
use chaincity_types::wire::Call;

use super::check::Mapping;
use super::generation::{self, Outcome};
use super::join::{self, JOINED_BYTES_MAX, Join, MAIN_BYTES_MAX};
use super::meter::Meter;
use super::plan::{Planned, plan};
use super::read::Row;
use super::refusal::{Reason, Refusal};
use super::report::{Summary, Tally};

/// Most calls in one transaction.
const BATCH_CALLS_MAX: usize = 64;
/// Most bytes of calls in one transaction.
const BATCH_BYTES_MAX: usize = 98_304;

/// What became of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// It applied.
    Applied,
    /// It was rejected and wrote nothing.
    Rejected {
        /// Stable code.
        code: String,
        /// What exactly, for a developer.
        detail: Option<String>,
    },
}

/// A transaction that is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    /// The number that it was submitted under.
    pub(crate) number: u64,
    /// One a call, in order.
    pub(crate) outcomes: Vec<CallOutcome>,
}

/// Where calls go: a ledger behind its API, or one in memory.
pub(crate) trait Sink {
    /// Submits calls as one independent transaction. May wait until earlier ones are final, and
    /// gives what became final meanwhile.
    ///
    /// # Errors
    /// When the ledger cannot be reached. What was submitted may still apply.
    fn submit(&mut self, number: u64, calls: Vec<Call>) -> io::Result<Vec<Finished>>;

    /// Waits until everything submitted is final.
    ///
    /// # Errors
    /// As [`Sink::submit`].
    fn drain(&mut self) -> io::Result<Vec<Finished>>;
}

/// How to run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// Of synthetic holders.
    pub(crate) seed: u64,
    /// Most rows of the main file.
    pub(crate) limit: Option<u64>,
}

/// A row whose calls are under way.
struct Pending {
    line: u64,
    calls: usize,
    /// Joined rows: file, line, call of the row.
    joined: Vec<(usize, u64, usize)>,
}

/// Runs a whole import; rows that do not come in are written to `notes`.
///
/// # Errors
/// When a file cannot be read, a header is not the mapping's, the notes cannot be written, or
/// the ledger cannot be reached.
pub(crate) fn run(
    mapping: &Mapping,
    directory: &Path,
    options: Options,
    sink: &mut dyn Sink,
    notes: impl Write,
    meter: &mut Meter,
) -> io::Result<Summary> {
    let files = mapping.files.iter().map(|file| file.path.clone());
    let tally = Tally::new(&mapping.id, files, notes);
    let mut run = Run {
        mapping,
        tally,
        sink,
        meter,
        join: Join::default(),
        batch: Batch::default(),
        submitted: BTreeMap::new(),
        number: 0,
    };
    if run.generation(directory)? == Some(Outcome::Refused) {
        return run.tally.finish(mapping);
    }
    for (index, file) in mapping.files.iter().enumerate() {
        if index != mapping.main {
            let tally = &mut run.tally;
            let mut refuse = |line, refusal: Refusal| tally.on_set_aside(index, line, &refusal);
            let count = run.join.load(directory, index, file, &mut refuse)?;
            run.tally.on_read(index, count);
        }
    }
    run.rows(directory, options)?;
    run.flush()?;
    let finished = run.sink.drain()?;
    run.settle(finished)?;
    if let Some(number) = run.submitted.keys().next() {
        return Err(io::Error::other(format!("transaction {number} has no outcome")));
    }
    run.tally.finish(mapping)
}

#[derive(Default)]
struct Batch {
    calls: Vec<Call>,
    bytes: usize,
    rows: Vec<Pending>,
}

struct Run<'a, W> {
    mapping: &'a Mapping,
    tally: Tally<W>,
    sink: &'a mut dyn Sink,
    meter: &'a mut Meter,
    join: Join,
    batch: Batch,
    submitted: BTreeMap<u64, Vec<Pending>>,
    number: u64,
}

impl<W: Write> Run<'_, W> {
    /// Records which generation the files are, if the mapping says so, before any row. The digests
    /// are those of files whose headers fit: another file under the same name is refused later.
    fn generation(&mut self, directory: &Path) -> io::Result<Option<Outcome>> {
        let Some(generation) = &self.mapping.generation else { return Ok(None) };
        let mut files = Vec::new();
        for (index, file) in self.mapping.files.iter().enumerate() {
            let main = index == self.mapping.main;
            join::open(directory, file, if main { MAIN_BYTES_MAX } else { JOINED_BYTES_MAX })?;
            let digest = generation::digest(&directory.join(&file.path))?;
            files.push((file.path.clone(), digest));
        }
        let number = self.number;
        self.number = number.saturating_add(1);
        self.tally.on_transaction();
        let call = generation.call(&self.mapping.package, &files);
        let mut finished = self.sink.submit(number, vec![call])?;
        finished.extend(self.sink.drain()?);
        let outcomes = finished.into_iter().find(|done| done.number == number);
        let outcome = outcomes.and_then(|done| done.outcomes.into_iter().next());
        let outcome = outcome.ok_or_else(|| io::Error::other("the generation has no outcome"))?;
        if outcome == CallOutcome::Applied {
            self.tally.on_applied();
        }
        let told = generation.told(self.mapping, &files, &outcome);
        let became = told.outcome;
        self.tally.on_generation(told);
        Ok(Some(became))
    }

    /// Streams the main file.
    fn rows(&mut self, directory: &Path, options: Options) -> io::Result<()> {
        let main = self.mapping.main;
        let Some(spec) = self.mapping.files.get(main) else { return Ok(()) };
        self.meter.all(join::count(directory, spec, options.limit)?);
        let mut lines = join::open(directory, spec, MAIN_BYTES_MAX)?;
        let mut keys: BTreeSet<String> = BTreeSet::new();
        let mut count = 0_u64;
        while options.limit.is_none_or(|limit| count < limit) {
            let Some(line) = lines.next()? else { break };
            if join::is_blank(&line) {
                continue;
            }
            count = count.saturating_add(1);
            self.tally.on_read(main, 1);
            match spec.shape.row(&line) {
                Ok(row) if keys.contains(&row.key) => {
                    let column = spec.shape.columns.get(spec.shape.key).map_or("", String::as_str);
                    let refusal = Refusal::cell(column, Reason::KeyTwice);
                    self.tally.on_set_aside(main, line.number, &refusal)?;
                }
                Ok(row) => {
                    keys.insert(row.key.clone());
                    self.row(&row, options.seed)?;
                }
                Err((key, refusal)) => {
                    self.tally.on_set_aside(main, line.number, &refusal)?;
                    if let Some(key) = key.filter(|key| keys.insert(key.clone())) {
                        self.set_joined_aside(&key)?;
                    }
                }
            }
        }
        self.tell();
        // Beyond a limit, the rows that joined ones belong to were not read.
        let whole = options.limit.is_none_or(|limit| count < limit);
        let reason = if whole { Reason::NoParent } else { Reason::ParentNotRead };
        for (file, line) in std::mem::take(&mut self.join).rest() {
            self.tally.on_set_aside(file, line, &Refusal::row(reason))?;
        }
        Ok(())
    }

    fn set_joined_aside(&mut self, key: &str) -> io::Result<()> {
        for (file, rows) in self.join.take(key).rows {
            for row in rows {
                let refusal = Refusal::row(Reason::ParentSetAside);
                self.tally.on_set_aside(file, row.line, &refusal)?;
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &Row, seed: u64) -> io::Result<()> {
        let joined = self.join.take(&row.key);
        let Planned { calls, placed, refused } = match plan(self.mapping, seed, row, &joined) {
            Ok(planned) => planned,
            Err(refusal) => {
                self.tally.on_set_aside(self.mapping.main, row.line, &refusal)?;
                for (file, rows) in joined.rows {
                    for row in rows {
                        let refusal = Refusal::row(Reason::ParentSetAside);
                        self.tally.on_set_aside(file, row.line, &refusal)?;
                    }
                }
                return Ok(());
            }
        };
        for (file, line, refusal) in refused {
            self.tally.on_set_aside(file, line, &refusal)?;
        }
        let bytes =
            calls.iter().fold(0_usize, |sum, call| sum.saturating_add(cbor::encode(call).len()));
        let calls_all = self.batch.calls.len().saturating_add(calls.len());
        let bytes_all = self.batch.bytes.saturating_add(bytes);
        if calls_all > BATCH_CALLS_MAX || bytes_all > BATCH_BYTES_MAX {
            self.flush()?;
        }
        self.batch.bytes = self.batch.bytes.saturating_add(bytes);
        self.batch.rows.push(Pending { line: row.line, calls: calls.len(), joined: placed });
        self.batch.calls.extend(calls);
        Ok(())
    }

    fn tell(&mut self) {
        let (done, aside) = self.tally.outcomes(self.mapping.main);
        self.meter.at(done, aside);
    }

    fn flush(&mut self) -> io::Result<()> {
        let Batch { calls, rows, .. } = std::mem::take(&mut self.batch);
        if calls.is_empty() {
            return Ok(());
        }
        let number = self.number;
        self.number = number.saturating_add(1);
        self.submitted.insert(number, rows);
        self.tally.on_transaction();
        let finished = self.sink.submit(number, calls)?;
        self.settle(finished)
    }

    fn settle(&mut self, finished: Vec<Finished>) -> io::Result<()> {
        for Finished { number, outcomes } in finished {
            let Some(rows) = self.submitted.remove(&number) else { continue };
            let calls = rows.iter().fold(0_usize, |sum, row| sum.saturating_add(row.calls));
            if calls != outcomes.len() {
                let cause = format!("{} outcomes for {calls} calls", outcomes.len());
                return Err(io::Error::new(io::ErrorKind::InvalidData, cause));
            }
            let mut outcomes = outcomes.into_iter();
            for row in rows {
                let of_row: Vec<CallOutcome> = outcomes.by_ref().take(row.calls).collect();
                self.settle_row(&row, &of_row)?;
            }
        }
        self.tell();
        Ok(())
    }

    /// A row is imported when one of its calls added something and none was refused; a joined
    /// row shares the fate of the call that it is part of.
    fn settle_row(&mut self, row: &Pending, outcomes: &[CallOutcome]) -> io::Result<()> {
        let main = self.mapping.main;
        let applied = outcomes.iter().filter(|outcome| **outcome == CallOutcome::Applied).count();
        (0..applied).for_each(|_| self.tally.on_applied());
        let fates: Vec<Fate<'_>> = outcomes
            .iter()
            .zip(&self.mapping.calls)
            .map(|(outcome, spec)| fate(outcome, &spec.already))
            .collect();
        let refused = fates.iter().find(|fate| matches!(fate, Fate::Refused(..)));
        let of_row =
            refused.copied().unwrap_or(if applied > 0 { Fate::Imported } else { Fate::There });
        self.count(main, row.line, of_row)?;
        for (file, line, call) in &row.joined {
            let fate = fates.get(*call).copied().unwrap_or(of_row);
            self.count(*file, *line, fate)?;
        }
        Ok(())
    }

    fn count(&mut self, file: usize, line: u64, fate: Fate<'_>) -> io::Result<()> {
        match fate {
            Fate::Imported => self.tally.on_imported(file),
            Fate::There => self.tally.on_already_there(file),
            Fate::Refused(code, detail) => {
                let why = self.mapping.why(code);
                self.tally.on_refused(file, line, code, (&why.zh, &why.en), detail)?;
            }
        }
        Ok(())
    }
}

/// What became of a row.
#[derive(Clone, Copy)]
enum Fate<'a> {
    Imported,
    There,
    Refused(&'a str, Option<&'a str>),
}

fn fate<'a>(outcome: &'a CallOutcome, already: &[String]) -> Fate<'a> {
    match outcome {
        CallOutcome::Applied => Fate::Imported,
        CallOutcome::Rejected { code, .. } if already.contains(code) => Fate::There,
        CallOutcome::Rejected { code, detail } => Fate::Refused(code, detail.as_deref()),
    }
}
