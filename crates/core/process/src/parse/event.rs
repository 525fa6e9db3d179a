//! Events and what they wait for or say.

use roxmltree::Node as Xml;

use super::{Parser, child, children, is_true, local, reference, text_of};
use crate::model::{Definition, NodeKind, Timer, TimerKind};

/// Which definitions an event of each kind may have, besides those that each of its kinds names.
fn allowed(event: &str, by_event: bool, definition: &Definition) -> bool {
    match definition {
        Definition::None => matches!(event, "startEvent" | "endEvent" | "intermediateThrowEvent"),
        Definition::Message(_) => true,
        Definition::Timer(_) => !matches!(event, "endEvent" | "intermediateThrowEvent"),
        Definition::Error(_) => {
            matches!(event, "endEvent" | "boundaryEvent") || (event == "startEvent" && by_event)
        }
        Definition::Escalation(_) => {
            matches!(event, "endEvent" | "intermediateThrowEvent" | "boundaryEvent")
                || (event == "startEvent" && by_event)
        }
        Definition::Compensation(_) => {
            matches!(event, "endEvent" | "intermediateThrowEvent" | "boundaryEvent")
                || (event == "startEvent" && by_event)
        }
        Definition::Terminate => event == "endEvent",
        Definition::Link(_) => {
            matches!(event, "intermediateCatchEvent" | "intermediateThrowEvent")
        }
        Definition::Unsupported => false,
    }
}

/// The definition at the file's top that an `eventDefinitionRef` names.
fn resolve<'t, 'i>(reference: Xml<'t, 'i>) -> Option<(&'t str, Xml<'t, 'i>)>
where
    'i: 't,
{
    if reference.tag_name().name() != "eventDefinitionRef" {
        return None;
    }
    let id = local(&text_of(reference));
    let root = reference.document().root_element();
    children(root).find(|(_, xml)| xml.attribute("id") == Some(id.as_str()))
}

impl Parser {
    pub(super) fn event(
        &mut self,
        name: &str,
        xml: Xml<'_, '_>,
        id: &str,
        by_event: bool,
    ) -> NodeKind {
        let on = self.definition(name, xml, id, by_event);
        match name {
            "startEvent" => {
                NodeKind::Start { on, interrupting: is_true(xml, "isInterrupting", true) }
            }
            "endEvent" => NodeKind::End(on),
            "intermediateCatchEvent" => NodeKind::Catch(on),
            "intermediateThrowEvent" => NodeKind::Throw(on),
            _ => {
                let interrupting =
                    is_true(xml, "cancelActivity", true) || matches!(on, Definition::Error(_));
                let attached = reference(xml, "attachedToRef").unwrap_or_default();
                NodeKind::Boundary { attached, on, interrupting }
            }
        }
    }

    fn definition(
        &mut self,
        event: &str,
        xml: Xml<'_, '_>,
        id: &str,
        by_event: bool,
    ) -> Definition {
        let is_definition = |name: &str| name.ends_with("EventDefinition");
        let mut found = children(xml)
            .filter(|(name, _)| is_definition(name) || *name == "eventDefinitionRef")
            .map(|(name, child)| resolve(child).unwrap_or((name, child)))
            .collect::<Vec<_>>();
        if let Some((name, second)) = found.get(1) {
            let line = self.line(*second);
            self.unsupported(name, id, line);
            return Definition::Unsupported;
        }
        let (name, line, definition) = match found.pop() {
            None => (event, self.line(xml), Definition::None),
            Some((name, child)) => (name, self.line(child), self.read_definition(name, child)),
        };
        if allowed(event, by_event, &definition) {
            return definition;
        }
        self.unsupported(name, id, line);
        Definition::Unsupported
    }

    fn read_definition(&mut self, name: &str, xml: Xml<'_, '_>) -> Definition {
        match name {
            "messageEventDefinition" => Definition::Message(reference(xml, "messageRef")),
            "timerEventDefinition" => Definition::Timer(self.timer(xml)),
            "errorEventDefinition" => Definition::Error(reference(xml, "errorRef")),
            "escalationEventDefinition" => Definition::Escalation(reference(xml, "escalationRef")),
            "compensateEventDefinition" => Definition::Compensation(reference(xml, "activityRef")),
            "terminateEventDefinition" => Definition::Terminate,
            "linkEventDefinition" => {
                Definition::Link(xml.attribute("name").unwrap_or_default().to_owned())
            }
            _ => Definition::Unsupported,
        }
    }

    fn timer(&mut self, xml: Xml<'_, '_>) -> Timer {
        let workdays = self.timer_workdays(xml);
        let kinds = [
            ("timeDate", TimerKind::Date),
            ("timeDuration", TimerKind::Duration),
            ("timeCycle", TimerKind::Cycle),
        ];
        let found = kinds.into_iter().find_map(|(name, kind)| Some((kind, child(xml, name)?)));
        let text = found.map(|(_, child)| text_of(child)).unwrap_or_default();
        Timer { workdays, kind: found.map(|(kind, _)| kind), text }
    }
}
