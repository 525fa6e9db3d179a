//! An import generation: which state of a register, in which system, the files are. It is recorded
//! by an action of the package before the first row, with the digests that are taken here.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use chaincity_client::api::json::parse_time;
use chaincity_crypto::suite::Digester;
use chaincity_package::model::{Field, Package};
use chaincity_package::value::check_fields;
use chaincity_types::wire::Call;
use chaincity_types::{Digest, Str, Timestamp, Value};
use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use serde::Serialize;

use super::check::Mapping;
use super::mapping::{GenerationText, SystemText, Title};
use super::run::CallOutcome;

/// Hours by which China is ahead of UTC: a date without a time is its midnight there.
const CHINA_HOURS: i8 = 8;
/// Bytes read at a time.
const CHUNK: usize = 65_536;

/// A generation, ready to be recorded.
#[derive(Debug)]
pub(crate) struct Generation {
    /// Key of its record: series and number.
    pub(crate) id: String,
    series: String,
    number: u32,
    system: String,
    system_en: Option<String>,
    exported: Timestamp,
    operator: String,
    /// The action that records it.
    pub(crate) action: String,
    /// Reject codes that say it is recorded.
    already: Vec<String>,
    declared: BTreeMap<Str, Field>,
}

/// What became of the record of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It was written by this run.
    Recorded,
    /// It was there.
    AlreadyThere,
    /// The ledger refused it, and no row was read.
    Refused,
}

/// What became of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Told {
    /// Key of its record.
    pub(crate) id: String,
    /// Which of its register.
    pub(crate) number: u32,
    /// The system.
    pub(crate) system: Title,
    /// Files and their SHA-256.
    pub(crate) files: Vec<(String, String)>,
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// The same for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Title>,
}

impl Generation {
    /// Compiles a generation against the package.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn compile(
        text: &GenerationText,
        package: &Package,
        files: &[String],
        today: i32,
    ) -> Result<Self, String> {
        let GenerationText { series, number, system, exported, operator, action, already } = text;
        let declared = package.actions.get(action.as_str());
        let declared =
            declared.ok_or_else(|| format!("package `{}` has no action `{action}`", package.id))?;
        if *number == 0 {
            return Err("generations are numbered from 1".to_owned());
        }
        let (system, system_en) = match system {
            SystemText::One(one) => (one.clone(), None),
            SystemText::Both(Title { zh, en }) => (zh.clone(), Some(en.clone())),
        };
        let generation = Self {
            id: format!("{series}-{number}"),
            series: series.clone(),
            number: *number,
            system,
            system_en,
            exported: instant(exported)
                .ok_or_else(|| format!("`{exported}` is neither a date nor an RFC 3339 time"))?,
            operator: operator.clone(),
            action: action.clone(),
            already: already.clone(),
            declared: declared.input.clone(),
        };
        let files: Vec<_> = files.iter().map(|file| (file.clone(), Digest::ZERO)).collect();
        let input = generation.input(&files);
        check_fields(&generation.declared, input, today).map_err(|problem| problem.to_string())?;
        Ok(generation)
    }

    fn input(&self, files: &[(String, Digest)]) -> BTreeMap<Str, Value> {
        let map = |pairs: Vec<(&str, Value)>| -> BTreeMap<Str, Value> {
            pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
        };
        let file = |(name, digest): &(String, Digest)| {
            let digest = Value::Bytes(digest.0.to_vec());
            Value::Map(map(vec![("name", name.as_str().into()), ("digest", digest)]))
        };
        let mut input = map(vec![
            ("id", self.id.as_str().into()),
            ("series", self.series.as_str().into()),
            ("number", Value::Int(self.number.into())),
            ("system", self.system.as_str().into()),
            ("exported", Value::Time(self.exported)),
            ("operator", self.operator.as_str().into()),
            ("files", Value::List(files.iter().map(file).collect())),
        ]);
        if let Some(en) = &self.system_en {
            input.insert("system_en".into(), en.as_str().into());
        }
        input
    }

    /// The call that records it with its files.
    pub(super) fn call(&self, package: &str, files: &[(String, Digest)]) -> Call {
        Call {
            package: package.into(),
            action: self.action.as_str().into(),
            input: self.input(files),
            case: None,
            task: None,
            mandates: None,
        }
    }

    /// What became of it.
    pub(super) fn told(
        &self,
        mapping: &Mapping,
        files: &[(String, Digest)],
        outcome: &CallOutcome,
    ) -> Told {
        let (outcome, code) = match outcome {
            CallOutcome::Applied => (Outcome::Recorded, None),
            CallOutcome::Rejected { code, .. } if self.already.contains(code) => {
                (Outcome::AlreadyThere, None)
            }
            CallOutcome::Rejected { code, .. } => (Outcome::Refused, Some(code.clone())),
        };
        let en = self.system_en.as_ref().unwrap_or(&self.system).clone();
        Told {
            id: self.id.clone(),
            number: self.number,
            system: Title { zh: self.system.clone(), en },
            files: files.iter().map(|(file, digest)| (file.clone(), digest.to_string())).collect(),
            outcome,
            reason: code.as_ref().map(|code| mapping.why(code)),
            code,
        }
    }
}

/// A time, or the beginning of a day in China.
fn instant(text: &str) -> Option<Timestamp> {
    parse_time(text).or_else(|| {
        let day: Date = text.parse().ok()?;
        let begins = day.to_zoned(TimeZone::fixed(offset(CHINA_HOURS))).ok()?;
        u64::try_from(begins.timestamp().as_millisecond()).ok().map(Timestamp)
    })
}

/// SHA-256 of a file.
///
/// # Errors
/// When it cannot be read.
pub(super) fn digest(path: &Path) -> io::Result<Digest> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", path.display()));
    let mut file = File::open(path).map_err(named)?;
    let mut digester = Digester::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match file.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.map_err(named)?,
        };
        if count == 0 {
            return Ok(digester.finish());
        }
        digester.update(chunk.get(..count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_dated_by_a_time_or_by_a_day_in_china() {
        assert_eq!(instant("2003-06-30"), instant("2003-06-29T16:00:00Z"));
        assert_eq!(instant("2003-06-30T00:00:00+08:00"), instant("2003-06-29T16:00:00Z"));
        assert!(instant("2003-06-30").is_some());
        for bad in ["2003", "30.6.2003", "2003-06-31", "1969-12-31", ""] {
            assert_eq!(instant(bad), None, "{bad}");
        }
    }
}
