//! A BPMN file as read: processes with their elements by name, line and attributes, before
//! anything is resolved.

use std::collections::{BTreeMap, BTreeSet};

/// A file.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The file's name, for findings.
    pub file: String,
    /// Its processes, in order.
    pub processes: Vec<Process>,
    /// Tasks for all processes, which a call activity may call: id to name.
    pub global_tasks: BTreeMap<String, String>,
    /// Codes of declared errors, by id.
    pub errors: BTreeMap<String, String>,
    /// Codes of declared escalations, by id.
    pub escalations: BTreeMap<String, String>,
    /// Ids of declared messages.
    pub messages: BTreeMap<String, String>,
    /// What lies outside the subset.
    pub unsupported: Vec<Unsupported>,
    /// Places in the diagram.
    pub diagram: Diagram,
    /// What is wrong with how single elements are written.
    pub(crate) problems: Vec<chaincity_package::Problem>,
}

/// An element outside the subset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Its BPMN name, such as `complexGateway`.
    pub element: String,
    /// Its id, or that of the node which it belongs to.
    pub id: String,
    /// Its line, from 1.
    pub line: u64,
}

/// A process.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its line.
    pub line: u64,
    /// Whether it is marked as executable.
    pub executable: bool,
    /// Working days for the whole, if stated.
    pub workdays: Option<u32>,
    /// Roles that may begin it.
    pub roles: Vec<String>,
    /// Roles that may suspend, resume and terminate it, as written: `role` or `role@variable`.
    pub keepers: Vec<String>,
    /// Declared variables.
    pub variables: Vec<Variable>,
    /// What it consists of.
    pub body: Body,
}

/// A declared variable of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name, as rules see it.
    pub name: String,
    /// Its type, as a package's field writes it.
    pub ty: String,
    /// What it is at first: a rule that sees nothing.
    pub value: Option<String>,
    /// Its line.
    pub line: u64,
}

/// What a process or sub-process consists of.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// Nodes, in document order.
    pub nodes: Vec<Node>,
    /// Sequence flows, in document order.
    pub flows: Vec<Flow>,
    /// Associations that may bind a compensation handler: source, target.
    pub associations: Vec<(String, String)>,
    /// Lanes: a role, or else the lane's name, by node.
    pub lanes: BTreeMap<String, Lane>,
}

/// The lane of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// Its role, if stated.
    pub role: Option<String>,
}

/// A sequence flow.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its line.
    pub line: u64,
    /// Where it begins.
    pub source: String,
    /// Where it ends.
    pub target: String,
    /// When it is taken, in the rule language.
    pub condition: Option<Expression>,
}

/// A text in the rule language, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// The text.
    pub text: String,
    /// Its line.
    pub line: u64,
}

/// A flow node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its line.
    pub line: u64,
    /// Its BPMN element, such as `userTask`.
    pub element: String,
    /// What it is.
    pub kind: NodeKind,
    /// The flow that is taken when no condition holds.
    pub default: Option<String>,
    /// How often it is done.
    pub multi: Option<Multi>,
    /// Whether it is done to undo another.
    pub for_compensation: bool,
    /// Who does it, with what.
    pub binding: Binding,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// Where a body begins.
    Start {
        /// What begins it.
        on: Definition,
        /// Of an event sub-process: whether it interrupts.
        interrupting: bool,
    },
    /// Where a way ends.
    End(Definition),
    /// Waits.
    Catch(Definition),
    /// Says something and goes on.
    Throw(Definition),
    /// Attached to an activity.
    Boundary {
        /// The activity.
        attached: String,
        /// What it waits for.
        on: Definition,
        /// Whether it interrupts the activity.
        interrupting: bool,
    },
    /// A task.
    Task(TaskKind),
    /// A sub-process.
    SubProcess {
        /// What it consists of.
        body: Body,
        /// Whether an event begins it.
        by_event: bool,
    },
    /// A call of another process.
    Call(Option<String>),
    /// A gateway.
    Gateway(GatewayKind),
    /// Outside the subset.
    Unsupported,
}

/// Kinds of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// `task`, `manualTask`, `userTask`: a person's.
    Person,
    /// `serviceTask`.
    Service,
    /// `sendTask`.
    Send,
    /// `receiveTask`.
    Receive,
    /// `businessRuleTask`.
    Rule,
}

/// Kinds of gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayKind {
    /// One way.
    Exclusive,
    /// All ways.
    Parallel,
    /// Each way whose condition holds.
    Inclusive,
    /// The way of the first event.
    EventBased,
}

/// What an event waits for or says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// Nothing.
    None,
    /// A message.
    Message(Option<String>),
    /// A time.
    Timer(Timer),
    /// An error, by reference.
    Error(Option<String>),
    /// An escalation, by reference.
    Escalation(Option<String>),
    /// Compensation, of one activity or all.
    Compensation(Option<String>),
    /// The end of the whole body.
    Terminate,
    /// A link, by name.
    Link(String),
    /// Outside the subset.
    Unsupported,
}

/// When a timer goes off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timer {
    /// After this many working days.
    pub workdays: Option<u32>,
    /// `timeDate`, `timeDuration` or `timeCycle`.
    pub kind: Option<TimerKind>,
    /// Its text (ISO 8601).
    pub text: String,
}

/// How a timer's time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// A point in time.
    Date,
    /// A duration.
    Duration,
    /// Again and again.
    Cycle,
}

/// Several instances of an activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multi {
    /// One after another, not side by side.
    pub sequential: bool,
    /// How many.
    pub count: Option<Expression>,
    /// Enough when this holds.
    pub until: Option<Expression>,
    /// Its line.
    pub line: u64,
}

/// What `chaincity:` attributes say of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Roles that may do it, as written: `role` or `role@variable`.
    pub roles: Vec<String>,
    /// Actions that completing it carries, as `package.action`.
    pub actions: Vec<String>,
    /// Form to fill in.
    pub form: Option<String>,
    /// Evidence that must be attached.
    pub evidence: Vec<String>,
    /// Records that its actions make and the case keeps, as `variable=package.register`.
    pub keeps: Vec<String>,
    /// Deadline, in working days.
    pub workdays: Option<u32>,
    /// What is disclosed to who does it, as `register.group`.
    pub discloses: Vec<String>,
    /// Tasks whose doer may not do this one.
    pub not_by: Vec<String>,
    /// Decision of a business-rule task.
    pub decision: Option<String>,
    /// Message that a receive or send task names.
    pub message: Option<String>,
    /// Of a start event: the register whose records' message begins it, as `package.register`.
    pub about: Option<String>,
}

/// Places of a diagram, in tenths of its unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagram {
    /// Boxes, by element.
    pub shapes: BTreeMap<String, Bounds>,
    /// Way points, by flow.
    pub edges: BTreeMap<String, Vec<(i64, i64)>>,
}

/// A box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Left.
    pub x: i64,
    /// Top.
    pub y: i64,
    /// Width.
    pub width: i64,
    /// Height.
    pub height: i64,
}

impl Model {
    /// What is wrong with how single elements are written.
    #[must_use]
    pub fn problems(&self) -> &[chaincity_package::Problem] {
        &self.problems
    }

    /// Ids of the decisions that its business-rule tasks name.
    #[must_use]
    pub fn decisions(&self) -> BTreeSet<&str> {
        let mut named = BTreeSet::new();
        for process in &self.processes {
            process.body.walk(&mut |body| {
                named.extend(body.nodes.iter().filter_map(|node| node.binding.decision.as_deref()));
            });
        }
        named
    }
}

impl Body {
    /// Shows every body to `see`: this one, then those inside.
    pub(crate) fn walk<'b>(&'b self, see: &mut dyn FnMut(&'b Self)) {
        see(self);
        for node in &self.nodes {
            if let NodeKind::SubProcess { body, .. } = &node.kind {
                body.walk(see);
            }
        }
    }
}

impl Node {
    /// What the event waits for or says.
    #[must_use]
    pub const fn definition(&self) -> Option<&Definition> {
        match &self.kind {
            NodeKind::Start { on, .. }
            | NodeKind::Boundary { on, .. }
            | NodeKind::End(on)
            | NodeKind::Catch(on)
            | NodeKind::Throw(on) => Some(on),
            NodeKind::Task(_)
            | NodeKind::SubProcess { .. }
            | NodeKind::Call(_)
            | NodeKind::Gateway(_)
            | NodeKind::Unsupported => None,
        }
    }
}
