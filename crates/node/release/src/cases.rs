//! Access by case: the officer takes part in it, it is about the record, and a task of his discloses
//! the group. Rules of a package see no case, so the steward's service judges it when it answers.
//!
//! What the case's own encrypted variables hold is asked for with the process in the register's place
//! and the case in the record's.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use chaincity_ledger::cases::{self, CASE, Graph, MODEL, Model, PROCESS, TASK};
use chaincity_package::claim;
use chaincity_pipeline::{NodeApi, NodeError};
use chaincity_query::{Filter, Op, Select, StatusFilter};
use chaincity_types::wire::Version;
use chaincity_types::{Str, Value};
use futures::executor::block_on;

use crate::agent::{Agent, AgentError};
use crate::answer::Refusal;
use crate::opening::{Asked, Found};

/// Tasks looked at together.
const PAGE: usize = 500;

/// What an officer has to do with a case.
pub(crate) struct Part {
    /// The records that it is about, as `package/register/key`, and itself as `package/process/key`.
    about: BTreeSet<Str>,
    /// Whose process it is.
    package: Str,
    /// What the tasks that he has, or did, disclose, as `register.group` of that package, or as
    /// `package.register.group`.
    disclosed: BTreeSet<Str>,
}

/// What was found out in a round: case, officer.
pub(crate) type Parts = BTreeMap<(String, String), Result<Part, Refusal>>;

impl Agent {
    /// Why an access by case is refused, if it is. What names no case is not asked, but for a case's own
    /// variables: being whom the case is about opens no note of an officer's.
    pub(crate) fn check_case(
        &self,
        (asked, found): (&Asked, &Found),
        parts: &mut Parts,
    ) -> Result<Result<(), Refusal>, AgentError> {
        let Some(case) = &asked.case else {
            let is_record = found.package.registers.contains_key(asked.register.as_str());
            let may = is_record || asked.basis.is_some();
            return Ok(if may { Ok(()) } else { Err(Refusal::NotInCase) });
        };
        let name = (case.clone(), asked.officer.clone());
        let part = match parts.entry(name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(self.part_in(case, &asked.officer)?),
        };
        Ok(part.as_ref().map_err(|refusal| *refusal).and_then(|part| part.check(asked)))
    }

    fn part_in(&self, case: &str, officer: &str) -> Result<Result<Part, Refusal>, AgentError> {
        let Some((_, version)) = block_on(self.node.record(cases::key(CASE, case)))? else {
            return Ok(Err(Refusal::CaseUnknown));
        };
        let text = |name: &str| version.fields.get(name).and_then(Value::as_str);
        if text("status").is_none_or(|status| *status != "running") {
            return Ok(Err(Refusal::CaseNotRunning));
        }
        let model = text("model").map(|name| cases::key(MODEL, name.clone()));
        let model = model.map(|key| block_on(self.node.record(key))).transpose()?.flatten();
        let graph = model.and_then(|(_, model)| cases::compile(&Model(&model.fields)));
        let Some((package, graph)) = text("package").zip(graph) else {
            return Ok(Err(Refusal::CaseUnknown));
        };
        let tasks = self.tasks_of(case)?;
        let mut his = tasks.iter().filter(|task| is_his(task, officer)).peekable();
        if his.peek().is_none() {
            return Ok(Err(Refusal::NotInCase));
        }
        let disclosed = his.flat_map(|task| disclosed_by(task, &graph)).collect();
        let about = version.fields.get("subjects").and_then(Value::as_list).unwrap_or_default();
        let mut about: BTreeSet<Str> = about.iter().filter_map(Value::as_str).cloned().collect();
        // And its own variables.
        about.extend(text("process").map(|of| Str::from(cases::about(package, of, case))));
        Ok(Ok(Part { about, package: package.clone(), disclosed }))
    }

    /// The tasks of a case, done ones too, as the read model has them: it has followed the access,
    /// and so what its officer did before.
    fn tasks_of(&self, case: &str) -> Result<Vec<Version>, AgentError> {
        let filter = Filter { field: "case".into(), op: Op::Eq, value: case.into() };
        let mut select = Select {
            package: cases::ID.to_owned(),
            register: TASK.to_owned(),
            filters: vec![filter],
            status: StatusFilter::Any,
            sort: Vec::new(),
            limit: PAGE,
            cursor: None,
        };
        let mut tasks = Vec::new();
        loop {
            let page = self.model.select(&select)?;
            tasks.extend(page.items);
            select.cursor = page.next;
            if select.cursor.is_none() {
                return Ok(tasks);
            }
        }
    }
}

/// Whether cases of a process in force hold this group in an encrypted variable.
///
/// # Errors
/// When the node cannot read.
pub async fn process_seals(
    node: &dyn NodeApi,
    (package, process, group): (&str, &str, &str),
) -> Result<bool, NodeError> {
    let offered = cases::key(PROCESS, cases::process_key(package, process));
    let Some((_, offered)) = node.record(offered).await? else { return Ok(false) };
    let Some(model) = offered.fields.get("model").and_then(Value::as_str) else { return Ok(false) };
    let Some((_, model)) = node.record(cases::key(MODEL, model.clone())).await? else {
        return Ok(false);
    };
    let graph = cases::compile(&Model(&model.fields));
    let processes = graph.iter().flat_map(Graph::processes).filter(|def| def.id == process);
    let mut variables = processes.flat_map(|def| &def.variables);
    Ok(variables.any(|variable| variable.group().is_some_and(|of| **of == *group)))
}

/// Whether an officer has the task, does it for another, or did it.
fn is_his(task: &Version, officer: &str) -> bool {
    let named = |name: &str| task.fields.get(name).and_then(Value::as_text) == Some(officer);
    ["operator", "delegate", "by"].into_iter().any(named)
}

fn disclosed_by<'g>(task: &Version, graph: &'g Graph) -> impl Iterator<Item = Str> + 'g {
    let node = task.fields.get("node").and_then(Value::as_text).and_then(|node| graph.find(node));
    node.into_iter().flat_map(|node| graph.facts(node).discloses.iter().cloned())
}

impl Part {
    fn check(&self, asked: &Asked) -> Result<(), Refusal> {
        let record = cases::about(&asked.package, &asked.register, &asked.record);
        if !self.about.contains(record.as_str()) {
            return Err(Refusal::RecordNotOfCase);
        }
        let of_claims = asked.claims.iter().filter_map(|name| claim::parts(name));
        let mut groups = asked.groups.iter().map(String::as_str).chain(of_claims.map(|(of, _)| of));
        let discloses = |group: &str| {
            let name = format!("{}.{group}", asked.register);
            let of_package = format!("{}.{name}", asked.package);
            self.disclosed.contains(of_package.as_str())
                || (self.package == asked.package && self.disclosed.contains(name.as_str()))
        };
        if groups.all(discloses) { Ok(()) } else { Err(Refusal::GroupNotDisclosed) }
    }
}
