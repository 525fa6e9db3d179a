//! Cases that a message about a record begins.

use chaincity_package::doc::FileDoc;
use chaincity_types::Value;
use chaincity_types::wire::{Call, Event, Mode, Receipt};

use crate::city::{
    City, PROCESS, People, because, complete, events, of, on_task, outcome, people, permits, start,
};

/// Who looks after a sealed plot: what the plot's seals are, and for whom it is done.
const AFTER: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:chaincity="https://chaincity.example/ns/bpmn/1" targetNamespace="urn:test">
  <message id="sealed" name="查封"/>
  <process id="ID" name="查封之后" isExecutable="true" chaincity:keeper="office.chief">
    <extensionElements>
      <chaincity:variable name="seals" type="int" value="0"/>
    </extensionElements>
    <startEvent id="told" chaincity:about="permits.plot"><messageEventDefinition messageRef="sealed"/></startEvent>
    <exclusiveGateway id="often" default="first"/>
    <userTask id="look" name="核查" chaincity:role="office.inspector"/>
    <userTask id="answer" name="说明" chaincity:role="subject.self@applicant"/>
    <endEvent id="over"/>
    <sequenceFlow id="f-told" sourceRef="told" targetRef="often"/>
    <sequenceFlow id="first" sourceRef="often" targetRef="look"/>
    <sequenceFlow id="again" sourceRef="often" targetRef="answer"><conditionExpression>seals &gt; 1</conditionExpression></sequenceFlow>
    <sequenceFlow id="f-look" sourceRef="look" targetRef="over"/>
    <sequenceFlow id="f-answer" sourceRef="answer" targetRef="over"/>
  </process>
</definitions>"#;

fn after(id: &str) -> String {
    AFTER.replace("\"ID\"", &format!("\"{id}\""))
}

/// The permits' package with these processes besides its own.
fn with(more: &[String]) -> Vec<u8> {
    let mut source = permits(PROCESS);
    let files = more.iter().enumerate();
    let files = files.map(|(i, text)| FileDoc { name: format!("a{i}.bpmn"), text: text.clone() });
    source.doc.processes.extend(files);
    source.doc.processes.sort_by(|a, b| a.name.cmp(&b.name));
    source.doc.to_bytes()
}

fn city(more: &[String]) -> City {
    let people: People = people();
    let mut city = City::with(&people, vec![crate::city::books().doc.to_bytes(), with(more)]);
    for code in ["p1", "p2"] {
        city.applied("clerk", of("permits", "add-plot", &[("code", code.into())]));
    }
    city
}

fn seal(owner: Option<&str>) -> Call {
    let mut input = vec![("plot", Value::from("p1"))];
    input.extend(owner.map(|owner| ("owner", owner.into())));
    of("permits", "seal", &input)
}

fn begun(receipt: &Receipt) -> Vec<String> {
    let inserted = |event: &&Event| event.register == "case" && event.kind == "inserted";
    let all = receipt.entries[0].events.iter().filter(inserted);
    all.map(|event| event.key.to_string()).collect()
}

#[test]
fn a_message_about_a_record_begins_a_case_with_what_it_says() {
    let mut city = city(&[after("look-after")]);
    let receipt = city.applied("chief", seal(Some("s-jia")));
    let [case] = begun(&receipt).try_into().unwrap();
    assert!(events(std::slice::from_ref(&receipt), "missed").is_empty());
    assert_eq!(city.nodes("task", &case), ["look"]);
    let field = |city: &City, name: &str| city.field("case", &case, name);
    assert_eq!(field(&city, "applicant"), "s-jia".into());
    assert_eq!(field(&city, "holder"), "office".into());
    assert_eq!(field(&city, "subjects"), Value::List(vec!["permits/plot/p1".into()]));
    let look = city.task(&case, "look");
    assert_eq!(city.call("clerk", complete(&look, &[])), "not-authorised");
    assert_eq!(city.call("inspector", complete(&look, &[])), "applied");
    assert_eq!(city.status(&case), "completed");
    // What the message says decides the way, and whose the task is.
    let [case] = begun(&city.applied("chief", seal(Some("s-jia")))).try_into().unwrap();
    let answer = city.task(&case, "answer");
    assert_eq!(city.call("yi", on_task("claim", &answer)), "other-party");
    assert_eq!(city.call("jia", complete(&answer, &[])), "applied");
    // Who is not named is whoever told it.
    let [case] = begun(&city.applied("chief", seal(None))).try_into().unwrap();
    assert_eq!(city.field("case", &case, "applicant"), "office".into());
    assert_eq!(city.call("clerk", because("withdraw", &case)), "not-authorised");
    assert_eq!(city.call("inspector", because("withdraw", &case)), "applied");
}

#[test]
fn what_is_told_sets_no_encrypted_variable() {
    let text = after("look-after")
        .replace("type=\"int\" value=\"0\"", "type=\"sealed(note)?\"")
        .replace("seals &gt; 1", "seals != null");
    let mut city = city(&[text]);
    let [case] = begun(&city.applied("chief", seal(None))).try_into().unwrap();
    assert_eq!(city.nodes("task", &case), ["look"]);
    assert_eq!(city.field("case", &case, "sealed"), Value::Null);
}

#[test]
fn open_cases_hear_it_first_and_what_it_begins_does_not_hear_it() {
    let mut city = city(&[after("look-after"), after("look-too")]);
    let about = [("subjects", Value::List(vec!["permits/plot/p1".into()]))];
    let case = city.begin("clerk", "permit", &about);
    let receipt = city.applied("chief", seal(None));
    assert_eq!(events(std::slice::from_ref(&receipt), "heard"), [case]);
    assert_eq!(begun(&receipt).len(), 2);
}

#[test]
fn whoever_may_not_do_what_tells_begins_nothing_and_nobody_begins_it_by_hand() {
    let mut city = city(&[after("look-after")]);
    assert_eq!(city.call("clerk", seal(None)), "not-authorised");
    assert_eq!(city.call("chief", start("permits", "look-after", &[])), "not-authorised");
    // Unless the process says who.
    let said = after("look-after")
        .replace("chaincity:keeper=", "chaincity:role=\"office.chief\" chaincity:keeper=");
    let mut city = self::city(&[said]);
    assert_eq!(city.call("clerk", start("permits", "look-after", &[])), "not-authorised");
    assert_eq!(city.call("chief", start("permits", "look-after", &[])), "applied");
}

#[test]
fn a_process_that_cannot_begin_is_told_of_and_holds_up_nothing() {
    for (from, to) in [
        // What the message says does not fit, nobody is named, nobody keeps it.
        ("name=\"seals\" type=\"int\" value=\"0\"", "name=\"seals\" type=\"bool\" value=\"true\""),
        ("chaincity:role=\"office.inspector\"", "chaincity:role=\"office.inspector@who\""),
        ("chaincity:keeper=\"office.chief\"", "chaincity:keeper=\"office.chief@who\""),
    ] {
        let who = "<extensionElements><chaincity:variable name=\"who\" type=\"text(40)?\"/>";
        let mut text = after("look-after").replace("<extensionElements>", who);
        text = text.replace(from, to).replace("seals &gt; 1", "false");
        let mut city = city(&[text, after("look-too")]);
        let receipt = city.applied("chief", seal(None));
        assert_eq!(
            events(std::slice::from_ref(&receipt), "missed"),
            ["permits.look-after"],
            "{to}"
        );
        assert_eq!(begun(&receipt).len(), 1, "the other begins");
    }
    let mut city = city(&[after("look-after")]);
    let receipt = city.applied("chief", seal(Some(&"x".repeat(129))));
    assert_eq!(events(std::slice::from_ref(&receipt), "missed"), ["permits.look-after"]);
}

#[test]
fn a_process_that_is_no_longer_there_is_begun_by_nothing() {
    let mut city = city(&[after("look-after")]);
    let publish = |city: &mut City, document: Vec<u8>| {
        let call = of("governance", "publish-package", &[("document", Value::Bytes(document))]);
        outcome(&city.submit("admin", Mode::Atomic, vec![call]))
    };
    let mut next = permits(PROCESS);
    next.doc.version = 2;
    assert_eq!(publish(&mut city, next.doc.to_bytes()), "applied");
    let receipt = city.applied("chief", seal(None));
    assert!(begun(&receipt).is_empty());
    assert!(events(&[receipt], "missed").is_empty());
}

#[test]
fn one_message_begins_four_processes_at_most() {
    let many: Vec<String> = (0..5).map(|i| after(&format!("look-{i}"))).collect();
    let mut city = city(&many[..4]);
    assert_eq!(begun(&city.applied("chief", seal(None))).len(), 4);
    let mut source = permits(PROCESS);
    source.doc.version = 2;
    let five = many.iter().enumerate();
    source
        .doc
        .processes
        .extend(five.map(|(i, text)| FileDoc { name: format!("q{i}.bpmn"), text: text.clone() }));
    let document = Value::Bytes(source.doc.to_bytes());
    let call = of("governance", "publish-package", &[("document", document)]);
    assert_eq!(outcome(&city.submit("admin", Mode::Atomic, vec![call])), "package-invalid");
}
