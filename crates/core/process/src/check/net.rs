//! The token game of one body, conditions left open: every way that control may take, each
//! activity one step, sub-processes apart.
//!
//! Ways that do not touch each other commute, so of all that could move only one node moves at a
//! time: side ways of non-interrupting events first, then the node that stands nearest to the
//! start, so that tokens which would meet do meet. The markings seen this way grow with the sum of
//! parallel branches, not with their product.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{BodyIx, Condition, FlowIx, Graph, NodeIx, Op, Say};

/// Most markings of a body that are looked at.
pub const STATES_MAX: usize = 20_000;
/// Most looks at a token, for bodies of many tokens side by side.
const LOOKS_MAX: usize = 20_000_000;
/// Most ways of an inclusive split of which every choice is tried; of more, each alone and all.
const CHOICES_MAX: usize = 4;

/// What the game finds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// A join waits for flows on which no token comes.
    Deadlock { join: NodeIx, missing: BTreeSet<FlowIx> },
    /// A node passes two tokens at once.
    Twice { node: NodeIx },
    /// There are too many markings.
    TooMany,
}

/// Where a token is: on a flow, or at a node that it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Flow(FlowIx),
    At(NodeIx),
}

type Marking = BTreeSet<Place>;

/// What becomes of a token.
#[derive(Clone, Debug)]
enum Choice {
    Tokens(Vec<Place>),
    /// The body ends, with all tokens.
    Over,
}

pub(super) struct Net<'g> {
    graph: &'g Graph,
    body: BodyIx,
    rank: BTreeMap<NodeIx, (bool, usize)>,
    /// Looks at tokens that are left.
    left: Cell<usize>,
}

impl<'g> Net<'g> {
    pub(super) fn of(graph: &'g Graph, body: BodyIx) -> Self {
        let left = Cell::new(LOOKS_MAX);
        let mut net = Self { graph, body, rank: BTreeMap::new(), left };
        net.set_ranks();
        net
    }

    /// Ranks by the way from the start; side ways before all others.
    fn set_ranks(&mut self) {
        let graph = self.graph;
        let main = self.forward(&graph.body(self.body).starts, &|node| {
            !matches!(graph.node(node).op, Op::Boundary { interrupting: false, .. })
        });
        for (place, node) in main.iter().enumerate() {
            self.rank.insert(*node, (true, place));
        }
        let sides: Vec<NodeIx> = graph.body(self.body).nodes.clone();
        let side = self.forward(&sides, &|_| true);
        for (place, node) in side.iter().enumerate() {
            self.rank.entry(*node).or_insert((false, place));
        }
    }

    /// What can be reached over nodes that `keep` keeps, nearest first.
    fn forward(&self, from: &[NodeIx], keep: &dyn Fn(NodeIx) -> bool) -> Vec<NodeIx> {
        let mut seen = BTreeSet::new();
        let mut after = Vec::new();
        let mut stack: Vec<(NodeIx, bool)> = from.iter().map(|node| (*node, false)).collect();
        while let Some((node, left)) = stack.pop() {
            if left {
                after.push(node);
            } else if keep(node) && seen.insert(node) {
                stack.push((node, true));
                stack.extend(self.graph.successors(node).into_iter().map(|next| (next, false)));
            }
        }
        after.reverse();
        after
    }

    fn look(&self, times: usize) {
        self.left.set(self.left.get().saturating_sub(times));
    }

    fn target(&self, place: Place) -> NodeIx {
        match place {
            Place::Flow(flow) => self.graph.flow(flow).map_or(NodeIx(u32::MAX), |f| f.target),
            Place::At(node) => node,
        }
    }

    /// Plays every way, from every start event alone.
    pub(super) fn play(&self) -> BTreeSet<Fault> {
        let def = self.graph.body(self.body);
        let plain: Marking = def.starts.iter().map(|node| Place::At(*node)).collect();
        let starts = def.nodes.iter().filter(|node| self.graph.node(**node).op == Op::Start);
        let others = starts.filter(|node| !def.starts.contains(node));
        let mut open: Vec<Marking> = others.map(|node| [Place::At(*node)].into()).collect();
        open.push(plain);
        let mut seen: BTreeSet<Marking> = open.iter().cloned().collect();
        let (mut faults, mut stuck) = (BTreeSet::new(), BTreeMap::new());
        while let Some(marking) = open.pop() {
            if marking.is_empty() {
                continue;
            }
            let Some((node, taken)) = self.next(&marking) else {
                self.stuck(&marking, &mut stuck);
                continue;
            };
            for choice in self.choices(node) {
                let Choice::Tokens(new) = choice else { continue };
                let mut next: Marking = marking.difference(&taken).copied().collect();
                if new.iter().any(|place| !next.insert(*place)) {
                    faults.insert(Fault::Twice { node });
                } else if seen.len() >= STATES_MAX || self.left.get() == 0 {
                    faults.insert(Fault::TooMany);
                    open.clear();
                    break;
                } else if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        let deadlock = |(join, missing)| Fault::Deadlock { join, missing };
        faults.extend(stuck.into_iter().map(deadlock));
        faults
    }

    /// The node that moves next, and the tokens that it takes.
    fn next(&self, marking: &Marking) -> Option<(NodeIx, Marking)> {
        self.look(marking.len());
        let mut best: Option<((bool, usize), NodeIx, Marking)> = None;
        for place in marking {
            let node = self.target(*place);
            let rank = self.rank.get(&node).copied().unwrap_or_default();
            if best.as_ref().is_some_and(|(found, ..)| *found <= rank) {
                continue;
            }
            if let Some(taken) = self.enabled(node, *place, marking) {
                best = Some((rank, node, taken));
            }
        }
        best.map(|(_, node, taken)| (node, taken))
    }

    /// The tokens that a node takes when it moves because of one of them.
    fn enabled(&self, node: NodeIx, place: Place, marking: &Marking) -> Option<Marking> {
        let def = self.graph.node(node);
        let joins = def.incoming.len() > 1 && matches!(def.op, Op::Parallel | Op::Inclusive);
        if !joins {
            return Some([place].into());
        }
        let incoming = def.incoming.iter().map(|flow| Place::Flow(*flow));
        let here: Marking = incoming.filter(|place| marking.contains(place)).collect();
        if def.op == Op::Parallel {
            return (here.len() == def.incoming.len()).then_some(here);
        }
        self.look(marking.len().saturating_mul(def.incoming.len()));
        let has: Vec<bool> =
            def.incoming.iter().map(|flow| marking.contains(&Place::Flow(*flow))).collect();
        let waits = marking.iter().map(|place| self.target(*place)).any(|at| {
            let reaches = |with: bool| {
                let flows = def.reach.iter().zip(&has);
                flows.clone().any(|(from, has)| *has == with && from.binary_search(&at).is_ok())
            };
            at != node && reaches(false) && !reaches(true)
        });
        (!waits).then_some(here)
    }

    /// The joins that hold up a marking in which nothing moves, with what they lack.
    fn stuck(&self, marking: &Marking, stuck: &mut BTreeMap<NodeIx, BTreeSet<FlowIx>>) {
        for place in marking {
            let join = self.target(*place);
            let flows = self.graph.node(join).incoming.iter().copied();
            let missing = flows.filter(|flow| !marking.contains(&Place::Flow(*flow)));
            stuck.entry(join).or_default().extend(missing);
        }
    }

    /// What may become of the tokens that a node takes.
    fn choices(&self, node: NodeIx) -> Vec<Choice> {
        let def = self.graph.node(node);
        let flows = |flows: &[FlowIx]| flows.iter().map(|flow| Place::Flow(*flow)).collect();
        let all: Vec<Place> = flows(&def.outgoing);
        if let Op::End(say) = def.op {
            let over = matches!(say, Say::Terminate | Say::Error(_));
            return vec![if over { Choice::Over } else { Choice::Tokens(Vec::new()) }];
        }
        if let Op::Throw(Say::Link(to)) = def.op {
            return vec![Choice::Tokens(to.into_iter().map(Place::At).collect())];
        }
        if def.op == Op::Parallel {
            return vec![Choice::Tokens(all)];
        }
        if matches!(def.op, Op::Exclusive | Op::EventBased) && all.len() > 1 {
            return all.iter().map(|place| Choice::Tokens(vec![*place])).collect();
        }
        if def.op != Op::Inclusive || all.len() < 2 {
            return self.activity(node, all);
        }
        let default = def.default.map(Place::Flow);
        let others: Vec<Place> =
            all.iter().copied().filter(|place| Some(*place) != default).collect();
        let mut choices = subsets(&others);
        choices.extend(default.map(|default| vec![default]));
        choices.into_iter().map(Choice::Tokens).collect()
    }

    /// An activity or event goes on, or one of its boundary events does.
    fn activity(&self, node: NodeIx, all: Vec<Place>) -> Vec<Choice> {
        let def = self.graph.node(node);
        let is_conditional = |place: &Place| match place {
            Place::Flow(flow) => {
                let condition = self.graph.flow(*flow).map(|flow| &flow.condition);
                !matches!(condition, None | Some(Condition::None))
            }
            Place::At(_) => false,
        };
        let default = def.default.map(Place::Flow);
        let rest = all.into_iter().filter(|place| Some(*place) != default);
        let (conditional, always): (Vec<Place>, Vec<Place>) = rest.partition(is_conditional);
        let mut ways: Vec<Vec<Place>> = Vec::new();
        if conditional.is_empty() || default.is_some() || !always.is_empty() {
            let default = default.filter(|_| !conditional.is_empty() || always.is_empty());
            ways.push(always.iter().copied().chain(default).collect());
        }
        let with_always = |some: Vec<Place>| some.into_iter().chain(always.clone()).collect();
        ways.extend(subsets(&conditional).into_iter().map(with_always));
        let mut interrupted = Vec::new();
        for boundary in &def.boundaries {
            let out = self.graph.node(*boundary).outgoing.iter().map(|flow| Place::Flow(*flow));
            let Op::Boundary { interrupting, .. } = self.graph.node(*boundary).op else { continue };
            if interrupting {
                interrupted.push(out.collect());
            } else {
                let both = |way: &Vec<Place>| way.iter().copied().chain(out.clone()).collect();
                let more: Vec<Vec<Place>> = ways.iter().map(both).collect();
                ways.extend(more);
            }
            ways.truncate(64);
        }
        ways.extend(interrupted);
        ways.into_iter().map(Choice::Tokens).collect()
    }
}

/// Every choice of one or more; of many, each alone and all together.
fn subsets(places: &[Place]) -> Vec<Vec<Place>> {
    if places.len() > CHOICES_MAX {
        let mut some: Vec<Vec<Place>> = places.iter().map(|place| vec![*place]).collect();
        some.push(places.to_vec());
        return some;
    }
    let mut sets: Vec<Vec<Place>> = vec![Vec::new()];
    for place in places {
        let with = |set: &Vec<Place>| set.iter().copied().chain([*place]).collect();
        let more: Vec<Vec<Place>> = sets.iter().map(with).collect();
        sets.extend(more);
    }
    sets.retain(|set| !set.is_empty());
    sets
}
