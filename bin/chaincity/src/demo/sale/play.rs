//! One case that is played: what all who take part see of it, and when each step was done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chaincity_client::api::record::Record;
use chaincity_ledger::mandate_digest;
use chaincity_types::{Digest, Timestamp};
use jiff::Timestamp as Moment;

use super::bank::Paid;
use super::cast::Seat;
use super::deal::Deal;
use super::desk::{Act, text};
use super::forms::Fields;
use super::office::Binding;
use super::town::{Person, Town};
use crate::actor::Sent;
use crate::fault::Fault;

/// How long a play may take.
const PLAY_MAX: Duration = Duration::from_secs(180);
/// How long to wait for a block before looking again all the same.
const LOOK: Duration = Duration::from_millis(250);

/// A step that was done.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its place in the process.
    pub(super) node: String,
    /// What it is called, in Chinese and English.
    pub(super) name: (String, String),
    /// Who did it.
    pub(super) seat: &'static Seat,
    /// Since when it could be done, by the ledger's time.
    pub(super) opened: Timestamp,
    /// When it was done.
    pub(super) done: Timestamp,
    /// The transaction that did it.
    pub(super) transaction: Digest,
}

/// A name of the process, in Chinese and English.
pub(super) fn in_both(name: &str) -> (String, String) {
    let (zh, en) = name.split_once(" · ").unwrap_or((name, name));
    (zh.to_owned(), en.to_owned())
}

impl Line {
    /// A task that this transaction completed.
    pub(super) fn of(task: &Record, seat: &'static Seat, sent: &Sent) -> Self {
        Self {
            node: text(task, "node").to_owned(),
            name: in_both(text(task, "name")),
            seat,
            opened: time(text(task, "opened")).unwrap_or(sent.time),
            done: sent.time,
            transaction: sent.transaction,
        }
    }
}

/// A time as the API writes it.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let moment: Moment = text.parse().ok()?;
    u64::try_from(moment.as_millisecond()).ok().map(Timestamp)
}

/// The case.
#[derive(Debug)]
pub(super) struct Play<'t> {
    pub(super) town: &'t Town,
    pub(super) deal: &'static Deal,
    /// Its key.
    pub(super) case: String,
    /// When it began, by the ledger's time.
    pub(super) began: Timestamp,
    /// What parties were shown, by its digest: papers are no part of the ledger.
    papers: Mutex<BTreeMap<String, Fields>>,
    /// Consents that were asked for.
    asked: Mutex<BTreeSet<Binding>>,
    /// Acts that were laid before the parties, until they are carried out.
    drawer: Mutex<BTreeMap<&'static str, Vec<Act>>>,
    /// What suppliers have read, by their member.
    letters: Mutex<BTreeMap<String, Fields>>,
    /// What was done.
    lines: Mutex<Vec<Line>>,
    /// Payments that the bank executed.
    paid: Mutex<Vec<Paid>>,
    /// Transactions by which citizens gave consents that are no task of their own.
    signatures: Mutex<usize>,
    /// Nodes that nobody takes yet, by the story.
    held: Mutex<BTreeSet<&'static str>>,
    over: AtomicBool,
    fault: Mutex<Option<Fault>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'t> Play<'t> {
    /// A case that has begun.
    pub(super) fn new(
        town: &'t Town,
        deal: &'static Deal,
        (case, began): (String, Timestamp),
        held: &[&'static str],
    ) -> Self {
        Self {
            town,
            deal,
            case,
            began,
            papers: Mutex::default(),
            asked: Mutex::default(),
            drawer: Mutex::default(),
            letters: Mutex::default(),
            lines: Mutex::default(),
            paid: Mutex::default(),
            signatures: Mutex::default(),
            held: Mutex::new(held.iter().copied().collect()),
            over: AtomicBool::new(false),
            fault: Mutex::default(),
        }
    }

    /// Shows an input to who shall consent to it, and gives its digest.
    pub(super) fn show(&self, input: &Fields) -> Digest {
        let digest = mandate_digest(input);
        lock(&self.papers).insert(digest.to_string(), input.clone());
        digest
    }

    /// What was shown under this digest. Nobody signs what he has not seen.
    pub(super) fn shown(&self, digest: &str) -> Result<Fields, Fault> {
        let paper = lock(&self.papers).get(digest).cloned();
        paper.ok_or_else(|| Fault::other("未见其文", "asked to sign what was not shown"))
    }

    /// Whether this consent was asked for.
    pub(super) fn is_asked(&self, binding: &Binding) -> bool {
        lock(&self.asked).contains(binding)
    }

    /// These consents were asked for.
    pub(super) fn ask(&self, bindings: impl Iterator<Item = Binding>) {
        lock(&self.asked).extend(bindings);
    }

    /// Keeps acts until they are carried out.
    pub(super) fn put(&self, name: &'static str, acts: &[Act]) {
        lock(&self.drawer).insert(name, acts.to_vec());
    }

    /// Acts that were kept.
    pub(super) fn kept(&self, name: &str) -> Result<Vec<Act>, Fault> {
        let kept = lock(&self.drawer).get(name).cloned();
        kept.ok_or_else(|| Fault::other(format!("没有备好 {name}"), format!("no {name} was laid")))
    }

    /// Keeps what a supplier has read.
    pub(super) fn post(&self, member: &str, letter: Fields) {
        lock(&self.letters).insert(member.to_owned(), letter);
    }

    /// What a supplier has read.
    pub(super) fn letter(&self, member: &str) -> Option<Fields> {
        lock(&self.letters).get(member).cloned()
    }

    /// A step was done.
    pub(super) fn done(&self, line: Line) {
        lock(&self.lines).push(line);
    }

    /// The bank executed a payment.
    pub(super) fn pay(&self, paid: Paid) {
        lock(&self.paid).push(paid);
    }

    /// What the bank executed, in order.
    pub(super) fn paid(&self) -> Vec<Paid> {
        lock(&self.paid).clone()
    }

    /// Something that is no task was done.
    pub(super) fn note(
        &self,
        node: &str,
        (zh, en): (&str, &str),
        seat: &'static Seat,
        sent: &Sent,
    ) {
        self.done(Line {
            node: node.to_owned(),
            name: (zh.to_owned(), en.to_owned()),
            seat,
            opened: sent.time,
            done: sent.time,
            transaction: sent.transaction,
        });
    }

    /// A party gave consents outside its tasks.
    pub(super) fn sign(&self, person: &Person) {
        if person.seat.is_citizen() {
            let mut signatures = lock(&self.signatures);
            *signatures = signatures.saturating_add(1);
        }
    }

    /// How often citizens signed, and what else they did.
    pub(super) fn citizens(&self) -> (usize, usize) {
        let lines = lock(&self.lines);
        let own = lines.iter().filter(|line| line.seat.is_citizen());
        let (signed, other): (Vec<_>, Vec<_>) = own.partition(|line| line.node.ends_with("-sign"));
        (lock(&self.signatures).saturating_add(signed.len()), other.len())
    }

    /// What was done, in the order of the ledger's time.
    pub(super) fn lines(&self) -> Vec<Line> {
        let mut lines = lock(&self.lines).clone();
        lines.sort_by_key(|line| (line.done, line.opened));
        lines
    }

    /// Whether nobody is to take this node yet.
    pub(super) fn is_held(&self, node: &str) -> bool {
        lock(&self.held).contains(node)
    }

    /// From now on it may be taken.
    pub(super) fn let_go(&self, node: &str) {
        lock(&self.held).remove(node);
    }

    /// Whether everybody goes home.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Everybody goes home.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// A step failed: the first that did is told.
    pub(super) fn fail(&self, fault: Fault) {
        lock(&self.fault).get_or_insert(fault);
        self.end();
    }

    /// What failed, if anything.
    pub(super) fn fault(&self) -> Option<Fault> {
        lock(&self.fault).take()
    }

    /// Waits until there is something to see.
    pub(super) fn until<T>(
        &self,
        what: &str,
        look: impl Fn() -> Result<Option<T>, Fault>,
    ) -> Result<T, Fault> {
        let begun = Instant::now();
        let mut seen = 0;
        while begun.elapsed() < PLAY_MAX {
            if let Some(fault) = self.fault() {
                return Err(fault);
            }
            if let Some(found) = look()? {
                return Ok(found);
            }
            seen = self.town.bell.wait(seen, LOOK);
        }
        Err(Fault::other(format!("等待 {what} 超时"), format!("{what} took too long")))
    }

    /// Waits until a step was done.
    pub(super) fn until_done(&self, node: &str) -> Result<Line, Fault> {
        let find = || lock(&self.lines).iter().find(|line| line.node == node).cloned();
        self.until(node, || Ok(find()))
    }
}
