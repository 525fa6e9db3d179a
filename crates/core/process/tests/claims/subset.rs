//! What of BPMN is read: the declared subset in full, what informs left out, the rest by name.

use crate::common::{file, flows, found, model, process, task, tasks};
use chaincity_process::model::{NodeKind, TaskKind};
use chaincity_process::parse;

#[test]
fn a_plain_process_has_nothing_wrong() {
    let text = process(&format!("<startEvent id='s'/>{}<endEvent id='e'/>", task("a")), "s>a;a>e");
    assert!(found(&text).is_empty(), "{:?}", found(&text));
}

#[test]
fn any_prefix_of_the_bpmn_namespace_is_read() {
    for prefix in ["bpmn:", "bpmn2:", "semantic:", ""] {
        let colon = prefix.trim_end_matches(':');
        let declared = if colon.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{colon}") };
        let text = format!(
            "<{prefix}definitions {declared}=\"http://www.omg.org/spec/BPMN/20100524/MODEL\">\
             <{prefix}process id=\"p\"><{prefix}startEvent id=\"s\"/></{prefix}process>\
             </{prefix}definitions>"
        );
        assert_eq!(model(&text).processes[0].body.nodes[0].id, "s", "{prefix}");
    }
}

#[test]
fn each_element_outside_the_subset_is_refused_by_name_id_and_line() {
    for element in
        ["scriptTask", "transaction", "adHocSubProcess", "complexGateway", "callChoreography"]
    {
        let text = process(&format!("<startEvent id='s'/>\n<{element} id='x'/>"), "s>x");
        let model = model(&text);
        let refused = &model.unsupported;
        assert_eq!(refused.len(), 1, "{element}");
        assert_eq!((refused[0].element.as_str(), refused[0].id.as_str()), (element, "x"));
        assert_eq!(refused[0].line, 5, "{element}");
        assert!(found(&text).contains(&"outside-subset"));
    }
}

#[test]
fn each_event_takes_the_definitions_of_its_kind_alone() {
    let event = |event: &str, definition: &str| {
        let extra = if event == "boundaryEvent" { "attachedToRef='a'" } else { "" };
        let definition = if definition.is_empty() {
            String::new()
        } else {
            format!("<{definition}EventDefinition/>")
        };
        let text =
            process(&format!("{}<{event} id='x' {extra}>{definition}</{event}>", task("a")), "");
        model(&text).unsupported.is_empty()
    };
    let all = [
        "",
        "message",
        "timer",
        "error",
        "escalation",
        "compensate",
        "terminate",
        "link",
        "signal",
        "conditional",
        "cancel",
    ];
    for (name, allowed) in [
        ("startEvent", &["", "message", "timer"][..]),
        ("endEvent", &["", "message", "error", "escalation", "compensate", "terminate"]),
        ("intermediateCatchEvent", &["message", "timer", "link"]),
        ("intermediateThrowEvent", &["", "message", "escalation", "compensate", "link"]),
        ("boundaryEvent", &["message", "timer", "error", "escalation", "compensate"]),
    ] {
        for definition in all {
            let is_allowed = allowed.contains(&definition);
            assert_eq!(event(name, definition), is_allowed, "{name} {definition}");
        }
    }
}

#[test]
fn an_event_sub_process_may_begin_by_an_error() {
    let text = process(
        "<subProcess id='h' triggeredByEvent='true'><startEvent id='hs'><errorEventDefinition/>\
         </startEvent></subProcess>",
        "",
    );
    assert!(model(&text).unsupported.is_empty());
}

#[test]
fn an_event_with_two_definitions_is_refused() {
    let text = process(
        "<startEvent id='s'><messageEventDefinition/><timerEventDefinition/></startEvent>",
        "",
    );
    assert_eq!(model(&text).unsupported[0].element, "timerEventDefinition");
}

#[test]
fn what_informs_is_left_out() {
    let text = file(&format!(
        "<collaboration id='c'><participant id='pp' processRef='p'/><messageFlow id='m' \
         sourceRef='a' targetRef='b'/></collaboration><signal id='sg'/><dataStore id='ds'/>\
         <process id='p'><documentation>x</documentation><extensionElements><v:x xmlns:v='u:v'/>\
         </extensionElements><ioSpecification/><property id='pr'/><laneSet><lane id='l' \
         chaincity:role='office.clerk'><flowNodeRef>a</flowNodeRef></lane></laneSet>\
         <startEvent id='s'><outgoing>s-a</outgoing></startEvent><userTask id='a'/><endEvent \
         id='e'/><dataObject id='d'/><dataObjectReference id='dr'/><textAnnotation id='t'/>\
         <association id='as' sourceRef='a' targetRef='t'/><group id='g'/>{}</process>",
        flows("s>a;a>e")
    ));
    assert!(found(&text).is_empty(), "{:?}", found(&text));
}

#[test]
fn tasks_of_people_are_one_kind() {
    let text = process("<task id='a'/><manualTask id='b'/><userTask id='c'/>", "");
    for node in &model(&text).processes[0].body.nodes {
        assert!(matches!(node.kind, NodeKind::Task(TaskKind::Person)), "{}", node.id);
    }
}

#[test]
fn a_definition_at_the_top_is_found_by_reference() {
    let text = file(
        "<timerEventDefinition id='t'><timeDuration>P1D</timeDuration></timerEventDefinition>\
         <process id='p'><startEvent id='s'><eventDefinitionRef>t</eventDefinitionRef></startEvent>\
         </process>",
    );
    assert!(model(&text).unsupported.is_empty());
}

#[test]
fn our_attributes_are_read_and_others_of_ours_refused() {
    let text = process(
        "<startEvent id='s'/><userTask id='a' chaincity:role='bank.clerk bank.head' \
         chaincity:actions='real-estate.transfer' chaincity:form='apply' chaincity:evidence='contract' \
         chaincity:workdays='3' chaincity:discloses='right.deal' chaincity:not-by='b'/>\
         <userTask id='b' chaincity:role='x'/><endEvent id='e'/>",
        "s>a;a>b;b>e",
    );
    assert!(found(&text).is_empty(), "{:?}", found(&text));
    let binding = &model(&text).processes[0].body.nodes[1].binding;
    assert_eq!(binding.roles, ["bank.clerk", "bank.head"]);
    assert_eq!((binding.workdays, binding.not_by[0].as_str()), (Some(3), "b"));
    let wrong = text.replace("chaincity:form", "chaincity:from");
    assert_eq!(found(&wrong), ["unknown-attribute"]);
    assert_eq!(found(&text.replace("workdays='3'", "workdays='0'")), ["workdays"]);
    assert_eq!(found(&text.replace("not-by='b'", "not-by='a'")), ["bad-reference"]);
    assert_eq!(found(&text.replace("'right.deal'", "'Right!'")), ["bad-name"]);
}

#[test]
fn a_file_without_a_process_or_of_another_kind_is_refused() {
    assert_eq!(found(&file("<collaboration id='c'/>")), ["no-process"]);
    assert_eq!(found("<definitions/>"), ["not-bpmn"]);
    assert_eq!(found("<a>"), ["xml"]);
    assert_eq!(found(""), ["xml"]);
}

#[test]
fn ids_are_there_and_unique() {
    let twice =
        process(&format!("<startEvent id='s'/>{}<endEvent id='e'/>", tasks("a a")), "s>a;a>e");
    assert!(found(&twice).contains(&"duplicate-id"));
    let none = process("<startEvent id='s'/><endEvent/>", "");
    assert!(found(&none).contains(&"missing-id"));
}

#[test]
fn latin_1_and_utf_16_files_are_read_and_others_refused() {
    let head = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><definitions \
                xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\"><process id=\"p\" name=\"é\"/>\
                </definitions>";
    let latin: Vec<u8> = head.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_eq!(parse("x", &latin).unwrap().processes[0].name, "é");
    let wide: Vec<u8> =
        [0xfeff].into_iter().chain(head.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(parse("x", &wide).unwrap().processes[0].name, "é");
    let other = head.replace("ISO-8859-1", "GBK").into_bytes();
    let other: Vec<u8> = other.into_iter().map(|b| if b == 0xc3 { 0xff } else { b }).collect();
    assert_eq!(parse("x", &other).unwrap_err()[0].code, "not-text");
}
