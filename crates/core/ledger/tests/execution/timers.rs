//! Timers: what the ledger does by itself when a record's time comes.

use std::collections::BTreeSet;

use chaincity_ledger::{BlockRun, Executed, TIMERS_MAX};
use chaincity_package::source;
use chaincity_types::wire::{Call, LogicalKey, Outcome, Status};
use chaincity_types::{Timestamp, Value};

use crate::desk::{self, BEGIN, Desk};
use crate::rounds::run_tried;

const PACKAGE: &str = "package: alarm\nversion: 1\ntitle: {zh: 限期, en: Terms}\nroles:\n  \
    desk.clerk: {zh: 经办, en: Clerk}\n";
const TASK: &str = "register: task\ntitle: {zh: 事项, en: Task}\nsteward: desk.clerk\nkey: code\n\
    fields:\n  code: {type: text(40), zh: 代码, en: Code}\n  until: {type: time?, zh: 期限, en: Until}\n  \
    stuck: {type: bool, zh: 卡住, en: Stuck}\n\
    timers:\n  lapse: {at: this.until, call: lapse, input: {task: this._key}}\n";
const OPEN: &str = "action: open\ntitle: {zh: 立, en: Open}\nby: desk.clerk\n\
    input: {code: text(40), until: time?, stuck: bool}\ndo:\n  \
    - insert: {register: task, fields: {code: input.code, until: input.until, stuck: input.stuck}}\n";
const MOVE: &str = "action: move\ntitle: {zh: 延, en: Move}\nby: desk.clerk\n\
    input: {task: ref(task), until: time?}\nlet: {task: 'get(task, input.task)'}\ndo:\n  \
    - update: {record: task, set: {until: input.until}}\n";
const LAPSE: &str = "action: lapse\ntitle: {zh: 届满, en: Lapse}\nby: ledger.timer\n\
    input: {task: ref(task)}\nlet: {task: 'get(task, input.task)'}\nrequire:\n  \
    - {code: stuck, that: '!task.stuck', zh: 卡住, en: stuck}\ndo:\n  \
    - close: {record: task, reason: lapsed}\n  \
    - event: {kind: lapsed, register: task, key: input.task}\n";

/// At the same time as `lapse`, and after it.
const WARN: &str = "action: warn\ntitle: {zh: 告, en: Warn}\nby: ledger.timer\n\
    input: {task: ref(task)}\nlet: {task: 'get(task, input.task)'}\ndo:\n  \
    - update: {record: task, set: {until: \"null\"}}\n  \
    - event: {kind: warned, register: task, key: input.task}\n";

fn document(register: &str, lapse: &str) -> Result<Vec<u8>, String> {
    let mut files = vec![
        ("package.yaml", PACKAGE),
        ("registers/task.yaml", register),
        ("actions/open.yaml", OPEN),
        ("actions/move.yaml", MOVE),
        ("actions/lapse.yaml", lapse),
    ];
    if register.contains("warn") {
        files.push(("actions/warn.yaml", WARN));
    }
    let source = source::parse(&files).map_err(|problems| format!("{problems:?}"))?;
    source.compile().map_err(|problems| format!("{problems:?}"))?;
    Ok(source.doc.to_bytes())
}

fn desk() -> Desk {
    Desk::with_packages(vec![desk::document(), document(TASK, LAPSE).unwrap()])
}

fn alarm<const N: usize>(action: &str, input: [(&str, Value); N]) -> Call {
    Call { package: "alarm".into(), ..desk::call(action, input) }
}

fn open(code: &str, until: Timestamp) -> Call {
    let stuck = ("stuck", Value::Bool(code.starts_with("stuck")));
    alarm("open", [("code", code.into()), ("until", Value::Time(until)), stuck])
}

fn put_off(code: &str, until: Value) -> Call {
    let mut call = alarm("move", [("task", code.into()), ("until", until)]);
    call.input.retain(|_, value| *value != Value::Null);
    call
}

/// An empty block so many milliseconds later.
fn pass(desk: &mut Desk, ms: u64) -> Executed {
    desk.time = desk.parent_time.plus_ms(ms);
    let run = BlockRun::new(desk.context());
    desk.commit(run)
}

fn status(desk: &Desk, code: &str) -> Status {
    let (package, register) = ("alarm".into(), "task".into());
    let key = LogicalKey::Record { package, register, key: code.into() };
    desk.ledger.get(&key).unwrap().version.status
}

fn lapsed(executed: &Executed) -> Vec<String> {
    let events = executed.receipts.iter().flat_map(|r| &r.entries).flat_map(|e| &e.events);
    events.filter(|event| event.kind == "lapsed").map(|event| event.key.to_string()).collect()
}

#[test]
fn a_timer_runs_in_the_first_block_at_or_after_its_time() {
    let mut desk = desk();
    let until = desk.time.plus_ms(10_500);
    desk.applied("clerk", open("t", until));
    let early = pass(&mut desk, 10_400);
    assert!(early.receipts.is_empty());
    assert_eq!(status(&desk, "t"), Status::Live);
    // Its second is not over yet: never early, at most a second late.
    assert!(pass(&mut desk, 100).receipts.is_empty());
    let executed = pass(&mut desk, 500);
    assert_eq!(status(&desk, "t"), Status::Closed);
    let [receipt] = executed.receipts.as_slice() else { panic!("one receipt") };
    assert_eq!((receipt.index, receipt.operator.as_slice()), (0, [].as_slice()));
    assert_eq!(receipt.entries[0].outcome, Outcome::Applied);
    assert_eq!(lapsed(&executed), ["t"]);
    assert_eq!(executed.timers_waiting_since, None);
    // Every version that it wrote names its receipt, the action, and nobody.
    let closing = executed
        .versions
        .iter()
        .find(|w| matches!(w.record.version.key, LogicalKey::Record { .. }));
    let version: chaincity_types::wire::Version =
        chaincity_types::cbor::decode(&closing.unwrap().bytes, 65_536).unwrap();
    assert_eq!(version.by.transaction, receipt.transaction);
    assert_eq!((version.by.action.as_str(), version.by.member.as_str()), ("lapse", ""));
    assert!(version.by.operator.is_empty());
    assert!(pass(&mut desk, 60_000).receipts.is_empty(), "it runs once");
}

#[test]
fn a_timer_set_for_the_past_runs_in_the_next_second() {
    let mut desk = desk();
    desk.applied("clerk", open("t", BEGIN));
    assert_eq!(status(&desk, "t"), Status::Live);
    assert_eq!(lapsed(&pass(&mut desk, 1_000)), ["t"]);
}

#[test]
fn what_is_put_off_called_off_or_closed_does_not_lapse() {
    let mut desk = desk();
    let until = desk.time.plus_ms(20_000);
    for code in ["later", "never", "sooner"] {
        desk.applied("clerk", open(code, until));
    }
    desk.applied("clerk", put_off("later", Value::Time(until.plus_ms(20_000))));
    desk.applied("clerk", put_off("never", Value::Null));
    desk.applied("clerk", put_off("sooner", Value::Time(until.plus_ms(3).plus_ms(0))));
    desk.applied("clerk", put_off("sooner", Value::Time(BEGIN.plus_ms(9_000))));
    assert_eq!(lapsed(&pass(&mut desk, 5_000)), ["sooner"]);
    assert!(pass(&mut desk, 20_000).receipts.is_empty());
    assert_eq!(lapsed(&pass(&mut desk, 20_000)), ["later"]);
    assert_eq!(status(&desk, "never"), Status::Live);
}

#[test]
fn a_guard_may_refuse_a_timer_and_the_refusal_has_a_receipt() {
    let mut desk = desk();
    let until = desk.time.plus_ms(5_000);
    desk.applied("clerk", open("stuck", until));
    let executed = pass(&mut desk, 10_000);
    let outcome = &executed.receipts[0].entries[0].outcome;
    assert!(matches!(outcome, Outcome::Rejected { code, .. } if code == "stuck"), "{outcome:?}");
    assert_eq!(status(&desk, "stuck"), Status::Live);
    assert!(pass(&mut desk, 60_000).receipts.is_empty(), "it is not tried again");
}

/// Timers are tried before any is done: one that another of the block has made void, or refused, and
/// those whose receipts come elsewhere by that, are tried anew.
#[test]
fn timers_tried_in_any_order_do_what_they_do_one_after_the_other() {
    let warned =
        format!("{TASK}  warn: {{at: this.until, call: warn, input: {{task: this._key}}}}\n");
    let package = document(&warned, LAPSE).unwrap();
    let mut desk = Desk::with_packages(vec![desk::document(), package]);
    let until = desk.time.plus_ms(20_000);
    for code in ["a", "later", "b", "never", "stuck", "c", "d"] {
        desk.applied("clerk", open(code, until));
    }
    desk.applied("clerk", put_off("later", Value::Time(until.plus_ms(60_000))));
    desk.applied("clerk", put_off("never", Value::Null));
    desk.time = desk.parent_time.plus_ms(30_000);
    let (ledger, packages) = (&desk.ledger, &*desk.packages);
    let plain = BlockRun::new(desk.context()).finish(ledger, packages).done().unwrap();
    let kinds = plain.receipts.iter().map(|receipt| match &receipt.entries[0].outcome {
        Outcome::Applied => receipt.entries[0].events.last().unwrap().kind.to_string(),
        Outcome::Rejected { code, .. } => code.to_string(),
    });
    let kinds: Vec<String> = kinds.collect();
    assert_eq!(kinds, ["lapsed", "lapsed", "stuck", "warned", "lapsed", "lapsed"]);
    let places: Vec<u32> = plain.receipts.iter().map(|receipt| receipt.index).collect();
    assert_eq!(places, [0, 1, 2, 3, 4, 5]);
    for backwards in [false, true] {
        let mut run = BlockRun::new(desk.context());
        let mut due = run.due_timers(ledger, packages).done().unwrap();
        let mut order: Vec<_> = run.next_timers(&mut due).iter_mut().collect();
        assert_eq!(order.len(), 14, "one of each kind, whatever comes of it");
        if backwards {
            order.reverse();
        }
        for timer in order {
            assert!(run.try_timer(timer, ledger, packages).is_empty());
        }
        let executed = run.finish_with(&mut due, ledger, packages).done().unwrap();
        assert_eq!(executed.as_ref(), Some(&plain));
    }
    let mut one = |keys: Vec<LogicalKey>| keys.into_iter().take(1).collect();
    assert_eq!(run_tried(&desk, &[], &mut one).0, plain, "key by key");
}

/// Once the block's fuel is spent nothing more is tried; the next block goes on there.
#[test]
fn dear_timers_are_tried_in_vain_for_one_turn_at_most() {
    let list: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    let list = list.join(", ");
    let dear = format!("[{list}].all(a, [{list}].all(b, [{list}].all(c, a + b + c >= 0)))");
    let lapse = LAPSE.replace("'!task.stuck'", &format!("'{dear}'"));
    let package = document(TASK, &lapse).unwrap();
    let mut desk = Desk::with_packages(vec![desk::document(), package]);
    let (_, until) = opened_for_one_instant(&mut desk, 100);
    desk.time = desk.parent_time.plus_ms(1_000);
    let (ledger, packages) = (&desk.ledger, &*desk.packages);
    let mut run = BlockRun::new(desk.context());
    let mut due = run.due_timers(ledger, packages).done().unwrap();
    let mut tried = 0;
    let executed = loop {
        let next = run.next_timers(&mut due);
        tried += next.len();
        for timer in next {
            assert!(run.try_timer(timer, ledger, packages).is_empty());
        }
        if let Some(executed) = run.finish_with(&mut due, ledger, packages).done().unwrap() {
            break executed;
        }
    };
    let ran = executed.receipts.len();
    assert!((16..64).contains(&ran), "{ran}");
    assert!(tried < ran + 32, "{tried} tried of which {ran} ran");
    assert_eq!(executed.timers_waiting_since, Some(until));
}

/// Opens so many tasks that lapse at one instant, which the next block may reach.
fn opened_for_one_instant(desk: &mut Desk, count: usize) -> (Vec<String>, Timestamp) {
    let until = desk.time.plus_ms(1_000_000);
    let codes: Vec<String> = (0..count).map(|i| format!("t{i:04}")).collect();
    for some in codes.chunks(200) {
        let calls = some.iter().map(|code| open(code, until)).collect();
        let signed = desk.sign("clerk", chaincity_types::wire::Mode::Independent, calls);
        let executed = desk.block(&[signed]);
        assert!(executed.receipts[0].entries.iter().all(|e| e.outcome == Outcome::Applied));
    }
    desk.parent_time = Timestamp(until.0 - 1_000);
    desk.time = until;
    (codes, until)
}

#[test]
fn many_timers_of_one_instant_run_in_order_over_several_blocks() {
    let mut desk = desk();
    let count = 2 * TIMERS_MAX + 88;
    let (codes, until) = opened_for_one_instant(&mut desk, count);
    let mut done = Vec::new();
    for ran in [TIMERS_MAX, TIMERS_MAX, 88] {
        // Blocks need not wait for each other: what is due runs in the next, a moment later.
        let executed = pass(&mut desk, if done.is_empty() { 1_000 } else { 1 });
        let waiting = (ran == TIMERS_MAX).then_some(until);
        assert_eq!(executed.timers_waiting_since, waiting);
        let some = lapsed(&executed);
        assert_eq!(some.len(), ran);
        done.extend(some);
    }
    assert_eq!(done.iter().collect::<BTreeSet<_>>().len(), count, "each once");
    assert_eq!(done, codes, "in the order in which they were set");
    assert!(pass(&mut desk, 60_000).receipts.is_empty());
    // Short pages: an entry that comes late does not cost a copy of all that stand there.
    let pages = desk.ledger.records().filter_map(|(key, record)| match key {
        LogicalKey::TimerPage { .. } => record.version.fields["entries"].as_list().map(<[_]>::len),
        _ => None,
    });
    let pages: Vec<usize> = pages.collect();
    assert_eq!(pages.iter().sum::<usize>(), count);
    assert!(pages.iter().all(|len| *len <= 32));
}

#[test]
fn transactions_and_timers_do_not_keep_each_other_from_a_block() {
    let mut desk = desk();
    let (codes, _) = opened_for_one_instant(&mut desk, 3 * TIMERS_MAX);
    // The last to lapse is put off by a transaction that comes while others are due; one more is
    // set, and is due behind them.
    let (last, others) = codes.split_last().unwrap();
    let later = desk.time.plus_ms(60_000);
    let calls = vec![put_off(last, Value::Time(later)), open("new", desk.time)];
    let mut done = Vec::new();
    for round in 0..3 {
        let calls =
            if round == 0 { calls.clone() } else { vec![open(&format!("r{round}"), later)] };
        let signed = desk.sign("clerk", chaincity_types::wire::Mode::Independent, calls);
        desk.time = desk.parent_time.plus_ms(if round == 0 { 1_000 } else { 1 });
        let executed = desk.block(&[signed]);
        let first = &executed.receipts[0];
        assert!(first.entries.iter().all(|e| e.outcome == Outcome::Applied), "{first:?}");
        assert!(executed.receipts.iter().skip(1).all(|receipt| receipt.operator.is_empty()));
        done.extend(lapsed(&executed));
    }
    assert_eq!(done, others, "all but the one that was put off");
    assert_eq!(lapsed(&pass(&mut desk, 2_000)), ["new"]);
    assert_eq!(status(&desk, last), Status::Live);
    assert_eq!(lapsed(&pass(&mut desk, 60_000)), [last.as_str(), "r1", "r2"]);
}

#[test]
fn a_refused_transaction_sets_no_timer() {
    let mut desk = desk();
    let until = desk.time.plus_ms(5_000);
    desk.applied("clerk", open("t", until));
    let calls = vec![put_off("t", Value::Time(until.plus_ms(5_000))), open("t", until)];
    let signed = desk.sign("clerk", chaincity_types::wire::Mode::Atomic, calls);
    let executed = desk.block(&[signed]);
    assert!(executed.versions.is_empty(), "nothing of it, in the queue neither");
    assert_eq!(lapsed(&pass(&mut desk, 10_000)), ["t"]);
}

#[test]
fn nobody_can_call_as_a_timer_or_hold_its_role() {
    let mut desk = desk();
    let until = desk.time.plus_ms(50_000);
    desk.applied("clerk", open("t", until));
    let lapse = alarm("lapse", [("task", "t".into())]);
    assert_eq!(desk.outcome("clerk", lapse), "not-authorised");
    let roles = Value::List(vec!["ledger.timer".into()]);
    let member = |action: &str| {
        let input = [("id", "delta".into()), ("roles", roles.clone())];
        let mut call = desk::govern(action, input);
        if action == "add-member" {
            call.input.insert("name_zh".into(), "丁".into());
            call.input.insert("name_en".into(), "delta".into());
        } else {
            call.input.insert("id".into(), "alpha".into());
        }
        call
    };
    for action in ["add-member", "set-member"] {
        let call = crate::governance::approved(&mut desk, &[("b", "beta")], member(action));
        assert_eq!(desk.outcome("a", call), "governance-invalid", "{action}");
    }
}

#[test]
fn a_timer_that_cannot_work_does_not_compile() {
    let refused = |register: &str, lapse: &str, code: &str| {
        let problems = document(register, lapse).unwrap_err();
        assert!(problems.contains(code), "{problems}");
    };
    refused(&TASK.replace("at: this.until", "at: this.code"), LAPSE, "\"type\"");
    refused(&TASK.replace("at: this.until", "at: now"), LAPSE, "unknown name");
    refused(&TASK.replace("call: lapse", "call: open"), LAPSE, "timer-action");
    refused(&TASK.replace("call: lapse", "call: none"), LAPSE, "unknown-name");
    refused(&TASK.replace("{task: this._key}", "{}"), LAPSE, "missing-field");
    refused(&TASK.replace("task: this._key", "task: this._key, x: '1'"), LAPSE, "unknown-name");
    let consenting = LAPSE.replace("do:\n", "mandates: [{of: '\"s-jia\"', for: lapse}]\ndo:\n");
    refused(TASK, &consenting, "timer-action");
}
