//! The machine of one step: a queue of moves, carried out until every token waits.

use std::collections::{BTreeMap, VecDeque};

use chaincity_package::rule::{Environment, Fuel, Program};
use chaincity_types::{Str, Value};

use super::state::{Kind, Outcome, ScopeId, State, Work, WorkId};
use super::{Effect, Event, MOVES_MAX, Stop, WORKS_MAX};
use crate::compile::fits;
use crate::graph::{FlowIx, Graph, NodeIx, Op, ProcessDef, Role, Say, Wait};

/// Whether conditions are decided by data, or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Conditions are rules over the variables.
    Data,
    /// No condition is evaluated: the default flow, or the first.
    Auto,
}

/// A token on its way: along a flow, or to a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Go {
    Along(ScopeId, FlowIx),
    To(ScopeId, NodeIx),
}

pub(crate) struct Machine<'g, 's> {
    pub(super) graph: &'g Graph,
    pub(super) state: &'s mut State,
    pub(super) mode: Mode,
    pub(super) queue: VecDeque<Go>,
    pub(crate) effects: Vec<Effect>,
    /// Moves that are left.
    pub(crate) left: u32,
    pub(super) fuel: Fuel,
}

impl<'g, 's> Machine<'g, 's> {
    pub(crate) fn new(graph: &'g Graph, state: &'s mut State, mode: Mode, moves: u32) -> Self {
        let (queue, effects) = (VecDeque::new(), Vec::new());
        Self { graph, state, mode, queue, effects, left: moves, fuel: Fuel::for_call() }
    }

    pub(crate) fn carry_out(&mut self, event: &Event) -> Result<(), Stop> {
        let begun = self.state.last > 0;
        let starting = matches!(event, Event::Start { .. });
        if begun == starting || self.state.outcome.is_some() {
            return Err(Stop::NotNow);
        }
        match event {
            Event::Start { process, set } => {
                let scope = self.start(*process)?;
                self.assign(scope, set)?;
            }
            Event::Complete { work, set } => {
                let at = self.work(*work)?;
                if at.kind != Kind::Task {
                    return Err(Stop::NoWork);
                }
                self.assign(at.scope, set)?;
                self.complete(*work, Vec::new())?;
            }
            Event::Occur { work, set } => {
                let at = self.work(*work)?;
                self.assign(at.scope, set)?;
                self.occur(*work, &at)?;
            }
            Event::Fail { work, code } => {
                let at = self.work(*work)?;
                if at.kind != Kind::Task {
                    return Err(Stop::NoWork);
                }
                self.raise_at(*work, Wait::Error(Some(*code)))?;
            }
            Event::Escalate { work, code } => {
                let at = self.work(*work)?;
                if at.kind != Kind::Task {
                    return Err(Stop::NoWork);
                }
                self.raise_at(*work, Wait::Escalation(Some(*code)))?;
            }
            Event::Assign { work, set } => {
                let at = self.work(*work)?;
                self.assign(at.scope, set)?;
            }
            Event::Cancel => {
                self.cancel_all();
                self.finish(Outcome::Failed(None));
            }
        }
        self.settle()
    }

    fn start(&mut self, process: usize) -> Result<ScopeId, Stop> {
        let graph = self.graph;
        let process = graph.processes.get(process).ok_or(Stop::NoProcess)?;
        let variables = first_values(process);
        self.open_scope(process.body, None, Some(variables))
    }

    pub(super) fn work(&self, work: WorkId) -> Result<Work, Stop> {
        self.state.works.get(&work).cloned().ok_or(Stop::NoWork)
    }

    /// Draws one move.
    pub(crate) fn draw(&mut self) -> Result<(), Stop> {
        self.draw_many(1)
    }

    pub(super) fn draw_many(&mut self, moves: u32) -> Result<(), Stop> {
        let Some(left) = self.left.checked_sub(moves) else {
            return Err(Stop::Bound { what: "moves", max: MOVES_MAX.into() });
        };
        self.left = left;
        Ok(())
    }

    /// Moves tokens until every one waits.
    fn settle(&mut self) -> Result<(), Stop> {
        loop {
            while let Some(go) = self.queue.pop_front() {
                self.draw()?;
                match go {
                    Go::Along(scope, flow) => self.arrive(scope, flow)?,
                    Go::To(scope, node) => self.enter(scope, node)?,
                }
            }
            if !self.fire_inclusive()? && !self.finish_scope()? {
                return Ok(());
            }
        }
    }

    fn arrive(&mut self, scope: ScopeId, flow: FlowIx) -> Result<(), Stop> {
        let graph = self.graph;
        let Some(flow_def) = graph.flow(flow) else { return Ok(()) };
        let node = graph.node(flow_def.target);
        let joins = node.incoming.len() > 1 && matches!(node.op, Op::Parallel | Op::Inclusive);
        if !joins {
            return self.enter(scope, flow_def.target);
        }
        let Some(at) = self.state.scopes.get_mut(&scope) else { return Ok(()) };
        let count = at.arrived.entry(flow).or_insert(0);
        *count = count.saturating_add(1);
        if node.op == Op::Parallel && node.incoming.iter().all(|flow| at.arrived.contains_key(flow))
        {
            self.take_arrived(scope, &node.incoming);
            return self.enter(scope, flow_def.target);
        }
        Ok(())
    }

    /// Takes one token from each of the flows that has one.
    pub(super) fn take_arrived(&mut self, scope: ScopeId, flows: &[FlowIx]) {
        let Some(at) = self.state.scopes.get_mut(&scope) else { return };
        for flow in flows {
            if let Some(count) = at.arrived.get_mut(flow) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    at.arrived.remove(flow);
                }
            }
        }
    }

    fn enter(&mut self, scope: ScopeId, node: NodeIx) -> Result<(), Stop> {
        if !self.state.scopes.contains_key(&scope) {
            return Ok(());
        }
        match self.graph.node(node).op {
            Op::Start | Op::Exclusive | Op::Parallel | Op::Inclusive => {
                self.completed(node);
                self.leave(scope, node)
            }
            Op::End(say) => self.end(scope, node, say),
            Op::Throw(say) => self.say(scope, node, say, true),
            Op::Catch(Wait::Message | Wait::Timer { .. }) => {
                self.open(scope, node, Kind::Event(None), None).map(drop)
            }
            Op::Catch(_) => {
                self.completed(node);
                self.leave(scope, node)
            }
            Op::Task(_) if self.decides(node) => self.decide(scope, node),
            Op::Task(_) | Op::Body(_) | Op::Call(_) => self.begin(scope, node),
            Op::EventBased => self.choose_event(scope, node),
            Op::Pass => self.leave(scope, node),
            // No flow leads to them; one that does, by mistake, ends there.
            Op::Boundary { .. } | Op::Handler(_) => Ok(()),
        }
    }

    fn end(&mut self, scope: ScopeId, node: NodeIx, say: Say) -> Result<(), Stop> {
        if say != Say::Unsupported {
            self.effects.push(Effect::Ended { node });
        }
        self.say(scope, node, say, false)
    }

    pub(super) fn completed(&mut self, node: NodeIx) {
        self.effects.push(Effect::Completed { node });
    }

    /// Opens a work.
    pub(super) fn open(
        &mut self,
        scope: ScopeId,
        node: NodeIx,
        kind: Kind,
        of: Option<WorkId>,
    ) -> Result<WorkId, Stop> {
        if self.state.works.len() >= WORKS_MAX {
            let max = u64::try_from(WORKS_MAX).unwrap_or(u64::MAX);
            return Err(Stop::Bound { what: "open works", max });
        }
        let work = WorkId(self.state.fresh());
        let shown = !matches!(kind, Kind::Multi { .. } | Kind::Undo(_));
        self.state.works.insert(work, Work { scope, node, kind, of });
        if shown {
            self.effects.push(Effect::Opened { work, node });
        }
        Ok(work)
    }

    /// Sets variables of the process that a scope belongs to.
    pub(super) fn assign(
        &mut self,
        scope: ScopeId,
        set: &BTreeMap<Str, Value>,
    ) -> Result<(), Stop> {
        if set.is_empty() {
            return Ok(());
        }
        let scope = self.state.process_scope(scope);
        let Some(at) = self.state.scopes.get_mut(&scope) else { return Err(Stop::NoWork) };
        let process = self.graph.body(at.body).process;
        let declared = self.graph.processes.get(process).map_or(&[][..], |p| &p.variables);
        let variables = &mut at.variables.get_or_insert_default().0;
        for (name, value) in set {
            let known = declared.iter().find(|variable| variable.name == *name);
            if !known.is_some_and(|variable| fits(value, &variable.ty)) {
                return Err(Stop::Variable(name.to_string()));
            }
            variables.insert(name.clone(), value.clone());
        }
        Ok(())
    }

    /// What opened since `before` is somebody's: never a task that nobody can do.
    pub(super) fn check_parties(&self, before: u64) -> Result<(), Stop> {
        for open in self.state.open().filter(|open| open.work.0 > before) {
            let roles = &self.graph.facts(open.node).roles;
            let variables = self.state.variables_of(open.work);
            let vacant = |role: &Role| variables.is_some_and(|known| role.is_vacant(known));
            if !roles.is_empty() && roles.iter().all(vacant) {
                return Err(Stop::NoParty(open.node));
            }
        }
        Ok(())
    }

    /// What a rule gives in a scope; it sees `extra` names as well.
    pub(super) fn evaluate(
        &mut self,
        scope: ScopeId,
        rule: &Program,
        extra: &[(&str, u32)],
    ) -> Result<Value, Stop> {
        let scope = self.state.process_scope(scope);
        let none = &mut Environment::new();
        let variables = self.state.scopes.get_mut(&scope).and_then(|at| at.variables.as_mut());
        // In place: variables may be large, and a step evaluates many rules.
        let environment = variables.map_or(none, |variables| &mut variables.0);
        let mut hidden = Vec::new();
        for (name, value) in extra {
            hidden.push(environment.insert((*name).into(), Value::Int((*value).into())));
        }
        let given = rule.run(environment, &mut self.fuel);
        for ((name, _), hidden) in extra.iter().zip(hidden) {
            environment.remove(*name);
            environment.extend(hidden.map(|hidden| ((*name).into(), hidden)));
        }
        given.map_err(|failure| Stop::Rule(failure.to_string()))
    }

    pub(super) fn finish(&mut self, outcome: Outcome) {
        self.state.outcome = Some(outcome);
        self.effects.push(Effect::Finished(outcome));
    }
}

pub(super) fn first_values(process: &ProcessDef) -> BTreeMap<Str, Value> {
    process.variables.iter().map(|v| (v.name.as_str().into(), v.value.clone())).collect()
}
