//! Figures of cases and tasks, to the last number.
#![allow(
    dead_code,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

mod common;

use std::sync::Arc;

use chaincity_ledger::cases;
use chaincity_package::model::Package;
use chaincity_query::{By, Count, Figures, QueryError, ReadModel, Statistics};
use chaincity_types::wire::Status;
use chaincity_types::{Height, Timestamp, Value};
use common::{Fields, Ledger};

const MINUTE: u64 = 60_000;
/// Two minutes before the first block is made: all are made in the third minute.
const BEGIN: u64 = 1_790_000_000_000 - 2 * MINUTE;

fn packages() -> Vec<Arc<Package>> {
    vec![cases::package()]
}

fn at(minute: u64) -> Value {
    Value::Time(Timestamp(BEGIN + minute * MINUTE))
}

/// A task as far as it is counted.
struct Task {
    node: &'static str,
    member: Option<&'static str>,
    status: &'static str,
    opened: u64,
    ended: Option<u64>,
    overdue: bool,
}

const OPEN: Task =
    Task { node: "review", member: None, status: "open", opened: 1, ended: None, overdue: false };

impl Task {
    fn fields(&self) -> Fields {
        let mut fields = Fields::from([
            ("package".into(), "service-items".into()),
            ("process".into(), "standard".into()),
            ("node".into(), self.node.into()),
            ("name".into(), "审查".into()),
            ("status".into(), self.status.into()),
            ("opened".into(), at(self.opened)),
            ("overdue".into(), Value::Bool(self.overdue)),
        ]);
        fields.extend(self.member.map(|member| ("member".into(), member.into())));
        fields.extend(self.ended.map(|ended| ("ended".into(), at(ended))));
        fields
    }

    const fn state(&self) -> Status {
        if self.ended.is_some() { Status::Closed } else { Status::Live }
    }
}

/// A case of a process: status, begin and end.
fn case(status: &str, opened: u64, ended: Option<u64>, overdue: bool) -> Fields {
    let mut fields = Fields::from([
        ("package".into(), "service-items".into()),
        ("process".into(), "standard".into()),
        ("name".into(), "标准流程".into()),
        ("holder".into(), "bureau".into()),
        ("status".into(), status.into()),
        ("opened".into(), at(opened)),
        ("overdue".into(), Value::Bool(overdue)),
    ]);
    fields.extend(ended.map(|ended| ("ended".into(), at(ended))));
    fields
}

/// Ten reviews of the bureau that took 10 to 100 minutes, two of them late and one returned twice;
/// one cancelled; one that ended before the period; at the centre one open and overdue, one with the
/// applicant; one that nobody claimed. One case done, one withdrawn, one overdue.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.cases(&[]);
    let bureau = |ended, overdue| Task {
        member: Some("bureau"),
        status: "done",
        ended: Some(ended),
        overdue,
        ..OPEN
    };
    for n in 1..=10_u64 {
        let key = format!("a-{n:02}");
        let open = OPEN.fields();
        ledger.cases(&[("task", &key, "start", open.clone(), Status::Live)]);
        if n == 3 {
            for _ in 0..2 {
                let returned = Task { status: "returned", member: Some("bureau"), ..OPEN }.fields();
                let claimed = Task { status: "claimed", member: Some("bureau"), ..OPEN }.fields();
                let (back, again) = ("return-for-correction", "correct");
                ledger.cases(&[("task", &key, back, returned, Status::Live)]);
                ledger.cases(&[("task", &key, again, claimed, Status::Live)]);
            }
        }
        let done = bureau(1 + n * 10, n > 8);
        ledger.cases(&[("task", &key, "complete", done.fields(), done.state())]);
    }
    let cancelled = Task { status: "cancelled", ended: Some(5), ..OPEN };
    let early = Task { opened: 0, ended: Some(0), ..bureau(0, false) };
    let late = Task { node: "accept", member: Some("centre"), overdue: true, ..OPEN };
    let waiting = Task { status: "returned", member: Some("centre"), ..OPEN };
    for (key, action, task) in [
        ("b-1", "terminate", cancelled),
        ("b-2", "complete", early),
        ("b-3", "note-overdue", late),
        ("b-4", "return-for-correction", waiting),
        ("b-5", "start", OPEN),
    ] {
        ledger.cases(&[("task", key, action, task.fields(), task.state())]);
    }
    ledger.cases(&[
        ("case", "c-1", "complete", case("completed", 1, Some(301), true), Status::Closed),
        ("case", "c-2", "withdraw", case("withdrawn", 1, Some(9), false), Status::Closed),
        ("case", "c-3", "note-case-overdue", case("running", 1, None, true), Status::Live),
    ]);
    ledger
}

fn count(by: By) -> Count {
    let (since, until) = (Timestamp(BEGIN + MINUTE), Timestamp(BEGIN + 500 * MINUTE));
    Count { by, package: None, process: None, since, until, after: 0, limit: 500 }
}

fn followed() -> (tempfile::TempDir, ReadModel) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("read.sqlite");
    let model = ReadModel::open(&path, ledger().history(), &packages()).unwrap();
    while !model.catch_up(&packages(), 7).unwrap().done {}
    (dir, model)
}

/// Opened, done, late, open, overdue, returned, median and ninetieth.
type Numbers = ([u64; 6], Option<u64>, Option<u64>);

fn numbers(row: &Figures) -> Numbers {
    let counts = [row.opened, row.done, row.late, row.open, row.overdue, row.returned];
    (counts, row.median_minutes, row.ninetieth_minutes)
}

fn all(found: &Statistics) -> Vec<(Option<&str>, Numbers)> {
    found
        .items
        .iter()
        .map(|row| (row.group.node.as_deref().or(row.group.member.as_deref()), numbers(row)))
        .collect()
}

#[test]
fn tasks_are_counted_by_office() {
    let (_dir, model) = followed();
    let found = model.count(&count(By::Office)).unwrap();
    assert_eq!(
        all(&found),
        [
            // The one that was cancelled was opened, and is neither done nor open.
            (None, ([2, 0, 0, 1, 0, 0], None, None)),
            (Some("bureau"), ([10, 10, 2, 0, 0, 2], Some(50), Some(90))),
            (Some("centre"), ([2, 0, 0, 2, 1, 1], None, None)),
        ]
    );
    assert_eq!((found.next, found.height), (None, Some(Height(30))));
}

#[test]
fn tasks_are_counted_by_step_and_cases_by_process() {
    let (_dir, model) = followed();
    let found = model.count(&count(By::Step)).unwrap();
    assert_eq!(
        all(&found),
        [
            (Some("accept"), ([1, 0, 0, 1, 1, 0], None, None)),
            (Some("review"), ([13, 10, 2, 2, 0, 3], Some(50), Some(90))),
        ]
    );
    assert_eq!(found.items[0].name.as_deref(), Some("审查"));
    let found = model.count(&count(By::Process)).unwrap();
    assert_eq!(all(&found), [(None, ([3, 1, 1, 1, 1, 3], Some(300), Some(300)))]);
    assert_eq!(found.items[0].group.process.as_deref(), Some("standard"));
}

#[test]
fn a_period_counts_what_was_opened_or_done_in_it() {
    let (_dir, model) = followed();
    let until = Timestamp(BEGIN + 21 * MINUTE);
    let found = model.count(&Count { until, ..count(By::Office) }).unwrap();
    // The end itself lies outside: one of ten is done. What is open, is open now.
    assert_eq!(all(&found)[1], (Some("bureau"), ([10, 1, 0, 0, 0, 2], Some(10), Some(10))));
    let since = Timestamp(BEGIN + 21 * MINUTE);
    let found = model.count(&Count { since, ..count(By::Office) }).unwrap();
    assert_eq!(all(&found)[1], (Some("bureau"), ([0, 9, 2, 0, 0, 0], Some(60), Some(100))));
    assert_eq!(all(&found)[2], (Some("centre"), ([0, 0, 0, 2, 1, 0], None, None)));
}

#[test]
fn what_is_asked_for_is_narrowed_and_paged() {
    let (_dir, model) = followed();
    let of = |package: &str, process: &str| {
        let (package, process) = (Some(package.to_owned()), Some(process.to_owned()));
        model.count(&Count { package, process, ..count(By::Step) }).unwrap().items.len()
    };
    assert_eq!((of("service-items", "standard"), of("service-items", "immediate")), (2, 0));
    let page = model.count(&Count { limit: 1, ..count(By::Step) }).unwrap();
    assert_eq!((page.items.len(), page.next), (1, Some(1)));
    let page = model.count(&Count { limit: 1, after: 1, ..count(By::Step) }).unwrap();
    assert_eq!((page.items[0].group.node.as_deref(), page.next), (Some("review"), None));
    for limit in [0, 501] {
        let refused = model.count(&Count { limit, ..count(By::Step) });
        assert!(matches!(refused, Err(QueryError::TooMany { .. })));
    }
}
