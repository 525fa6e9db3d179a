//! The token machine: from a state and an event to the next state and its effects.
//!
//! Between two steps every token waits: at a task, for an event, or at a join. A step moves tokens
//! until all wait again, first in, first out; inclusive joins are decided when nothing else moves,
//! in order of scopes and flows. The same state and event give the same bytes everywhere. Every
//! step is bounded; one that exceeds a bound is refused and changes nothing.

mod activity;
mod decide;
mod event;
mod gateway;
mod machine;
mod scope;
mod state;

use std::collections::BTreeMap;

use chaincity_package::rule::Fuel;
use chaincity_types::{Str, Value};

use crate::graph::{CodeIx, Graph, NodeIx};
pub use state::{
    Awaits, Done, Kind, Open, Outcome, Scope, ScopeId, State, Variables, Work, WorkId,
};

pub(crate) use machine::{Machine, Mode};

/// Most moves of one step: a token passes a flow, a scope ends.
pub const MOVES_MAX: u32 = 10_000;
/// Most open works of a process instance.
pub const WORKS_MAX: usize = 4_096;
/// Most open scopes of a process instance.
pub const SCOPES_MAX: usize = 256;
/// Most instances of one activity.
pub const INSTANCES_MAX: u32 = 256;
/// Most completed activities that a scope remembers for compensation.
pub const DONE_MAX: usize = 1_024;

/// What happens to a process instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It begins: the process by its place in the file.
    Start {
        /// Which process.
        process: usize,
        /// What it sets before anything moves.
        set: BTreeMap<Str, Value>,
    },
    /// A task is completed.
    Complete {
        /// The open work.
        work: WorkId,
        /// What it sets.
        set: BTreeMap<Str, Value>,
    },
    /// A message comes, or a time.
    Occur {
        /// The open work.
        work: WorkId,
        /// What it sets.
        set: BTreeMap<Str, Value>,
    },
    /// A task ends by an error.
    Fail {
        /// The open work.
        work: WorkId,
        /// The error's code.
        code: CodeIx,
    },
    /// A task escalates and stays open.
    Escalate {
        /// The open work.
        work: WorkId,
        /// The escalation's code.
        code: CodeIx,
    },
    /// Variables are set while a work stays open; nothing moves.
    Assign {
        /// The open work.
        work: WorkId,
        /// What it sets.
        set: BTreeMap<Str, Value>,
    },
    /// It is withdrawn: everything is cancelled.
    Cancel,
}

impl Event {
    /// The beginning of a process with the first values of its variables.
    #[must_use]
    pub const fn begin(process: usize) -> Self {
        Self::Start { process, set: BTreeMap::new() }
    }
}

/// What a step did, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A task opened, or an event is awaited.
    Opened {
        /// The work.
        work: WorkId,
        /// Its node.
        node: NodeIx,
    },
    /// An open work is no longer awaited.
    Cancelled {
        /// The work.
        work: WorkId,
        /// Its node.
        node: NodeIx,
    },
    /// A node was completed.
    Completed {
        /// The node.
        node: NodeIx,
    },
    /// A message is to be sent.
    Sent {
        /// The node.
        node: NodeIx,
    },
    /// A way ended in an end event.
    Ended {
        /// The node.
        node: NodeIx,
    },
    /// The process instance ended.
    Finished(Outcome),
}

/// Why a step is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The instance has begun, or has not, or has ended.
    #[error("the process is not in a state for this")]
    NotNow,
    /// There is no such process.
    #[error("no such process")]
    NoProcess,
    /// There is no such open work, or it is of another kind.
    #[error("no such open work")]
    NoWork,
    /// A variable is not declared, or a value does not fit it.
    #[error("variable `{0}` is not declared so")]
    Variable(String),
    /// No flow's condition holds and there is no default flow.
    #[error("no way leads on")]
    NoWay(NodeIx),
    /// All who could do what opens are parties that no variable names.
    #[error("nobody is named whose it would be")]
    NoParty(NodeIx),
    /// No rule of a decision table matches.
    #[error("no rule of the decision matches")]
    NoRule(NodeIx),
    /// A rule gave no value.
    #[error("a rule gave no value: {0}")]
    Rule(String),
    /// A bound is exceeded.
    #[error("more than {max} {what}")]
    Bound {
        /// What.
        what: &'static str,
        /// How many are allowed.
        max: u64,
    },
}

/// What a move costs of the fuel that rules draw on as well.
const MOVE_FUEL: u32 = 5;

/// Carries out one event.
///
/// # Errors
/// See [`Stop`]; then `state` is as before.
pub fn step(graph: &Graph, state: &mut State, event: &Event) -> Result<Vec<Effect>, Stop> {
    step_within(graph, state, event, &mut Fuel::for_call())
}

/// The same with this fuel for its moves and rules; what it did not use stays in `fuel`.
///
/// # Errors
/// See [`Stop`]; then `state` is as before.
pub fn step_within(
    graph: &Graph,
    state: &mut State,
    event: &Event,
    fuel: &mut Fuel,
) -> Result<Vec<Effect>, Stop> {
    let afforded = fuel.left.checked_div(u64::from(MOVE_FUEL)).unwrap_or(0);
    let moves = u32::try_from(afforded).unwrap_or(MOVES_MAX).min(MOVES_MAX);
    let mut next = state.clone();
    let mut machine = Machine::new(graph, &mut next, Mode::Data, moves);
    machine.fuel = *fuel;
    let result = machine.carry_out(event).and_then(|()| machine.check_parties(state.last));
    let moved = u64::from(moves.saturating_sub(machine.left));
    let (effects, left) = (machine.effects, machine.fuel.left);
    fuel.left = left.saturating_sub(moved.saturating_mul(u64::from(MOVE_FUEL)));
    result?;
    *state = next;
    Ok(effects)
}
