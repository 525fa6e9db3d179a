//! Activities: opened, done once or several times, completed, cancelled, undone.

use std::collections::BTreeMap;

use chaincity_types::{Str, Value};

use super::machine::{Machine, Mode, first_values};
use super::state::{Done, Kind, ScopeId, Work, WorkId};
use super::{DONE_MAX, Effect, INSTANCES_MAX, Stop};
use crate::graph::{BodyIx, NodeIx, Op, Wait};

impl Machine<'_, '_> {
    /// A token enters an activity.
    pub(super) fn begin(&mut self, scope: ScopeId, node: NodeIx) -> Result<(), Stop> {
        if self.graph.node(node).multi.is_none() {
            let work = self.open_activity(scope, node, None)?;
            return self.arm(work, scope, node);
        }
        let total = self.instances(scope, node)?;
        let kind = Kind::Multi { total, begun: 0, completed: 0 };
        let body = self.open(scope, node, kind, None)?;
        self.arm(body, scope, node)?;
        if total == 0 {
            return self.close_several(body);
        }
        self.begin_instances(body)
    }

    /// How many instances there are to be.
    fn instances(&mut self, scope: ScopeId, node: NodeIx) -> Result<u32, Stop> {
        let graph = self.graph;
        let Some(multi) = &graph.node(node).multi else { return Ok(1) };
        let count = match (&multi.count, multi.fixed) {
            (_, Some(fixed)) => fixed,
            (_, None) if self.mode == Mode::Auto => 1,
            (None, None) => 1,
            (Some(rule), None) => {
                let count = self.evaluate(scope, rule, &[])?.as_int().unwrap_or(1);
                u32::try_from(count)
                    .map_err(|_negative| Stop::Rule("a count of instances is negative".into()))?
            }
        };
        if count > INSTANCES_MAX {
            return Err(Stop::Bound { what: "instances", max: INSTANCES_MAX.into() });
        }
        Ok(count)
    }

    fn begin_instances(&mut self, body: WorkId) -> Result<(), Stop> {
        let graph = self.graph;
        let Work { scope, node, kind, .. } = self.work(body)?;
        let Kind::Multi { total, begun, completed } = kind else { return Ok(()) };
        let sequential = graph.node(node).multi.as_ref().is_none_or(|multi| multi.sequential);
        let until = if sequential { total.min(begun.saturating_add(1)) } else { total };
        if let Some(work) = self.state.works.get_mut(&body) {
            work.kind = Kind::Multi { total, begun: until, completed };
        }
        for _ in begun..until {
            self.draw()?;
            self.open_activity(scope, node, Some(body))?;
        }
        Ok(())
    }

    /// Opens one instance of an activity.
    fn open_activity(
        &mut self,
        scope: ScopeId,
        node: NodeIx,
        of: Option<WorkId>,
    ) -> Result<WorkId, Stop> {
        let graph = self.graph;
        let op = graph.node(node).op;
        if let Op::Body(body) | Op::Handler(body) = op {
            let work = self.open(scope, node, Kind::Scope(ScopeId(0)), of)?;
            self.open_scope(body, Some(work), None)?;
            return Ok(work);
        }
        let Op::Call(Some(body)) = op else {
            return self.open(scope, node, Kind::Task, of);
        };
        let work = self.open(scope, node, Kind::Scope(ScopeId(0)), of)?;
        let variables = self.handed_over(scope, body);
        self.open_scope(body, Some(work), Some(variables))?;
        Ok(work)
    }

    /// The variables that a called process begins with: its own first values, and the caller's of
    /// the same name and type.
    fn handed_over(&self, scope: ScopeId, body: BodyIx) -> BTreeMap<Str, Value> {
        let process = self.graph.processes.get(self.graph.body(body).process);
        let mut variables = process.map(first_values).unwrap_or_default();
        let caller = self.state.scopes.get(&self.state.process_scope(scope));
        let known = caller.and_then(|scope| scope.variables.as_ref());
        for variable in process.map_or(&[][..], |process| &process.variables) {
            if let Some(value) = known.and_then(|known| known.0.get(variable.name.as_str()))
                && crate::compile::fits(value, &variable.ty)
            {
                variables.insert(variable.name.as_str().into(), value.clone());
            }
        }
        variables
    }

    /// Arms the boundary events of an activity that wait for a message or a time.
    fn arm(&mut self, host: WorkId, scope: ScopeId, node: NodeIx) -> Result<(), Stop> {
        let graph = self.graph;
        for boundary in &graph.node(node).boundaries {
            let waits = matches!(
                graph.node(*boundary).op,
                Op::Boundary { on: Wait::Message | Wait::Timer { .. }, .. }
            );
            if waits {
                self.open(scope, *boundary, Kind::Boundary(host), None)?;
            }
        }
        Ok(())
    }

    /// An instance of an activity is completed; `inner` is what a sub-process has done.
    pub(super) fn complete(&mut self, work: WorkId, inner: Vec<Done>) -> Result<(), Stop> {
        let Work { scope, node, of, .. } = self.work(work)?;
        self.state.works.remove(&work);
        self.disarm(work);
        self.completed(node);
        let parent = of.and_then(|of| self.state.works.get(&of));
        // What undoes something is not itself undone.
        if !parent.is_some_and(|parent| matches!(parent.kind, Kind::Undo(_))) {
            self.remember(scope, node, inner)?;
        }
        let Some(parent) = of else {
            return self.leave(scope, node);
        };
        let kind = self.work(parent)?.kind;
        let Kind::Multi { total, begun, completed } = kind else {
            return self.undo_next(parent);
        };
        let completed = completed.saturating_add(1);
        if let Some(parent) = self.state.works.get_mut(&parent) {
            parent.kind = Kind::Multi { total, begun, completed };
        }
        if completed >= total || self.is_enough(scope, node, total, completed)? {
            return self.close_several(parent);
        }
        self.begin_instances(parent)
    }

    fn is_enough(
        &mut self,
        scope: ScopeId,
        node: NodeIx,
        total: u32,
        completed: u32,
    ) -> Result<bool, Stop> {
        let graph = self.graph;
        let until = graph.node(node).multi.as_ref().and_then(|multi| multi.until.as_ref());
        let Some(until) = until.filter(|_| self.mode == Mode::Data) else { return Ok(false) };
        let extra = [("instances", total), ("completed", completed)];
        Ok(self.evaluate(scope, until, &extra)? == Value::Bool(true))
    }

    /// Several instances are completed, or enough of them.
    fn close_several(&mut self, body: WorkId) -> Result<(), Stop> {
        let Work { scope, node, .. } = self.work(body)?;
        self.cancel_parts(body);
        self.state.works.remove(&body);
        self.disarm(body);
        self.leave(scope, node)
    }

    /// Remembers an activity that may have to be undone.
    fn remember(&mut self, scope: ScopeId, node: NodeIx, inner: Vec<Done>) -> Result<(), Stop> {
        let handler = self.graph.node(node).undo;
        if handler.is_none() && inner.is_empty() {
            return Ok(());
        }
        let inner = if handler.is_some() { Vec::new() } else { inner };
        let Some(at) = self.state.scopes.get_mut(&scope) else { return Ok(()) };
        if at.done.len() >= DONE_MAX {
            let max = u64::try_from(DONE_MAX).unwrap_or(u64::MAX);
            return Err(Stop::Bound { what: "activities to undo", max });
        }
        at.done.push(Done { node, handler, inner });
        Ok(())
    }

    /// Undoes what the scope `of` has done, the last first: one activity, or all. The thrower
    /// waits in its own scope, which may be an event sub-process inside.
    pub(super) fn undo(
        &mut self,
        of: ScopeId,
        (scope, thrower): (ScopeId, NodeIx),
        only: Option<NodeIx>,
    ) -> Result<(), Stop> {
        let Some(at) = self.state.scopes.get_mut(&of) else { return Ok(()) };
        let (undone, kept) = std::mem::take(&mut at.done)
            .into_iter()
            .partition(|done| only.is_none_or(|only| only == done.node));
        at.done = kept;
        let mut handlers = Vec::new();
        collect(&undone, &mut handlers);
        // Taken from the end.
        handlers.reverse();
        let work = self.open(scope, thrower, Kind::Undo(handlers), None)?;
        self.undo_next(work)
    }

    pub(super) fn undo_next(&mut self, work: WorkId) -> Result<(), Stop> {
        let Work { scope, node, kind, .. } = self.work(work)?;
        let Kind::Undo(mut left) = kind else { return Ok(()) };
        self.draw()?;
        if let Some(handler) = left.pop() {
            if let Some(at) = self.state.works.get_mut(&work) {
                at.kind = Kind::Undo(left);
            }
            return self.open_activity(scope, handler, Some(work)).map(drop);
        }
        self.state.works.remove(&work);
        self.completed(node);
        self.leave(scope, node)
    }

    /// Boundary events of a closed activity are no longer awaited.
    pub(super) fn disarm(&mut self, host: WorkId) {
        self.state.works.retain(|_, work| work.kind != Kind::Boundary(host));
    }

    fn cancel_parts(&mut self, of: WorkId) {
        let parts = self.state.works.iter().filter(|(_, work)| work.of == Some(of));
        let parts: Vec<WorkId> = parts.map(|(id, _)| *id).collect();
        for part in parts {
            self.cancel(part);
        }
    }

    /// Cancels a work with all that hangs on it.
    pub(super) fn cancel(&mut self, work: WorkId) {
        let Some(at) = self.state.works.remove(&work) else { return };
        self.disarm(work);
        self.cancel_parts(work);
        match at.kind {
            Kind::Scope(inner) => self.drop_scope(inner),
            Kind::Task | Kind::Event(_) => {}
            Kind::Multi { .. } | Kind::Boundary(_) | Kind::Handler(_) | Kind::Undo(_) => return,
        }
        self.effects.push(Effect::Cancelled { work, node: at.node });
    }
}

/// Handlers of what is to be undone, the last first.
fn collect(done: &[Done], handlers: &mut Vec<NodeIx>) {
    for done in done.iter().rev() {
        match done.handler {
            Some(handler) => handlers.push(handler),
            None => collect(&done.inner, handlers),
        }
    }
}
