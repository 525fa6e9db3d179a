//! Officers who read encrypted groups, as any reader does: an access, its release by the steward's
//! agent, the envelope opened and checked against the ledger. An open loop, as of transactions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chaincity_client::api::transaction::WAIT_MS_MAX;
use chaincity_client::{Answer, Basis, Client, ClientError, Reading, call, one_time_key};
use chaincity_crypto::suite::SecretKey;
use chaincity_types::calendar::days_of_date;
use chaincity_types::wire::Mode;
use chaincity_types::{Digest, Str, Value};

use super::cost::Nodes;
use super::desk::Desk;
use super::draw::scatter;
use super::drive::{Window, a_second, micros, warm_up};
use super::lanes::Pace;
use super::process::Used;
use super::town::office_name;
use super::workload::{DEEDS, ENCRYPTED, GROUPS, key, private};
use crate::actor::{fields, remote};
use crate::fault::Fault;

/// Most accesses under way at once.
const LANES: usize = 128;
/// How long a reader waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause before the first access is due, so that all threads stand ready.
const HEAD_START: Duration = Duration::from_millis(50);
const RESOURCE: &str = "431300-0001";
const PURPOSE: &str = "核实抵押物";
const CASE: &str = "示例业务1号";

/// Readers of one member, at its node, and what they may read.
pub(super) struct Readers {
    /// Each at the own node and at the steward's.
    lanes: Vec<(Client, Client)>,
    grant: String,
    /// Deeds that there are.
    records: u64,
    /// Accesses so far: each asks for another deed.
    asked: AtomicUsize,
}

/// What became of an access.
enum Became {
    /// Opened then; whether what was read is what was sealed.
    Opened(Instant, bool),
    /// Refused before it stood on the ledger.
    Refused(String),
    /// Not answered, or not with what was asked for.
    Failed,
}

impl Readers {
    /// Officers of the last office, whom the first one grants its deeds.
    ///
    /// # Errors
    /// When a step of the grant is refused, or a node does not answer.
    pub(super) fn of(desk: &mut Desk<'_>, records: usize) -> Result<Self, Fault> {
        let own = desk.nodes().saturating_sub(1);
        let officers = desk.people.of_office(own, desk.nodes());
        let first = officers.clone().next();
        let first = first.ok_or_else(|| Fault::other("没有经办人", "there are no officers"))?;
        let grant = granted(desk, first)?;
        let lane = |key| {
            let client = desk.actor(own, key)?.client;
            // Learned once by whoever reads for the first time.
            client.trust().map_err(remote)?;
            Ok((client, desk.actor(0, key)?.client))
        };
        let lanes = officers.cycle().take(LANES).map(lane).collect::<Result<_, Fault>>()?;
        let records = u64::try_from(records).unwrap_or(u64::MAX);
        Ok(Self { lanes, grant, records, asked: AtomicUsize::new(0) })
    }

    /// Begins `rate` accesses a second and waits until all are opened or have failed. Gives the window,
    /// whose transactions are accesses, and how many opened values differ from what was sealed.
    ///
    /// # Errors
    /// When a thread breaks off, or a node does not tell what it used.
    pub(super) fn run(
        &self,
        rate: u64,
        seconds: u64,
        nodes: Nodes<'_>,
    ) -> Result<(Window, u64), Fault> {
        let count = usize::try_from(rate.saturating_mul(seconds)).unwrap_or(usize::MAX);
        let own = [std::process::id()];
        let before = (nodes.before()?, Used::by(&own)?);
        let begun = Instant::now().checked_add(HEAD_START).unwrap_or_else(Instant::now);
        let pace = Pace { begun, rate };
        let next = &AtomicUsize::new(0);
        let lanes: Vec<_> = std::thread::scope(|scope| {
            let run = |lane| scope.spawn(move || self.read_along(lane, (next, count), pace));
            let running: Vec<_> = self.lanes.iter().map(run).collect();
            running.into_iter().map(|lane| lane.join()).collect()
        });
        let length = pace.due(count);
        let seconds = length.as_secs();
        let mut window = Window { rate, seconds, submitted: count, ..Window::default() };
        let (mut counted, mut differing) = (0_u64, 0_u64);
        for lane in lanes {
            let broken = |_panic| Fault::other("调用线程中断", "a reading thread broke off");
            for (index, ids, became) in lane.map_err(broken)? {
                window.accepted.extend(ids.accepted);
                window.unknown.extend(ids.unknown);
                match became {
                    Became::Opened(at, is_as_sealed) => {
                        let after = at.saturating_duration_since(begun);
                        let counts = after >= warm_up(length) && after < length;
                        counted = counted.saturating_add(u64::from(counts));
                        window.latencies.push(micros(after.saturating_sub(pace.due(index))));
                        differing = differing.saturating_add(u64::from(!is_as_sealed));
                    }
                    Became::Refused(code) => {
                        let refused = window.refused.entry(code).or_default();
                        *refused = refused.saturating_add(1);
                    }
                    Became::Failed => window.failed = window.failed.saturating_add(1),
                }
            }
        }
        window.latencies.sort_unstable();
        window.committed_rate = a_second(counted, length.saturating_sub(warm_up(length)));
        let opened = u64::try_from(window.latencies.len()).unwrap_or(u64::MAX);
        window.cost = nodes.since(&before.0)?.each(opened, opened);
        window.client_us = Used::by(&own)?.since(&before.1).each(opened);
        Ok((window, differing))
    }

    /// One officer: the next access that is due, until none is left.
    fn read_along(
        &self,
        lane: &(Client, Client),
        (next, count): (&AtomicUsize, usize),
        pace: Pace,
    ) -> Vec<(usize, Ids, Became)> {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return done;
            }
            std::thread::sleep(pace.at(index).saturating_duration_since(Instant::now()));
            let mut ids = Ids::default();
            let became = self.read(lane, &mut ids).unwrap_or_else(|error| {
                if let ClientError::Refused { body, .. } = error
                    && ids.is_none()
                {
                    return Became::Refused(body.code);
                }
                Became::Failed
            });
            done.push((index, ids, became));
        }
    }

    /// From the click to what stands on the screen.
    fn read(
        &self,
        (client, steward): &(Client, Client),
        ids: &mut Ids,
    ) -> Result<Became, ClientError> {
        let asked = u64::try_from(self.asked.fetch_add(1, Ordering::Relaxed)).unwrap_or(0);
        let number = scatter(asked).checked_rem(self.records).unwrap_or(0);
        let reading = self.reading(number);
        let one_time = one_time_key()?;
        let records = std::slice::from_ref(&reading.record);
        let call = client.access_call(&reading, records, &one_time, steward)?;
        let signed = client.sign(&client.transaction(Mode::Atomic, vec![call])?)?;
        let wait = Duration::from_millis(WAIT_MS_MAX);
        match client.submit(&signed, wait) {
            Ok(_) => ids.accepted = Some(signed.id),
            Err(error) => {
                // Without an answer it may have been accepted.
                let is_refused = matches!(&error, ClientError::Refused { status, .. }
                    if !matches!(status, 500 | 504));
                ids.unknown = (!is_refused).then_some(signed.id);
                return Err(error);
            }
        }
        let proved = client.receipt_proved(&signed.id, wait)?;
        let events = proved.receipt.entries.iter().flat_map(|entry| &entry.events);
        let access = events.into_iter().find(|event| event.kind == "access-asked");
        let Some(access) = access.map(|event| event.key.to_string()) else {
            return Ok(Became::Failed);
        };
        let read = client.read_access(&reading, (access, &one_time), steward, PATIENCE)?;
        let at = Instant::now();
        Ok(match read {
            Answer::Given { given, .. } => Became::Opened(at, is_as_sealed(number, &given.groups)),
            Answer::Refused { .. } | Answer::Rejected { .. } | Answer::Unanswered { .. } => {
                Became::Failed
            }
        })
    }

    fn reading(&self, number: u64) -> Reading {
        let (steward, key) = (office_name(0), key(number));
        let basis = Basis::Grant(self.grant.clone());
        Reading {
            groups: GROUPS.map(|(group, _)| group.to_owned()).into(),
            case: Some(CASE.to_owned()),
            ..Reading::of(&steward, (DEEDS, ENCRYPTED, &key), PURPOSE, basis)
        }
    }
}

/// The access's transaction, if a node has it, or may have it.
#[derive(Debug, Default)]
struct Ids {
    accepted: Option<Digest>,
    unknown: Option<Digest>,
}

impl Ids {
    const fn is_none(&self) -> bool {
        self.accepted.is_none() && self.unknown.is_none()
    }
}

/// Whether all fields that were sealed of a deed were read, and nothing else.
fn is_as_sealed(number: u64, groups: &[(String, BTreeMap<Str, Value>)]) -> bool {
    let read: BTreeMap<&Str, &Value> = groups.iter().flat_map(|(_, fields)| fields).collect();
    groups.len() == GROUPS.len() && read.into_iter().eq(private(number).iter())
}

fn texts(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|text| Value::from(*text)).collect())
}

/// The steward catalogues its deeds, the reader applies for them, and is granted them: the grant's
/// number.
fn granted(desk: &mut Desk<'_>, reader: &SecretKey) -> Result<String, Fault> {
    let steward = desk.people.steward.as_ref();
    let steward = steward.ok_or_else(|| Fault::other("没有提供单位", "there is no steward"))?;
    let groups = texts(&GROUPS.map(|(group, _)| group));
    let resource = fields([
        ("code", RESOURCE.into()),
        ("in_package", DEEDS.into()),
        ("register", ENCRYPTED.into()),
        ("groups", groups.clone()),
        ("claims", texts(&[])),
        ("title_zh", "登记信息".into()),
        ("title_en", "Deeds".into()),
        ("sharing", "conditional".into()),
        ("conditions", "办理业务所必需".into()),
        ("update_cycle", "at-once".into()),
        ("standards", Value::List(Vec::new())),
        ("personal", Value::Bool(true)),
        ("assessment", "评估1号".into()),
    ]);
    let today = days_of_date(crate::commands::today_in_china());
    let application = fields([
        ("resource", RESOURCE.into()),
        ("groups", groups),
        ("claims", texts(&[])),
        ("purpose", PURPOSE.into()),
        ("item", "1143130000TEXT021M3430715001000".into()),
        ("basis", "Benchmark".into()),
        ("from", Value::Date(today)),
        ("to", Value::Date(today.saturating_add(2))),
        ("records_max", Value::Int(1)),
    ]);
    step(desk, &steward.keeper, "publish-resource", resource)?;
    step(desk, &steward.editor, "list-resource", fields([("resource", RESOURCE.into())]))?;
    let applied = step(desk, reader, "apply-use", application)?;
    let reason = fields([("zh", "符合条件".into()), ("en", "the conditions are met".into())]);
    let decision =
        fields([("application", applied.as_str().into()), ("reason", Value::Map(reason))]);
    step(desk, &steward.keeper, "grant-use", decision)
}

/// One step towards the grant; gives the key of the record that its last event tells of.
fn step(
    desk: &mut Desk<'_>,
    key: &SecretKey,
    action: &str,
    input: BTreeMap<Str, Value>,
) -> Result<String, Fault> {
    let entries = desk.settle(&[(call("disclosure", action, input), key)])?;
    let events = entries.iter().flat_map(|entry| &entry.events);
    Ok(events.last().map(|event| event.key.clone()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_compared_field_by_field_with_what_was_sealed() {
        let group = |(name, fields): (&str, &[&str])| {
            let of = |field: &&str| ((*field).into(), private(3)[*field].clone());
            (name.to_owned(), fields.iter().map(of).collect::<BTreeMap<Str, Value>>())
        };
        let read = GROUPS.map(group);
        assert!(is_as_sealed(3, &read) && !is_as_sealed(4, &read) && !is_as_sealed(3, &read[..1]));
        let mut other = read.clone();
        other[1].1.insert("price".into(), Value::Int(1));
        assert!(!is_as_sealed(3, &other));
        let mut fewer = read;
        fewer[0].1.remove("name");
        assert!(!is_as_sealed(3, &fewer));
    }
}
