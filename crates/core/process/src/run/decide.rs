//! Business-rule tasks with a decision table: decided at once, by data.

use std::collections::BTreeMap;

use chaincity_types::{Str, Value};

use super::Stop;
use super::machine::{Machine, Mode};
use super::state::ScopeId;
use crate::decision::Hit;
use crate::graph::NodeIx;

impl Machine<'_, '_> {
    /// Whether the node decides by itself.
    pub(super) fn decides(&self, node: NodeIx) -> bool {
        self.mode == Mode::Data && self.graph.node(node).table.is_some()
    }

    pub(super) fn decide(&mut self, scope: ScopeId, node: NodeIx) -> Result<(), Stop> {
        let graph = self.graph;
        let Some(table) = graph.node(node).table.and_then(|place| graph.tables.get(place)) else {
            return Err(Stop::NoRule(node));
        };
        let mut decided: Option<BTreeMap<Str, Value>> = None;
        'rows: for (tests, values) in &table.rows {
            for test in tests {
                if self.evaluate(scope, test, &[])? != Value::Bool(true) {
                    continue 'rows;
                }
            }
            let mut set = BTreeMap::new();
            for (name, value) in table.outputs.iter().zip(values) {
                set.insert(name.into(), self.evaluate(scope, value, &[])?);
            }
            match (&decided, table.hit) {
                (None, _) => decided = Some(set),
                (Some(before), Hit::Any) if *before == set => {}
                (Some(_), _) => {
                    return Err(Stop::Rule("several rules of a decision match".to_owned()));
                }
            }
            if table.hit == Hit::First {
                break;
            }
        }
        let set = decided.ok_or(Stop::NoRule(node))?;
        self.assign(scope, &set)?;
        self.completed(node);
        self.leave(scope, node)
    }
}
