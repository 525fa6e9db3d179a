//! Whether a read log that someone handed out is complete: the running numbers of the package
//! `disclosure` have no gaps and their counters stand in proved state, so that an entry that was left
//! out shows.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chaincity_types::Str;
use chaincity_types::wire::{LogicalKey, ReadLogProof, RecordProof, SeriesProof};

use crate::finality::FinalBlock;
use crate::verify::{FILE_BYTES_MAX, ProvedRecord, Trust, VerifyError, decode};

/// The package whose numbers these are.
const PACKAGE: &str = "disclosure";

/// Which of the package's running numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// Accesses by reader, package and register, whatever became of them.
    Access,
    /// Confidential accesses by steward.
    Confidential,
    /// What a subject sees of all of them.
    Subject,
    /// Searches of a member's own staff, by member, package and register.
    Search,
}

impl Series {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Access, Self::Confidential, Self::Subject, Self::Search];

    /// The sequence and the register, which have one name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Confidential => "confidential",
            Self::Subject => "read-log",
            Self::Search => "search",
        }
    }

    /// The key of the record with this number; a subject's log has none that follows from it.
    #[must_use]
    pub fn key(self, scope: &str, number: u64) -> String {
        format!("{}{scope}:{number:08}", self.prefix())
    }

    /// What stands before the scope.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Search => "search:",
            Self::Access | Self::Confidential | Self::Subject => "",
        }
    }

    /// The counter of one scope.
    #[must_use]
    pub fn counter(self, scope: &str) -> LogicalKey {
        LogicalKey::Counter {
            package: PACKAGE.into(),
            sequence: self.name().into(),
            scope: scope.into(),
            year: 0,
        }
    }

    /// The number that a record bears within the scope; `None` when it is none of it.
    #[must_use]
    pub fn number(self, scope: &str, record: &ProvedRecord) -> Option<u64> {
        let LogicalKey::Record { package, register, key } = &record.key else { return None };
        if package != PACKAGE || register != self.name() || record.current().is_none() {
            return None;
        }
        let text = |field: &str| record.current()?.fields.get(field)?.as_text();
        let (digits, width) = match self {
            Self::Subject if text("subject") == Some(scope) => (text("number")?, 6),
            Self::Subject => return None,
            Self::Access | Self::Confidential | Self::Search => {
                let rest = key.strip_prefix(self.prefix())?.strip_prefix(scope)?;
                (rest.strip_prefix(':')?, 8)
            }
        };
        let number: u64 = digits.parse().ok()?;
        (number > 0 && format!("{number:0width$}") == digits).then_some(number)
    }

    /// What an entry of a subject refers to: the access, the confidential one or the search.
    #[must_use]
    pub fn link(self, record: &ProvedRecord) -> Option<LogicalKey> {
        if self != Self::Subject {
            return None;
        }
        let fields = &record.current()?.fields;
        let key = |of: Self| Some((of.name(), fields.get(of.name())?.as_str()?.clone()));
        let (register, key) =
            [Self::Access, Self::Confidential, Self::Search].into_iter().find_map(key)?;
        Some(LogicalKey::Record { package: PACKAGE.into(), register: register.into(), key })
    }
}

/// A series whose counter and entries are proved; whether it is whole, `missing` and `unresolved`
/// tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedSeries {
    /// Which running number.
    pub series: Series,
    /// Within which it counts.
    pub scope: Str,
    /// The last number given out, as of the counter's block.
    pub last: u64,
    /// First number that is to be there.
    pub from: u64,
    /// The block at which the counter is proved.
    pub block: FinalBlock,
    /// The entries by number.
    pub entries: BTreeMap<u64, ProvedRecord>,
}

impl ProvedSeries {
    /// The numbers that were given out and have no entry.
    #[must_use]
    pub fn missing(&self) -> Vec<RangeInclusive<u64>> {
        let mut missing = Vec::new();
        let mut next = self.from;
        let there = self.entries.range(self.from..).map(|(number, _)| *number);
        for number in there.take_while(|number| *number <= self.last) {
            if number > next {
                missing.push(next..=number.saturating_sub(1));
            }
            next = number.saturating_add(1);
        }
        if next <= self.last {
            missing.push(next..=self.last);
        }
        missing
    }
}

/// A read log whose parts are proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedLog {
    /// The series, in the order of the file.
    pub series: Vec<ProvedSeries>,
    /// What entries of subjects refer to.
    pub linked: BTreeMap<LogicalKey, ProvedRecord>,
}

impl ProvedLog {
    /// Entries of subjects whose access is not in the file: series, number.
    #[must_use]
    pub fn unresolved(&self) -> Vec<(Str, u64)> {
        let mut found = Vec::new();
        for series in &self.series {
            for (number, entry) in &series.entries {
                let link = series.series.link(entry);
                let resolved = link.is_some_and(|key| self.linked.contains_key(&key));
                if series.series == Series::Subject && !resolved {
                    found.push((series.scope.clone(), *number));
                }
            }
        }
        found
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.series.iter().all(|series| series.missing().is_empty()) && self.unresolved().is_empty()
    }
}

impl Trust {
    /// Verifies every proof of a read log. Whether something is missing, the result tells.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn read_log(&self, proof: &ReadLogProof) -> Result<ProvedLog, VerifyError> {
        if proof.format != ReadLogProof::FORMAT {
            return Err(VerifyError::UnknownFormat(proof.format.chars().take(60).collect()));
        }
        let series = proof.series.iter().enumerate().map(|(at, series)| self.series(at, series));
        let series: Vec<_> = series.collect::<Result<_, _>>()?;
        let newest = series.iter().map(|series| series.block.header.height).max();
        let mut linked = BTreeMap::new();
        for proof in &proof.linked {
            let record = self.not_before(newest.unwrap_or_default(), proof)?;
            if record.current().is_some() {
                linked.insert(record.key.clone(), record);
            }
        }
        Ok(ProvedLog { series, linked })
    }

    /// [`Trust::read_log`] for an encoded file.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn read_log_bytes(&self, bytes: &[u8]) -> Result<ProvedLog, VerifyError> {
        self.read_log(&decode(bytes, FILE_BYTES_MAX, "read log")?)
    }

    fn series(&self, at: usize, proof: &SeriesProof) -> Result<ProvedSeries, VerifyError> {
        let counter = self.record(&proof.counter)?;
        let none = VerifyError::NoCounter { series: at };
        let LogicalKey::Counter { package, sequence, scope, year: 0 } = &counter.key else {
            return Err(none);
        };
        let series = Series::ALL.into_iter().find(|series| sequence == series.name());
        let Some(series) = series.filter(|_| package == PACKAGE) else { return Err(none) };
        let last = match counter.current() {
            None => 0,
            Some(version) => {
                let last = version.fields.get("last").and_then(|last| last.as_int());
                last.and_then(|last| u64::try_from(last).ok()).ok_or(none)?
            }
        };
        let mut entries = BTreeMap::new();
        for (index, proof) in proof.entries.iter().enumerate() {
            let entry = self.not_before(counter.block.header.height, proof)?;
            // That it is absent is proved: its number is missing.
            if entry.current().is_none() {
                continue;
            }
            let number = series.number(scope, &entry);
            let number = number.ok_or(VerifyError::OtherSeries { series: at, index })?;
            entries.insert(number, entry);
        }
        let (scope, from) = (scope.clone(), proof.from.max(1));
        Ok(ProvedSeries { series, scope, last, from, block: counter.block, entries })
    }

    /// A record as it was at this height or later: one proved before it may have changed since.
    fn not_before(
        &self,
        height: chaincity_types::Height,
        proof: &RecordProof,
    ) -> Result<ProvedRecord, VerifyError> {
        let record = self.record(proof)?;
        if record.block.header.height >= height {
            return Ok(record);
        }
        let LogicalKey::Record { key, .. } = record.key else {
            return Err(VerifyError::Older { key: String::new() });
        };
        Err(VerifyError::Older { key: key.into() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
