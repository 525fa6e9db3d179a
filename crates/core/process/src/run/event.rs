//! What events say and who catches it.

use super::machine::Machine;
use super::state::{Kind, Outcome, ScopeId, Work, WorkId};
use super::{Effect, Stop};
use crate::graph::{NodeIx, Op, Say, Wait};

impl Machine<'_, '_> {
    /// An end or throw event says something; one that `goes_on` then sends its token on.
    pub(super) fn say(
        &mut self,
        scope: ScopeId,
        node: NodeIx,
        say: Say,
        goes_on: bool,
    ) -> Result<(), Stop> {
        match say {
            Say::Compensation(only) => {
                // The undoing completes the event when it is through.
                let of = self.undone_scope(scope);
                return self.undo(of, (scope, node), only);
            }
            Say::Unsupported => {}
            Say::Nothing
            | Say::Message
            | Say::Error(_)
            | Say::Escalation(_)
            | Say::Terminate
            | Say::Link(_) => self.completed(node),
        }
        match say {
            Say::Message => self.effects.push(Effect::Sent { node }),
            Say::Error(code) => {
                self.raise(scope, Wait::Error(code))?;
                return Ok(());
            }
            Say::Escalation(code) => {
                let interrupted = self.raise(scope, Wait::Escalation(code))?;
                if interrupted {
                    return Ok(());
                }
            }
            Say::Terminate => self.clear(scope),
            Say::Link(Some(to)) => {
                self.queue.push_back(super::machine::Go::To(scope, to));
                return Ok(());
            }
            Say::Nothing | Say::Link(None) | Say::Unsupported | Say::Compensation(_) => {}
        }
        if goes_on { self.leave(scope, node) } else { Ok(()) }
    }

    /// Whose activities compensation undoes: in an event sub-process, those around it.
    fn undone_scope(&self, scope: ScopeId) -> ScopeId {
        let owner = self.state.scopes.get(&scope).and_then(|scope| scope.owner);
        let work = owner.and_then(|owner| self.state.works.get(&owner));
        match work {
            Some(work) if matches!(self.graph.node(work.node).op, Op::Handler(_)) => work.scope,
            _ => scope,
        }
    }

    /// A message or a time that was awaited has come.
    pub(super) fn occur(&mut self, work: WorkId, at: &Work) -> Result<(), Stop> {
        match at.kind {
            Kind::Event(group) => {
                self.state.works.remove(&work);
                if group.is_some() {
                    let others = self.state.works.iter();
                    let others = others.filter(|(_, other)| other.kind == at.kind);
                    let others: Vec<WorkId> = others.map(|(id, _)| *id).collect();
                    for other in others {
                        self.cancel(other);
                    }
                }
                self.completed(at.node);
                self.leave(at.scope, at.node)
            }
            Kind::Boundary(host) => {
                if let Op::Boundary { on, interrupting, .. } = self.graph.node(at.node).op {
                    if matches!(on, Wait::Timer { repeats: false }) {
                        self.state.works.remove(&work);
                    }
                    return self.pass_boundary(host, at.scope, at.node, interrupting);
                }
                Err(Stop::NoWork)
            }
            Kind::Handler(place) => {
                let body = self.state.scopes.get(&at.scope).map(|scope| scope.body);
                let handlers = body.map(|body| &self.graph.body(body).handlers);
                let place = usize::try_from(place).unwrap_or(usize::MAX);
                let handler = handlers.and_then(|handlers| handlers.get(place)).copied();
                let Some(handler) = handler else { return Err(Stop::NoWork) };
                if matches!(handler.on, Wait::Timer { repeats: false }) {
                    self.state.works.remove(&work);
                }
                self.begin_handler(at.scope, handler)
            }
            Kind::Task | Kind::Scope(_) | Kind::Multi { .. } | Kind::Undo(_) => Err(Stop::NoWork),
        }
    }

    fn pass_boundary(
        &mut self,
        host: WorkId,
        scope: ScopeId,
        boundary: NodeIx,
        interrupting: bool,
    ) -> Result<(), Stop> {
        if interrupting {
            self.cancel(host);
        }
        self.completed(boundary);
        self.leave(scope, boundary)
    }

    /// An error or escalation at an open activity: its own boundary first, then what lies around.
    /// Whether it interrupted the activity.
    pub(super) fn raise_at(&mut self, work: WorkId, signal: Wait) -> Result<bool, Stop> {
        let at = self.work(work)?;
        // The instances of one activity have their boundary in common.
        let host = match at.of {
            Some(parent) if matches!(self.work(parent)?.kind, Kind::Multi { .. }) => parent,
            _ => work,
        };
        if let Some((boundary, interrupting)) = self.boundary_for(at.node, signal) {
            self.pass_boundary(host, at.scope, boundary, interrupting)?;
            return Ok(interrupting);
        }
        if matches!(self.graph.node(at.node).op, Op::Handler(_)) {
            // What an event sub-process raises, its sisters do not catch.
            return self.raise_around(at.scope, signal);
        }
        self.raise(at.scope, signal)
    }

    /// An error or escalation in a scope. Whether it interrupted the scope.
    fn raise(&mut self, scope: ScopeId, signal: Wait) -> Result<bool, Stop> {
        self.draw()?;
        let graph = self.graph;
        let Some(body) = self.state.scopes.get(&scope).map(|scope| scope.body) else {
            return Ok(true);
        };
        let handlers = graph.body(body).handlers.iter();
        let handler = best(handlers.map(|handler| (*handler, handler.on)), signal);
        if let Some(handler) = handler {
            self.begin_handler(scope, handler)?;
            return Ok(handler.interrupting);
        }
        self.raise_around(scope, signal)
    }

    /// The same, caught at the earliest by what lies around the scope.
    fn raise_around(&mut self, scope: ScopeId, signal: Wait) -> Result<bool, Stop> {
        if let Some(owner) = self.state.scopes.get(&scope).and_then(|scope| scope.owner) {
            return self.raise_at(owner, signal);
        }
        if let Wait::Error(code) = signal {
            self.cancel_all();
            self.finish(Outcome::Failed(code));
            return Ok(true);
        }
        Ok(false)
    }

    fn boundary_for(&self, node: NodeIx, signal: Wait) -> Option<(NodeIx, bool)> {
        let boundaries = self.graph.node(node).boundaries.iter();
        let waits = boundaries.filter_map(|boundary| {
            let op = self.graph.node(*boundary).op;
            let Op::Boundary { on, interrupting, .. } = op else { return None };
            Some(((*boundary, interrupting), on))
        });
        best(waits, signal)
    }
}

/// What catches a signal: first what names its code, then what catches all.
fn best<T: Copy>(catchers: impl Iterator<Item = (T, Wait)>, signal: Wait) -> Option<T> {
    let catchers: Vec<(T, Wait)> = catchers.collect();
    let all = match signal {
        Wait::Error(_) => Wait::Error(None),
        Wait::Escalation(_) => Wait::Escalation(None),
        Wait::Message | Wait::Timer { .. } | Wait::Compensation | Wait::Link | Wait::Never => {
            return None;
        }
    };
    let named = catchers.iter().find(|(_, on)| *on == signal);
    named.or_else(|| catchers.iter().find(|(_, on)| *on == all)).map(|(catcher, _)| *catcher)
}
