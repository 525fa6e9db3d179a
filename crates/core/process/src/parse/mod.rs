//! From a BPMN file to a [`Model`]: the declared subset in full, what only informs left out, and
//! everything else listed by name, id and line.

mod attributes;
mod diagram;
mod event;
mod node;

use std::collections::BTreeMap;

use chaincity_package::Problem;
use roxmltree::Node as Xml;

use crate::model::{Body, Expression, Flow, Lane, Model, Node, NodeKind, Process, Unsupported};
use crate::xml::{self, Lines, Refusal, at_line, problem};

/// The namespace of BPMN 2.0 models.
pub const BPMN: &str = "http://www.omg.org/spec/BPMN/20100524/MODEL";
/// The namespace of our attributes.
pub const CHAINCITY: &str = "https://chaincity.example/ns/bpmn/1";

/// Most flow nodes of a file.
pub const FLOW_NODES_MAX: usize = 2_000;
/// Most sequence flows of a file.
pub const FLOWS_MAX: usize = 4_000;

/// Elements that inform people or other tools, at the file's top.
const TOP_INFORMS: &[&str] = &[
    "category",
    "collaboration",
    "conversation",
    "correlationProperty",
    "dataStore",
    "endPoint",
    "extension",
    "globalConversation",
    "import",
    "interface",
    "itemDefinition",
    "partnerEntity",
    "partnerRole",
    "relationship",
    "resource",
    "signal",
];

/// The same in any element.
const INFORMS: &[&str] = &[
    "auditing",
    "categoryValueRef",
    "correlationSubscription",
    "dataInputAssociation",
    "dataObject",
    "dataObjectReference",
    "dataOutputAssociation",
    "dataStoreReference",
    "documentation",
    "extensionElements",
    "group",
    "humanPerformer",
    "incoming",
    "ioSpecification",
    "monitoring",
    "outgoing",
    "performer",
    "potentialOwner",
    "property",
    "resourceRole",
    "supportedInterfaceRef",
    "supports",
    "textAnnotation",
];

/// Reads a file; `file` is its name, for findings.
///
/// # Errors
/// When it is no BPMN file, or too large, too deep or not safe to read. What lies outside the
/// subset is no error here: [`crate::check()`] refuses it.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Model, Vec<Problem>> {
    read(file, bytes).map_err(|problem| vec![named(*problem, file)])
}

fn named(mut problem: Problem, file: &str) -> Problem {
    if let Some(at) = &mut problem.location {
        file.clone_into(&mut at.file);
    } else {
        let location = chaincity_package::Location { file: file.to_owned(), line: 1, column: 1 };
        problem.location = Some(location);
    }
    problem
}

fn read(file: &str, bytes: &[u8]) -> Result<Model, Refusal> {
    let text = xml::text(bytes)?;
    let lines = Lines::of(&text);
    let document = xml::tree(&text, &lines)?;
    let root = document.root_element();
    if !root.has_tag_name((BPMN, "definitions")) {
        return Err(problem(
            "not-bpmn",
            ("不是BPMN 2.0文件", "not a BPMN 2.0 file: its first element is no `definitions`"),
            ("请导出为BPMN 2.0 XML", "export it as BPMN 2.0 XML"),
        )
        .into());
    }
    let mut parser = Parser { lines, model: Model::default(), ids: BTreeMap::new(), sizes: (0, 0) };
    file.clone_into(&mut parser.model.file);
    parser.definitions(root)?;
    if parser.model.processes.is_empty() {
        let cause = ("文件中没有流程", "there is no process in the file");
        return Err(problem("no-process", cause, ("", "")).into());
    }
    let problems = std::mem::take(&mut parser.model.problems);
    parser.model.problems = problems.into_iter().map(|problem| named(problem, file)).collect();
    Ok(parser.model)
}

/// The BPMN name of an element.
fn name<'t>(xml: Xml<'t, '_>) -> Option<&'t str>
where
{
    let tag = xml.tag_name();
    (xml.is_element() && tag.namespace() == Some(BPMN)).then(|| tag.name())
}

/// Children that are BPMN elements, by name.
fn children<'t, 'i>(xml: Xml<'t, 'i>) -> impl Iterator<Item = (&'t str, Xml<'t, 'i>)>
where
    'i: 't,
{
    xml.children().filter_map(|child| Some((name(child)?, child)))
}

fn child<'t, 'i>(xml: Xml<'t, 'i>, wanted: &str) -> Option<Xml<'t, 'i>>
where
    'i: 't,
{
    children(xml).find(|(name, _)| *name == wanted).map(|(_, child)| child)
}

/// The text of an element, without blanks around it.
fn text_of(xml: Xml<'_, '_>) -> String {
    let parts = xml.children().filter(Xml::is_text).filter_map(|part| part.text());
    parts.collect::<String>().trim().to_owned()
}

/// What a reference names: its prefix is that of a namespace.
fn local(reference: &str) -> String {
    reference.rsplit(':').next().unwrap_or(reference).trim().to_owned()
}

fn reference(xml: Xml<'_, '_>, attribute: &str) -> Option<String> {
    xml.attribute(attribute).map(local).filter(|id| !id.is_empty())
}

fn is_true(xml: Xml<'_, '_>, attribute: &str, otherwise: bool) -> bool {
    xml.attribute(attribute).map_or(otherwise, |text| matches!(text.trim(), "true" | "1"))
}

struct Parser {
    lines: Lines,
    model: Model,
    /// Lines of the ids of processes, nodes and flows.
    ids: BTreeMap<String, u64>,
    /// Nodes and flows so far.
    sizes: (usize, usize),
}

impl Parser {
    fn line(&self, xml: Xml<'_, '_>) -> u64 {
        self.lines.line(xml.range().start)
    }

    fn report(&mut self, problem: Problem, line: u64) {
        self.model.problems.push(at_line(problem, Some(line)));
    }

    fn unsupported(&mut self, element: &str, id: &str, line: u64) {
        let (element, id) = (element.to_owned(), id.to_owned());
        self.model.unsupported.push(Unsupported { element, id, line });
    }

    /// The element's id; one without gets one from its line.
    fn id(&mut self, xml: Xml<'_, '_>) -> String {
        let line = self.line(xml);
        let element = xml.tag_name().name().to_owned();
        let id = xml.attribute("id").map(str::trim).filter(|id| !id.is_empty());
        let Some(id) = id.map(str::to_owned) else {
            let cause = (format!("`{element}`没有id"), format!("a `{element}` has no id"));
            let mend = ("请在建模工具中补上", "give it one in the modeller");
            self.report(problem("missing-id", cause, mend), line);
            return format!("@{line}");
        };
        if let Some(first) = self.ids.insert(id.clone(), line) {
            let cause = (
                format!("id `{id}`已在第{first}行使用"),
                format!("the id `{id}` is used in line {first} already"),
            );
            let mend = ("请改为唯一", "make it unique");
            self.report(problem("duplicate-id", cause, mend), line);
        }
        id
    }

    fn expression(&self, xml: Option<Xml<'_, '_>>) -> Option<Expression> {
        let xml = xml?;
        let text = text_of(xml);
        (!text.is_empty()).then(|| Expression { text, line: self.line(xml) })
    }

    fn definitions(&mut self, root: Xml<'_, '_>) -> Result<(), Refusal> {
        for (name, xml) in children(root) {
            let id = xml.attribute("id").unwrap_or_default().to_owned();
            let code = |attribute| xml.attribute(attribute).unwrap_or(&id).to_owned();
            match name {
                "process" => self.process(xml)?,
                "message" => drop(self.model.messages.insert(id.clone(), code("name"))),
                "error" => drop(self.model.errors.insert(id.clone(), code("errorCode"))),
                "escalation" => {
                    drop(self.model.escalations.insert(id.clone(), code("escalationCode")));
                }
                "globalTask" | "globalUserTask" | "globalManualTask" | "globalBusinessRuleTask" => {
                    drop(self.model.global_tasks.insert(id.clone(), code("name")));
                }
                other if TOP_INFORMS.contains(&other) || INFORMS.contains(&other) => {}
                other if other.ends_with("EventDefinition") => {}
                other => {
                    let line = self.line(xml);
                    self.unsupported(other, &id, line);
                }
            }
        }
        diagram::read(root, &mut self.model.diagram);
        Ok(())
    }

    fn process(&mut self, xml: Xml<'_, '_>) -> Result<(), Refusal> {
        let mut process = Process {
            id: self.id(xml),
            name: xml.attribute("name").unwrap_or_default().to_owned(),
            line: self.line(xml),
            executable: is_true(xml, "isExecutable", false),
            ..Process::default()
        };
        self.process_attributes(xml, &mut process);
        process.variables = self.variables(xml);
        process.body = self.body(xml, false)?;
        self.model.processes.push(process);
        Ok(())
    }

    /// What a process or sub-process consists of; `by_event` for an event sub-process.
    fn body(&mut self, xml: Xml<'_, '_>, by_event: bool) -> Result<Body, Refusal> {
        let mut body = Body::default();
        for (name, child) in children(xml) {
            match name {
                "sequenceFlow" => {
                    let flow = self.flow(child)?;
                    body.flows.push(flow);
                }
                "association" => {
                    let ends = (reference(child, "sourceRef"), reference(child, "targetRef"));
                    if let (Some(source), Some(target)) = ends {
                        body.associations.push((source, target));
                    }
                }
                "laneSet" => self.lanes(child, &mut body.lanes),
                "multiInstanceLoopCharacteristics" | "standardLoopCharacteristics" => {}
                other if INFORMS.contains(&other) => {}
                _ => {
                    let node = self.node(name, child, by_event)?;
                    body.nodes.push(node);
                    self.sizes.0 = self.sizes.0.saturating_add(1);
                    if self.sizes.0 > FLOW_NODES_MAX {
                        return Err(self.too_many("节点", "nodes", FLOW_NODES_MAX, child));
                    }
                }
            }
        }
        Ok(body)
    }

    fn too_many(&self, zh: &str, en: &str, max: usize, xml: Xml<'_, '_>) -> Refusal {
        let cause = (format!("{zh}超过{max}个"), format!("more than {max} {en}"));
        let mend = ("请拆分流程", "split the process");
        at_line(problem("too-many", cause, mend), Some(self.line(xml))).into()
    }

    fn flow(&mut self, xml: Xml<'_, '_>) -> Result<Flow, Refusal> {
        self.sizes.1 = self.sizes.1.saturating_add(1);
        if self.sizes.1 > FLOWS_MAX {
            return Err(self.too_many("顺序流", "sequence flows", FLOWS_MAX, xml));
        }
        self.no_attributes(xml);
        Ok(Flow {
            id: self.id(xml),
            name: xml.attribute("name").unwrap_or_default().to_owned(),
            line: self.line(xml),
            source: reference(xml, "sourceRef").unwrap_or_default(),
            target: reference(xml, "targetRef").unwrap_or_default(),
            condition: self.expression(child(xml, "conditionExpression")),
        })
    }

    fn lanes(&mut self, set: Xml<'_, '_>, lanes: &mut BTreeMap<String, Lane>) {
        for (_, xml) in children(set).filter(|(name, _)| *name == "lane") {
            let lane = Lane {
                name: xml.attribute("name").unwrap_or_default().to_owned(),
                role: self.lane_role(xml),
            };
            for (name, child) in children(xml) {
                match name {
                    "flowNodeRef" => drop(lanes.insert(local(&text_of(child)), lane.clone())),
                    "childLaneSet" => self.lanes(child, lanes),
                    _ => {}
                }
            }
        }
    }

    /// A flow node, supported or not.
    fn node(&mut self, name: &str, xml: Xml<'_, '_>, by_event: bool) -> Result<Node, Refusal> {
        let id = self.id(xml);
        let kind = self.kind(name, xml, &id, by_event)?;
        for quantity in ["startQuantity", "completionQuantity"] {
            if xml.attribute(quantity).is_some_and(|count| !matches!(count.trim(), "0" | "1")) {
                let line = self.line(xml);
                self.unsupported(quantity, &id, line);
            }
        }
        let supported = !matches!(kind, NodeKind::Unsupported);
        Ok(Node {
            name: xml.attribute("name").unwrap_or_default().to_owned(),
            line: self.line(xml),
            element: name.to_owned(),
            default: reference(xml, "default"),
            multi: self.multi(xml, &id),
            for_compensation: is_true(xml, "isForCompensation", false),
            binding: if supported { self.binding(name, xml) } else { Default::default() },
            id,
            kind,
        })
    }
}
