//! Rows of the other files, kept by key until the row that they belong to comes.
//!
//! A joined file is held in memory, so its size is limited; the main file is streamed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::Path;

use super::check::FileSpec;
use super::plan::Joined;
use super::read::{Line, Lines, Row};
use super::refusal::Refusal;

/// Largest joined file, in bytes: its rows are held in memory.
pub(crate) const JOINED_BYTES_MAX: u64 = 268_435_456;
/// Largest main file, in bytes: only its keys are held in memory.
pub(crate) const MAIN_BYTES_MAX: u64 = 4_294_967_296;

/// Opens a file and checks its size and header.
///
/// # Errors
/// When it cannot be read, is too large, or its header is not the mapping's.
pub(crate) fn open(directory: &Path, spec: &FileSpec, bytes_max: u64) -> io::Result<Lines<File>> {
    let invalid = |cause: String| io::Error::new(io::ErrorKind::InvalidData, cause);
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", spec.path));
    let file = File::open(directory.join(&spec.path)).map_err(named)?;
    let size = file.metadata().map_err(named)?.len();
    if size > bytes_max {
        return Err(invalid(format!("`{}` is larger than {bytes_max} bytes", spec.path)));
    }
    let mut lines = Lines::new(file, spec.shape.encoding);
    let mut header = None;
    for _ in 0..spec.header_lines {
        header = lines.next().map_err(named)?;
    }
    let cells = header.and_then(|line| line.text).and_then(|text| spec.shape.cells(&text).ok());
    let same = |cells: &csv::StringRecord| {
        cells.iter().map(super::convert::trimmed).eq(spec.shape.columns.iter().map(String::as_str))
    };
    if !cells.as_ref().is_some_and(same) {
        let cause = format!(
            "`{}`: line {} does not name the mapping's columns",
            spec.path, spec.header_lines
        );
        return Err(invalid(cause));
    }
    Ok(lines)
}

/// How many rows the main file has, or as many as `limit` allows.
///
/// # Errors
/// As [`open`].
pub(crate) fn count(directory: &Path, spec: &FileSpec, limit: Option<u64>) -> io::Result<u64> {
    let mut lines = open(directory, spec, MAIN_BYTES_MAX)?;
    let mut count = 0_u64;
    while limit.is_none_or(|limit| count < limit) {
        let Some(line) = lines.next()? else { break };
        count = count.saturating_add(u64::from(!is_blank(&line)));
    }
    Ok(count)
}

/// Whether a line holds nothing at all: such lines are no rows.
pub(crate) fn is_blank(line: &Line) -> bool {
    line.text.as_deref().is_some_and(|text| text.trim().is_empty())
}

/// All joined files by key.
#[derive(Debug, Default)]
pub(crate) struct Join {
    rows: BTreeMap<String, BTreeMap<usize, Vec<Row>>>,
    /// Keys of rows that were set aside.
    flawed: BTreeSet<String>,
}

impl Join {
    /// Reads a file; `refuse` is told of each row that is none. Gives the number of rows.
    ///
    /// # Errors
    /// As [`open`].
    pub(crate) fn load(
        &mut self,
        directory: &Path,
        index: usize,
        spec: &FileSpec,
        refuse: &mut dyn FnMut(u64, Refusal) -> io::Result<()>,
    ) -> io::Result<u64> {
        let mut lines = open(directory, spec, JOINED_BYTES_MAX)?;
        let mut count = 0_u64;
        while let Some(line) = lines.next()? {
            if is_blank(&line) {
                continue;
            }
            count = count.saturating_add(1);
            match spec.shape.row(&line) {
                Ok(row) => {
                    let of_key = self.rows.entry(row.key.clone()).or_default();
                    of_key.entry(index).or_default().push(row);
                }
                Err((key, refusal)) => {
                    self.flawed.extend(key);
                    refuse(line.number, refusal)?;
                }
            }
        }
        Ok(count)
    }

    /// The rows of `key`, which are then no longer here.
    pub(crate) fn take(&mut self, key: &str) -> Joined {
        let rows = self.rows.remove(key).unwrap_or_default();
        Joined { rows, flawed: self.flawed.contains(key) }
    }

    /// What nobody took: file and line, in order.
    pub(crate) fn rest(self) -> Vec<(usize, u64)> {
        let all = self.rows.into_values().flatten();
        let mut rest: Vec<(usize, u64)> = all
            .flat_map(|(file, rows)| rows.into_iter().map(move |row| (file, row.line)))
            .collect();
        rest.sort_unstable();
        rest
    }
}
