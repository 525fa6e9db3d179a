//! Where a process stands: scopes, open works, tokens at joins. Plain data with one canonical
//! encoding, so that a ledger can keep it in a record and every node has the same bytes.

use std::collections::BTreeMap;

use chaincity_types::{Str, Value, value};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use crate::graph::{BodyIx, CodeIx, FlowIx, Graph, NodeIx, VariableDef};

/// The number of a scope of one process instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct ScopeId(#[n(0)] pub u64);

/// The number of a work of one process instance. Numbers rise and are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct WorkId(#[n(0)] pub u64);

/// Where a process instance stands between two steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct State {
    #[n(0)]
    pub(crate) last: u64,
    #[n(1)]
    pub(crate) scopes: BTreeMap<ScopeId, Scope>,
    #[n(2)]
    pub(crate) works: BTreeMap<WorkId, Work>,
    #[n(3)]
    pub(crate) outcome: Option<Outcome>,
}

/// How a process instance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// Every token reached an end.
    #[n(0)]
    Completed,
    /// An error that nothing caught.
    #[n(1)]
    Failed(#[n(0)] Option<CodeIx>),
}

/// A body in execution.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Scope {
    #[n(0)]
    pub(crate) body: BodyIx,
    /// The work that it carries out; none for the process itself.
    #[n(1)]
    pub(crate) owner: Option<WorkId>,
    /// Tokens that wait at joins, by flow.
    #[n(2)]
    pub(crate) arrived: BTreeMap<FlowIx, u32>,
    /// What is done and may have to be undone, in order.
    #[n(3)]
    pub(crate) done: Vec<Done>,
    /// Of a process: its variables.
    #[n(4)]
    pub(crate) variables: Option<Variables>,
}

/// Variables, encoded as the map value that they are: keys in canonical order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(pub(crate) BTreeMap<Str, Value>);

impl<C> Encode<C> for Variables {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        value::encode_map(&self.0, e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Variables {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let value = Value::decode(d, ctx)?;
        let kind = value.kind();
        let Value::Map(map) = value else {
            return Err(decode::Error::message(format!("a {kind} for a map")));
        };
        Ok(Self(map))
    }
}

/// A completed activity that compensation may undo.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Done {
    #[n(0)]
    pub(crate) node: NodeIx,
    #[n(1)]
    pub(crate) handler: Option<NodeIx>,
    /// Of a sub-process without a handler of its own.
    #[n(2)]
    pub(crate) inner: Vec<Done>,
}

/// A node at which something is awaited.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Work {
    /// Where.
    #[n(0)]
    pub(crate) scope: ScopeId,
    /// Which node.
    #[n(1)]
    pub(crate) node: NodeIx,
    /// What is awaited.
    #[n(2)]
    pub(crate) kind: Kind,
    /// The several instances, or the undoing, that it is part of.
    #[n(3)]
    pub(crate) of: Option<WorkId>,
}

/// What is awaited.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Kind {
    /// A task's completion.
    #[n(0)]
    Task,
    /// A message or a time; with others of the same gateway, the first.
    #[n(1)]
    Event(#[n(0)] Option<u64>),
    /// A sub-process or called process.
    #[n(2)]
    Scope(#[n(0)] ScopeId),
    /// Several instances.
    #[n(3)]
    Multi {
        /// How many in all.
        #[n(0)]
        total: u32,
        /// How many were begun.
        #[n(1)]
        begun: u32,
        /// How many are completed.
        #[n(2)]
        completed: u32,
    },
    /// A boundary event, as long as its activity is open.
    #[n(4)]
    Boundary(#[n(0)] WorkId),
    /// An event sub-process that may begin; its place among those of its body.
    #[n(5)]
    Handler(#[n(0)] u32),
    /// Undoing, one activity after another.
    #[n(6)]
    Undo(#[n(0)] Vec<NodeIx>),
}

/// A work, for those who show or wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its number.
    pub work: WorkId,
    /// Its node.
    pub node: NodeIx,
    /// What it waits for.
    pub awaits: Awaits,
}

/// What an open work waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// Somebody completes it.
    Completion,
    /// A message or a time, where a token waits for it.
    Event,
    /// An event that may come and need not: at a boundary, or of an event sub-process.
    Maybe,
}

impl State {
    /// How it ended, if it did.
    #[must_use]
    pub const fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// What may be completed or may occur, oldest first.
    pub fn open(&self) -> impl Iterator<Item = Open> {
        self.works.iter().filter_map(|(work, at)| {
            let awaits = match at.kind {
                Kind::Task => Awaits::Completion,
                Kind::Event(_) => Awaits::Event,
                Kind::Boundary(_) | Kind::Handler(_) => Awaits::Maybe,
                Kind::Scope(_) | Kind::Multi { .. } | Kind::Undo(_) => return None,
            };
            Some(Open { work: *work, node: at.node, awaits })
        })
    }

    /// Flows on which a token waits for others at a join.
    pub fn waiting(&self) -> impl Iterator<Item = FlowIx> {
        self.scopes.values().flat_map(|scope| scope.arrived.keys().copied())
    }

    /// Whether nothing is left of it: no scope, no work, no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.works.is_empty()
    }

    /// The variables of the process itself, while it runs.
    #[must_use]
    pub fn variables(&self) -> Option<&BTreeMap<Str, Value>> {
        let scope = self.scopes.values().next()?;
        scope.variables.as_ref().map(|variables| &variables.0)
    }

    /// The boundary events that wait at an open work.
    pub fn boundaries(&self, host: WorkId) -> impl Iterator<Item = WorkId> {
        let at_host = move |work: &Work| work.kind == Kind::Boundary(host);
        self.works.iter().filter(move |(_, work)| at_host(work)).map(|(id, _)| *id)
    }

    /// The node of an open work.
    #[must_use]
    pub fn node(&self, work: WorkId) -> Option<NodeIx> {
        self.works.get(&work).map(|work| work.node)
    }

    /// The scope of the process that a scope lies in.
    pub(crate) fn process_scope(&self, scope: ScopeId) -> ScopeId {
        let mut at = scope;
        while let Some(found) = self.scopes.get(&at) {
            if found.variables.is_some() {
                break;
            }
            let Some(owner) = found.owner.and_then(|owner| self.works.get(&owner)) else { break };
            at = owner.scope;
        }
        at
    }

    /// The variables of the process, called or not, that an open work belongs to.
    #[must_use]
    pub fn variables_of(&self, work: WorkId) -> Option<&BTreeMap<Str, Value>> {
        let scope = self.process_scope(self.works.get(&work)?.scope);
        self.scopes.get(&scope)?.variables.as_ref().map(|variables| &variables.0)
    }

    /// The variables of each instance of a process that is under way: itself, or called.
    pub fn variables_in<'s>(
        &'s self,
        graph: &Graph,
        process: usize,
    ) -> impl Iterator<Item = &'s BTreeMap<Str, Value>> {
        let of = move |scope: &&Scope| graph.body(scope.body).process == process;
        let scopes = self.scopes.values().filter(of);
        scopes.filter_map(|scope| scope.variables.as_ref()).map(|variables| &variables.0)
    }

    /// The variables that whoever completes a work may set: those of its process.
    #[must_use]
    pub fn variables_at<'g>(&self, graph: &'g Graph, work: WorkId) -> &'g [VariableDef] {
        let body = self.works.get(&work).and_then(|work| self.scopes.get(&work.scope));
        let process = body.and_then(|at| graph.processes.get(graph.body(at.body).process));
        process.map_or(&[], |process| &process.variables)
    }

    pub(crate) fn fresh(&mut self) -> u64 {
        self.last = self.last.saturating_add(1);
        self.last
    }
}
