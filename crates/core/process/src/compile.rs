//! From [`Model`] to [`Graph`]: references resolved, rules compiled, what inclusive joins must
//! know computed once. What is wrong becomes a finding; the graph leaves it out.

mod binding;
mod decision;

use std::collections::BTreeMap;

use chaincity_package::Problem;
use chaincity_package::model::FieldType;
use chaincity_package::rule::{Environment, Fuel, Names, Program, Type};
use chaincity_types::{Str, Value};

use self::binding::{facts, roles};
use crate::decision::Decisions;
use crate::graph::{
    APPLICANT, BodyDef, BodyIx, CodeIx, Condition, FlowDef, FlowIx, Graph, HOLDER, Handler, Label,
    MultiDef, NodeDef, NodeIx, Op, ProcessDef, Say, VariableDef, Wait,
};
use crate::model::{
    Body, Definition, Expression, GatewayKind, Model, Multi, Node, NodeKind, Process, TaskKind,
    TimerKind, Variable,
};
use crate::xml::{at_line, problem};

/// Compiles a file.
#[must_use]
pub fn compile(model: &Model) -> (Graph, Vec<Problem>) {
    compile_with(model, &[])
}

/// The same with the decisions that its business-rule tasks name.
#[must_use]
pub fn compile_with(model: &Model, decisions: &[Decisions]) -> (Graph, Vec<Problem>) {
    let mut compiler = Compiler {
        model,
        decisions,
        graph: Graph::default(),
        problems: Vec::new(),
        names: Names::new(),
        by_id: BTreeMap::new(),
    };
    // All that are declared: a task may fail with any of them.
    for code in model.errors.values().chain(model.escalations.values()) {
        compiler.code(code);
    }
    for (place, process) in model.processes.iter().enumerate() {
        let body = compiler.add_body(&process.body, (place, None), None);
        compiler.graph.processes.push(ProcessDef {
            id: process.id.clone(),
            name: process.name.clone(),
            roles: texts(&process.roles),
            keepers: roles(&process.keepers),
            workdays: process.workdays,
            body,
            executable: process.executable,
            ..ProcessDef::default()
        });
    }
    for (place, process) in model.processes.iter().enumerate() {
        compiler.variables(place, process);
        compiler.parties((process.line, &process.id), place, &roles(&process.keepers));
        let body = compiler.graph.processes.get(place).map_or(BodyIx(0), |process| process.body);
        compiler.body(&process.body, body);
        compiler.beginning(process, place);
    }
    for (place, process) in model.processes.iter().enumerate() {
        compiler.sealing(place, process);
    }
    compiler.reaches();
    (compiler.graph, compiler.problems)
}

struct Compiler<'m> {
    model: &'m Model,
    decisions: &'m [Decisions],
    graph: Graph,
    problems: Vec<Problem>,
    /// The variables of the process at hand.
    names: Names,
    by_id: BTreeMap<(BodyIx, &'m str), NodeIx>,
}

impl<'m> Compiler<'m> {
    fn report(
        &mut self,
        code: &'static str,
        (line, place): (u64, &str),
        cause: (String, String),
        mend: (&str, &str),
    ) {
        let mut found = at_line(problem(code, cause, mend), Some(line));
        found.place = place.to_owned();
        if let Some(at) = &mut found.location {
            self.model.file.clone_into(&mut at.file);
        }
        self.problems.push(found);
    }

    fn bad_reference(&mut self, line: u64, place: &str, what: &str, to: &str) {
        let cause = (
            format!("`{place}`的{what}指向不存在的`{to}`"),
            format!("{what} of `{place}` names `{to}`, which is not there"),
        );
        let mend = ("请在建模工具中改正", "correct it in the modeller");
        self.report("bad-reference", (line, place), cause, mend);
    }

    /// Numbers a body's nodes, and those of the bodies inside; `around` is the lane's role.
    fn add_body(
        &mut self,
        body: &'m Body,
        (process, owner): (usize, Option<NodeIx>),
        around: Option<&'m str>,
    ) -> BodyIx {
        let ix = BodyIx::of(self.graph.bodies.len());
        self.graph.bodies.push(BodyDef { process, owner, ..BodyDef::default() });
        for node in &body.nodes {
            let node_ix = NodeIx::of(self.graph.nodes.len());
            self.by_id.entry((ix, &node.id)).or_insert(node_ix);
            self.graph.nodes.push(NodeDef { body: ix, ..NodeDef::default() });
            self.graph.labels.push(Label {
                id: node.id.clone(),
                name: node.name.clone(),
                element: node.element.clone(),
                line: node.line,
            });
            let lane = body.lanes.get(&node.id).and_then(|lane| lane.role.as_deref()).or(around);
            self.graph.facts.push(facts(node, lane));
            if let Some(body) = self.graph.bodies.get_mut(ix.place()) {
                body.nodes.push(node_ix);
            }
            if let NodeKind::SubProcess { body, .. } = &node.kind {
                let inner = self.add_body(body, (process, Some(node_ix)), lane);
                self.set(node_ix, |def| def.op = Op::Body(inner));
            }
        }
        ix
    }

    fn set(&mut self, ix: NodeIx, change: impl FnOnce(&mut NodeDef)) {
        if let Some(node) = self.graph.nodes.get_mut(ix.place()) {
            change(node);
        }
    }

    fn variables(&mut self, place: usize, process: &Process) {
        self.names = Names::new();
        let mut variables = Vec::new();
        for variable in &process.variables {
            let at = (variable.line, variable.name.as_str());
            let wrong = |cause: String| {
                (format!("变量`{}`有误：{cause}", at.1), format!("variable `{}`: {cause}", at.1))
            };
            let (kind, ty) = match FieldType::of_declaration(&variable.ty) {
                Ok((kind, optional)) => {
                    let ty = Type::of_field(&kind, optional);
                    (kind, ty)
                }
                Err(error) => {
                    self.report("variable", at, wrong(error.to_string()), ("", ""));
                    continue;
                }
            };
            let value = match &variable.value {
                None => Ok(Value::Null),
                Some(text) => constant(text).map_err(|error| error.to_string()),
            };
            let value = match value {
                Ok(value) if fits(&value, &ty) => value,
                Ok(_) => {
                    let cause = wrong("its first value does not fit its type".to_owned());
                    let mend = (
                        "请给出value，或在类型后加“?”",
                        "give a value, or write `?` after the type",
                    );
                    self.report("variable", at, cause, mend);
                    continue;
                }
                Err(error) => {
                    self.report("variable", at, wrong(error), ("", ""));
                    continue;
                }
            };
            if [APPLICANT, HOLDER].contains(&at.1) {
                self.report("variable", at, wrong("a reserved name".to_owned()), ("", ""));
                continue;
            }
            if let Err(cause) = may_be_sealed(&kind, variable) {
                self.report("variable", at, wrong(cause.to_owned()), ("", ""));
                continue;
            }
            if self.names.insert(variable.name.clone(), seen(&variable.name, &kind, &ty)).is_some()
            {
                self.report("variable", at, wrong("declared twice".to_owned()), ("", ""));
                continue;
            }
            variables.push(VariableDef { name: variable.name.clone(), ty, kind, value });
        }
        if let Some(process) = self.graph.processes.get_mut(place) {
            process.variables = variables;
        }
    }

    /// A process with encrypted variables stands where an access names a register, and its cases where
    /// it names records: it is one that is begun, and its id is no longer than a register's.
    fn sealing(&mut self, place: usize, process: &Process) {
        let Some(def) = self.graph.processes.get(place) else { return };
        if !def.variables.iter().any(|variable| variable.group().is_some()) {
            return;
        }
        let cause = if def.called {
            "another calls it, so that its variables cannot be encrypted"
        } else if def.id.chars().count() > SEALING_ID_CHARS_MAX {
            "with encrypted variables its id is at most 40 characters long"
        } else {
            return;
        };
        let cause = (
            format!("流程`{}`有误：{cause}", process.id),
            format!("the process `{}`: {cause}", process.id),
        );
        let mend = (
            "加密变量由立案的流程声明，其id至多40个字符",
            "declare them in the process that is begun, whose id is short",
        );
        self.report("variable", (process.line, &process.id), cause, mend);
    }

    /// Everything inside a body whose nodes are numbered.
    fn body(&mut self, body: &'m Body, ix: BodyIx) {
        self.flows(body, ix);
        for node in &body.nodes {
            if let Some(node_ix) = self.by_id.get(&(ix, node.id.as_str())).copied() {
                self.node(node, node_ix, body);
            }
        }
        self.associations(body, ix);
        self.starts(body, ix);
    }

    fn flows(&mut self, body: &'m Body, ix: BodyIx) {
        for flow in &body.flows {
            let source = self.by_id.get(&(ix, flow.source.as_str())).copied();
            let target = self.by_id.get(&(ix, flow.target.as_str())).copied();
            let (Some(source), Some(target)) = (source, target) else {
                let (what, to) = if source.is_none() {
                    ("sourceRef", &flow.source)
                } else {
                    ("targetRef", &flow.target)
                };
                self.bad_reference(flow.line, &flow.id, what, to);
                continue;
            };
            let condition = match &flow.condition {
                None => Condition::None,
                Some(text) => self
                    .rule(text, &flow.id, &Type::Bool, &[])
                    .map_or(Condition::Opaque, |program| Condition::Rule(Box::new(program))),
            };
            let flow_ix = FlowIx::of(self.graph.flows.len());
            let id = flow.id.clone();
            self.graph.flows.push(FlowDef { id, source, target, condition });
            self.set(source, |node| node.outgoing.push(flow_ix));
            self.set(target, |node| node.incoming.push(flow_ix));
        }
    }

    /// A rule over the process's variables and `extra`, of the wanted type.
    fn rule(
        &mut self,
        expression: &Expression,
        place: &str,
        wanted: &Type,
        extra: &[&str],
    ) -> Option<Program> {
        let mut names = self.names.clone();
        names.extend(extra.iter().map(|name| ((*name).to_owned(), Type::Int)));
        let cause = match Program::compile(&expression.text, &names) {
            Ok(program) if program.ty() == wanted => return Some(program),
            Ok(program) => format!("is of type {}, not {wanted}", program.ty()),
            Err(error) => error.to_string(),
        };
        let text: String = expression.text.chars().take(60).collect();
        let cause = (
            format!("`{place}`的条件`{text}`有误：{cause}"),
            format!("the rule `{text}` of `{place}`: {cause}"),
        );
        let mend = (
            "请用规则语言写，变量以`chaincity:variable`声明",
            "write it in the rule language; declare variables by `chaincity:variable`",
        );
        self.report("condition", (expression.line, place), cause, mend);
        None
    }

    fn node(&mut self, node: &'m Node, ix: NodeIx, body: &'m Body) {
        let op = match &node.kind {
            NodeKind::Start { .. } if !is_usable(node) => Op::Pass,
            NodeKind::Start { .. } => Op::Start,
            NodeKind::End(on) => Op::End(self.say(node, ix, on, body)),
            NodeKind::Throw(Definition::Unsupported) | NodeKind::Catch(Definition::Unsupported) => {
                Op::Pass
            }
            NodeKind::Throw(on) => Op::Throw(self.say(node, ix, on, body)),
            NodeKind::Catch(on) => Op::Catch(self.wait(node, on)),
            NodeKind::Boundary { attached, on, interrupting } => {
                let on = self.wait(node, on);
                self.boundary(node, ix, attached, on, *interrupting)
            }
            NodeKind::Task(kind) => Op::Task(*kind),
            NodeKind::SubProcess { body, by_event } => {
                let Op::Body(inner) = self.graph.node(ix).op else { return };
                self.body(body, inner);
                if *by_event {
                    self.handler(node, ix, inner, body);
                    Op::Handler(inner)
                } else {
                    Op::Body(inner)
                }
            }
            NodeKind::Call(called) => self.call(node, ix, called.as_deref()),
            NodeKind::Gateway(kind) => match kind {
                GatewayKind::Exclusive => Op::Exclusive,
                GatewayKind::Parallel => Op::Parallel,
                GatewayKind::Inclusive => Op::Inclusive,
                GatewayKind::EventBased => Op::EventBased,
            },
            NodeKind::Unsupported => Op::Pass,
        };
        let process = self.graph.body(self.graph.node(ix).body).process;
        let facts = self.graph.facts(ix);
        // Others have their lane's role only to hand it on.
        if facts.task.is_some() || facts.message.is_some() {
            let named = facts.roles.clone();
            self.parties((node.line, &node.id), process, &named);
        }
        self.keeps(node, process);
        let multi = node.multi.as_ref().map(|multi| self.multi(node, multi));
        let default = node.default.as_deref().and_then(|id| self.default_flow(node, ix, id));
        let decision = node.binding.decision.as_deref();
        let table = decision.and_then(|decision| self.table(node, decision));
        self.set(ix, |def| {
            def.op = op;
            def.table = table;
            def.multi = multi;
            def.default = default;
        });
    }

    fn default_flow(&mut self, node: &Node, ix: NodeIx, id: &str) -> Option<FlowIx> {
        let outgoing = &self.graph.node(ix).outgoing;
        let named = |flow: &&FlowIx| self.graph.flow(**flow).is_some_and(|flow| flow.id == id);
        let found = outgoing.iter().find(named).copied();
        if found.is_none() {
            self.bad_reference(node.line, &node.id, "default", id);
        }
        found
    }

    fn multi(&mut self, node: &Node, multi: &Multi) -> MultiDef {
        let count = multi.count.as_ref();
        let fixed = count.and_then(|count| constant(&count.text).ok());
        let fixed = fixed.and_then(|value| u32::try_from(value.as_int()?).ok());
        MultiDef {
            sequential: multi.sequential,
            fixed,
            count: count.and_then(|count| self.rule(count, &node.id, &Type::Int, &[])),
            until: multi.until.as_ref().and_then(|until| {
                self.rule(until, &node.id, &Type::Bool, &["instances", "completed"])
            }),
        }
    }

    fn call(&mut self, node: &Node, ix: NodeIx, called: Option<&str>) -> Op {
        let own = self.graph.body(self.graph.node(ix).body).process;
        let called = called.unwrap_or_default();
        if self.model.global_tasks.contains_key(called) {
            if let Some(facts) = self.graph.facts.get_mut(ix.place()) {
                facts.task = Some(TaskKind::Person);
            }
            return Op::Task(TaskKind::Person);
        }
        let mut processes = self.graph.processes.iter_mut().enumerate();
        if let Some((place, process)) = processes.find(|(_, process)| process.id == called) {
            process.called |= place != own;
            return Op::Call(Some(process.body));
        }
        let cause = (
            format!("`{}`调用的流程`{called}`不在本文件中", node.id),
            format!("`{}` calls the process `{called}`, which is not in this file", node.id),
        );
        let mend = ("请把被调用的流程放进同一文件", "put the called process into the same file");
        self.report("unknown-process", (node.line, &node.id), cause, mend);
        Op::Call(None)
    }

    fn boundary(
        &mut self,
        node: &Node,
        ix: NodeIx,
        attached: &str,
        on: Wait,
        interrupting: bool,
    ) -> Op {
        let body = self.graph.node(ix).body;
        let Some(host) = self.by_id.get(&(body, attached)).copied() else {
            self.bad_reference(node.line, &node.id, "attachedToRef", attached);
            return Op::Pass;
        };
        let element = self.graph.label(host).map(|label| label.element.clone()).unwrap_or_default();
        if element.ends_with("Event") || element.ends_with("Gateway") {
            self.bad_reference(node.line, &node.id, "attachedToRef", attached);
            return Op::Pass;
        }
        // Compensation is no way that a token takes.
        if on != Wait::Compensation {
            self.set(host, |host| host.boundaries.push(ix));
        }
        Op::Boundary { on, interrupting, host }
    }

    fn handler(&mut self, node: &Node, ix: NodeIx, inner: BodyIx, body: &'m Body) {
        let is_start = |node: &&'m Node| matches!(node.kind, NodeKind::Start { .. });
        let starts: Vec<&Node> = body.nodes.iter().filter(is_start).collect();
        let start = if let [start] = starts.as_slice() { Some(*start) } else { None };
        let triggered = start.and_then(|start| {
            let NodeKind::Start { on, interrupting } = &start.kind else { return None };
            (*on != Definition::None).then_some((start, on, *interrupting))
        });
        let Some((start, on, interrupting)) = triggered else {
            let cause = (
                format!("事件子流程`{}`须有且仅有一个带触发事件的开始事件", node.id),
                format!("the event sub-process `{}` needs one start event with a trigger", node.id),
            );
            self.report("event-sub-process", (node.line, &node.id), cause, ("", ""));
            return;
        };
        let interrupting = interrupting || matches!(on, Definition::Error(_));
        let on = self.wait(start, on);
        let Some(start) = self.by_id.get(&(inner, start.id.as_str())).copied() else { return };
        let outer = self.graph.node(ix).body;
        if on == Wait::Compensation {
            // It undoes the sub-process that it lies in.
            if let Some(owner) = self.graph.body(outer).owner {
                self.set(owner, |owner| owner.undo = Some(ix));
            }
            return;
        }
        if let Some(outer) = self.graph.bodies.get_mut(outer.place()) {
            outer.handlers.push(Handler { node: ix, start, on, interrupting });
        }
    }

    /// Compensation handlers: an association from the boundary event to an activity.
    fn associations(&mut self, body: &'m Body, ix: BodyIx) {
        for node in &body.nodes {
            let NodeKind::Boundary { on: Definition::Compensation(_), attached, .. } = &node.kind
            else {
                continue;
            };
            let of = |(source, target): &'m (String, String)| {
                if *source == node.id {
                    Some(target)
                } else if *target == node.id {
                    Some(source)
                } else {
                    None
                }
            };
            let handler = body.associations.iter().find_map(of);
            let handler = handler.and_then(|id| self.by_id.get(&(ix, id.as_str())).copied());
            let host = self.by_id.get(&(ix, attached.as_str())).copied();
            if handler.is_none() {
                let cause = (
                    format!("补偿边界事件`{}`未关联处理活动", node.id),
                    format!("the compensation event `{}` has no handler associated", node.id),
                );
                self.report("no-handler", (node.line, &node.id), cause, ("", ""));
            }
            if let Some(host) = host {
                self.set(host, |host| host.undo = handler);
            }
        }
    }

    /// Where tokens begin: the first start event, one without trigger before others; without any,
    /// every node that nothing leads to.
    fn starts(&mut self, body: &'m Body, ix: BodyIx) {
        let by_id = |node: &&'m Node| self.by_id.get(&(ix, node.id.as_str())).copied();
        let is_start = |node: &&'m Node| matches!(node.kind, NodeKind::Start { .. });
        let is_plain =
            |node: &&'m Node| matches!(node.kind, NodeKind::Start { on: Definition::None, .. });
        let start = body.nodes.iter().find(is_plain).or_else(|| body.nodes.iter().find(is_start));
        let starts: Vec<NodeIx> = match start {
            Some(start) => by_id(&start).into_iter().collect(),
            None => body
                .nodes
                .iter()
                .filter(|node| self.begins_alone(node, ix))
                .collect::<Vec<_>>()
                .iter()
                .filter_map(by_id)
                .collect(),
        };
        if let Some(body) = self.graph.bodies.get_mut(ix.place()) {
            body.starts = starts;
        }
    }

    /// Whether a node of a body without start event begins by itself.
    fn begins_alone(&self, node: &Node, ix: BodyIx) -> bool {
        let entered = self
            .by_id
            .get(&(ix, node.id.as_str()))
            .is_some_and(|ix| !self.graph.node(*ix).incoming.is_empty());
        let apart = matches!(
            node.kind,
            NodeKind::Boundary { .. }
                | NodeKind::SubProcess { by_event: true, .. }
                | NodeKind::Catch(Definition::Link(_))
        );
        !entered && !apart && !node.for_compensation
    }

    fn code(&mut self, text: &str) -> CodeIx {
        if let Some(known) = self.graph.find_code(text) {
            return known;
        }
        self.graph.codes.push(text.to_owned());
        CodeIx::of(self.graph.codes.len().saturating_sub(1))
    }

    /// The code of a declared error or escalation.
    fn declared(
        &mut self,
        node: &Node,
        what: &str,
        id: Option<&str>,
        declared: &BTreeMap<String, String>,
    ) -> Option<CodeIx> {
        let id = id?;
        let Some(code) = declared.get(id) else {
            self.bad_reference(node.line, &node.id, what, id);
            return None;
        };
        Some(self.code(code))
    }

    fn wait(&mut self, node: &Node, on: &Definition) -> Wait {
        let model = self.model;
        match on {
            Definition::Message(message) => {
                self.message(node, message.as_deref());
                Wait::Message
            }
            Definition::Timer(timer) => {
                Wait::Timer { repeats: timer.kind == Some(TimerKind::Cycle) }
            }
            Definition::Error(id) => {
                Wait::Error(self.declared(node, "errorRef", id.as_deref(), &model.errors))
            }
            Definition::Escalation(id) => {
                let known = &model.escalations;
                Wait::Escalation(self.declared(node, "escalationRef", id.as_deref(), known))
            }
            Definition::Compensation(_) => Wait::Compensation,
            Definition::Link(_) => Wait::Link,
            Definition::None | Definition::Terminate | Definition::Unsupported => Wait::Never,
        }
    }

    fn message(&mut self, node: &Node, message: Option<&str>) {
        if let Some(id) = message
            && !self.model.messages.contains_key(id)
        {
            self.bad_reference(node.line, &node.id, "messageRef", id);
        }
    }

    fn say(&mut self, node: &Node, ix: NodeIx, on: &Definition, body: &Body) -> Say {
        let model = self.model;
        match on {
            Definition::None | Definition::Timer(_) => Say::Nothing,
            Definition::Message(message) => {
                self.message(node, message.as_deref());
                Say::Message
            }
            Definition::Error(id) => {
                Say::Error(self.declared(node, "errorRef", id.as_deref(), &model.errors))
            }
            Definition::Escalation(id) => {
                let known = &model.escalations;
                Say::Escalation(self.declared(node, "escalationRef", id.as_deref(), known))
            }
            Definition::Compensation(id) => Say::Compensation(
                id.as_deref().and_then(|id| self.undone(node, self.graph.node(ix).body, id)),
            ),
            Definition::Terminate => Say::Terminate,
            Definition::Link(name) => Say::Link(self.link(node, ix, name, body)),
            Definition::Unsupported => Say::Unsupported,
        }
    }

    /// The activity that is to be undone: of this body, or of the one around an event sub-process.
    fn undone(&mut self, node: &Node, body: BodyIx, id: &str) -> Option<NodeIx> {
        let here = self.by_id.get(&(body, id)).copied();
        let outer = self.graph.body(body).owner.map(|owner| self.graph.node(owner).body);
        let found = here.or_else(|| self.by_id.get(&(outer?, id)).copied());
        if found.is_none() {
            self.bad_reference(node.line, &node.id, "activityRef", id);
        }
        found
    }

    fn link(&mut self, node: &Node, ix: NodeIx, name: &str, body: &Body) -> Option<NodeIx> {
        let inner = self.graph.node(ix).body;
        let catches = |other: &&Node| matches!(&other.kind, NodeKind::Catch(Definition::Link(known)) if known == name);
        let found = body.nodes.iter().find(catches);
        let found = found.and_then(|other| self.by_id.get(&(inner, other.id.as_str())).copied());
        if found.is_none() {
            self.bad_reference(node.line, &node.id, "linkEventDefinition", name);
        }
        found
    }

    /// For each inclusive join and each of its flows: whence a token may still come, other than
    /// through the join itself.
    fn reaches(&mut self) {
        let mut before: Vec<Vec<NodeIx>> = vec![Vec::new(); self.graph.nodes.len()];
        for place in 0..self.graph.nodes.len() {
            let from = NodeIx::of(place);
            for to in self.graph.successors(from) {
                if let Some(list) = before.get_mut(to.place()) {
                    list.push(from);
                }
            }
        }
        for place in 0..self.graph.nodes.len() {
            let join = NodeIx::of(place);
            let node = self.graph.node(join);
            if node.op != Op::Inclusive || node.incoming.len() < 2 {
                continue;
            }
            let sources = node.incoming.iter().filter_map(|flow| self.graph.flow(*flow));
            let reach = sources.map(|flow| backward(flow.source, join, &before)).collect();
            self.set(join, |node| node.reach = reach);
        }
    }
}

/// Longest id of a process with encrypted variables: an access names it as it does a register.
const SEALING_ID_CHARS_MAX: usize = 40;

/// Whether an encrypted group stands where it may: as a variable's whole type, without first value.
fn may_be_sealed(kind: &FieldType, variable: &Variable) -> Result<(), &'static str> {
    if matches!(kind, FieldType::Sealed(_)) {
        let first = variable.value.is_some();
        return if first { Err("what is encrypted has no first value") } else { Ok(()) };
    }
    if holds_sealed(kind) { Err("an encrypted group is a variable of its own") } else { Ok(()) }
}

fn holds_sealed(kind: &FieldType) -> bool {
    if let FieldType::List(item, _) | FieldType::MapOf(_, item, _) = kind {
        return holds_sealed(item);
    }
    if let FieldType::Map(fields) = kind {
        return fields.values().any(|field| holds_sealed(&field.kind));
    }
    matches!(kind, FieldType::Sealed(_))
}

/// What rules see of a variable: of an encrypted one whether it has a value, so that no way depends
/// on what one member reads.
fn seen(name: &str, kind: &FieldType, ty: &Type) -> Type {
    if matches!(kind, FieldType::Sealed(_)) {
        Type::Sealed(name.into()).optional()
    } else {
        ty.clone()
    }
}

fn texts(texts: &[String]) -> Vec<Str> {
    texts.iter().map(Into::into).collect()
}

/// The nodes that lead to `from`, itself included, not through `barred`; sorted.
fn backward(from: NodeIx, barred: NodeIx, before: &[Vec<NodeIx>]) -> Vec<NodeIx> {
    let mut seen = std::collections::BTreeSet::new();
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        if node != barred && seen.insert(node) {
            open.extend(before.get(node.place()).into_iter().flatten());
        }
    }
    seen.into_iter().collect()
}

fn is_usable(node: &Node) -> bool {
    node.definition() != Some(&Definition::Unsupported)
}

/// The value of a rule that sees nothing.
fn constant(text: &str) -> Result<Value, Box<dyn std::error::Error>> {
    let program = Program::compile(text, &Names::new())?;
    Ok(program.run(&Environment::new(), &mut Fuel::for_call())?)
}

/// Whether a value may stand where the type is declared.
pub(crate) fn fits(value: &Value, ty: &Type) -> bool {
    Type::of_value(value).is_some_and(|found| found.fits(ty))
}
