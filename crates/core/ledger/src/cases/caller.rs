//! Who may do what with a case.

use std::collections::BTreeSet;

use chaincity_process::graph::{APPLICANT, Facts, HOLDER, Role};
use chaincity_types::{Reject, Str, Value};

use super::flow::Flow;
use super::{Fields, word, words};
use crate::authority::Caller;
use crate::call::CallRun;
use crate::halt::{Halt, reject};

/// The field of a task or wait that says who may do or send it.
pub(super) const MAY: &str = "may";

/// The party for which an operator acts: the subject that it is, or its member.
pub(super) fn party(caller: &Caller) -> &Str {
    caller.subject.as_ref().unwrap_or(&caller.member)
}

/// Whoever began the case: as the same subject, or for the same member.
pub(super) fn is_applicant(caller: &Caller, case: &Fields) -> bool {
    word(case, "applicant") == party(caller).as_str()
}

pub(super) fn check_applicant(run: &CallRun<'_, '_>, case: &Fields) -> Result<(), Halt> {
    if is_applicant(run.frame.caller, case) {
        Ok(())
    } else {
        reject(Reject::NotAuthorised, "for the applicant alone")
    }
}

/// Who holds these roles in a case, as its records keep it: `role` when anybody may, else
/// `role@party` for each party that the case or its variables name.
pub(super) fn holders<'r>(
    roles: impl IntoIterator<Item = &'r Role>,
    case: &Fields,
    variables: Option<&Fields>,
) -> BTreeSet<Str> {
    let mut holders = BTreeSet::new();
    for role in roles {
        let at = |party: &str| Str::from(format!("{}@{party}", role.name));
        match role.of.as_deref() {
            None => holders.extend([role.name.clone()]),
            Some(own @ (APPLICANT | HOLDER)) => holders.extend([at(word(case, own))]),
            Some(_) => {
                let named = variables.into_iter().flat_map(|known| role.named(known));
                holders.extend(named.map(|party| at(party)));
            }
        }
    }
    holders
}

/// Whether the caller is one of these holders.
fn is_one<'h>(caller: &Caller, holders: impl IntoIterator<Item = &'h Str>) -> bool {
    holders.into_iter().any(|holder| match holder.split_once('@') {
        Some((role, of)) => of == party(caller).as_str() && caller.has_role(role),
        None => caller.has_role(holder),
    })
}

/// One of these holders; whoever holds the role for another party is told so.
pub(super) fn check_one<'h>(
    caller: &Caller,
    holders: impl Iterator<Item = &'h Str> + Clone,
) -> Result<(), Halt> {
    if is_one(caller, holders.clone()) {
        return Ok(());
    }
    let roles: BTreeSet<&str> =
        holders.map(|holder| holder.split_once('@').map_or(&**holder, |(role, _)| role)).collect();
    if roles.iter().any(|role| caller.has_role(role)) {
        return reject(Reject::OtherParty, "the role is needed for another party");
    }
    let roles: Vec<&str> = roles.into_iter().collect();
    reject(Reject::NotAuthorised, format!("one of the roles `{}` is needed", roles.join("`, `")))
}

/// One of those who keep the case.
pub(super) fn check_keeper(run: &CallRun<'_, '_>, case: &Fields) -> Result<(), Halt> {
    check_one(run.frame.caller, words(case, "keepers"))
}

/// The applicant, or whoever holds a role of the case's process for a party to it.
pub(super) fn check_involved(run: &CallRun<'_, '_>, flow: &Flow) -> Result<(), Halt> {
    let (caller, case) = (run.frame.caller, &flow.fields);
    if is_applicant(caller, case) || is_one(caller, words(case, "keepers")) {
        return Ok(());
    }
    for (process, role) in flow.graph.roles_within(word(case, "process")) {
        // Each instance of a called process has variables of its own.
        let mut known = flow.state.variables_in(&flow.graph, process);
        let holds = |known| is_one(caller, &holders([role], case, known));
        if caller.has_role(&role.name)
            && if role.variable().is_some() { known.any(|k| holds(Some(k))) } else { holds(None) }
        {
            return Ok(());
        }
    }
    reject(Reject::NotAuthorised, "for those who take part in the case")
}

/// One of those who may do an open task, as its record says; a task without any role is anybody's
/// who may do its actions.
pub(super) fn check_may(caller: &Caller, task: &Fields) -> Result<(), Halt> {
    if task.contains_key(MAY) { check_one(caller, words(task, MAY)) } else { Ok(()) }
}

/// Whether an open task names the caller, whatever became of the case's variables since.
pub(super) fn is_doer(caller: &Caller, task: &Fields) -> bool {
    is_one(caller, words(task, MAY))
}

/// Nobody checks its own work: of the tasks that this one names, the caller did none.
pub(super) fn check_four_eyes(caller: &Caller, facts: &Facts, case: &Fields) -> Result<(), Halt> {
    let doers = case.get("doers").and_then(Value::as_map);
    for node in &facts.not_by {
        let of = doers.and_then(|doers| doers.get(node)).and_then(Value::as_list);
        let did = |doer: &Value| doer.as_text() == Some(caller.name.as_str());
        if of.unwrap_or_default().iter().any(did) {
            return reject(Reject::FourEyes, format!("the same operator did `{node}`"));
        }
    }
    Ok(())
}
