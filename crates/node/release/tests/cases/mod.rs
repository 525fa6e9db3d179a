//! Access by case: who takes part in it reads what his task discloses, and nothing else.

use super::common::package::WINDOW;
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
