//! Who may do what with a case.

use chaincity_process::graph::Facts;
use chaincity_types::{Reject, Str, Value};

use super::flow::Flow;
use super::{Fields, word, words};
use crate::authority::Caller;
use crate::call::CallRun;
use crate::halt::{Halt, reject};

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

/// One of the roles that keep the case.
pub(super) fn check_keeper(run: &CallRun<'_, '_>, case: &Fields) -> Result<(), Halt> {
    run.frame.caller.check_roles(&words(case, "keepers").cloned().collect::<Vec<_>>())
}

/// The applicant, or whoever holds a role of the case's process.
pub(super) fn check_involved(run: &CallRun<'_, '_>, flow: &Flow) -> Result<(), Halt> {
    let caller = run.frame.caller;
    let held = |role: &Str| caller.has_role(role);
    let keeps = words(&flow.fields, "keepers").any(held);
    let roles = flow.graph.roles_within(word(&flow.fields, "process"));
    if keeps || is_applicant(caller, &flow.fields) || roles.into_iter().any(held) {
        Ok(())
    } else {
        reject(Reject::NotAuthorised, "for those who take part in the case")
    }
}

/// One of a task's roles; a task without any is anybody's who may do its actions.
pub(super) fn check_roles(caller: &Caller, facts: &Facts) -> Result<(), Halt> {
    if facts.roles.is_empty() { Ok(()) } else { caller.check_roles(&facts.roles) }
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
