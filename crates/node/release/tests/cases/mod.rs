//! Access by case: who takes part in it reads what his task discloses, and nothing else.

use super::common::noting;
use super::common::package::{LOAN, WINDOW};
use super::*;

const NOT_IN_CASE: (&str, &str, &str) =
    ("not-in-case", "调用人不承办该办件", "who asks has no part in the case");
const NOT_RUNNING: (&str, &str, &str) =
    ("case-not-running", "办件已办结或已中止", "the case has ended or is suspended");

fn by_case<'a>(case: &'a str, record: &'a str, grant: &'a str) -> Ask<'a> {
    Ask { case: Some(case), ..Ask::of(record, grant) }
}

#[test]
fn who_has_a_task_reads_what_it_discloses_of_the_cases_records_until_the_case_ends() {
    let (city, commitment, grant) = City::with_file();
    let case = city.begin_case(&["f-1"]);
    let agent = city.agent();
    let early = city.ask(&by_case(&case, "f-1", &grant));
    assert_eq!(city.round(&agent), 1);
    assert_refused(&city, &early, NOT_IN_CASE);

    city.act("reader", "claim", (&case, "look"));
    let access = city.ask(&by_case(&case, "f-1", &grant));
    let claims = ["person.masked"];
    let claim = city.ask(&Ask { groups: &[], claims: &claims, ..by_case(&case, "f-1", &grant) });
    assert_eq!(city.round(&agent), 2);
    let expected = context(&city, &access, commitment, 1);
    let envelope = released(&city, &access);
    assert!(envelope::open(&reader_key(), &envelope.groups[0], &expected).is_ok());
    released(&city, &claim);
    assert_eq!(city.access(&access)["case"], case.as_str().into());

    // Who did a task goes on reading while the case runs.
    city.act("reader", "complete", (&case, "look"));
    let after = city.ask(&by_case(&case, "f-1", &grant));
    assert_eq!(city.round(&agent), 1);
    released(&city, &after);
    city.act("colleague", "complete", (&case, "count"));
    let late = city.ask(&by_case(&case, "f-1", &grant));
    assert_eq!(city.round(&agent), 1);
    assert_refused(&city, &late, NOT_RUNNING);
    assert_eq!(city.vault.envelope(&late).unwrap(), None);
}

#[test]
fn another_record_another_task_and_another_case_open_nothing() {
    let (city, _, grant) = City::with_file();
    city.open_file("f-2", Some(city.seal(2, REGISTER)));
    let case = city.begin_case(&["f-1"]);
    let other = city.begin_case(&["f-1"]);
    city.act("reader", "claim", (&case, "count"));
    city.act("colleague", "claim", (&case, "look"));
    let agent = city.agent();
    let refused = [
        (
            by_case(&case, "f-2", &grant),
            ("record-not-of-case", "该办件不涉及此记录", "the case is not about the record"),
        ),
        (
            by_case(&case, "f-1", &grant),
            (
                "group-not-disclosed",
                "调用人的任务不披露该字段组",
                "no task of who asks discloses the group",
            ),
        ),
        (by_case(&other, "f-1", &grant), NOT_IN_CASE),
        (
            by_case("no-such-case", "f-1", &grant),
            ("case-unknown", "没有这个办件", "there is no such case"),
        ),
    ];
    let accesses: Vec<_> = refused.iter().map(|(ask, _)| city.ask(ask)).collect();
    assert_eq!(city.round(&agent), accesses.len());
    for (access, (_, code)) in accesses.iter().zip(refused) {
        assert_refused(&city, access, code);
    }
    // Without the case the grant alone decides.
    let access = city.ask(&Ask::of("f-2", &grant));
    assert_eq!(city.round(&agent), 1);
    released(&city, &access);
}

#[test]
fn a_clerk_fetches_within_the_case_what_another_packages_register_proves_and_outside_of_it_nothing()
{
    let (city, commitment, grant) = City::with_file();
    city.open_file("f-2", Some(city.seal(2, REGISTER)));
    let licence = (WINDOW, "licence");
    let (case, other) =
        (city.begin_case_of(licence, &["f-1"]), city.begin_case_of(licence, &["f-1"]));
    let agent = city.agent();
    // Nobody's task discloses it yet; then one's does, and only to him, in this case, of this record.
    let early = city.ask(&by_case(&case, "f-1", &grant));
    assert_eq!(city.round(&agent), 1);
    assert_refused(&city, &early, NOT_IN_CASE);
    city.act("reader", "claim", (&case, "fetch"));
    city.act("reader", "claim", (&other, "count"));
    let access = city.ask(&by_case(&case, "f-1", &grant));
    assert_eq!(city.round(&agent), 1);
    let expected = context(&city, &access, commitment, 1);
    let envelope = released(&city, &access);
    assert!(envelope::open(&reader_key(), &envelope.groups[0], &expected).is_ok());
    let refused = [
        (
            by_case(&case, "f-2", &grant),
            ("record-not-of-case", "该办件不涉及此记录", "the case is not about the record"),
        ),
        (
            by_case(&other, "f-1", &grant),
            (
                "group-not-disclosed",
                "调用人的任务不披露该字段组",
                "no task of who asks discloses the group",
            ),
        ),
    ];
    let accesses: Vec<_> = refused.iter().map(|(ask, _)| city.ask(ask)).collect();
    assert_eq!(city.round(&agent), accesses.len());
    for (access, (_, code)) in accesses.iter().zip(refused) {
        assert_refused(&city, access, code);
    }
}

/// What the case itself holds, asked for by it.
fn of_itself<'a>(case: &'a str, grant: &'a str) -> Ask<'a> {
    Ask { register: LOAN, ..by_case(case, case, grant) }
}

#[test]
fn an_encrypted_variable_is_opened_by_a_task_that_discloses_it_and_logged_for_whom_the_case_is_about()
 {
    let (city, _, _) = City::with_file();
    let note = city.seal(2, LOAN);
    let grant = city.grant_of_cases();
    let case = city.begin_noted(note, &["f-1"]);
    let agent = city.agent();
    let early = city.ask(&of_itself(&case, &grant));
    assert_eq!(city.round(&agent), 1);
    assert_refused(&city, &early, NOT_IN_CASE);

    city.act("reader", "claim", (&case, "count"));
    let access = city.ask(&of_itself(&case, &grant));
    assert_eq!(city.round(&agent), 1);
    let (version, _) = city.record("case", "case", &case).unwrap();
    let expected = ReleaseContext {
        register: LOAN.to_owned(),
        record: case.clone(),
        ..context(&city, &access, note, version)
    };
    let envelope = released(&city, &access);
    assert!(envelope::open(&reader_key(), &envelope.groups[0], &expected).is_ok());
    assert!(city.read_log().contains(&access));

    city.act("reader", "complete", (&case, "count"));
    city.act("colleague", "complete", (&case, "look"));
    let late = city.ask(&of_itself(&case, &grant));
    // Without the case the grant alone decides, as of a record.
    let granted = city.ask(&Ask { case: None, ..of_itself(&case, &grant) });
    assert_eq!(city.round(&agent), 2);
    assert_refused(&city, &late, NOT_RUNNING);
    released(&city, &granted);
    city.erase(note);
    let gone = city.ask(&Ask { case: None, ..of_itself(&case, &grant) });
    assert_eq!(city.round(&agent), 1);
    assert_refused(&city, &gone, ("group-erased", "该字段组已依法销毁", "the group was erased"));
}

#[test]
fn a_variable_opens_what_was_sealed_for_its_process_by_the_member_that_set_it_and_nothing_else() {
    let (city, filed, _) = City::with_file();
    let grant = city.grant_of_cases();
    // Sealed for the register of files.
    let case = city.begin_noted(filed, &["f-1"]);
    let other = city.begin_noted(city.seal(2, LOAN), &["f-1"]);
    city.act("reader", "claim", (&case, "count"));
    let agent = city.agent();
    let misplaced = city.ask(&of_itself(&case, &grant));
    let another = city.ask(&Ask { record: &other, ..of_itself(&case, &grant) });
    assert_eq!(city.round(&agent), 2);
    assert_refused(
        &city,
        &misplaced,
        ("group-unknown", "本单位保险库不保管该字段组", "this vault does not keep the group"),
    );
    assert_refused(
        &city,
        &another,
        ("record-not-of-case", "该办件不涉及此记录", "the case is not about the record"),
    );
    // Set by the reader: it is his member's vault that has it.
    city.act_with("reader", "complete", (&case, "count"), noting(city.seal(3, LOAN)));
    let elsewhere = city.ask(&of_itself(&case, &grant));
    assert_eq!(city.round(&agent), 1);
    assert_refused(
        &city,
        &elsewhere,
        ("group-absent", "该记录没有所请求的字段组", "the record has none of these groups"),
    );
}

#[test]
fn whom_a_case_is_about_opens_no_note_of_it_as_what_is_about_himself() {
    let (city, _, _) = City::with_file();
    let case = city.begin_noted(city.seal(2, LOAN), &["f-1"]);
    let mut input = city.access_input(&Ask { register: LOAN, ..Ask::of(&case, "") });
    for name in ["grant", "sealed_parameters"] {
        input.remove(name);
    }
    let access = common::event_key(&city.disclose("subject", "access", input), "access-asked");
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(&city, &access, NOT_IN_CASE);
    assert_eq!(city.vault.envelope(&access).unwrap(), None);
}
