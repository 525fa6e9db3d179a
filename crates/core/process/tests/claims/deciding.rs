//! Decision tables of DMN files: what a business-rule task decides, and what is wrong with a table.

use std::collections::BTreeMap;

use crate::common::{file, flows, model, task};
use chaincity_process::decision::{Decisions, parse_decisions};
use chaincity_process::run::{Event, State, Stop, step};
use chaincity_process::{check_with, compile_with};
use chaincity_types::Value;

/// A table with inputs `area` and `kind` and output `fee`.
fn table(hit: &str, rows: &[[&str; 3]]) -> String {
    let text = |element: &str, text: &str| {
        let text = text.replace('<', "&lt;").replace('>', "&gt;");
        format!("<{element}><text>{text}</text></{element}>")
    };
    let row = |[area, kind, fee]: &[&str; 3]| {
        let (area, kind) = (text("inputEntry", area), text("inputEntry", kind));
        format!("<rule>{area}{kind}{}</rule>\n", text("outputEntry", fee))
    };
    format!(
        "<definitions xmlns=\"https://www.omg.org/spec/DMN/20191111/MODEL/\"><inputData id='x'/>\n\
         <decision id='fee'><decisionTable hitPolicy='{hit}'>\n<input>{}</input><input>{}</input>\
         <output name='fee'/>\n{}</decisionTable></decision></definitions>",
        text("inputExpression", "area"),
        text("inputExpression", "kind"),
        rows.iter().map(row).collect::<String>()
    )
}

fn process() -> String {
    let variable = |name: &str, ty: &str, value: &str| {
        format!("<chaincity:variable name='{name}' type='{ty}' value='{value}'/>")
    };
    file(&format!(
        "<process id='p'><extensionElements>{}{}{}</extensionElements><startEvent id='s'/>{}\
         <businessRuleTask id='d' chaincity:decision='fee'/>{}<endEvent id='e'/>{}</process>",
        variable("area", "int", "0"),
        variable("kind", "text(20)", "\"\""),
        variable("fee", "int", "0"),
        task("a"),
        task("b"),
        flows("s>a;a>d;d>b;b>e")
    ))
}

fn decisions(table: &str) -> Vec<Decisions> {
    vec![parse_decisions("fee.dmn", table.as_bytes()).unwrap()]
}

/// The fee of an area and kind.
fn decide(table: &str, area: i64, kind: &str) -> Result<i64, Stop> {
    let model = model(&process());
    let (graph, problems) = compile_with(&model, &decisions(table));
    assert!(problems.iter().all(|problem| problem.code == "table-open"), "{problems:?}");
    let mut state = State::default();
    step(&graph, &mut state, &Event::begin(0)).unwrap();
    let work = state.open().next().unwrap().work;
    let set =
        BTreeMap::from([("area".into(), Value::Int(area)), ("kind".into(), Value::from(kind))]);
    step(&graph, &mut state, &Event::Complete { work, set })?;
    let open = state.open().next().unwrap();
    assert_eq!(graph.id(open.node), "b", "it went on by itself");
    Ok(state.variables().unwrap()["fee"].as_int().unwrap())
}

fn found(table: &str) -> Vec<(&'static str, String, u64)> {
    let problems = check_with(&model(&process()), &decisions(table));
    let at = |p: &chaincity_package::Problem| p.location.clone().unwrap();
    problems.iter().map(|p| (p.code, at(p).file, at(p).line)).collect()
}

#[test]
fn the_row_that_matches_sets_the_output() {
    let text = table(
        "UNIQUE",
        &[
            ["< 50", "-", "0"],
            ["[50..140]", "\"house\", \"flat\"", "80"],
            ["> 140", "\"house\"", "area * 2"],
            [">= 50", "not(\"house\", \"flat\")", "550"],
        ],
    );
    assert!(found(&text).is_empty(), "{:?}", found(&text));
    for (area, kind, fee) in [
        (49, "shop", 0),
        (50, "flat", 80),
        (140, "house", 80),
        (150, "house", 300),
        (50, "shop", 550),
    ] {
        assert_eq!(decide(&text, area, kind), Ok(fee), "{area} {kind}");
    }
    assert!(matches!(decide(&text, 200, "flat"), Err(Stop::NoRule(_))), "no row");
}

#[test]
fn hit_policies_say_what_several_matching_rows_mean() {
    let rows = [["> 1", "-", "1"], ["> 2", "-", "2"], ["-", "-", "1"]];
    assert_eq!(decide(&table("FIRST", &rows), 3, ""), Ok(1));
    assert!(matches!(decide(&table("UNIQUE", &rows), 3, ""), Err(Stop::Rule(_))));
    assert_eq!(decide(&table("ANY", &rows), 2, ""), Ok(1));
    assert!(matches!(decide(&table("ANY", &rows), 3, ""), Err(Stop::Rule(_))));
}

#[test]
fn a_table_is_checked_with_its_own_file_and_line() {
    for [area, kind, fee] in [
        ["< \"x\"", "-", "1"],
        ["-", "5", "1"],
        ["-", "-", "\"much\""],
        ["-", "-", "price"],
        ["-", "-", ""],
    ] {
        let wrong = table("FIRST", &[[area, kind, fee], ["-", "-", "0"]]);
        assert_eq!(found(&wrong), [("table", "fee.dmn".to_owned(), 4)], "{area} {kind} {fee}");
    }
    let open = table("FIRST", &[["1", "-", "1"]]);
    assert_eq!(found(&open), [("table-open", "fee.dmn".to_owned(), 2)]);
    let other = open.replace("name='fee'", "name='charge'");
    assert!(found(&other).iter().any(|(code, ..)| *code == "table"));
}

#[test]
fn no_decision_sets_what_is_encrypted() {
    let rows = decisions(&table("FIRST", &[["-", "-", "null"]]));
    let found = |ty: &str| {
        let text = process().replace("name='fee' type='int' value='0'", ty);
        let problems = check_with(&model(&text), &rows);
        problems.iter().map(|problem| problem.code).collect::<Vec<_>>()
    };
    assert_eq!(found("name='fee' type='text(9)?'"), [""; 0]);
    assert_eq!(found("name='fee' type='sealed(fee)?'"), ["table"]);
}

#[test]
fn what_is_no_table_is_refused_by_name() {
    for (from, to) in [
        ("hitPolicy='FIRST'", "hitPolicy='COLLECT'"),
        ("<inputData id='x'/>", "<decision id='l'><literalExpression/></decision>"),
    ] {
        let text = table("FIRST", &[["-", "-", "1"]]).replace(from, to);
        assert!(found(&text).iter().any(|(code, ..)| *code == "outside-subset"), "{to}");
    }
    assert_eq!(parse_decisions("x", b"<definitions/>").unwrap_err()[0].code, "not-dmn");
    let uneven = table("FIRST", &[["-", "-", "1"]]).replace("<output name='fee'/>", "");
    assert!(found(&uneven).iter().any(|(code, ..)| *code == "table"));
}
