//! What calls and groups look like: the packages and the process, as they came with the binary.

use std::collections::BTreeMap;

use chaincity_ledger::cases::Graph;
use chaincity_package::json::to_fields;
use chaincity_package::model::{Group, Package};
use chaincity_process::graph::Facts;
use chaincity_types::{Str, Value};
use serde_json::Value as Json;

use crate::fault::Fault;
use crate::shipped;

/// An input.
pub(super) type Fields = BTreeMap<Str, Value>;

/// The packages that a sale uses, each after those that it requires.
pub(crate) const PACKAGES: [&str; 5] =
    ["identity", "disclosure", "real-estate", "settlement", "utilities"];
/// The process, and the package that it is in.
pub(super) const PROCESS: (&str, &str) = ("real-estate", "sale-mortgaged");
const FILE: &str = "processes/sale-mortgaged.bpmn";

/// The packages, compiled, and the process.
#[derive(Debug)]
pub(super) struct Forms {
    packages: BTreeMap<&'static str, Package>,
    graph: Graph,
}

impl Forms {
    /// Reads what came with the binary.
    pub(super) fn read() -> Result<Self, Fault> {
        let mut packages = BTreeMap::new();
        for id in PACKAGES {
            let compiled = chaincity_package::compile(&shipped::source(id)?.doc);
            let unfit = |_problems| Fault::other(format!("应用包 {id}"), format!("package {id}"));
            packages.insert(id, compiled.map_err(unfit)?);
        }
        let model = chaincity_process::parse(FILE, shipped::file(PROCESS.0, FILE)?.as_bytes());
        let model = model
            .map_err(|_problems| Fault::other("流程无法读取", "the process cannot be read"))?;
        let (graph, _) = chaincity_process::compile(&model);
        Ok(Self { packages, graph })
    }

    /// An input as it is written in JSON, by the action's declaration.
    pub(super) fn input(
        &self,
        (package, action): (&str, &str),
        input: &Json,
    ) -> Result<Fields, Fault> {
        let unfit = |why: String| {
            Fault::other(format!("{package}/{action} 的输入"), format!("{package}/{action}: {why}"))
        };
        let declared = self.packages.get(package).and_then(|package| package.actions.get(action));
        let declared = declared.ok_or_else(|| unfit("no such action".to_owned()))?;
        let given = input.as_object().ok_or_else(|| unfit("no object".to_owned()))?;
        to_fields(&declared.input, given).map_err(|problem| unfit(problem.to_string()))
    }

    /// A field group.
    pub(super) fn group(&self, package: &str, group: &str) -> Option<&Group> {
        self.packages.get(package)?.groups.get(group)
    }

    /// What a node of the process is called.
    pub(super) fn name<'a>(&'a self, node: &'a str) -> &'a str {
        let label = self.graph.find(node).and_then(|node| self.graph.label(node));
        label.map_or(node, |label| &label.name)
    }

    /// What people must know of a node of the process.
    pub(super) fn facts(&self, node: &str) -> Option<&Facts> {
        Some(self.graph.facts(self.graph.find(node)?))
    }

    /// The process.
    #[cfg(test)]
    pub(super) const fn graph(&self) -> &Graph {
        &self.graph
    }
}
