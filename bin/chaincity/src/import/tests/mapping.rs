//! Mappings against the package.

use super::memory::{compile, taipei_text};

/// The line and cause of the first problem after a change of the mapping.
fn problem(from: &str, to: &str) -> (u64, String) {
    let text = taipei_text();
    assert!(text.contains(from), "{from}");
    let problem = compile(&text.replacen(from, to, 1)).unwrap_err().remove(0);
    (problem.line, problem.cause)
}

fn line_of(needle: &str) -> u64 {
    let position = taipei_text().lines().position(|line| line.contains(needle)).unwrap();
    u64::try_from(position).unwrap() + 1
}

#[test]
fn a_wrong_name_is_told_with_its_line() {
    let line = line_of("district: {column");
    let (at, cause) = problem("district: {column", "districts: {column");
    assert_eq!((at, cause.as_str()), (line, "field `districts` is not declared"));
    let (at, cause) = problem("district: {column: 鄉鎮市區}", "district: {column: 鄉鎮}");
    assert_eq!((at, cause.as_str()), (line, "file `sales` has no column `鄉鎮`"));
    let (at, cause) = problem("action: record-sale", "action: record-sales");
    assert!(at >= line_of("action: record-sale"));
    assert_eq!(cause, "package `real-estate` has no action `record-sales`");
}

#[test]
fn a_value_of_another_kind_is_refused_before_a_row_is_read() {
    let wrong = |from, to| problem(from, to).1;
    let cause = wrong("總價元, as: money", "總價元, as: area");
    assert_eq!(cause, "field `price` is of type fen, which this value is not");
    let cause = wrong("as: money", "as: moneys");
    assert!(cause.starts_with("`moneys` is none of text, integer"), "{cause}");
    let cause = wrong("{constant: TWD}", "{constant: NTD}");
    assert_eq!(cause, "field `currency` is none of `CNY`, `TWD`");
    let cause = wrong("總價元, as: money}", "總價元, as: money, allow: [float-noise]}");
    assert_eq!(cause, "`money` has nothing to allow as `float-noise`");
    let cause = wrong("{constant: TWD}", "{constant: TWD, column: 總價元}");
    assert!(cause.starts_with("exactly one source"), "{cause}");
}

#[test]
fn what_would_make_a_second_run_add_again_is_refused() {
    let (_, cause) = problem("already: [unit-exists]", "already: []");
    assert!(cause.starts_with("`already` names no code"), "{cause}");
    let (_, cause) = problem("already: [unit-exists]", "already: [unit-there]");
    assert_eq!(cause, "action `import-unit` never rejects with `unit-there`");
}

#[test]
fn a_missing_field_an_unused_file_and_an_unknown_key_are_told() {
    let (_, cause) = problem("      currency: {constant: TWD}\n", "");
    assert_eq!(cause, "field `currency` is required and not mapped");
    let (_, cause) = problem("file: parking", "file: parcels");
    assert!(cause.contains("file `parcels` has no column"), "{cause}");
    let (at, cause) = problem("header_lines: 1", "headers: 1");
    assert_eq!(at, line_of("header_lines: 1"));
    assert!(cause.contains("headers"), "{cause}");
    let (_, cause) = problem("path: A_lvr_land_A.CSV", "path: ../A_lvr_land_A.CSV");
    assert!(cause.contains("is not the name of a file"), "{cause}");
    let (_, cause) = problem("encoding: big5", "encoding: big6");
    assert_eq!(cause, "`big6` is not a known encoding");
}
