//! `chaincity id check`, as a clerk and as a script use it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::io::{BufRead, BufReader, Write};

use common::{command, run};
use serde_json::json;

#[test]
fn good_values_are_said_to_be_good() {
    let ran = run(&["id", "check", "uscc", "12431300mbtext013w", "--json"], Vec::new());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answer = &ran.json()[0];
    assert_eq!(answer["value"], "12431300mbtext013w");
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["canonical"], "12431300MBTEXT013W");
    assert_eq!(answer["code"], json!(null));
    assert_eq!(answer["warnings"], json!([]));
}

#[test]
fn each_kind_of_the_issue_is_there() {
    for (kind, good, bad, code) in [
        ("resident-id", "43130219000301007X", "431302190001010018", "check-digit"),
        ("uscc", "91431300MATEXT0361", "91431300MATEXT036", "length"),
        (
            "unit-number",
            "431302001002GB00011F00010001",
            "431302001002GC00011F00010001",
            "parcel-letter",
        ),
        (
            "certificate-number",
            "湘（2018）娄底市不动产权第0000001号",
            "湘(18)娄底市不动产权第0000001号",
            "year",
        ),
        (
            "licence-id",
            "1.2.156.3005.2.11100000MB03271699001.12431300MBTEXT013W.20260000001.001.0",
            "1.2.156.3005.2.11100000MB03271699001.12431300MBTEXT013W.20260000001.001.1",
            "check-digit",
        ),
        (
            "service-item",
            "1143130000TEXT021M3430715001000",
            "1143130000TEXT021M9430715001000",
            "level",
        ),
        ("gtin", "6900000000014", "6900000000015", "check-digit"),
    ] {
        let ran = run(&["id", "check", kind, good, bad, "--json"], Vec::new());
        assert_eq!(ran.code, 1, "{kind}");
        let answers = ran.json();
        assert_eq!(
            (&answers[0]["ok"], &answers[0]["code"]),
            (&json!(true), &json!(null)),
            "{kind}"
        );
        assert_eq!(
            (&answers[1]["ok"], &answers[1]["code"]),
            (&json!(false), &json!(code)),
            "{kind}"
        );
        assert_eq!(answers[1]["canonical"], json!(null));
    }
}

#[test]
fn a_warning_is_not_a_refusal() {
    let ran = run(&["id", "check", "uscc", "91431300MATEXT0374", "--json"], Vec::new());
    assert_eq!(ran.code, 0);
    let answer = &ran.json()[0];
    assert_eq!(answer["warnings"], json!(["inner-check-digit"]));
    assert_eq!(answer["details"][0]["expected"], "6");
}

#[test]
fn a_person_reads_chinese_then_english_with_the_expected_digit() {
    let ran = run(&["id", "check", "resident-id", "431302190001010018"], Vec::new());
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.out,
        "431302190001010018  无效 · invalid  校验码错误（第18位），应为`7` · \
         the check digit is wrong (position 18), should be `7` [check-digit]\n"
    );
}

#[test]
fn future_is_measured_from_the_given_day() {
    let code = |today| {
        run(&["id", "check", "resident-id", "431302209912310018", "--today", today], Vec::new())
            .code
    };
    assert_eq!((code("2099-12-30"), code("2099-12-31")), (1, 0));
}

#[test]
fn an_imported_licence_is_read_leniently_when_asked() {
    let id = "1.2.156.3005.2.11100000MB03271699001.431300A.20260000001.001.1";
    assert_eq!(run(&["id", "check", "licence-id", id], Vec::new()).code, 1);
    let ran = run(&["id", "check", "licence-id", id, "--lenient", "--json"], Vec::new());
    assert_eq!(ran.code, 0);
    assert_eq!(ran.json()[0]["warnings"], json!(["issuer", "check-digit"]));
}

#[test]
fn every_line_has_one_answer_whatever_it_holds() {
    let mut input = b"431302190001010017\r\n\xff\xfe\xfd\n\n".to_vec();
    input.extend_from_slice(&vec![b'9'; 3_000_000]);
    input.extend_from_slice("\n４３１３０２１９０００１０１００１７".as_bytes());
    let ran = run(&["id", "check", "resident-id", "--json"], input);
    assert_eq!(ran.code, 1);
    let answers = ran.json();
    let codes: Vec<_> =
        answers.iter().map(|answer| answer["code"].as_str().unwrap_or("")).collect();
    assert_eq!(codes, ["", "not-utf8", "empty", "too-long", ""]);
    assert_eq!(answers[4]["canonical"], "431302190001010017");
    assert!(ran.out.len() < 2_000, "a long line is not echoed whole");
}

#[test]
fn an_answer_comes_before_the_next_line_is_written() {
    let mut child = command(&["id", "check", "gtin", "--json"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for (value, ok) in [("6900000000014", "\"ok\":true"), ("6900000000015", "\"ok\":false")] {
        writeln!(stdin, "{value}").unwrap();
        stdin.flush().unwrap();
        assert!(answers.next().unwrap().unwrap().contains(ok));
    }
    drop(stdin);
    assert!(answers.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_million_lines_stream() {
    let input = b"12431300MBTEXT013W\n".repeat(1_000_000);
    let ran = run(&["id", "check", "uscc", "--json"], input);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.out.lines().count(), 1_000_000);
    assert!(ran.out.lines().all(|line| line.contains("\"ok\":true")));
}

#[test]
fn a_reader_that_leaves_is_no_fault() {
    let mut child = command(&["id", "check", "gtin"]).spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let input = b"6900000000014\n".repeat(100_000);
    let written = stdin.write_all(&input);
    drop(stdin);
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0), "written: {written:?}");
    assert!(done.stderr.is_empty());
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    for arguments in [
        vec!["id", "check", "passport", "1"],
        vec!["id", "check"],
        vec!["id", "check", "uscc", "1", "--today", "2026-02-30"],
        vec!["nothing"],
    ] {
        let ran = run(&arguments, Vec::new());
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert!(ran.out.is_empty() && !ran.err.is_empty());
    }
}

#[test]
fn help_has_the_table_of_exit_codes() {
    let ran = run(&["--help"], Vec::new());
    assert_eq!(ran.code, 0);
    for code in ["0  成功", "1  否定", "2  用法", "3  故障", "4  交易被拒绝", "5  暂定"]
    {
        assert!(ran.out.contains(code), "{}", ran.out);
    }
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let ran = run(&["id", "check", "gtin"], b"69\x1b[2J\n".to_vec());
    assert!(!ran.out.contains('\u{1b}'));
}
