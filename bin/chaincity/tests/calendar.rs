//! `chaincity calendar`, as a clerk and as a script use it.

#![allow(clippy::indexing_slicing, reason = "tests")]

mod common;

use common::run;
use serde_json::json;

#[test]
fn dates_are_answered_one_a_line() {
    let dates = ["calendar", "is-workday", "2026-10-10", "2026-10-01", "2026-11-20", "2024-02-18"];
    let ran = run(&[&dates[..], &["--json"]].concat(), Vec::new());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answers = ran.json();
    let workdays: Vec<_> = answers.iter().map(|answer| answer["is_workday"].clone()).collect();
    assert_eq!(workdays, [json!(true), json!(false), json!(true), json!(true)]);
    assert_eq!(answers[1]["date"], "2026-10-01");
    assert_eq!(answers[1]["name"], "国庆节");
    assert_eq!(answers[1]["provisional"], false);
}

#[test]
fn a_date_beyond_the_last_table_is_provisional() {
    let ran = run(&["calendar", "is-workday", "2026-12-31", "2027-01-04", "--json"], Vec::new());
    assert_eq!(ran.code, 5);
    let answer = &ran.json()[1];
    assert_eq!(answer["is_workday"], json!(null));
    assert_eq!((&answer["provisional"], &answer["code"]), (&json!(true), &json!("provisional")));
    let ran = run(&["calendar", "is-workday", "2027-01-04"], Vec::new());
    assert_eq!(ran.code, 5);
    assert!(ran.out.contains("暂定") && ran.out.contains("provisional"));
}

#[test]
fn due_days_are_counted_and_never_guessed() {
    for (date, days, due) in [
        ("2026-02-12", "5", "2026-02-26"),
        ("2026-04-30", "5", "2026-05-11"),
        ("2026-09-18", "5", "2026-09-24"),
        ("2026-09-29", "5", "2026-10-12"),
        ("2026-01-26", "30", "2026-03-13"),
    ] {
        let ran = run(&["calendar", "add", date, days, "--json"], Vec::new());
        assert_eq!(ran.code, 0);
        assert_eq!(ran.json()[0]["due"], due);
        assert_eq!(ran.json()[0]["provisional"], false);
    }
    let ran = run(&["calendar", "add", "2026-12-30", "2", "--json"], Vec::new());
    assert_eq!(ran.code, 5);
    assert_eq!(
        ran.json()[0],
        json!({
            "date": "2026-12-30", "days": 2, "due": null, "provisional": true, "code": "provisional"
        })
    );
}

#[test]
fn natural_days_roll_over_a_holiday() {
    let ran = run(&["calendar", "add", "2026-09-16", "15", "--natural", "--json"], Vec::new());
    assert_eq!(ran.json()[0]["due"], "2026-10-08");
}

#[test]
fn lines_are_read_from_standard_input() {
    let input =
        b"2026-09-29 5\n2026-02-30 5\n2026-01-05\n2026-01-05 -1\n\xff\n2026-12-31 1\n".to_vec();
    let ran = run(&["calendar", "add", "--json"], input);
    assert_eq!(ran.code, 1, "a wrong line outweighs a provisional one");
    let answers = ran.json();
    assert_eq!((&answers[0]["date"], &answers[0]["days"]), (&json!("2026-09-29"), &json!(5)));
    assert_eq!(answers[0]["due"], "2026-10-12");
    let codes: Vec<_> =
        answers.iter().map(|answer| answer["code"].as_str().unwrap_or("")).collect();
    assert_eq!(codes, ["", "date", "form", "days", "not-utf8", "provisional"]);

    let ran = run(&["calendar", "is-workday", "--json"], b"2026-01-04\r\n2027-01-01\n".to_vec());
    assert_eq!(ran.code, 5);
    assert_eq!(ran.json()[0]["is_workday"], true);
    assert_eq!(ran.json()[1]["is_workday"], json!(null));
}

#[test]
fn a_wrong_date_is_a_negative_answer_and_a_missing_number_a_usage_error() {
    let ran = run(&["calendar", "is-workday", "2026-02-29", "--json"], Vec::new());
    assert_eq!(ran.code, 1);
    assert_eq!(ran.json()[0]["code"], "date");
    assert_eq!(run(&["calendar", "add", "2026-02-12"], Vec::new()).code, 2);
    assert_eq!(run(&["calendar", "add", "2026-02-12", "-5"], Vec::new()).code, 1);
}
