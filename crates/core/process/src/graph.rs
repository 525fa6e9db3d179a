//! What a file compiles to: bodies, nodes and flows by number, with no text on the way of a token.

use std::collections::BTreeMap;

use chaincity_package::model::FieldType;
use chaincity_package::rule::{Program, Type};
use chaincity_types::{Str, Value};
use minicbor::{Decode, Encode};

use crate::decision::TableDef;
pub use crate::model::TaskKind;
use crate::timing::Timing;

macro_rules! index {
    ($(#[$doc:meta] $name:ident),+) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub u32);

        impl $name {
            pub(crate) fn of(place: usize) -> Self {
                Self(u32::try_from(place).unwrap_or(u32::MAX))
            }

            pub(crate) fn place(self) -> usize {
                usize::try_from(self.0).unwrap_or(usize::MAX)
            }
        }
    )+};
}

index!(
    /// The number of a body: of a process or a sub-process.
    BodyIx,
    /// The number of a node, in document order.
    NodeIx,
    /// The number of a flow, in document order.
    FlowIx,
    /// The number of an error's or escalation's code.
    CodeIx
);

/// A compiled file.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub(crate) processes: Vec<ProcessDef>,
    pub(crate) bodies: Vec<BodyDef>,
    pub(crate) nodes: Vec<NodeDef>,
    pub(crate) flows: Vec<FlowDef>,
    pub(crate) codes: Vec<String>,
    pub(crate) labels: Vec<Label>,
    pub(crate) facts: Vec<Facts>,
    pub(crate) no_facts: Facts,
    pub(crate) tables: Vec<TableDef>,
    pub(crate) no_node: NodeDef,
    pub(crate) no_body: BodyDef,
}

/// What people call a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its BPMN element.
    pub element: String,
    /// Its line.
    pub line: u64,
}

/// The party that began a case, where a role names for whom it is held.
pub const APPLICANT: &str = "applicant";
/// The member through which a case was begun, likewise.
pub const HOLDER: &str = "holder";
/// Most parties that one variable names.
pub const PARTIES_MAX: u32 = 32;

/// A role that somebody must hold: for anybody, or, written `role@variable`, for a party whose id
/// stands in a variable of the process, for its applicant or for its holder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    /// The role.
    pub name: Str,
    /// What names the party: a variable, [`APPLICANT`] or [`HOLDER`].
    pub of: Option<Str>,
}

impl Role {
    /// Reads it as it is written.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text.split_once('@') {
            Some((name, of)) => Self { name: name.into(), of: Some(of.into()) },
            None => Self { name: text.into(), of: None },
        }
    }

    /// The variable that names the party.
    #[must_use]
    pub fn variable(&self) -> Option<&Str> {
        self.of.as_ref().filter(|of| ![APPLICANT, HOLDER].contains(&of.as_str()))
    }

    /// The parties that these variables name for it, if one is to.
    pub fn named<'v>(&self, variables: &'v BTreeMap<Str, Value>) -> impl Iterator<Item = &'v Str> {
        let value = self.variable().and_then(|name| variables.get(name));
        let all = |value: &'v Value| value.as_list().unwrap_or(std::slice::from_ref(value));
        let list = value.map_or(&[][..], all);
        list.iter().filter_map(Value::as_str).filter(|id| !id.is_empty())
    }

    /// Whether nobody can hold it: no party is named.
    #[must_use]
    pub fn is_vacant(&self, variables: &BTreeMap<Str, Value>) -> bool {
        self.variable().is_some() && self.named(variables).next().is_none()
    }
}

/// A record that a task's actions make, whose key a variable keeps: `variable=package.register`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The variable.
    pub variable: Str,
    /// The record's package.
    pub package: Str,
    /// Its register.
    pub register: Str,
}

impl Keep {
    /// Reads it as it is written.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (variable, of) = text.split_once('=')?;
        let (package, register) = of.rsplit_once('.')?;
        let named = ![variable, package, register].contains(&"");
        let (variable, package, register) = (variable.into(), package.into(), register.into());
        named.then_some(Self { variable, package, register })
    }
}

/// What begins a case of a process by itself: a message about a record of a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The register's package.
    pub package: Str,
    /// The register.
    pub register: Str,
    /// The id of the message.
    pub message: Str,
}

impl Beginning {
    /// The register as it is written, `package.register`, with the message.
    #[must_use]
    pub fn read(about: &str, message: &str) -> Option<Self> {
        let (package, register) = about.rsplit_once('.')?;
        let named = ![package, register, message].contains(&"");
        let (package, register, message) = (package.into(), register.into(), message.into());
        named.then_some(Self { package, register, message })
    }
}

/// What people must know of a node: who does it, with what, until when. Tokens do not ask.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The kind, if it is a task.
    pub task: Option<TaskKind>,
    /// Roles any of which may do it, those of its lane included.
    pub roles: Vec<Role>,
    /// Actions that completing it carries, as `package.action`.
    pub actions: Vec<Str>,
    /// Records that its actions make and the case keeps.
    pub keeps: Vec<Keep>,
    /// Kinds of evidence that must be attached.
    pub evidence: Vec<Str>,
    /// What is disclosed to who does it, as `register.group`.
    pub discloses: Vec<Str>,
    /// Tasks whose doer may not do this one.
    pub not_by: Vec<Str>,
    /// Form to fill in.
    pub form: Option<Str>,
    /// Deadline, in working days.
    pub workdays: Option<u32>,
    /// The id of the message that it waits for or sends; a task that names none, its own id.
    pub message: Option<Str>,
    /// When it goes off.
    pub timing: Option<Timing>,
    /// Whether a decision table does it.
    pub decided: bool,
}

impl Facts {
    /// Whether somebody may complete it: a person by its roles, anyone by its actions, the ledger by
    /// a decision table or because it only sends or receives.
    #[must_use]
    pub fn has_doer(&self) -> bool {
        match self.task {
            Some(TaskKind::Person) => !self.roles.is_empty(),
            Some(TaskKind::Service | TaskKind::Rule) => {
                self.decided || !self.roles.is_empty() || !self.actions.is_empty()
            }
            Some(TaskKind::Send | TaskKind::Receive) | None => true,
        }
    }

    /// Whether it is done by sending its message: nobody has to do anything.
    #[must_use]
    pub fn sends_itself(&self) -> bool {
        self.task == Some(TaskKind::Send) && self.roles.is_empty() && self.actions.is_empty()
    }
}

/// A process.
#[derive(Clone, Debug, Default)]
pub struct ProcessDef {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Roles that may begin it.
    pub roles: Vec<Str>,
    /// Roles that may suspend, resume and terminate it.
    pub keepers: Vec<Role>,
    /// Working days for the whole.
    pub workdays: Option<u32>,
    /// What it consists of.
    pub body: BodyIx,
    /// Whether it is marked as executable.
    pub executable: bool,
    /// Whether another process of the file calls it.
    pub called: bool,
    /// The message that begins a case of it.
    pub begun_by: Option<Beginning>,
    /// Its variables.
    pub variables: Vec<VariableDef>,
}

/// A variable: its name, type and first value.
#[derive(Clone, Debug)]
pub struct VariableDef {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// The same as declared, with its bounds.
    pub kind: FieldType,
    /// Its first value.
    pub value: Value,
}

impl VariableDef {
    /// The group whose commitment it holds, if it is encrypted.
    #[must_use]
    pub const fn group(&self) -> Option<&Str> {
        if let FieldType::Sealed(group) = &self.kind { Some(group) } else { None }
    }
}

/// A body.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyDef {
    /// The process that it belongs to, by place.
    pub(crate) process: usize,
    /// The sub-process that it is of.
    pub(crate) owner: Option<NodeIx>,
    /// Its nodes.
    pub(crate) nodes: Vec<NodeIx>,
    /// Where tokens begin.
    pub(crate) starts: Vec<NodeIx>,
    /// Event sub-processes.
    pub(crate) handlers: Vec<Handler>,
}

/// An event sub-process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handler {
    /// The sub-process.
    pub(crate) node: NodeIx,
    /// Its start event.
    pub(crate) start: NodeIx,
    /// What it waits for.
    pub(crate) on: Wait,
    /// Whether it interrupts.
    pub(crate) interrupting: bool,
}

/// A node.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeDef {
    pub(crate) body: BodyIx,
    pub(crate) op: Op,
    pub(crate) incoming: Vec<FlowIx>,
    pub(crate) outgoing: Vec<FlowIx>,
    pub(crate) default: Option<FlowIx>,
    /// Boundary events attached to it.
    pub(crate) boundaries: Vec<NodeIx>,
    pub(crate) multi: Option<MultiDef>,
    /// The decision table that it carries out, by place.
    pub(crate) table: Option<usize>,
    /// The activity that undoes it.
    pub(crate) undo: Option<NodeIx>,
    /// Of an inclusive join: for each incoming flow, the nodes from which a token may still come.
    pub(crate) reach: Vec<Vec<NodeIx>>,
}

/// What a node does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Op {
    Start,
    End(Say),
    Catch(Wait),
    Throw(Say),
    Boundary {
        on: Wait,
        interrupting: bool,
        host: NodeIx,
    },
    Task(TaskKind),
    Body(BodyIx),
    /// An event sub-process: no flow enters it.
    Handler(BodyIx),
    Call(Option<BodyIx>),
    Exclusive,
    Parallel,
    Inclusive,
    EventBased,
    /// Outside the subset: a token passes through, and nothing counts as done.
    #[default]
    Pass,
}

/// What an event waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Message,
    Timer { repeats: bool },
    Error(Option<CodeIx>),
    Escalation(Option<CodeIx>),
    Compensation,
    Link,
    Never,
}

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    Nothing,
    Message,
    Error(Option<CodeIx>),
    Escalation(Option<CodeIx>),
    Compensation(Option<NodeIx>),
    Terminate,
    Link(Option<NodeIx>),
    Unsupported,
}

/// Several instances.
#[derive(Clone, Debug)]
pub(crate) struct MultiDef {
    pub(crate) sequential: bool,
    /// How many, when it is known without data.
    pub(crate) fixed: Option<u32>,
    pub(crate) count: Option<Program>,
    pub(crate) until: Option<Program>,
}

/// A flow.
#[derive(Clone, Debug, Default)]
pub(crate) struct FlowDef {
    pub(crate) id: String,
    pub(crate) source: NodeIx,
    pub(crate) target: NodeIx,
    pub(crate) condition: Condition,
}

/// When a flow is taken.
#[derive(Clone, Debug, Default)]
pub(crate) enum Condition {
    /// Always.
    #[default]
    None,
    /// When the rule holds.
    Rule(Box<Program>),
    /// It was not understood.
    Opaque,
}

impl Graph {
    /// Its processes.
    #[must_use]
    pub fn processes(&self) -> &[ProcessDef] {
        &self.processes
    }

    /// What people call a node; nothing for a number that is none.
    #[must_use]
    pub fn label(&self, node: NodeIx) -> Option<&Label> {
        self.labels.get(node.place())
    }

    /// What people must know of a node.
    #[must_use]
    pub fn facts(&self, node: NodeIx) -> &Facts {
        self.facts.get(node.place()).unwrap_or(&self.no_facts)
    }

    /// The facts of every node of a process, those of the processes that it calls left out.
    pub fn facts_of(&self, process: usize) -> impl Iterator<Item = &Facts> {
        let nodes = self.nodes.iter().zip(&self.facts);
        nodes.filter(move |(node, _)| self.body(node.body).process == process).map(|(_, f)| f)
    }

    /// Every role that a node of this process names, or of a process that others of the file call,
    /// with the place of that process.
    pub fn roles_within(&self, process: &str) -> impl Iterator<Item = (usize, &Role)> {
        let counts = move |def: &ProcessDef| def.called || def.id == process;
        let within = self.processes.iter().enumerate().filter(move |(_, def)| counts(def));
        within.flat_map(|(place, _)| {
            self.facts_of(place).flat_map(move |facts| facts.roles.iter().map(move |r| (place, r)))
        })
    }

    /// Every node with its number.
    pub fn nodes(&self) -> impl Iterator<Item = NodeIx> {
        (0..self.labels.len()).map(NodeIx::of)
    }

    /// The id of a node.
    #[must_use]
    pub fn id(&self, node: NodeIx) -> &str {
        self.label(node).map_or("", |label| &label.id)
    }

    /// The node with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<NodeIx> {
        self.labels.iter().position(|label| label.id == id).map(NodeIx::of)
    }

    /// An error's or escalation's code.
    #[must_use]
    pub fn code(&self, code: CodeIx) -> &str {
        self.codes.get(code.place()).map_or("", String::as_str)
    }

    /// The number of a code that the file declares.
    #[must_use]
    pub fn find_code(&self, code: &str) -> Option<CodeIx> {
        self.codes.iter().position(|known| known == code).map(CodeIx::of)
    }

    pub(crate) fn node(&self, node: NodeIx) -> &NodeDef {
        self.nodes.get(node.place()).unwrap_or(&self.no_node)
    }

    pub(crate) fn body(&self, body: BodyIx) -> &BodyDef {
        self.bodies.get(body.place()).unwrap_or(&self.no_body)
    }

    pub(crate) fn flow(&self, flow: FlowIx) -> Option<&FlowDef> {
        self.flows.get(flow.place())
    }

    /// Whether the node is a call of a process that is not in the file.
    #[must_use]
    pub fn is_elsewhere(&self, node: NodeIx) -> bool {
        self.node(node).op == Op::Call(None)
    }

    /// Nodes that a token may come to from this one, inside its body, interruptions included.
    pub(crate) fn successors(&self, ix: NodeIx) -> Vec<NodeIx> {
        let node = self.node(ix);
        let flows = node.outgoing.iter().filter_map(|flow| self.flow(*flow));
        let mut next: Vec<NodeIx> = flows.map(|flow| flow.target).collect();
        next.extend(&node.boundaries);
        if let Op::Throw(Say::Link(Some(to))) = node.op {
            next.push(to);
        }
        next
    }
}
