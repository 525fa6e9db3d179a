//! Read logs: the views of subject, steward and auditor, and a log with the proof that it is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chaincity_api::Endpoint;
use chaincity_api::read_log::{LogEntry, LogPage, UseReport};
use chaincity_api::record::LIMIT_MAX;
use chaincity_crypto::read_log::{ProvedLog, Series};
use chaincity_crypto::verify::ProvedRecord;
use chaincity_types::wire::{LogicalKey, ReadLogProof, RecordProof, SeriesProof};
use chaincity_types::{Height, Timestamp, Value, cbor};
use serde_json::Value as Json;

use crate::client::Client;
use crate::error::ClientError;
use crate::select::Select;
use crate::transport::Ask;
use crate::vault::until;

const DISCLOSURE: &str = "disclosure";
/// Largest proof of one record, in bytes.
const PROOF_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long the read model may take to follow up to the block of a proof.
const LAG: Duration = Duration::from_secs(10);

/// Whose read log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// What was asked about a person.
    Subject(String),
    /// What was asked of a member.
    Steward(String),
    /// Every access.
    All,
}

/// What a read log is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Only accesses of this member.
    pub reader: Option<String>,
    /// Only records of this package and register.
    pub register: Option<(String, String)>,
    /// Only entries in this state.
    pub state: Option<String>,
    /// Asked then or later: an RFC 3339 time or a date.
    pub since: Option<String>,
    /// Asked before: a time, or a date, which is included.
    pub until: Option<String>,
}

/// A running number within its scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// Which running number.
    pub series: Series,
    /// Within which it counts.
    pub scope: String,
}

impl Client {
    /// A page of a read log; `cursor` is the `next` of the page before.
    ///
    /// # Errors
    /// See [`ClientError`]; among the codes is `not-your-log`.
    pub fn read_log(
        &self,
        log: &Log,
        filter: &LogFilter,
        cursor: Option<&str>,
    ) -> Result<LogPage, ClientError> {
        let ask = match log {
            Log::Subject(subject) => Ask::new(Endpoint::GetSubjectLog, &[subject]),
            Log::Steward(member) => Ask::new(Endpoint::GetStewardLog, &[member]),
            Log::All => Ask::new(Endpoint::GetAuditLog, &[]),
        };
        let register = filter.register.as_ref().map(|(package, name)| format!("{package}/{name}"));
        let given = [
            ("reader", filter.reader.as_deref()),
            ("register", register.as_deref()),
            ("state", filter.state.as_deref()),
            ("since", filter.since.as_deref()),
            ("until", filter.until.as_deref()),
            ("cursor", cursor),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let ask = ask.query("limit", &LIMIT_MAX);
        self.get(&given.fold(ask, |ask, (name, value)| ask.query(name, value)))
    }

    /// Every entry of a read log.
    ///
    /// # Errors
    /// As [`Client::read_log`].
    pub fn whole_read_log(
        &self,
        log: &Log,
        filter: &LogFilter,
    ) -> Result<Vec<LogEntry>, ClientError> {
        let mut entries = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.read_log(log, filter, cursor.as_deref())?;
            entries.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(entries);
            }
        }
    }

    /// How a member's data was used, by reader, purpose and day.
    ///
    /// # Errors
    /// As [`Client::read_log`].
    pub fn data_use(
        &self,
        member: &str,
        since: Option<&str>,
        until: Option<&str>,
    ) -> Result<UseReport, ClientError> {
        let ask = Ask::new(Endpoint::GetStewardUse, &[member]);
        let given = [("since", since), ("until", until)];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        self.get(&given.fold(ask, |ask, (name, value)| ask.query(name, value)))
    }

    /// The running numbers in which a read log stands. For a subject, his own. For a steward and for
    /// all, those of every member of the ledger with every register that the catalogue or the log
    /// itself names, or with `register` alone, the confidential ones and the searches: a member that asked for
    /// nothing is proved to have asked for nothing.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn scopes(&self, log: &Log, filter: &LogFilter) -> Result<BTreeSet<Scope>, ClientError> {
        let steward = match log {
            Log::Subject(subject) => {
                return Ok([Scope { series: Series::Subject, scope: subject.clone() }].into());
            }
            Log::Steward(member) => Some(member.as_str()),
            Log::All => None,
        };
        let members = self.column("governance", "member", None, &["_key"])?;
        let members: BTreeSet<String> = members.into_iter().flatten().collect();
        let registers: BTreeSet<Vec<String>> = match &filter.register {
            Some((package, name)) => [vec![package.clone(), name.clone()]].into(),
            None => self.column(DISCLOSURE, "resource", steward, &["in_package", "register"])?,
        };
        let mut scopes = BTreeSet::new();
        let wanted = |reader: &str| filter.reader.as_deref().is_none_or(|only| only == reader);
        for reader in members.iter().filter(|reader| wanted(reader)) {
            scopes.extend(registers.iter().map(|place| access(reader, &place.join(":"))));
        }
        // The log may name registers that no catalogue does.
        for entry in self.whole_read_log(log, filter)? {
            if let (Some(reader), Some(package), Some(name)) =
                (entry.reader, entry.package, entry.register)
            {
                let scope = format!("{reader}:{package}:{name}");
                let of = |series: &Series| series.name() == entry.kind;
                let series = [Series::Access, Series::Search].into_iter().find(of);
                scopes.extend(series.map(|series| Scope { series, scope }));
            }
        }
        let stewards = steward.map_or(members, |member| [member.to_owned()].into());
        for member in stewards.iter().filter(|member| wanted(member)) {
            let of = |place: &Vec<String>| format!("{member}:{}", place.join(":"));
            let of = registers.iter().map(of);
            scopes.extend(of.map(|scope| Scope { series: Series::Search, scope }));
        }
        if filter.reader.is_none() {
            let of = |scope| Scope { series: Series::Confidential, scope };
            scopes.extend(stewards.into_iter().map(of));
        }
        Ok(scopes)
    }

    /// A read log with the proof that it is complete: each counter, every entry from `since` on, and
    /// what the entries of a subject refer to. All of it is checked here; whether
    /// something is missing, the second result tells.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn prove_read_log(
        &self,
        scopes: &BTreeSet<Scope>,
        since: Option<Timestamp>,
    ) -> Result<(ReadLogProof, ProvedLog), ClientError> {
        let mut log = ReadLogProof {
            format: ReadLogProof::FORMAT.to_owned(),
            series: Vec::with_capacity(scopes.len()),
            linked: Vec::new(),
        };
        let mut links = BTreeSet::new();
        for scope in scopes {
            log.series.push(self.prove_series(scope, since, &mut links)?);
        }
        for key in links {
            log.linked.push(self.proof_of(&key)?.0);
        }
        let proved = self.check(|trust| trust.read_log(&log))?;
        Ok((log, proved))
    }

    fn prove_series(
        &self,
        scope: &Scope,
        since: Option<Timestamp>,
        links: &mut BTreeSet<LogicalKey>,
    ) -> Result<SeriesProof, ClientError> {
        let Scope { series, scope } = scope;
        let bytes = self.counter_proof(DISCLOSURE, series.name(), scope)?;
        let proved = self.check(|trust| trust.record_bytes(&bytes))?;
        if proved.key != series.counter(scope) {
            return Err(ClientError::ProofOfOther(format!("the counter of `{scope}`")));
        }
        let last = proved.current().and_then(|version| version.fields.get("last")?.as_int());
        let last = last.and_then(|last| u64::try_from(last).ok()).unwrap_or(0);
        let keys = self.keys_of(*series, scope, last, proved.block.header.height)?;
        let (mut from, mut entries) = (last.saturating_add(1), Vec::new());
        // Newest first: what was asked before `since` ends it.
        for number in (1..=last).rev() {
            let key =
                keys.get(&number).cloned().unwrap_or_else(|| numbered(*series, scope, number));
            let (proof, entry) = self.proof_of(&key)?;
            if since.is_some_and(|since| asked(*series, &entry).is_some_and(|at| at < since)) {
                break;
            }
            from = number;
            if entry.current().is_some() {
                links.extend(series.link(&entry));
                entries.push(proof);
            }
        }
        entries.reverse();
        Ok(SeriesProof { counter: decode(&bytes)?, from, entries })
    }

    /// The records that bear the numbers of a subject's log; keys of others follow from the number.
    fn keys_of(
        &self,
        series: Series,
        scope: &str,
        last: u64,
        height: Height,
    ) -> Result<BTreeMap<u64, LogicalKey>, ClientError> {
        let mut keys = BTreeMap::new();
        if series != Series::Subject || last == 0 {
            return Ok(keys);
        }
        let name = series.name();
        let mut select = Select::new(DISCLOSURE, name).eq("subject", scope).limit(LIMIT_MAX);
        loop {
            let page = until(LAG, || {
                let page = self.select(&select)?;
                Ok((page.height >= height.0).then_some(page))
            })?;
            let page = page.ok_or_else(|| answer("a read model that does not follow"))?;
            for record in page.items {
                let number = record.fields.get("number").and_then(Json::as_str);
                if let Some(number) = number.and_then(|number| number.parse().ok()) {
                    keys.insert(number, place(name, &record.key));
                }
            }
            match page.next {
                Some(next) => select = select.after(&next),
                None => return Ok(keys),
            }
        }
    }

    /// The proof of a record of the package, and what it proves.
    fn proof_of(&self, key: &LogicalKey) -> Result<(RecordProof, ProvedRecord), ClientError> {
        let LogicalKey::Record { package, register, key: record } = key else {
            return Err(answer("an entry that is no record"));
        };
        let bytes = self.record_proof(package, register, record, 0)?;
        let proved = self.check(|trust| trust.record_bytes(&bytes))?;
        if proved.key == *key {
            Ok((decode(&bytes)?, proved))
        } else {
            Err(ClientError::ProofOfOther(format!("record `{record}`")))
        }
    }

    /// Some fields of every record of a register, those of one steward alone if given.
    fn column(
        &self,
        package: &str,
        register: &str,
        steward: Option<&str>,
        fields: &[&str],
    ) -> Result<BTreeSet<Vec<String>>, ClientError> {
        let mut select = Select::new(package, register).status("any").limit(LIMIT_MAX);
        if let Some(steward) = steward {
            select = select.eq("steward", steward);
        }
        let mut found = BTreeSet::new();
        loop {
            let page = self.select(&select)?;
            for record in &page.items {
                let text = |field: &&str| match *field {
                    "_key" => Some(record.key.clone()),
                    field => record.fields.get(field)?.as_str().map(str::to_owned),
                };
                found.extend(fields.iter().map(text).collect::<Option<Vec<_>>>());
            }
            match page.next {
                Some(next) => select = select.after(&next),
                None => return Ok(found),
            }
        }
    }
}

fn access(reader: &str, place: &str) -> Scope {
    Scope { series: Series::Access, scope: format!("{reader}:{place}") }
}

fn place(register: &str, key: &str) -> LogicalKey {
    LogicalKey::Record { package: DISCLOSURE.into(), register: register.into(), key: key.into() }
}

/// The record that bears a number; of a subject's log one that does not exist, which then is missing.
fn numbered(series: Series, scope: &str, number: u64) -> LogicalKey {
    place(series.name(), &series.key(scope, number))
}

/// When what an entry is about was asked; when an entry of a subject was noted.
fn asked(series: Series, entry: &ProvedRecord) -> Option<Timestamp> {
    let version = entry.current()?;
    match version.fields.get("asked") {
        Some(Value::Time(asked)) => Some(*asked),
        _ => (series == Series::Subject).then_some(version.by.time),
    }
}

fn decode(bytes: &[u8]) -> Result<RecordProof, ClientError> {
    cbor::decode(bytes, PROOF_BYTES_MAX).map_err(|_form| answer("a proof that is none"))
}

fn answer(text: &str) -> ClientError {
    ClientError::answer("disclosure", text)
}
