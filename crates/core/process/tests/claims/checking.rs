//! What `check` finds, and that it finds nothing where nothing is wrong.

use crate::common::{file, flows, found, model, process, task, tasks, when};
use chaincity_package::Severity;
use chaincity_process::check;

const START: &str = "<startEvent id='s'/>";
const END: &str = "<endEvent id='e'/>";

/// A split and a join of these kinds around three tasks.
fn block(split: &str, join: &str) -> String {
    let (default, conditional, rest) = if split == "parallelGateway" {
        ("", String::new(), "g>a;g>b;g>c")
    } else {
        ("default='g-c'", when("g", "a", "n &gt; 0") + &when("g", "b", "n &gt; 1"), "g>c")
    };
    process(
        &format!(
            "{START}<{split} id='g' {default}/>{conditional}{}<{join} id='j'/>{END}",
            tasks("a b c")
        ),
        &format!("s>g;{rest};a>j;b>j;c>j;j>e"),
    )
}

#[test]
fn a_split_is_joined_by_a_gateway_of_its_kind() {
    let (xor, and, or) = ("exclusiveGateway", "parallelGateway", "inclusiveGateway");
    for (split, join, expected) in [
        (xor, xor, None),
        (and, and, None),
        (or, or, None),
        (and, or, None),
        (xor, or, None),
        (and, xor, Some("missing-join")),
        (or, xor, Some("missing-join")),
        (xor, and, Some("deadlock")),
        (or, and, Some("deadlock")),
    ] {
        let codes = found(&block(split, join));
        assert_eq!(codes, expected.into_iter().collect::<Vec<_>>(), "{split} {join}");
    }
}

#[test]
fn a_deadlock_names_the_join_and_what_it_lacks_in_both_languages() {
    let problems = check(&model(&block("exclusiveGateway", "parallelGateway")));
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!((problem.place.as_str(), problem.severity), ("j", Severity::Error));
    assert!(problem.cause.zh.contains("死锁") && problem.cause.en.contains("`a-j`, `b-j`, `c-j`"));
    assert!(!problem.mend.zh.is_empty() && !problem.mend.en.is_empty());
    let at = problem.location.as_ref().unwrap();
    assert_eq!((at.file.as_str(), at.line > 3), ("test.bpmn", true));
}

#[test]
fn parallel_ways_that_meet_in_a_task_lack_a_join() {
    let text = process(
        &format!("{START}<parallelGateway id='g'/>{}{END}", tasks("a b c")),
        "s>g;g>a;g>b;a>c;b>c;c>e",
    );
    assert_eq!(found(&text), ["missing-join"]);
    let apart = text.replace("sourceRef=\"b\" targetRef=\"c\"", "sourceRef=\"b\" targetRef=\"e\"");
    assert!(found(&apart).is_empty(), "each way may have its own end: {:?}", found(&apart));
}

#[test]
fn a_loop_may_lead_back_and_must_have_a_way_out() {
    let nodes = |way_out: &str| {
        format!(
            "{START}<exclusiveGateway id='m'/>{}<exclusiveGateway id='g' default='g-m'/>{way_out}{END}",
            task("a")
        )
    };
    let with = process(&nodes(&when("g", "e", "n &gt; 0")), "s>m;m>a;a>g;g>m");
    assert!(found(&with).is_empty(), "{:?}", found(&with));
    let without = process(&nodes(""), "s>m;m>a;a>g;g>m");
    assert_eq!(found(&without), ["no-end", "unreachable"]);
}

#[test]
fn a_join_inside_a_loop_is_no_deadlock() {
    let text = process(
        &format!(
            "{START}<exclusiveGateway id='m'/><parallelGateway id='g'/>{}<parallelGateway id='j'/>\
             <exclusiveGateway id='x' default='x-m'/>{}{END}",
            tasks("a b"),
            when("x", "e", "n &gt; 0")
        ),
        "s>m;m>g;g>a;g>b;a>j;b>j;j>x;x>m",
    );
    assert!(found(&text).is_empty(), "{:?}", found(&text));
}

#[test]
fn a_reminder_beside_a_loop_is_no_missing_join() {
    let text = process(
        &format!(
            "{START}<exclusiveGateway id='m'/>{}<boundaryEvent id='b' attachedToRef='a' \
             cancelActivity='false'><timerEventDefinition chaincity:workdays='3'/></boundaryEvent>\
             <exclusiveGateway id='x' default='x-m'/>{}{END}<endEvent id='re'/>",
            tasks("a remind"),
            when("x", "e", "n &gt; 0")
        ),
        "s>m;m>a;a>x;x>m;b>remind;remind>re",
    );
    assert!(found(&text).is_empty(), "{:?}", found(&text));
}

#[test]
fn an_interrupting_time_in_one_parallel_way_starves_the_join() {
    let text = process(
        &format!(
            "{START}<parallelGateway id='g'/>{}<boundaryEvent id='t' attachedToRef='a'>\
             <timerEventDefinition chaincity:workdays='3'/></boundaryEvent><parallelGateway \
             id='j'/>{END}<endEvent id='late'/>",
            tasks("a b")
        ),
        "s>g;g>a;g>b;a>j;b>j;j>e;t>late",
    );
    assert_eq!(found(&text), ["deadlock"]);
    let terminate = "<endEvent id='late'><terminateEventDefinition/></endEvent>";
    let mended = text.replace("<endEvent id='late'/>", terminate);
    assert!(found(&mended).is_empty(), "{:?}", found(&mended));
}

#[test]
fn every_node_is_reached() {
    let text = process(&format!("{START}{}{END}", tasks("a lost")), "s>a;a>e;lost>e");
    let problems = check(&model(&text));
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].code, problems[0].place.as_str()), ("unreachable", "lost"));
}

#[test]
fn somebody_may_do_each_task() {
    let bare = |element: &str, attributes: &str| {
        found(&process(&format!("{START}<{element} id='a' {attributes}/>{END}"), "s>a;a>e"))
    };
    for element in ["userTask", "task", "manualTask", "serviceTask", "businessRuleTask"] {
        assert_eq!(bare(element, ""), ["nobody"], "{element}");
        assert!(bare(element, "chaincity:role='x.y'").is_empty(), "{element}");
    }
    assert_eq!(bare("userTask", "chaincity:actions='p.act'"), ["nobody"]);
    assert!(bare("serviceTask", "chaincity:actions='p.act'").is_empty());
    let deciding = bare("businessRuleTask", "chaincity:decision='fee'");
    assert_eq!(deciding, ["unknown-decision"], "somebody decides, but the table is not given");
    assert!(bare("sendTask", "").is_empty() && bare("receiveTask", "").is_empty());
}

#[test]
fn in_a_drawing_that_names_nobody_at_all_it_is_a_warning() {
    let text = |a: &str| {
        let nodes = format!("{START}<userTask id='a' {a}/><userTask id='b'/>{END}");
        check(&model(&process(&nodes, "s>a;a>b;b>e")))
    };
    let drawing = text("");
    assert_eq!(drawing.len(), 2);
    assert!(drawing.iter().all(|p| (p.code, p.severity) == ("nobody", Severity::Warning)));
    let bound = text("chaincity:role='x'");
    assert_eq!(bound.len(), 1);
    assert_eq!((bound[0].code, bound[0].severity), ("nobody", Severity::Error));
}

#[test]
fn the_role_of_a_lane_holds_for_sub_processes_inside_it() {
    let text = |role: &str| {
        file(&format!(
            "<process id='p'><laneSet id='ls'><lane id='l' {role}><flowNodeRef>sub</flowNodeRef>\
             </lane></laneSet>{START}<subProcess id='sub'><startEvent id='is'/><userTask id='a'/>\
             <endEvent id='ie'/>{}</subProcess>{END}{}</process>",
            flows("is>a;a>ie"),
            flows("s>sub;sub>e")
        ))
    };
    assert!(found(&text("chaincity:role='x'")).is_empty());
    assert_eq!(found(&text("name='Clerk'")), ["nobody"]);
}

#[test]
fn deadlines_fit_into_that_of_the_whole() {
    let text = |whole: u32, a: u32, b: u32| {
        let timed = |id: &str, days: u32| {
            task(id)
                .replace("chaincity:role", &format!("chaincity:workdays='{days}' chaincity:role"))
        };
        process(
            &format!(
                "{START}<parallelGateway id='g'/>{}{}<parallelGateway id='j'/>{}{END}",
                timed("a", a),
                timed("b", b),
                timed("c", 1)
            ),
            "s>g;g>a;g>b;a>j;b>j;j>c;c>e",
        )
        .replace("isExecutable='true'", "")
        .replace("<process id=\"p\"", &format!("<process id=\"p\" chaincity:workdays=\"{whole}\""))
    };
    assert!(found(&text(5, 4, 3)).is_empty(), "side by side the longer counts");
    assert_eq!(found(&text(5, 4, 5)), ["deadline-impossible"]);
}

#[test]
fn a_deadline_that_one_way_may_break_is_a_warning() {
    let nodes = format!(
        "{START}<exclusiveGateway id='g' default='g-a'/>{}{}{}{END}",
        task("a").replace("chaincity:role", "chaincity:workdays='2' chaincity:role"),
        task("b").replace("chaincity:role", "chaincity:workdays='9' chaincity:role"),
        when("g", "b", "n &gt; 0"),
    );
    let text = process(&nodes, "s>g;g>a;a>e;b>e")
        .replace("<process id=\"p\"", "<process id=\"p\" chaincity:workdays=\"5\"");
    let problems = check(&model(&text));
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].code, problems[0].severity), ("deadline-tight", Severity::Warning));
}

#[test]
fn a_deciding_gateway_has_conditions_and_a_default() {
    let text = |default: &str, first: &str, rest: &str| {
        let nodes =
            format!("{START}<exclusiveGateway id='g' {default}/>{first}{}{END}", tasks("a b"));
        found(&process(&nodes, &format!("s>g;{rest};a>e;b>e")))
    };
    let (a, b) = (when("g", "a", "n &gt; 0"), when("g", "b", "n &lt;= 0"));
    assert!(text("default='g-b'", &a, "g>b").is_empty());
    assert_eq!(text("", &format!("{a}{b}"), ""), ["no-default"]);
    assert_eq!(text("", &a, "g>b"), ["no-condition"]);
    assert_eq!(text("default='nowhere'", &a, "g>b"), ["bad-reference", "no-condition"]);
}

#[test]
fn a_condition_is_a_boolean_rule_over_declared_variables() {
    let text = |rule: &str| {
        let nodes = format!(
            "{START}<exclusiveGateway id='g' default='g-b'/>{}{}{END}",
            tasks("a b"),
            when("g", "a", rule)
        );
        found(&process(&nodes, "s>g;g>b;a>e;b>e"))
    };
    assert!(text("n == 1 &amp;&amp; n + 2 &lt; 9").is_empty());
    for bad in ["n", "m == 1", "${n == 1}", "n ==", "= n > 1", "n == 'x'"] {
        assert_eq!(text(&bad.replace('>', "&gt;")), ["condition"], "{bad}");
    }
}

#[test]
fn a_variable_has_a_type_and_a_first_value_or_may_be_null() {
    let text = |variable: &str| {
        found(&file(&format!(
            "<process id='p'><extensionElements><chaincity:variable {variable}/></extensionElements>\
             {START}{END}{}</process>",
            flows("s>e")
        )))
    };
    for good in [
        "name='x' type='int' value='1'",
        "name='x' type='text(9)?'",
        "name='x' type='bool' value='1 &lt; 2'",
        "name='x' type='list(int, max 3)' value='[1, 2]'",
    ] {
        assert!(text(good).is_empty(), "{good} {:?}", text(good));
    }
    for bad in ["name='x' type='int'", "name='x' type='float'", "name='x' type='int' value='\"a\"'"]
    {
        assert_eq!(text(bad), ["variable"], "{bad}");
    }
    assert_eq!(text("name='x'"), ["unknown-attribute"]);
}

#[test]
fn references_lead_to_what_is_there() {
    for (nodes, flow) in [
        (
            "<boundaryEvent id='b' attachedToRef='x'><timerEventDefinition chaincity:workdays='1'/></boundaryEvent>",
            "",
        ),
        (
            "<boundaryEvent id='b' attachedToRef='s'><timerEventDefinition chaincity:workdays='1'/></boundaryEvent>",
            "",
        ),
        ("", "a>x"),
        (
            "<intermediateThrowEvent id='t'><messageEventDefinition messageRef='x'/></intermediateThrowEvent>",
            "a>t",
        ),
        (
            "<intermediateThrowEvent id='t'><linkEventDefinition name='x'/></intermediateThrowEvent>",
            "a>t",
        ),
        ("<endEvent id='t'><errorEventDefinition errorRef='x'/></endEvent>", "a>t"),
    ] {
        let text =
            process(&format!("{START}{}{nodes}{END}", task("a")), &format!("s>a;a>e;{flow}"));
        assert!(found(&text).contains(&"bad-reference"), "{nodes} {flow} {:?}", found(&text));
    }
    let call = |to: &str| {
        process(&format!("{START}<callActivity id='c' calledElement='{to}'/>{END}"), "s>c;c>e")
    };
    assert_eq!(found(&call("q")), ["unknown-process"]);
    let with = call("q").replace("</definitions>", "<globalUserTask id='q'/></definitions>");
    assert!(found(&with).is_empty());
}

#[test]
fn a_timer_says_when() {
    let timer = |inside: &str, attribute: &str| {
        let nodes = format!(
            "{START}<intermediateCatchEvent id='t'><timerEventDefinition {attribute}>{inside}\
             </timerEventDefinition></intermediateCatchEvent>{END}"
        );
        found(&process(&nodes, "s>t;t>e"))
    };
    let duration = |text: &str| format!("<timeDuration>{text}</timeDuration>");
    assert!(timer("", "chaincity:workdays='5'").is_empty());
    for good in ["P3D", "PT2H30M", "P1M"] {
        assert!(timer(&duration(good), "").is_empty(), "{good}");
    }
    assert!(timer("<timeDate>2026-10-01T09:00:00+08:00</timeDate>", "").is_empty());
    assert!(timer("<timeCycle>R3/P1D</timeCycle>", "").is_empty());
    for bad in ["soon", "-P3D", "P0D", "3 days"] {
        assert_eq!(timer(&duration(bad), ""), ["timer"], "{bad}");
    }
    assert_eq!(timer("", ""), ["timer"]);
    assert_eq!(timer(&duration("P3D"), "chaincity:workdays='5'"), ["timer"], "one or the other");
}

#[test]
fn events_stand_where_they_may() {
    let gateway = |events: &str, flow: &str| {
        found(&process(&format!("{START}<eventBasedGateway id='g'/>{events}{END}"), flow))
    };
    let event = |id: &str| {
        format!(
            "<intermediateCatchEvent id='{id}'><messageEventDefinition/></intermediateCatchEvent>"
        )
    };
    let receive = "<receiveTask id='b'/>";
    assert!(gateway(&(event("a") + receive), "s>g;g>a;g>b;a>e;b>e").is_empty());
    assert_eq!(gateway(&(event("a") + &task("b")), "s>g;g>a;g>b;a>e;b>e"), ["event-gateway"]);
    assert_eq!(gateway(&event("a"), "s>g;g>a;a>e"), ["event-gateway"]);
    let into_start = process(&format!("{START}{}{END}", task("a")), "s>a;a>e;a>s");
    assert!(found(&into_start).contains(&"wrong-flow"));
}

#[test]
fn a_process_begins_once_and_counts_its_instances() {
    let bare = process(&format!("{}{END}", task("a")), "a>e");
    assert_eq!(found(&bare), ["no-start"]);
    let two = process(&format!("{START}<startEvent id='s2'/>{}{END}", task("a")), "s>a;s2>a;a>e");
    assert_eq!(found(&two), ["two-starts"]);
    let several = |inside: &str| {
        let nodes = format!(
            "{START}<userTask id='a' chaincity:role='x'><multiInstanceLoopCharacteristics>{inside}\
             </multiInstanceLoopCharacteristics></userTask>{END}"
        );
        found(&process(&nodes, "s>a;a>e"))
    };
    assert!(several("<loopCardinality>n + 1</loopCardinality>").is_empty());
    assert_eq!(several(""), ["no-count"]);
    assert_eq!(several("<loopCardinality>5000</loopCardinality>"), ["no-count"]);
    assert_eq!(several("<loopCardinality>n &gt; 1</loopCardinality>"), ["condition"]);
}

#[test]
fn a_sub_process_begins_without_a_trigger() {
    let text = process(
        &format!(
            "{START}<subProcess id='p1'><startEvent id='is'><messageEventDefinition/></startEvent>\
             <endEvent id='ie'/>{}</subProcess>{END}",
            flows("is>ie")
        ),
        "s>p1;p1>e",
    );
    assert_eq!(found(&text), ["inner-start"]);
    assert!(found(&text.replace("<messageEventDefinition/>", "")).is_empty());
}

#[test]
fn an_event_sub_process_has_one_start_with_a_trigger_and_compensation_a_handler() {
    let inner = |start: &str| {
        process(
            &format!(
                "{START}{END}<subProcess id='h' triggeredByEvent='true'>{start}<endEvent id='he'/>{}\
                 </subProcess>",
                flows("hs>he")
            ),
            "s>e",
        )
    };
    assert!(found(&inner("<startEvent id='hs'><messageEventDefinition/></startEvent>")).is_empty());
    assert_eq!(found(&inner("<startEvent id='hs'/>")), ["event-sub-process"]);
    let undo = process(
        &format!(
            "{START}{}<boundaryEvent id='b' attachedToRef='a'><compensateEventDefinition/>\
             </boundaryEvent>{END}",
            task("a")
        ),
        "s>a;a>e",
    );
    assert_eq!(found(&undo), ["no-handler"]);
}

#[test]
fn a_message_about_a_record_begins_a_process_at_its_only_start_event() {
    let begun = |start: &str, more: &str| {
        let text = format!("<startEvent id='s' {start}</startEvent>{more}{}{END}", task("a"));
        found(&process(&text, "s>a;a>e"))
    };
    let message = "><messageEventDefinition/>";
    assert!(begun(&format!("chaincity:about='land.plot'{message}"), "").is_empty());
    assert_eq!(begun(&format!("chaincity:about='plot'{message}"), ""), ["about"]);
    assert_eq!(begun("chaincity:about='land.plot'>", ""), ["about"]);
    let timer = "chaincity:about='land.plot'><timerEventDefinition chaincity:workdays='3'/>";
    assert_eq!(begun(timer, ""), ["about"]);
    let handler = format!(
        "<subProcess id='h' triggeredByEvent='true'><startEvent id='hs' chaincity:about='land.plot'>\
         <messageEventDefinition/></startEvent><endEvent id='he'/>{}</subProcess>",
        flows("hs>he")
    );
    assert_eq!(begun(">", &handler), ["about"]);
    let elsewhere = process(
        &format!("{START}<userTask id='a' chaincity:role='x' chaincity:about='land.plot'/>{END}"),
        "s>a;a>e",
    );
    assert_eq!(found(&elsewhere), ["unknown-attribute"]);
}

#[test]
fn who_sends_is_said_of_messages_alone() {
    let waiting = |definition: &str| {
        let catch = format!(
            "{START}<intermediateCatchEvent id='c' chaincity:role='bank.system'>{definition}\
             </intermediateCatchEvent>{END}"
        );
        found(&process(&catch, "s>c;c>e"))
    };
    assert!(waiting("<messageEventDefinition/>").is_empty());
    let timer = "<timerEventDefinition chaincity:workdays='3'/>";
    assert_eq!(waiting(timer), ["unknown-attribute"]);
}

#[test]
fn a_ledger_is_told_who_begins_keeps_sends_and_does() {
    let lane = "<laneSet id='l'><lane id='l1' name='x' chaincity:role='office.clerk'>\
                <flowNodeRef>t</flowNodeRef></lane></laneSet>";
    let text = file(&format!(
        "<process id='p' name='甲' isExecutable='true' chaincity:role='a.b' chaincity:keeper='c.d' \
         chaincity:workdays='9'>{lane}{START}<userTask id='t' chaincity:role='e.f' \
         chaincity:not-by='u' chaincity:evidence='photo' chaincity:workdays='2'/>\
         <sendTask id='u'/><receiveTask id='v' messageRef='m'/>{END}{}</process>\
         <message id='m' name='消息'/>",
        flows("s>t;t>u;u>v;v>e")
    ));
    let (graph, problems) = chaincity_process::compile(&model(&text));
    assert!(problems.is_empty(), "{problems:?}");
    let process = &graph.processes()[0];
    assert_eq!((process.roles[0].as_str(), process.keepers[0].name.as_str()), ("a.b", "c.d"));
    assert_eq!((process.name.as_str(), process.workdays), ("甲", Some(9)));
    let facts = |id: &str| graph.facts(graph.find(id).unwrap());
    let roles: Vec<&str> = facts("t").roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(roles, ["e.f", "office.clerk"]);
    assert_eq!((facts("t").workdays, facts("t").evidence.len()), (Some(2), 1));
    assert!(facts("u").sends_itself() && facts("u").message.as_deref() == Some("u"));
    assert_eq!(facts("v").message.as_deref(), Some("m"));
    assert!(facts("t").has_doer());
}

#[test]
fn a_role_names_a_variable_that_can_hold_a_party() {
    let role = |role: &str, ty: &str| {
        found(&file(&format!(
            "<process id='p' isExecutable='true'><extensionElements><chaincity:variable name='bank' \
             type='{ty}'/></extensionElements>{START}<userTask id='t' chaincity:role='{role}'/>{END}\
             {}</process>",
            flows("s>t;t>e")
        )))
    };
    for ty in ["text(40)?", "subject?", "list(text(40), max 32)?", "list(subject, max 2)?"] {
        assert!(role("bank.officer@bank", ty).is_empty(), "{ty}");
    }
    for own in ["a.b@applicant", "a.b@holder", "a.b"] {
        assert!(role(own, "text(40)?").is_empty(), "{own}");
    }
    for ty in ["int?", "bool?", "list(text(40), max 33)?", "list(int, max 2)?", "digest?"] {
        assert_eq!(role("bank.officer@bank", ty), ["not-a-party"], "{ty}");
    }
    for none in ["a.b@none", "a.b@", "a.b@bank@bank"] {
        assert_eq!(role(none, "text(40)?"), ["unknown-variable"], "{none}");
    }
    assert_eq!(role("@bank", "text(40)?"), ["bad-name"]);
}

#[test]
fn a_keeper_may_be_a_partys_and_who_begins_may_not() {
    let attributes = |attributes: &str, variable: &str| {
        found(&file(&format!(
            "<process id='p' isExecutable='true' {attributes}><extensionElements>\
             <chaincity:variable name='{variable}' type='text(40)?'/></extensionElements>{START}{}\
             {END}{}</process>",
            task("t"),
            flows("s>t;t>e")
        )))
    };
    assert!(attributes("chaincity:keeper='a.b@bank'", "bank").is_empty());
    assert_eq!(attributes("chaincity:keeper='a.b@none'", "bank"), ["unknown-variable"]);
    assert_eq!(attributes("chaincity:role='a.b@bank'", "bank"), ["bad-name"]);
    for reserved in ["applicant", "holder"] {
        assert_eq!(attributes("", reserved), ["variable"]);
    }
}

#[test]
fn what_a_case_keeps_is_made_by_the_tasks_actions_and_held_by_a_text() {
    let keeps = |keeps: &str| {
        found(&file(&format!(
            "<process id='p' isExecutable='true'><extensionElements><chaincity:variable name='sheet' \
             type='text(60)?'/><chaincity:variable name='n' type='int?'/></extensionElements>{START}\
             <userTask id='t' chaincity:role='a.b' chaincity:actions='c.open' \
             chaincity:keeps='{keeps}'/>{END}{}</process>",
            flows("s>t;t>e")
        )))
    };
    assert!(keeps("sheet=c.sheet").is_empty());
    for wrong in ["sheet", "sheet=sheet", "none=c.sheet", "n=c.sheet", "sheet=d.sheet", "=c.sheet"]
    {
        assert_eq!(keeps(wrong), ["keeps"], "{wrong}");
    }
}

#[test]
fn an_encrypted_variable_is_a_group_that_rules_only_compare_with_null() {
    let with = |variable: &str, rule: &str| {
        found(&file(&format!(
            "<process id='p' isExecutable='true'><extensionElements>{variable}<chaincity:variable \
             name='other' type='sealed(more)?'/></extensionElements>{START}{}<exclusiveGateway \
             id='g' default='g-e'/><exclusiveGateway id='m'/>{END}{}{}</process>",
            task("t"),
            when("g", "m", rule),
            flows("s>m;m>t;t>g;g>e")
        )))
    };
    let variable =
        |ty: &str, more: &str| format!("<chaincity:variable name='note' type='{ty}' {more}/>");
    let note = variable("sealed(note)?", "");
    for rule in ["note == null", "note != null || other == null", "null == note"] {
        assert!(with(&note, rule).is_empty(), "{rule}: {:?}", with(&note, rule));
    }
    for rule in [
        "note == other",
        "note != null &amp;&amp; size(note) == 32",
        "note != null &amp;&amp; note &lt; note",
        "note != null &amp;&amp; note + note == note",
        "note == \"07\"",
        "note",
    ] {
        assert_eq!(with(&note, rule), ["condition"], "{rule}");
    }
    let first = variable("sealed(note)?", "value='null'");
    let (always, listed) =
        (variable("sealed(note)", ""), variable("list(sealed(note), max 3)?", ""));
    for wrong in [first, always, listed] {
        assert_eq!(with(&wrong, "other == null"), ["variable"], "{wrong}");
    }
}

#[test]
fn the_process_of_an_encrypted_variable_is_begun_and_has_a_short_id() {
    let with = |id: &str, called: &str| {
        let variable = "<extensionElements><chaincity:variable name='note' type='sealed(note)?'/>\
                        </extensionElements>";
        found(&file(&format!(
            "<process id='outer' isExecutable='true'>{START}<callActivity id='c' \
             calledElement='{called}'/>{END}{}</process>\
             <process id='inner'><startEvent id='is'/>{}<endEvent id='ie'/>{}</process>\
             <process id='{id}' isExecutable='true'>{variable}\
             <startEvent id='ns'/>{}<endEvent id='ne'/>{}</process>",
            flows("s>c;c>e"),
            task("it"),
            flows("is>it;it>ie"),
            task("nt"),
            flows("ns>nt;nt>ne"),
        )))
    };
    assert!(with("noting", "inner").is_empty(), "{:?}", with("noting", "inner"));
    assert_eq!(with("noting", "noting"), ["variable"], "another calls it");
    assert_eq!(with(&"n".repeat(41), "inner"), ["variable"]);
}
