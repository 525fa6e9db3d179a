//! Files of real modellers: read, played, drawn.

use chaincity_process::auto::{Played, play, played};
use chaincity_process::{compile, draw, parse};

fn played_of(bytes: &[u8]) -> Vec<Played> {
    let model = parse("file", bytes).unwrap();
    assert!(model.unsupported.is_empty(), "{:?}", model.unsupported);
    let (graph, _) = compile(&model);
    played(&graph).into_iter().map(|place| play(&graph, place)).collect()
}

#[test]
fn a_chain_of_tasks_passes_each_once() {
    let [played] = &played_of(include_bytes!("../data/miwg/A.1.0.bpmn"))[..] else { panic!() };
    assert_eq!(played.completed.len(), 5, "start, three tasks, end");
    assert!(played.completed.values().all(|times| *times == 1) && played.finished);
}

#[test]
fn a_gateway_without_data_takes_one_way_in_each_modellers_file() {
    for file in [
        &include_bytes!("../data/miwg/A.2.0-signavio.bpmn")[..],
        include_bytes!("../data/miwg/A.2.0-trisotech.bpmn"),
    ] {
        let [played] = &played_of(file)[..] else { panic!() };
        assert!(played.finished && played.stopped.is_none());
        assert_eq!((played.completed.len(), played.ended.len()), (5, 1), "the first of three ways");
    }
}

#[test]
fn of_a_collaboration_the_executable_pool_is_played() {
    let file = include_str!("../data/miwg/A.4.0-bpmn-io.bpmn");
    let [one] = &played_of(file.as_bytes())[..] else { panic!() };
    assert_eq!((one.process.as_str(), one.completed.len()), ("Process_0elb8rq", 4));
    let all = played_of(file.replace("isExecutable=\"true\"", "").as_bytes());
    assert_eq!(all.len(), 2, "all of them when none is marked");
    assert!(all.iter().all(|played| played.finished));
    assert_eq!(all[1].completed["ExpandedSubProcess1SubProcess"], 1);
    assert_eq!(all[1].ended.len(), 4, "two in the pool, one in each sub-process");
}

#[test]
fn a_booking_with_compensation_is_played_to_its_end() {
    let [played] = &played_of(include_bytes!("../data/miwg/C.6.0.bpmn"))[..] else { panic!() };
    assert!(played.finished && played.waiting.is_empty());
}

#[test]
fn a_file_of_camunda_modeler_is_drawn_at_its_places() {
    let model = parse("file", include_bytes!("../data/miwg/C.9.1.bpmn")).unwrap();
    let svg = draw(&model);
    let nodes = model.processes.iter().map(|process| process.body.nodes.len()).sum::<usize>();
    assert_eq!(svg.matches("<g><title>").count(), nodes);
    let plain = parse("file", plain().as_bytes()).unwrap();
    assert_eq!(draw(&plain).matches("<g><title>").count(), nodes, "and in layers without places");
}

/// The same file without its diagram.
fn plain() -> String {
    let text = include_str!("../data/miwg/C.9.1.bpmn");
    let (head, rest) = text.split_once("<bpmndi:BPMNDiagram").unwrap();
    let (_, tail) = rest.split_once("</bpmndi:BPMNDiagram>").unwrap();
    format!("{head}{tail}")
}
