//! Hostile files are refused without a panic, each attack with its code, and in bounded time.

use crate::common::{file, found, process};
use chaincity_process::{ATTRIBUTE_BYTES_MAX, BYTES_MAX, DEPTH_MAX, check, parse};
use proptest::prelude::*;

#[test]
fn document_types_and_entities_are_refused() {
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \
                  \"&a;&a;&a;&a;\">]><definitions>&b;</definitions>";
    let outside = "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><definitions>&a;\
                   </definitions>";
    assert_eq!(found(laughs), ["dtd"]);
    assert_eq!(found(outside), ["dtd"]);
    assert_eq!(found("<!DOCTYPE html><definitions/>"), ["dtd"]);
    assert_eq!(found(&file("<process id='p' name='&unknown;'/>")), ["xml"]);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| {
        let open: String = (0..depth).map(|i| format!("<subProcess id='n{i}'>")).collect();
        process(&format!("{open}{}", "</subProcess>".repeat(depth)), "")
    };
    assert!(!found(&nested(DEPTH_MAX - 3)).contains(&"too-deep"));
    assert_eq!(found(&nested(DEPTH_MAX)), ["too-deep"]);
    assert_eq!(found(&nested(15_000)), ["too-deep"]);
    assert_eq!(found(&"<a>".repeat(100_000)), ["too-deep"]);
}

#[test]
fn attributes_are_bounded_in_number_and_length() {
    let many: String = (0..120_000).map(|i| format!(" a{i}=''")).collect();
    assert_eq!(found(&format!("<definitions{many}/>")), ["too-large"], "over a megabyte");
    let many: String = (0..50_000).map(|i| format!(" a{i}=''")).collect();
    assert_eq!(found(&format!("<definitions{many}/>")), ["too-many"]);
    let long = "x".repeat(ATTRIBUTE_BYTES_MAX);
    assert_eq!(found(&format!("<definitions a='{long}'/>")), ["too-large"]);
    assert_eq!(found(&format!("<definitions a='{long}")), ["too-large"]);
    let spaces = (0..9_000).map(|i| format!("<a xmlns:n{i}='u'/>")).collect::<String>();
    assert_eq!(found(&file(&spaces)), ["too-many"]);
}

#[test]
fn size_and_counts_are_bounded() {
    assert_eq!(found(&" ".repeat(BYTES_MAX + 1)), ["too-large"]);
    let nodes: String = (0..2_001).map(|i| format!("<task id='t{i}'/>")).collect();
    assert_eq!(found(&process(&nodes, "")), ["too-many"]);
    let flows = "<sequenceFlow id='f' sourceRef='a' targetRef='b'/>".repeat(4_001);
    assert_eq!(found(&process(&flows, "")), ["too-many"]);
    let comments = "<!---->".repeat(70_000);
    assert_eq!(found(&process(&comments, "")), ["too-many"]);
}

#[test]
fn what_is_left_open_is_refused() {
    for text in ["<", "<a", "<a b=", "<a b='", "<!--", "<![CDATA[", "<?xml", "</a>", "<a></b>"] {
        assert!(!found(text).is_empty(), "{text}");
    }
}

#[test]
fn a_file_of_joins_that_wait_for_each_other_is_checked_in_bounded_time() {
    let mut nodes = String::from("<startEvent id='s'/>");
    let mut ways = String::from("s>g0;");
    for i in 0..400 {
        nodes.push_str(&format!("<inclusiveGateway id='g{i}'/>"));
        for step in [1, 7, 13] {
            ways.push_str(&format!("g{i}>g{};", (i + step) % 400));
        }
    }
    assert!(found(&process(&nodes, &ways)).contains(&"no-condition"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn spoilt_files_never_panic(
        spoil in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = include_bytes!("../data/miwg/C.9.1.bpmn").to_vec();
        for (at, byte) in spoil {
            let at = at.index(bytes.len());
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        if let Ok(model) = parse("spoilt", &bytes) {
            let _findings = check(&model);
            let _picture = chaincity_process::draw(&model);
        }
    }
}

#[test]
fn many_tokens_before_many_inclusive_joins_are_looked_at_in_bounded_time() {
    let mut nodes = String::from("<startEvent id='s'/><parallelGateway id='g'/><endEvent id='e'/>");
    let mut ways = String::from("s>g;");
    for i in 0..480 {
        nodes.push_str(&format!(
            "<inclusiveGateway id='j{i}'/>{}",
            crate::common::tasks(&format!("a{i} b{i}"))
        ));
        ways.push_str(&format!("g>a{i};g>b{i};a{i}>j{i};b{i}>j{i};j{i}>e;"));
    }
    let text = process(&nodes, &ways);
    let codes = found(&text);
    assert!(codes.is_empty() || codes == ["too-complex"], "{codes:?}");
    let mut hand = crate::common::Hand::start(&text);
    for i in 0..20 {
        hand.complete(&format!("a{i}"));
    }
}
