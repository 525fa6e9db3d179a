//! What can be told of a transaction before any block holds it: its operator's member, its class,
//! and refusals that no later block could cure.
//!
//! It reads the records of operator, member and packages alone. References, reads, mandates and
//! guards are left to the block: what they refuse is refused there, with a receipt. Only where a
//! transaction changes authority itself, by an action of `governance`, is it run as a whole: a
//! later call may rest on what an earlier one grants.

use chaincity_package::model::{Action, Package};
use chaincity_types::wire::{Call, Entry, Mode, Outcome};
use chaincity_types::{Reject, Str};

use crate::authority::Caller;
use crate::block::BlockRun;
use crate::halt::{Halt, Rejection, reject};
use crate::order::priority;
use crate::session::{Layer, Session};
use crate::view::{BlockContext, Packages, SignedCall, Step, View};
use crate::{fields, governance, is_built_in};

/// Refusals that no later block could turn into success: the sender's mistakes.
const HOPELESS: &[Reject] = &[
    Reject::UnknownOperator,
    Reject::UnknownPackage,
    Reject::UnknownAction,
    Reject::InvalidInput,
    Reject::NotAuthorised,
];

/// A transaction that a block may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admissible {
    /// The operator's member.
    pub member: String,
    /// Priority class; lower goes first.
    pub class: u8,
}

/// Why a transaction as a whole can never apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hopeless {
    /// Stable code.
    pub code: Reject,
    /// What exactly; never a value of a record.
    pub detail: Option<String>,
}

/// Checks a transaction whose form, window and signature are good, as if the block of `context`
/// were to hold it next.
pub fn precheck(
    signed: &SignedCall<'_>,
    context: &BlockContext,
    view: &dyn View,
    packages: &dyn Packages,
) -> Step<Result<Admissible, Hopeless>> {
    let block = Layer::default();
    let mut session = Session::new(context, &block, view, packages);
    let caller = Caller::find(&mut session, signed.operator);
    if let Err(Halt::Rejected(rejection)) = &caller
        && let Some(hopeless) = hopeless(&rejection.code, rejection.detail.as_ref())
    {
        return Step::Done(Err(hopeless));
    }
    let caller = caller.ok();
    // Every call is looked at, so that all packages are asked for in one round.
    let calls = &signed.transaction.calls;
    let governs: Vec<Result<bool, Halt>> =
        calls.iter().map(|call| governs(&mut session, caller.as_ref(), call)).collect();
    let Some(Caller { member, .. }) = caller.filter(|_| session.missing.is_empty()) else {
        return Step::Need(session.missing.into_iter().collect());
    };
    let refused = if governs.contains(&Ok(true)) {
        let mut run = BlockRun::new(*context);
        match run.run(signed, view, packages) {
            Step::Done(()) => of_entries(run.receipts().first().map_or(&[], |r| &r.entries)),
            Step::Need(keys) => return Step::Need(keys),
        }
    } else {
        of_calls(signed.transaction.mode, &governs)
    };
    match (refused, priority(signed.transaction, context, view, packages)) {
        (Some(hopeless), _) => Step::Done(Err(hopeless)),
        (None, Step::Done(class)) => Step::Done(Ok(Admissible { member: member.into(), class })),
        (None, Step::Need(keys)) => Step::Need(keys),
    }
}

/// Whether a call may change authority; if not, it is checked by what is known without reading what
/// it is about. Without a caller (not known yet) it only names its package.
fn governs(session: &mut Session<'_>, caller: Option<&Caller>, call: &Call) -> Result<bool, Halt> {
    let package = session.package(&call.package)?;
    let Some(action) = package.actions.get(&call.action) else {
        return reject(Reject::UnknownAction, "no action with this name");
    };
    if package.id == governance::ID || package.requires.contains_key(governance::ID) {
        return Ok(true);
    }
    let Some(caller) = caller else { return Ok(false) };
    let today = session.context.time.china_day();
    fields::check_all(&action.input, call.input.clone(), Reject::InvalidInput, today)?;
    let own_check = is_built_in(&package.id) && action.by.is_empty();
    if !own_check && !may_report(&package, action, caller) {
        caller.check_roles(&action.by)?;
    }
    Ok(false)
}

/// Whether the caller speaks for the source system of every register that the action writes: then
/// it needs no other role while they mirror it, which their modes say and the block looks up.
fn may_report(package: &Package, action: &Action, caller: &Caller) -> bool {
    let source = |name: &Str| package.registers.get(name.as_str())?.source.as_deref();
    let speaks = |name| source(name).is_some_and(|source| caller.has_role(source));
    !action.writes.is_empty() && action.writes.iter().all(speaks)
}

fn hopeless(code: &str, detail: Option<&String>) -> Option<Hopeless> {
    let code = HOPELESS.iter().find(|reject| reject.code() == code)?;
    Some(Hopeless { code: *code, detail: detail.cloned() })
}

/// An atomic transaction fails with one call, an independent one with all.
fn of_calls(mode: Mode, calls: &[Result<bool, Halt>]) -> Option<Hopeless> {
    let mut refused = calls.iter().map(|call| match call {
        Err(Halt::Rejected(Rejection { code, detail })) => hopeless(code, detail.as_ref()),
        Ok(_) | Err(Halt::Missing) => None,
    });
    match mode {
        Mode::Atomic => refused.find_map(|refused| refused),
        Mode::Independent => refused.collect::<Option<Vec<_>>>()?.into_iter().next(),
    }
}

/// The same of a whole run.
fn of_entries(entries: &[Entry]) -> Option<Hopeless> {
    let refused = entries.iter().map(|entry| match &entry.outcome {
        Outcome::Rejected { code, detail, .. } => hopeless(code, detail.as_ref()),
        Outcome::Applied => None,
    });
    refused.collect::<Option<Vec<_>>>()?.into_iter().next()
}
