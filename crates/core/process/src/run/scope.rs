//! Scopes: begun, ended, interrupted.

use std::collections::BTreeMap;

use chaincity_types::{Str, Value};

use super::machine::{Go, Machine};
use super::state::{Kind, Outcome, Scope, ScopeId, Variables, Work, WorkId};
use super::{SCOPES_MAX, Stop};
use crate::graph::{BodyIx, Handler, Wait};

impl Machine<'_, '_> {
    /// Opens a scope and sends its first tokens on their way; `owner` then carries it.
    pub(super) fn open_scope(
        &mut self,
        body: BodyIx,
        owner: Option<WorkId>,
        variables: Option<BTreeMap<Str, Value>>,
    ) -> Result<ScopeId, Stop> {
        let scope = self.bare_scope(body, owner, variables)?;
        let graph = self.graph;
        let starts = graph.body(body).starts.iter();
        self.queue.extend(starts.map(|start| Go::To(scope, *start)));
        Ok(scope)
    }

    fn bare_scope(
        &mut self,
        body: BodyIx,
        owner: Option<WorkId>,
        variables: Option<BTreeMap<Str, Value>>,
    ) -> Result<ScopeId, Stop> {
        if self.state.scopes.len() >= SCOPES_MAX {
            let max = u64::try_from(SCOPES_MAX).unwrap_or(u64::MAX);
            return Err(Stop::Bound { what: "open scopes", max });
        }
        let id = ScopeId(self.state.fresh());
        let (arrived, done) = (BTreeMap::new(), Vec::new());
        self.state
            .scopes
            .insert(id, Scope { body, owner, arrived, done, variables: variables.map(Variables) });
        if let Some(owner) = owner.and_then(|owner| self.state.works.get_mut(&owner)) {
            owner.kind = Kind::Scope(id);
        }
        let graph = self.graph;
        for (place, handler) in graph.body(body).handlers.iter().enumerate() {
            if matches!(handler.on, Wait::Message | Wait::Timer { .. }) {
                let place = u32::try_from(place).unwrap_or(u32::MAX);
                self.open(id, handler.start, Kind::Handler(place), None)?;
            }
        }
        Ok(id)
    }

    /// Begins an event sub-process.
    pub(super) fn begin_handler(&mut self, scope: ScopeId, handler: Handler) -> Result<(), Stop> {
        if handler.interrupting {
            self.clear(scope);
        }
        let work = self.open(scope, handler.node, Kind::Scope(ScopeId(0)), None)?;
        let body = self.graph.node(handler.start).body;
        let inner = self.bare_scope(body, Some(work), None)?;
        self.queue.push_back(Go::To(inner, handler.start));
        Ok(())
    }

    /// Ends one scope in which nothing moves or waits any more; whether one did.
    pub(super) fn finish_scope(&mut self) -> Result<bool, Stop> {
        let mut busy = std::collections::BTreeSet::new();
        for work in self.state.works.values() {
            if !matches!(work.kind, Kind::Boundary(_) | Kind::Handler(_)) {
                busy.insert(work.scope);
            }
        }
        // The innermost first.
        let idle = self.state.scopes.iter().rev();
        let idle = idle.filter(|(id, scope)| !busy.contains(*id) && scope.arrived.is_empty());
        let Some(id) = idle.map(|(id, _)| *id).next() else { return Ok(false) };
        self.draw()?;
        self.clear(id);
        let Some(scope) = self.state.scopes.remove(&id) else { return Ok(false) };
        let Some(owner) = scope.owner else {
            self.finish(Outcome::Completed);
            return Ok(true);
        };
        let Work { scope: outer, .. } = self.work(owner)?;
        if let Some(variables) = scope.variables {
            self.give_back(outer, variables.0);
        }
        self.complete(owner, scope.done)?;
        Ok(true)
    }

    /// What a called process leaves in variables that its caller has too.
    fn give_back(&mut self, outer: ScopeId, variables: BTreeMap<Str, Value>) {
        let caller = self.state.process_scope(outer);
        let Some(at) = self.state.scopes.get_mut(&caller) else { return };
        let process = self.graph.body(at.body).process;
        let declared = self.graph.processes.get(process).map_or(&[][..], |p| &p.variables);
        let known = &mut at.variables.get_or_insert_default().0;
        for (name, value) in variables {
            let same = declared.iter().find(|variable| variable.name == name);
            if same.is_some_and(|variable| crate::compile::fits(&value, &variable.ty)) {
                known.insert(name, value);
            }
        }
    }

    /// Cancels everything in a scope; the scope itself stays.
    pub(super) fn clear(&mut self, scope: ScopeId) {
        let works = self.state.works.iter().filter(|(_, work)| work.scope == scope);
        let works: Vec<WorkId> = works.map(|(id, _)| *id).collect();
        for work in works {
            self.cancel(work);
        }
        if let Some(at) = self.state.scopes.get_mut(&scope) {
            at.arrived.clear();
        }
        self.queue.retain(|go| match go {
            Go::Along(at, _) | Go::To(at, _) => *at != scope,
        });
    }

    /// Cancels a scope with everything in it.
    pub(super) fn drop_scope(&mut self, scope: ScopeId) {
        self.clear(scope);
        self.state.scopes.remove(&scope);
    }

    pub(super) fn cancel_all(&mut self) {
        let scopes: Vec<ScopeId> = self.state.scopes.keys().copied().collect();
        for scope in scopes {
            self.drop_scope(scope);
        }
        self.state.works.clear();
        self.queue.clear();
    }
}
