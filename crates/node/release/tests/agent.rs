//! The release agent on a whole node: what it releases, refuses and leaves alone, whatever happens
//! between the access and its answer.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod cases;
mod claims;
mod common;
mod confidential;
mod placed;
mod policy;
mod said;
mod searching;
mod standby;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chaincity_crypto::envelope::{self, Envelope, ReaderKey, ReleaseContext};
use chaincity_pipeline::NodeApi as _;
use chaincity_release::{Agent, AgentError};
use chaincity_types::{Digest, Value};
use chaincity_vault::{Erasure, VaultError};
use common::package::{GROUP, PACKAGE, REGISTER};
use common::{Ask, CASE, City, ID_NUMBER, NAME, OTHER_STEWARD, SUBJECT, person, reader_key};

/// What the reader expects of a group, from its access and from the ledger.
fn context(city: &City, access: &str, commitment: Digest, version: u64) -> ReleaseContext {
    ReleaseContext {
        ledger: city.ledger(),
        access: access.to_owned(),
        package: PACKAGE.to_owned(),
        register: REGISTER.to_owned(),
        record: "f-1".to_owned(),
        version,
        group: GROUP.to_owned(),
        commitment,
        claim: None,
    }
}

/// The envelope that the ledger says was released.
fn released(city: &City, access: &str) -> Envelope {
    let envelope = city.vault.envelope(access).unwrap().unwrap();
    let fields = city.access(access);
    assert_eq!(fields["state"], "released".into());
    assert_eq!(fields["envelope"], Value::Bytes(envelope.digest().0.to_vec()));
    envelope
}

/// The access is refused so, by the agent and not by a person, in the subject's read log if the
/// record is known, and nothing is kept to be handed over.
#[track_caller]
fn assert_refused(city: &City, access: &str, (code, zh, en): (&str, &str, &str)) {
    let fields = city.access(access);
    let reason = common::fields([("zh", zh.into()), ("en", en.into())]);
    assert_eq!(fields["state"], "refused".into());
    assert_eq!(fields["code"], code.into());
    assert_eq!(fields["reason"], Value::Map(reason));
    assert_eq!(fields["by_person"], Value::Bool(false));
    assert!(!fields.contains_key("envelope") || fields["envelope"] == Value::Null);
    let logged = city.read_log().iter().any(|logged| logged == access);
    assert_eq!(logged, code != "record-unknown");
}

fn erase(city: &City, commitment: Digest) {
    let at = city.counter.status().time;
    let basis = "个人信息保护法 47".to_owned();
    city.vault.erase(&Erasure { commitment, basis, at }).unwrap();
}

#[test]
fn an_access_under_a_grant_is_released_and_opens_with_the_readers_key_alone() {
    let (city, commitment, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    assert_eq!(city.round(&city.agent()), 1);

    let envelope = released(&city, &access);
    let fields = city.access(&access);
    assert_eq!(fields["version"], Value::Int(1));
    assert_eq!(fields["by_person"], Value::Bool(false));
    let held = city.record(PACKAGE, REGISTER, "f-1").unwrap().1;
    assert_eq!(held["identity"], Value::Bytes(commitment.0.to_vec()));
    let expected = context(&city, &access, commitment, 1);
    assert_eq!(envelope.groups.len(), 1);
    let opened = envelope::open(&reader_key(), &envelope.groups[0], &expected).unwrap();
    assert_eq!(opened.bytes(), person());
    assert_eq!(opened.commitment(), commitment);
    let another = ReaderKey::from_seed(&chaincity_crypto::cipher::Secret::from_bytes([6; 32]));
    assert!(envelope::open(&another, &envelope.groups[0], &expected).is_err());
    assert_eq!(city.read_log(), [access]);
}

#[test]
fn an_access_under_a_consent_is_released() {
    let (city, commitment, _) = City::with_file();
    let consent = city.consent();
    let access = city.ask(&Ask { basis: ("consent", &consent), ..Ask::of("f-1", "") });
    assert_eq!(city.round(&city.agent()), 1);
    let envelope = released(&city, &access);
    let expected = context(&city, &access, commitment, 1);
    assert!(envelope::open(&reader_key(), &envelope.groups[0], &expected).is_ok());
}

#[test]
fn several_accesses_are_answered_in_one_round_each_by_its_own_envelope() {
    let (city, commitment, grant) = City::with_file();
    let accesses: Vec<_> = (0..3).map(|_| city.ask(&Ask::of("f-1", &grant))).collect();
    let height = city.counter.status().height;
    assert_eq!(city.round(&city.agent()), 3);
    assert_eq!(city.counter.status().height, height.next());
    for access in &accesses {
        let envelope = released(&city, access);
        let expected = context(&city, access, commitment, 1);
        assert!(envelope::open(&reader_key(), &envelope.groups[0], &expected).is_ok());
    }
    assert_eq!(city.read_log(), accesses);
}

#[test]
fn a_second_round_does_nothing_more_whatever_the_read_model_shows() {
    let (city, _, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    let agent = city.agent();
    city.follow();
    assert_eq!(agent.round().unwrap(), 1);
    let answered = city.access(&access);
    city.counter.submitted();

    // The read model has not followed: the access still looks asked.
    assert_eq!(agent.round().unwrap(), 0);
    city.follow();
    assert_eq!(agent.round().unwrap(), 0);
    assert_eq!(city.counter.submitted(), 0);
    assert_eq!(city.access(&access), answered);
}

#[test]
fn an_agent_that_forgot_its_answer_cannot_answer_twice() {
    let (city, _, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    city.open_file("f-2", None);
    let absent = city.ask(&Ask::of("f-2", &grant));
    city.follow();
    assert_eq!(city.agent().round().unwrap(), 2);
    let answered = [city.access(&access), city.access(&absent)];
    city.counter.submitted();

    // Started again, before the read model has followed. Time has passed: it signs anew.
    assert_eq!(city.agent().round().unwrap(), 2);
    assert_eq!(city.counter.submitted(), 2, "tried once more, and no refusal of the release");
    assert_eq!([city.access(&access), city.access(&absent)], answered);
    released(&city, &access);
    assert_eq!(city.read_log(), [access, absent]);
}

#[test]
fn what_was_lost_on_the_way_is_tried_again_some_blocks_later() {
    let (city, _, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    let agent = city.agent();
    city.counter.lose(true);
    assert_eq!(city.round(&agent), 1);
    city.counter.lose(false);
    let mut blocks = 0;
    while city.round(&agent) == 0 {
        assert_eq!(city.state(&access), "asked");
        assert!(blocks < 100, "never tried again");
        blocks += 1;
        city.counter.desk().step();
    }
    assert_eq!(blocks, 30);
    released(&city, &access);
}

#[test]
fn a_grant_suspended_before_the_release_is_a_recorded_refusal() {
    let (city, _, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    let agent = city.agent();
    city.follow();
    city.suspend(&grant);
    assert_eq!(agent.round().unwrap(), 1);
    assert_refused(&city, &access, ("grant-suspended", "授权已暂停", "the grant is suspended"));
    assert_eq!(city.round(&agent), 0);
}

#[test]
fn a_consent_withdrawn_before_the_release_is_a_recorded_refusal() {
    let (city, _, _) = City::with_file();
    let consent = city.consent();
    let access = city.ask(&Ask { basis: ("consent", &consent), ..Ask::of("f-1", "") });
    let agent = city.agent();
    city.follow();
    city.withdraw(&consent);
    assert_eq!(agent.round().unwrap(), 1);
    assert_refused(&city, &access, ("consent-withdrawn", "同意已撤回", "the consent is withdrawn"));
    assert_eq!(city.round(&agent), 0);
}

/// An access whose envelope is kept and whose release was lost with the agent's process.
fn crashed(city: &City, grant: &str) -> (String, Envelope) {
    let access = city.ask(&Ask::of("f-1", grant));
    let agent = city.agent();
    city.counter.lose(true);
    assert_eq!(city.round(&agent), 1);
    drop(agent);
    city.counter.lose(false);
    assert_eq!(city.state(&access), "asked");
    let kept = city.vault.envelope(&access).unwrap().unwrap();
    (access, kept)
}

#[test]
fn the_envelope_kept_before_a_crash_is_the_one_released_after_it() {
    let (city, _, grant) = City::with_file();
    let (access, kept) = crashed(&city, &grant);
    assert_eq!(city.round(&city.agent()), 1);
    assert_eq!(released(&city, &access), kept);
}

#[test]
fn a_kept_envelope_is_released_with_the_version_that_it_holds() {
    let (city, commitment, grant) = City::with_file();
    let (access, kept) = crashed(&city, &grant);
    city.change_identity("f-1", city.seal(2, REGISTER));
    assert_eq!(city.round(&city.agent()), 1);
    let envelope = released(&city, &access);
    assert_eq!(envelope, kept);
    assert_eq!(city.access(&access)["version"], Value::Int(1));
    let expected = context(&city, &access, commitment, 1);
    assert!(envelope::open(&reader_key(), &envelope.groups[0], &expected).is_ok());
}

#[test]
fn without_a_kept_envelope_the_current_version_is_released() {
    let (city, _, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    let changed = city.seal(2, REGISTER);
    city.change_identity("f-1", changed);
    assert_eq!(city.round(&city.agent()), 1);
    let envelope = released(&city, &access);
    assert_eq!(city.access(&access)["version"], Value::Int(2));
    let expected = context(&city, &access, changed, 2);
    assert!(envelope::open(&reader_key(), &envelope.groups[0], &expected).is_ok());
}

const ERASED: (&str, &str, &str) = ("group-erased", "该字段组已依法销毁", "the group was erased");
const UNKNOWN: (&str, &str, &str) =
    ("group-unknown", "本单位保险库不保管该字段组", "this vault does not keep the group");
const ABSENT: (&str, &str, &str) =
    ("group-absent", "该记录没有所请求的字段组", "the record has none of these groups");

#[test]
fn an_erased_group_is_refused() {
    let (city, commitment, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    erase(&city, commitment);
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(&city, &access, ERASED);
    assert_eq!(city.vault.envelope(&access).unwrap(), None);
}

#[test]
fn what_the_ledger_erased_is_erased_before_it_could_be_released() {
    let (city, commitment, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    city.erase(commitment);
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(&city, &access, ERASED);
    assert!(matches!(city.vault.open_group(&commitment), Err(VaultError::Erased(_))));
}

#[test]
fn a_restored_vault_answers_once_the_ledgers_erasures_are_carried_out() {
    let (mut city, erased, grant) = City::with_file();
    let kept = city.seal(2, REGISTER);
    city.open_file("f-2", Some(kept));
    let said = city.seal_parameters(reader_key().public_key(), &[]);
    city.restore_from_backup(|city| city.erase(erased));
    let access = city.ask(&Ask { sealed: Some(said), ..Ask::of("f-2", &grant) });
    city.follow();
    let agent = city.agent();
    assert!(matches!(agent.round(), Err(AgentError::Vault(VaultError::ErasuresPending))));
    assert_eq!(agent.apply_erasures().unwrap().erased, 1);
    assert!(matches!(city.vault.open_group(&erased), Err(VaultError::Erased(_))));
    assert_eq!(city.round(&city.agent()), 1);
    assert_eq!(city.state(&access), "released");
    assert_eq!(agent.apply_erasures().unwrap().erased, 0, "carried out once");
}

#[test]
fn a_group_erased_after_its_envelope_was_kept_is_refused() {
    let (city, commitment, grant) = City::with_file();
    let (access, _) = crashed(&city, &grant);
    erase(&city, commitment);
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(&city, &access, ERASED);
    assert_eq!(city.vault.envelope(&access).unwrap(), None);
}

#[test]
fn a_group_that_the_vault_never_held_is_refused() {
    let (city, _, grant) = City::with_file();
    city.open_file("f-2", Some(Digest([7; 32])));
    let access = city.ask(&Ask::of("f-2", &grant));
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(&city, &access, UNKNOWN);
}

#[test]
fn a_group_sealed_for_another_register_is_not_handed_out_under_this_ones_grant() {
    let (city, _, grant) = City::with_file();
    city.open_file("f-2", Some(city.seal(2, "secret-file")));
    let access = city.ask(&Ask::of("f-2", &grant));
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(&city, &access, UNKNOWN);
    assert_eq!(city.vault.envelope(&access).unwrap(), None);
}

#[test]
fn a_record_that_does_not_exist_is_refused() {
    let (city, _, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-9", &grant));
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(&city, &access, ("record-unknown", "没有这条记录", "there is no such record"));
}

#[test]
fn a_record_without_the_group_is_refused() {
    let (city, _, grant) = City::with_file();
    city.open_file("f-2", None);
    let empty = city.ask(&Ask::of("f-2", &grant));
    // A group that the grant names and the register does not have.
    let strange = city.ask(&Ask { groups: &["deal"], ..Ask::of("f-1", &grant) });
    assert_eq!(city.round(&city.agent()), 2);
    assert_refused(&city, &empty, ABSENT);
    assert_refused(&city, &strange, ABSENT);
}

#[test]
fn a_one_time_key_that_is_no_usable_point_is_refused() {
    let (city, _, grant) = City::with_file();
    let access = city.ask(&Ask { key: [0; 32], ..Ask::of("f-1", &grant) });
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(
        &city,
        &access,
        ("key-invalid", "一次性公钥无效", "the one-time key is not valid"),
    );
    assert_eq!(city.vault.envelope(&access).unwrap(), None);
}

#[test]
fn an_access_to_another_steward_is_left_alone() {
    let (city, _, _) = City::with_file();
    let grant = city.grant_of("other-keeper", "430000-0003");
    let access = city.ask(&Ask { steward: OTHER_STEWARD, ..Ask::of("f-1", &grant) });
    assert_eq!(city.round(&city.agent()), 0);
    assert_eq!(city.counter.submitted(), 0);
    assert_eq!(city.state(&access), "asked");
    assert_eq!(city.vault.envelope(&access).unwrap(), None);
}

#[test]
fn an_access_that_needs_a_person_is_left_alone() {
    let (city, _, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    city.queue_for_person(&access);
    assert_eq!(city.round(&city.agent()), 0);
    assert_eq!(city.counter.submitted(), 0);
    assert_eq!(city.state(&access), "asked");
    assert_eq!(city.vault.envelope(&access).unwrap(), None);
}

#[test]
fn an_access_queued_for_a_person_before_the_read_model_shows_it_is_not_answered() {
    let (city, _, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    city.follow();
    city.queue_for_person(&access);
    city.agent().round().unwrap();
    assert_eq!(city.state(&access), "asked");
    assert_eq!(city.access(&access)["needs_person"], Value::Bool(true));
}

#[test]
fn an_answer_that_is_not_admitted_is_not_waited_for() {
    let (city, _, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    assert_eq!(city.round(&city.agent_with("nobody")), 1);
    assert_eq!(city.counter.waited(), []);
    assert_eq!(city.state(&access), "asked");
    assert_eq!(city.round(&city.agent()), 1);
    assert_eq!(city.counter.waited().len(), 1);
    released(&city, &access);
}

#[test]
fn a_damaged_group_keeps_no_other_access_from_its_answer() {
    let (city, _, grant) = City::with_file();
    let damaged = city.seal(2, REGISTER);
    city.open_file("f-2", Some(damaged));
    let before = city.ask(&Ask::of("f-1", &grant));
    let access = city.ask(&Ask::of("f-2", &grant));
    let after = city.ask(&Ask::of("f-1", &grant));
    let file = rusqlite::Connection::open(city.vault_file()).unwrap();
    let sql = "UPDATE field_group SET content = zeroblob(99) WHERE commitment = ?1";
    assert_eq!(file.execute(sql, [damaged.as_bytes()]).unwrap(), 1);
    city.follow();
    let agent = city.agent();
    assert!(agent.round().is_err(), "the damage is told");
    released(&city, &before);
    released(&city, &after);
    // Damage is no reason to refuse: a person restores the vault, or the deadline passes.
    assert_eq!(city.state(&access), "asked");
}

#[test]
fn who_a_refused_or_unanswered_access_was_about_is_noted_once() {
    let (city, _, grant) = City::with_file();
    let unanswered = city.ask(&Ask::of("f-1", &grant));
    let mut accesses = vec![unanswered.clone()];
    city.pass_minutes(61);
    assert_eq!(city.state(&unanswered), "unanswered");
    accesses.push(city.ask_in_vain(&Ask { groups: &["secret"], ..Ask::of("f-1", &grant) }));
    accesses.push(city.ask_in_vain(&Ask::of("f-1", "none")));
    let unknown = city.ask_in_vain(&Ask { groups: &["secret"], ..Ask::of("f-9", &grant) });
    let elsewhere = city.ask_in_vain(&Ask { steward: OTHER_STEWARD, ..Ask::of("f-1", &grant) });
    assert_eq!(city.read_log(), Vec::<String>::new());

    let agent = city.agent();
    assert_eq!(city.round(&agent), 4, "three with their subject, and the unknown record");
    assert_eq!(city.read_log(), accesses);
    for access in accesses.iter().chain([&unknown]) {
        assert_eq!(city.access(access).get("unnoted"), None, "{access}");
    }
    // Another steward's to note; and what is noted is not noted again, by a new agent neither.
    assert_eq!(city.access(&elsewhere)["unnoted"], OTHER_STEWARD.into());
    city.counter.submitted();
    assert_eq!((city.round(&agent), city.round(&city.agent())), (0, 0));
    assert_eq!(city.counter.submitted(), 0);
}

#[test]
fn a_note_that_was_lost_is_made_by_the_agent_after_a_restart() {
    let (city, _, grant) = City::with_file();
    let access = city.ask_in_vain(&Ask { groups: &["secret"], ..Ask::of("f-1", &grant) });
    city.counter.lose(true);
    assert_eq!(city.round(&city.agent()), 1);
    city.counter.lose(false);
    assert_eq!(city.read_log(), Vec::<String>::new());
    assert_eq!(city.round(&city.agent()), 1);
    assert_eq!(city.read_log(), std::slice::from_ref(&access));
    // The read model of yet another start has not followed: what is noted is not noted again.
    let behind = city.ask_in_vain(&Ask { groups: &["secret"], ..Ask::of("f-1", &grant) });
    city.follow();
    assert_eq!(city.agent().round().unwrap(), 1);
    assert_eq!(city.agent().round().unwrap(), 0);
    assert_eq!(city.read_log(), [access, behind]);
}

/// Runs the agent as a node does, until `done` of the rounds that it has begun.
fn serve(city: &City, agent: &Agent, done: impl Fn(usize) -> bool) {
    let (stops, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let served = std::thread::scope(|scope| {
        scope.spawn(|| {
            agent.run(|| {
                rounds.fetch_add(1, Ordering::SeqCst);
                !stops.load(Ordering::SeqCst)
            });
        });
        let begun = Instant::now();
        let served = loop {
            city.follow();
            if done(rounds.load(Ordering::SeqCst)) {
                break true;
            }
            if begun.elapsed() > Duration::from_secs(60) {
                break false;
            }
            std::thread::yield_now();
        };
        // It may wait for a block.
        stops.store(true, Ordering::SeqCst);
        city.counter.desk().step();
        city.follow();
        served
    });
    assert!(served, "not in time, after {rounds:?} rounds");
}

#[test]
fn a_running_agent_answers_what_comes_and_goes_on_after_a_restart_without_doing_anything_twice() {
    let (city, _, grant) = City::with_file();
    let agent = city.agent();
    let (first, second) = (city.ask(&Ask::of("f-1", &grant)), city.ask(&Ask::of("f-1", &grant)));
    let refused = city.ask_in_vain(&Ask { groups: &["secret"], ..Ask::of("f-1", &grant) });
    serve(&city, &agent, |_| city.read_log().len() == 3);
    let all = [first, second, refused];
    released(&city, &all[0]);

    // Killed with an answer on its way that never arrives.
    let lost = city.ask(&Ask::of("f-1", &grant));
    city.counter.waited();
    city.counter.lose(true);
    serve(&city, &agent, |_| !city.counter.waited().is_empty());
    city.counter.lose(false);
    let kept = city.vault.envelope(&lost).unwrap().unwrap();
    assert_eq!(city.state(&lost), "asked");

    let agent = city.agent();
    serve(&city, &agent, |_| city.state(&lost) == "released");
    assert_eq!(released(&city, &lost), kept);
    let answered = all.iter().map(|access| city.access(access)).collect::<Vec<_>>();
    city.counter.submitted();
    let step = |rounds| {
        city.counter.desk().step();
        rounds > 3
    };
    serve(&city, &city.agent(), step);
    assert_eq!(city.counter.submitted(), 0);
    assert_eq!(all.iter().map(|access| city.access(access)).collect::<Vec<_>>(), answered);
    assert_eq!(city.read_log().len(), 4);
}

/// Where log lines go.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_of_the_values_stands_in_log_lines_or_debug_output() {
    let (city, _, grant) = City::with_file();
    let damaged = city.seal(2, REGISTER);
    city.open_file("f-2", Some(damaged));
    let file = rusqlite::Connection::open(city.vault_file()).unwrap();
    let sql = "UPDATE field_group SET content = zeroblob(99) WHERE commitment = ?1";
    assert_eq!(file.execute(sql, [damaged.as_bytes()]).unwrap(), 1);
    let access = city.ask(&Ask::of("f-1", &grant));
    let other = city.ask(&Ask::of("f-2", &grant));

    let lines = Lines::default();
    let sink = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || sink.clone())
        .finish();
    let mut printed = tracing::subscriber::with_default(subscriber, || {
        let agent = city.agent();
        city.follow();
        // Rejected, not admitted, and failed: what the agent has lines for.
        drop(city.agent_with("nobody").round());
        city.suspend(&grant);
        let error = agent.round().unwrap_err();
        format!("{agent:?} {error} {error:?} {:?}", std::error::Error::source(&error))
    });
    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for told in ["an answer was rejected", "an answer was not admitted", &access, &other] {
        assert!(lines.contains(told), "{told}: {lines}");
    }
    printed.push_str(&lines);
    let opened = city.vault.envelope(&access).unwrap().unwrap();
    assert!(!opened.groups.is_empty());
    for secret in [NAME, ID_NUMBER, SUBJECT, CASE, "planted"] {
        assert!(!printed.contains(secret), "{printed}");
        assert!(!printed.contains(&hex(secret.as_bytes())), "{printed}");
        let bytes = format!("{:?}", secret.as_bytes());
        assert!(!printed.contains(bytes.trim_matches(['[', ']'])), "{printed}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
