//! Where ways part and meet.

use chaincity_types::Value;

use super::Stop;
use super::machine::{Go, Machine, Mode};
use super::state::{Kind, ScopeId};
use crate::graph::{Condition, FlowIx, NodeIx, Op, Wait};

/// How many pairs of token and way an inclusive join looks at for the price of one move.
const LOOKS_A_MOVE: usize = 1_024;

impl Machine<'_, '_> {
    /// Sends tokens on from a node that is done.
    pub(super) fn leave(&mut self, scope: ScopeId, node: NodeIx) -> Result<(), Stop> {
        let flows = self.ways(scope, node)?;
        self.queue.extend(flows.into_iter().map(|flow| Go::Along(scope, flow)));
        Ok(())
    }

    /// The flows that are taken.
    fn ways(&mut self, scope: ScopeId, node: NodeIx) -> Result<Vec<FlowIx>, Stop> {
        let graph = self.graph;
        let def = graph.node(node);
        if def.op == Op::Parallel {
            return Ok(def.outgoing.clone());
        }
        let decides = matches!(def.op, Op::Exclusive | Op::Inclusive) && self.mode == Mode::Auto;
        // Were a gateway outside the subset to send tokens all ways, that would be a guess.
        let unknown = def.op == Op::Pass
            && graph.label(node).is_some_and(|label| label.element.ends_with("Gateway"));
        if decides || unknown {
            return Ok(def.default.or_else(|| def.outgoing.first().copied()).into_iter().collect());
        }
        let (mut taken, mut undecided, mut holds) = (Vec::new(), false, false);
        for flow in def.outgoing.iter().filter(|flow| def.default != Some(**flow)) {
            let conditional =
                !matches!(graph.flow(*flow).map(|f| &f.condition), Some(Condition::None));
            undecided |= conditional;
            if self.is_open(scope, *flow)? {
                taken.push(*flow);
                holds |= conditional || def.op == Op::Inclusive;
                if def.op == Op::Exclusive {
                    return Ok(taken);
                }
            }
        }
        if !holds && (undecided || taken.is_empty()) {
            taken.extend(def.default);
        }
        if taken.is_empty() && !def.outgoing.is_empty() {
            let first = def.outgoing.first().copied().filter(|_| self.mode == Mode::Auto);
            taken.push(first.ok_or(Stop::NoWay(node))?);
        }
        Ok(taken)
    }

    fn is_open(&mut self, scope: ScopeId, flow: FlowIx) -> Result<bool, Stop> {
        let graph = self.graph;
        let condition = graph.flow(flow).map_or(&Condition::None, |flow| &flow.condition);
        match (condition, self.mode) {
            (Condition::None, _) => Ok(true),
            (_, Mode::Auto) => Ok(false),
            (Condition::Opaque, Mode::Data) => Err(Stop::Rule("a condition is no rule".into())),
            (Condition::Rule(rule), Mode::Data) => {
                Ok(self.evaluate(scope, rule, &[])? == Value::Bool(true))
            }
        }
    }

    /// Waits for the first of the events behind an event-based gateway.
    pub(super) fn choose_event(&mut self, scope: ScopeId, node: NodeIx) -> Result<(), Stop> {
        self.completed(node);
        let graph = self.graph;
        let flows = graph.node(node).outgoing.iter().filter_map(|flow| graph.flow(*flow));
        let mut targets: Vec<NodeIx> = flows.map(|flow| flow.target).collect();
        targets.sort_unstable();
        let group = self.state.fresh();
        let mut opened = false;
        for target in targets {
            let waits = matches!(
                graph.node(target).op,
                Op::Catch(Wait::Message | Wait::Timer { .. }) | Op::Task(_)
            );
            if waits {
                self.open(scope, target, Kind::Event(Some(group)), None)?;
                opened = true;
            }
        }
        if !opened {
            // Only events outside the subset: the first way, as for any of them.
            let first = graph.node(node).outgoing.first();
            self.queue.extend(first.map(|flow| Go::Along(scope, *flow)));
        }
        Ok(())
    }

    /// Fires one inclusive join to which no more token can come; whether one did.
    ///
    /// A join waits for an empty flow only while a token elsewhere in the scope can reach that
    /// flow, without passing the join, and can reach none of the flows that have a token (BPMN
    /// 2.0.2, 13.4.3).
    pub(super) fn fire_inclusive(&mut self) -> Result<bool, Stop> {
        let graph = self.graph;
        let (mut ready, mut looked) = (None, 0_usize);
        'scopes: for (id, scope) in &self.state.scopes {
            for flow in scope.arrived.keys() {
                let Some(join) = graph.flow(*flow).map(|flow| flow.target) else { continue };
                let def = graph.node(join);
                if def.op != Op::Inclusive {
                    continue;
                }
                let tokens = self.state.works.len().saturating_add(scope.arrived.len());
                looked = looked.saturating_add(tokens.saturating_mul(def.incoming.len()));
                if !self.may_still_come(*id, join) {
                    ready = Some((*id, join));
                    break 'scopes;
                }
            }
        }
        // Looking is dear where there are many tokens and ways.
        let moves = looked.checked_div(LOOKS_A_MOVE).and_then(|moves| u32::try_from(moves).ok());
        self.draw_many(moves.unwrap_or(u32::MAX))?;
        let Some((scope, join)) = ready else { return Ok(false) };
        self.draw()?;
        self.take_arrived(scope, &graph.node(join).incoming);
        self.completed(join);
        self.leave(scope, join)?;
        Ok(true)
    }

    fn may_still_come(&self, scope: ScopeId, join: NodeIx) -> bool {
        let def = self.graph.node(join);
        let Some(at) = self.state.scopes.get(&scope) else { return false };
        let works = self.state.works.values().filter(|work| {
            work.scope == scope && !matches!(work.kind, Kind::Boundary(_) | Kind::Handler(_))
        });
        let joins = at.arrived.keys().filter_map(|flow| self.graph.flow(*flow));
        let joins = joins.map(|flow| flow.target).filter(|node| *node != join);
        let has_token: Vec<bool> =
            def.incoming.iter().map(|flow| at.arrived.contains_key(flow)).collect();
        works.map(|work| work.node).chain(joins).any(|place| {
            let reaches = |with_token: bool| {
                def.reach
                    .iter()
                    .zip(&has_token)
                    .any(|(from, has)| *has == with_token && from.binary_search(&place).is_ok())
            };
            reaches(false) && !reaches(true)
        })
    }
}
