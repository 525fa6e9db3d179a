//! The benchmark, small: real processes, the public API, and an audit of what they hold.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

mod common;

use std::fs;

use common::run;
use serde_json::{Value, json};

/// Runs a small benchmark; its report file.
fn bench(workload: &str) -> Value {
    bench_with(workload, &[])
}

fn bench_with(workload: &str, more: &[&str]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let (city, file) = (dir.path().join("city"), dir.path().join("report.json"));
    let arguments = ["bench", "--workload", workload, "--seconds", "2", "--rate", "20"];
    let places = ["--dir", city.to_str().unwrap(), "--json", file.to_str().unwrap()];
    let ran = run(&[&arguments[..], &places, more].concat(), Vec::new());
    let logs = || {
        let nodes = fs::read_dir(city.join("nodes")).unwrap().map(Result::unwrap);
        nodes.map(|node| fs::read_to_string(node.path().join("node.log")).unwrap()).collect()
    };
    let logs: Vec<String> = if ran.code == 0 { Vec::new() } else { logs() };
    assert_eq!(ran.code, 0, "{}{}{}", ran.out, ran.err, logs.concat());
    assert!(ran.out.contains("p50") && !ran.out.contains('{'), "a table: {}", ran.out);
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// Nothing is lost or doubled, and every figure is there and not absurd.
fn check(report: &Value, workload: &str) {
    assert_eq!(report["workload"], workload);
    assert_eq!(report["validators"], 4);
    for zero in ["lost", "duplicated", "rejected", "unanswered"] {
        assert_eq!(report[zero], 0, "{zero}: {report}");
    }
    assert_eq!((&report["totals_agree"], &report["roots_agree"]), (&json!(true), &json!(true)));
    assert_eq!((&report["submitted"], &report["refused"]), (&json!(40), &json!({})));
    for positive in ["cores", "verify_per_core", "limit_tps", "disk_bytes_per_record", "rss_mb"] {
        assert!(report[positive].as_u64().unwrap() > 0, "{positive}: {report}");
    }
    let committed = report["committed_tps"].as_u64().unwrap();
    assert!((1..=40).contains(&committed), "{report}");
    assert!(report["share_of_limit"].as_f64().unwrap() > 0.0, "{report}");
    let latency = |p: &str| report["latency_ms"][p].as_f64().unwrap();
    assert!(latency("p50") > 0.0 && latency("p50") <= latency("p90"), "{report}");
    assert!(latency("p90") <= latency("p99"), "{report}");
    let signed = report["signed_bytes"].as_u64().unwrap();
    assert!(signed > 40 * report["transaction_bytes"].as_u64().unwrap(), "{report}");
    assert!(report["disk_to_signed"].as_f64().unwrap() > 1.0, "{report}");
    check_cost(report);
    // Each transaction is sent to three other nodes at least twice: by itself and in its block.
    let sent = report["wire_bytes_per_tx"].as_u64().unwrap();
    assert!(sent > 6 * report["transaction_bytes"].as_u64().unwrap(), "{report}");
}

/// Every stage took time, and together they took what the kernel says.
fn check_cost(report: &Value) {
    let stages = report["cpu_us_per_tx"].as_object().unwrap();
    let us = |stage: &str| stages[stage].as_u64().unwrap();
    for stage in ["admission", "verification", "execution", "state", "history", "network"] {
        assert!(us(stage) > 0, "{stage}: {report}");
    }
    for stage in ["consensus", "interface", "read_model"] {
        assert!(us(stage) > 0, "{stage}: {report}");
    }
    let (total, rest) = (us("total"), us("rest") + us("gossip"));
    let sum: u64 = stages.keys().filter(|stage| *stage != "total").map(|stage| us(stage)).sum();
    assert!(sum * 10 >= total * 9 && sum * 10 <= total * 11, "{report}");
    assert!(rest * 4 <= total, "little is left: {report}");
    assert!(report["wire_bytes_per_tx"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn a_small_benchmark_of_registrations_loses_nothing() {
    let report = bench("register");
    check(&report, "register");
    let bytes = report["transaction_bytes"].as_u64().unwrap();
    assert!((900..1_150).contains(&bytes), "about 1 KB: {bytes}");
}

#[test]
fn a_small_benchmark_of_transfers_loses_nothing() {
    check(&bench("transfer"), "transfer");
}

/// Nothing is lost, no read finds nothing, and something was written and read.
fn check_reads(report: &Value) {
    for zero in ["lost", "duplicated", "rejected", "unanswered", "reads_missed", "reads_failed"] {
        assert_eq!(report[zero], 0, "{zero}: {report}");
    }
    assert_eq!((&report["totals_agree"], &report["roots_agree"]), (&json!(true), &json!(true)));
    assert_eq!((&report["submitted"], &report["refused"]), (&json!(40), &json!({})));
    assert!(report["committed_tps"].as_u64().unwrap() > 0, "{report}");
    assert!(report["reads_per_s"].as_u64().unwrap() > 0, "{report}");
    assert!(report["read_latency_ms"]["p50"].as_f64().unwrap() > 0.0, "{report}");
}

#[test]
fn a_small_mixed_benchmark_reads_and_loses_nothing() {
    check_reads(&bench_with("mixed", &["--records", "100"]));
}

#[test]
fn the_balances_of_smallbank_agree_with_what_was_put_in() {
    let report = bench_with("smallbank", &["--records", "100"]);
    check_reads(&report);
    let fen = |what: &str| report["balance"][what].as_i64().unwrap();
    assert_eq!(fen("differing"), 0, "{report}");
    assert!(fen("taken_out_fen") > 0, "{report}");
    assert_eq!(fen("put_in_fen") - fen("taken_out_fen"), fen("held_fen"), "{report}");
}

#[test]
fn a_small_import_brings_every_unit_in() {
    // So many that the kernel's ticks, ten milliseconds a thread, are small beside what is measured.
    let report = bench_with("import", &["--records", "2000"]);
    assert_eq!((&report["lost"], &report["rejected"]), (&json!(0), &json!(0)), "{report}");
    check_cost(&report);
    assert_eq!((&report["totals_agree"], &report["loaded"]), (&json!(true), &json!(2000)));
    assert!(report["latency_ms"]["p50"].as_f64().unwrap() > 0.0, "{report}");
}

#[test]
fn small_cases_are_carried_out_to_their_ends_and_terms_end_by_themselves() {
    let report = bench_with("process", &["--records", "100", "--deadlines", "30"]);
    check(&report, "process");
    let cases = &report["cases"];
    let count = |name: &str| cases[name].as_u64().unwrap();
    assert_eq!((count("open_cases"), count("deadlines"), count("cases_differing")), (100, 30, 0));
    // All but those that stay open.
    assert_eq!(count("cases_begun"), count("cases_ended") + 100, "{report}");
    // Every case that was at work, from its first node to its last, and the terms with two more.
    let at_work = count("cases_begun") - 130;
    assert_eq!(count("steps"), at_work * 16 + 100 + 30 * 3, "{report}");
    assert!(at_work >= 64 && report["steps_per_s"].as_u64().unwrap() > 0, "{report}");
    assert_eq!((count("half_load_tps"), count("queries_per_s")), (10, 100));
    for latency in ["task_list_ms", "half_load_latency_ms"] {
        assert!(cases[latency]["p50"].as_f64().unwrap() > 0.0, "{latency}: {report}");
    }
    let lag = &cases["timer_lag_ms"];
    let lag = ["p50", "p99", "max"].map(|rank| lag[rank].as_u64().unwrap());
    assert!(lag.is_sorted() && count("timers_queried_ms") > 0, "{report}");
    let refused = run(&["bench", "--workload", "register", "--deadlines", "3"], Vec::new());
    assert!(refused.code != 0 && refused.err.contains("process"), "{}", refused.err);
}

#[test]
fn a_small_city_is_loaded_asked_restarted_and_joined() {
    let report = bench_with("size", &["--records", "300"]);
    for zero in ["lost", "duplicated", "rejected", "unanswered"] {
        assert_eq!(report[zero], 0, "{zero}: {report}");
    }
    assert_eq!((&report["totals_agree"], &report["roots_agree"]), (&json!(true), &json!(true)));
    let at_size = &report["at_size"];
    assert_eq!((&at_size["units"], &at_size["half_load_tps"]), (&json!(300), &json!(10)));
    for phase in ["register", "transfer"] {
        assert_eq!(at_size[phase]["offered_tps"], 20, "{phase}: {report}");
        assert!(at_size[phase]["committed_tps"].as_u64().unwrap() > 0, "{phase}: {report}");
        check_cost(&at_size[phase]);
    }
    for query in ["query_by_key_ms", "query_by_index_ms"] {
        assert!(at_size[query]["p50"].as_f64().unwrap() > 0.0, "{query}: {report}");
    }
    let ms = |name: &str| at_size[name].as_u64().unwrap();
    assert!(ms("restart_ready_ms") > 0, "{report}");
    assert!(ms("restart_ready_ms") <= ms("restart_caught_up_ms"), "{report}");
    assert!(ms("snapshot_state_ms") > 0, "{report}");
    assert!(ms("snapshot_history_ms") <= ms("snapshot_queries_ms"), "{report}");
}

#[test]
fn encrypted_groups_cost_more_and_each_access_is_answered_once_with_what_was_sealed() {
    let report = bench_with("disclosure", &["--records", "60"]);
    check(&report, "disclosure");
    let found = &report["disclosure"];
    let count = |name: &str| found[name].as_u64().unwrap();
    // At 20 a second and twice at 5, for two seconds each.
    assert_eq!((count("asked"), count("released")), (60, 60), "{report}");
    assert_eq!((count("answers_differing"), count("values_differing")), (0, 0), "{report}");
    assert_eq!((count("records"), count("half_load_tps")), (60, 10));
    let of = |kind: &str, what: &str| found[kind][what].as_u64().unwrap();
    for kind in ["clear", "encrypted"] {
        check_cost(&found[kind]["window"]);
        let parts = ["preparing_nodes_us", "preparing_client_us", "client_us"];
        let nodes = found[kind]["window"]["cpu_us_per_tx"]["total"].as_u64().unwrap();
        let sum: u64 = parts.map(|part| of(kind, part)).iter().sum();
        assert_eq!(of(kind, "total_us"), sum + nodes, "{kind}: {report}");
    }
    assert!(of("encrypted", "preparing_nodes_us") > 0, "sealing costs: {report}");
    assert!(found["cost_ratio"].as_f64().unwrap() > 0.0, "{report}");
    for window in ["accesses", "quiet", "half_load"] {
        let latency =
            ["p50", "p90", "p99"].map(|p| found[window]["latency_ms"][p].as_f64().unwrap());
        assert!(latency[0] > 0.0 && latency.is_sorted(), "{window}: {report}");
    }
}

#[test]
fn the_packages_of_the_benchmark_pass_every_check_and_their_scenarios() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bench/packages");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    assert_eq!(names.len(), 4, "{names:?}");
    for package in names {
        let package = package.to_str().unwrap();
        let checked = run(&["package", "check", package, "--strict"], Vec::new());
        assert_eq!(checked.code, 0, "{package}: {}{}", checked.out, checked.err);
        let tested = run(&["package", "test", package, "--json"], Vec::new());
        assert_eq!(tested.code, 0, "{package}: {}{}", tested.out, tested.err);
        let summary = tested.json().pop().unwrap();
        assert!(summary["passed"].as_u64().unwrap() >= 2 && summary["failed"] == 0, "{summary}");
    }
}

#[test]
fn json_is_a_flag_everywhere_and_takes_a_file_for_the_benchmark() {
    let missing = run(&["bench", "--workload", "register", "--json"], Vec::new());
    assert_eq!((missing.code, missing.out.as_str()), (2, ""));
    let none = run(&["bench", "--workload", "none-such"], Vec::new());
    assert_eq!(none.code, 2);
    let flag = run(&["--json", "id", "check", "gtin", "6901234567892"], Vec::new());
    let after = run(&["id", "check", "gtin", "6901234567892", "--json"], Vec::new());
    assert_eq!(flag.json(), after.json());
    assert_eq!(flag.json()[0]["ok"], true);
}
