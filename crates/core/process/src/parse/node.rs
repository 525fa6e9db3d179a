//! Tasks, sub-processes, calls and gateways.

use roxmltree::Node as Xml;

use super::{Parser, child, children, is_true, reference};
use crate::model::{GatewayKind, Multi, NodeKind, TaskKind};
use crate::xml::Refusal;

impl Parser {
    pub(super) fn kind(
        &mut self,
        name: &str,
        xml: Xml<'_, '_>,
        id: &str,
        by_event: bool,
    ) -> Result<NodeKind, Refusal> {
        let task = |kind| Ok(NodeKind::Task(kind));
        let gateway = |kind| Ok(NodeKind::Gateway(kind));
        match name {
            "task" | "userTask" | "manualTask" => task(TaskKind::Person),
            "serviceTask" => task(TaskKind::Service),
            "sendTask" => task(TaskKind::Send),
            "receiveTask" => task(TaskKind::Receive),
            "businessRuleTask" => task(TaskKind::Rule),
            "exclusiveGateway" => gateway(GatewayKind::Exclusive),
            "parallelGateway" => gateway(GatewayKind::Parallel),
            "inclusiveGateway" => gateway(GatewayKind::Inclusive),
            "eventBasedGateway" => {
                if xml.attribute("eventGatewayType").is_some_and(|kind| kind == "Parallel") {
                    let line = self.line(xml);
                    self.unsupported("eventBasedGateway", id, line);
                    return Ok(NodeKind::Unsupported);
                }
                gateway(GatewayKind::EventBased)
            }
            "callActivity" => Ok(NodeKind::Call(reference(xml, "calledElement"))),
            "subProcess" => {
                let inner = is_true(xml, "triggeredByEvent", false);
                Ok(NodeKind::SubProcess { body: self.body(xml, inner)?, by_event: inner })
            }
            "startEvent"
            | "endEvent"
            | "boundaryEvent"
            | "intermediateCatchEvent"
            | "intermediateThrowEvent" => Ok(self.event(name, xml, id, by_event)),
            other => {
                let line = self.line(xml);
                self.unsupported(other, id, line);
                Ok(NodeKind::Unsupported)
            }
        }
    }

    /// How often an activity is done.
    pub(super) fn multi(&mut self, xml: Xml<'_, '_>, id: &str) -> Option<Multi> {
        for (name, looped) in children(xml) {
            match name {
                "multiInstanceLoopCharacteristics" => {
                    return Some(Multi {
                        sequential: is_true(looped, "isSequential", false),
                        count: self.expression(child(looped, "loopCardinality")),
                        until: self.expression(child(looped, "completionCondition")),
                        line: self.line(looped),
                    });
                }
                "standardLoopCharacteristics" => {
                    let line = self.line(looped);
                    self.unsupported(name, id, line);
                }
                _ => {}
            }
        }
        None
    }
}
