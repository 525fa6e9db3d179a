//! Plays a process through by itself, to see whether it comes to an end and which nodes it passes.
//!
//! Every task completes at once. Conditions are not evaluated: the default flow is taken, or the
//! first in document order; of flows that leave an activity, those without condition. Events occur
//! at once where a token waits for them; behind an event-based gateway the first in document
//! order. Boundary events and event sub-processes do not occur by themselves; what an end or
//! throw event raises is caught as ever. A node outside the subset lets its token pass and is not
//! counted. The number of moves is bounded.

use std::collections::BTreeMap;

use chaincity_types::{Str, Value};

use crate::graph::{Graph, NodeIx};
use crate::run::{Awaits, Effect, Event, Machine, Mode, Outcome, State};

/// Most moves of a play.
pub const AUTO_MOVES_MAX: u32 = 10_000;

/// What came of playing a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// The process.
    pub process: String,
    /// How often each node was completed, by its id.
    pub completed: BTreeMap<String, u64>,
    /// End events that were reached, in order.
    pub ended: Vec<String>,
    /// Whether every token came to an end.
    pub finished: bool,
    /// The code of an error that nothing caught.
    pub error: Option<String>,
    /// Joins at which tokens wait for others that never come.
    pub waiting: Vec<String>,
    /// Calls of processes that are not in the file, passed as done.
    pub elsewhere: Vec<String>,
    /// Moves made.
    pub steps: u32,
    /// The bound that stopped it, if one did.
    pub stopped: Option<String>,
}

/// The processes that are played: those marked as executable, or all when none is; of these not
/// those that others of the file call, since they are played where they are called.
#[must_use]
pub fn played(graph: &Graph) -> Vec<usize> {
    let marked = graph.processes.iter().any(|process| process.executable);
    let runs = graph.processes.iter().enumerate();
    let runs: Vec<(usize, bool)> = runs
        .filter(|(_, process)| process.executable || !marked)
        .map(|(place, process)| (place, process.called))
        .collect();
    let begin = runs.iter().filter(|(_, called)| !called).map(|(place, _)| *place);
    let begin: Vec<usize> = begin.collect();
    if begin.is_empty() {
        runs.first().map(|(place, _)| *place).into_iter().collect()
    } else {
        begin
    }
}

/// Plays one process, by its place in the file.
#[must_use]
pub fn play(graph: &Graph, process: usize) -> Played {
    let mut state = State::default();
    let mut left = AUTO_MOVES_MAX;
    let mut next = Some(Event::begin(process));
    let mut played = Played {
        process: graph.processes.get(process).map(|p| p.id.clone()).unwrap_or_default(),
        ..Played::default()
    };
    while let Some(event) = next.take() {
        let mut machine = Machine::new(graph, &mut state, Mode::Auto, left);
        let carried_out = machine.draw().and_then(|()| machine.carry_out(&event));
        left = machine.left;
        for effect in machine.effects {
            note(graph, effect, &mut played);
        }
        if let Err(stop) = carried_out {
            played.stopped = Some(stop.to_string());
            break;
        }
        next = first(&state);
    }
    let waiting = state.waiting().filter_map(|flow| graph.flow(flow)).map(|flow| flow.target);
    let mut waiting: Vec<NodeIx> = waiting.collect();
    waiting.sort_unstable();
    waiting.dedup();
    played.waiting = waiting.into_iter().map(|node| graph.id(node).to_owned()).collect();
    played.steps = AUTO_MOVES_MAX.saturating_sub(left);
    played
}

/// What happens next: the oldest open work is completed, or its event occurs.
fn first(state: &State) -> Option<Event> {
    let set: BTreeMap<Str, Value> = BTreeMap::new();
    state.open().find_map(|open| match open.awaits {
        Awaits::Completion => Some(Event::Complete { work: open.work, set: set.clone() }),
        Awaits::Event => Some(Event::Occur { work: open.work, set: set.clone() }),
        Awaits::Maybe => None,
    })
}

fn note(graph: &Graph, effect: Effect, played: &mut Played) {
    match effect {
        Effect::Completed { node } => {
            let id = graph.id(node).to_owned();
            if graph.is_elsewhere(node) && !played.elsewhere.contains(&id) {
                played.elsewhere.push(id.clone());
            }
            let count = played.completed.entry(id).or_insert(0);
            *count = count.saturating_add(1);
        }
        Effect::Ended { node } => played.ended.push(graph.id(node).to_owned()),
        Effect::Finished(outcome) => match outcome {
            Outcome::Completed => played.finished = true,
            Outcome::Failed(code) => {
                played.error = Some(code.map_or("", |code| graph.code(code)).to_owned());
            }
        },
        Effect::Opened { .. } | Effect::Cancelled { .. } | Effect::Sent { .. } => {}
    }
}
