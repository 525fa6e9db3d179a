//! One call: package → action → input → authority → reads → mandates → guards → effects.
//!
//! A call gathers its changes as drafts, one a record however often it changes it, and settles
//! them at the end: then indexes are brought up to date and versions are made. Whatever halts
//! it leaves nothing behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_package::model::{Action, Guard, Package};
use chaincity_package::rule::{Environment, Fuel};
use chaincity_types::wire::{Call, Event, LogicalKey, Provenance};
use chaincity_types::{Digest, Reject, Str, Value};

use crate::append::Append;
use crate::authority::Caller;
use crate::counters::{Count, Last, Late};
use crate::draft::Draft;
use crate::governance::Booking;
use crate::halt::{Halt, Rejection, reject};
use crate::session::{Layer, Session, draw};
use crate::timers::Due;
use crate::{cases, fields, fuel, governance, is_built_in};

/// The records that a name of a read or an insertion stands for.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    /// Their register, of the action's package.
    pub(crate) register: Str,
    /// Their keys.
    pub(crate) keys: Vec<Str>,
}

/// What a call is part of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// Transaction id.
    pub(crate) transaction: Digest,
    /// Which call of it, from 0.
    pub(crate) index: u32,
    /// The call.
    pub(crate) call: &'a Call,
    /// Who signed.
    pub(crate) caller: &'a Caller,
    /// The calls before it, if its transaction is atomic: they applied, or it would not run.
    pub(crate) before: &'a [Call],
    /// The intent key to mark as used, if this is the call to do it.
    pub(crate) intent: Option<&'a Str>,
    /// How many actions called each other to get here.
    pub(crate) depth: u8,
    /// Records that got a derived key before, in this call of the transaction.
    pub(crate) ordinal: u32,
}

/// Deepest chain of actions that call each other.
const DEPTH_MAX: u8 = 4;

/// A running call.
pub(crate) struct CallRun<'s, 'v> {
    pub(crate) session: &'s mut Session<'v>,
    pub(crate) frame: Frame<'s>,
    pub(crate) package: Arc<Package>,
    pub(crate) environment: Environment,
    pub(crate) bindings: BTreeMap<Str, Binding>,
    pub(crate) drafts: BTreeMap<LogicalKey, Draft>,
    /// Keys of `drafts` in the order of their first change.
    pub(crate) order: Vec<LogicalKey>,
    pub(crate) events: Vec<Event>,
    /// Last numbers given so far by running numbers in this call.
    pub(crate) counters: BTreeMap<LogicalKey, i64>,
    /// Numbers to be given when the call is settled.
    pub(crate) numbers: Vec<Late>,
    /// Counters to be moved when the call is settled.
    pub(crate) counts: Vec<Count>,
    /// What is to be added to lists when the call is settled.
    pub(crate) appends: Vec<Append>,
    /// Timers that the drafts set.
    pub(crate) timers: Vec<Due>,
    /// Actions of other packages to be called once the drafts are versions.
    pub(crate) calls: Vec<Call>,
    pub(crate) fuel: Fuel,
    pub(crate) ordinal: u32,
    /// Whether a key was missing somewhere; the call then goes on only to name more keys.
    pub(crate) missing: bool,
    /// Whether it reports what a source system has booked.
    pub(crate) booking: Booking,
    /// Codes of the rules that a report breaks.
    pub(crate) discrepancies: Vec<Str>,
    /// The case that it is about, if that follows from its input.
    pub(crate) case: Option<Str>,
}

/// A call that nothing stands against, as long as what it read stands: what is left is done
/// blindly, on what the calls before it left.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    package: Arc<Package>,
    drafts: BTreeMap<LogicalKey, Draft>,
    order: Vec<LogicalKey>,
    events: Vec<Event>,
    counters: Last,
    numbers: Vec<Late>,
    counts: Vec<Count>,
    appends: Vec<Append>,
    timers: Vec<Due>,
    calls: Vec<Call>,
    ordinal: u32,
    case: Option<Str>,
}

impl Decided {
    /// Whether it calls actions of other packages.
    pub(crate) const fn calls_others(&self) -> bool {
        !self.calls.is_empty()
    }
}

/// What an applied call leaves.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) layer: Layer,
    pub(crate) events: Vec<Event>,
    ordinal: u32,
}

/// Runs one call with at most `fuel`; what it did not use stays in `fuel`.
pub(crate) fn run(
    session: &mut Session<'_>,
    frame: Frame<'_>,
    fuel: &mut Fuel,
) -> Result<Applied, Halt> {
    let mut decided = decide(session, frame, fuel)?;
    settle(session, frame, &mut decided, fuel)
}

/// Decides one call: everything but what is done blindly. Reads nothing that only that needs.
pub(crate) fn decide(
    session: &mut Session<'_>,
    frame: Frame<'_>,
    fuel: &mut Fuel,
) -> Result<Decided, Halt> {
    if frame.depth > DEPTH_MAX {
        return reject(Reject::CallDepth, format!("more than {DEPTH_MAX}"));
    }
    // An action's call of another was paid for when it was planned.
    if frame.depth == 0 {
        draw(fuel, fuel::CALL)?;
    }
    let package = session.package(&frame.call.package)?;
    let known = Arc::clone(&package);
    let Some(action) = known.actions.get(&frame.call.action) else {
        return reject(Reject::UnknownAction, "no action with this name");
    };
    let today = session.context.time.china_day();
    let given = frame.call.input.clone();
    let input = fields::check_all(&action.input, given, Reject::InvalidInput, today)?;
    let mut run = CallRun::new(session, frame, package, *fuel);
    run.booking(&known, action)?;
    // The built-in actions that name no role check in their own code who may call.
    let own_check = is_built_in(&known.id) && action.by.is_empty();
    if !own_check && run.booking == Booking::Own {
        frame.caller.check_roles(&action.by)?;
    }
    let result = run.execute(action, input);
    *fuel = run.fuel;
    result.map(|()| run.suspend())
}

/// Does what a decided call does. A missing key leaves `decided` and `fuel` as they were.
pub(crate) fn settle(
    session: &mut Session<'_>,
    frame: Frame<'_>,
    decided: &mut Decided,
    fuel: &mut Fuel,
) -> Result<Applied, Halt> {
    let mut run = CallRun::resume(session, frame, std::mem::take(decided), *fuel);
    let result = run.settle();
    if matches!(result, Err(Halt::Missing)) {
        *decided = run.suspend();
        return Err(Halt::Missing);
    }
    *fuel = run.fuel;
    let Decided { events, calls, ordinal, .. } = run.suspend();
    let applied = Applied { layer: result?, events, ordinal };
    if calls.is_empty() { Ok(applied) } else { call_others(session, frame, applied, &calls, fuel) }
}

/// Calls actions of other packages, each on what was written before it. The operator acts with
/// its own roles and the mandates that the call names: authority is not inherited.
fn call_others(
    session: &mut Session<'_>,
    frame: Frame<'_>,
    mut applied: Applied,
    calls: &[Call],
    fuel: &mut Fuel,
) -> Result<Applied, Halt> {
    // The writes are moved, never copied: a copy for each call would cost by the square.
    session.calling.push(std::mem::take(&mut applied.layer));
    session.via.push(frame.call.package.clone());
    let mut result = Ok(());
    for call in calls {
        let depth = frame.depth.saturating_add(1);
        let inner = Frame { call, intent: None, depth, ordinal: applied.ordinal, ..frame };
        match run(session, inner, fuel) {
            Ok(inner) => {
                if let Some(layer) = session.calling.last_mut() {
                    layer.absorb(inner.layer);
                }
                applied.events.extend(inner.events);
                applied.ordinal = inner.ordinal;
            }
            Err(halt) => {
                result = Err(halt);
                break;
            }
        }
    }
    session.via.pop();
    applied.layer = session.calling.pop().unwrap_or_default();
    result.map(|()| applied)
}

impl<'s, 'v> CallRun<'s, 'v> {
    /// A call that has seen and done nothing yet.
    pub(crate) fn new(
        session: &'s mut Session<'v>,
        frame: Frame<'s>,
        package: Arc<Package>,
        fuel: Fuel,
    ) -> Self {
        Self {
            session,
            frame,
            package,
            environment: Environment::new(),
            bindings: BTreeMap::new(),
            drafts: BTreeMap::new(),
            order: Vec::new(),
            events: Vec::new(),
            counters: BTreeMap::new(),
            numbers: Vec::new(),
            counts: Vec::new(),
            appends: Vec::new(),
            timers: Vec::new(),
            calls: Vec::new(),
            fuel,
            ordinal: frame.ordinal,
            missing: false,
            booking: Booking::Own,
            discrepancies: Vec::new(),
            case: None,
        }
    }
}

impl<'s, 'v> CallRun<'s, 'v> {
    /// A decided call, about to be settled.
    fn resume(
        session: &'s mut Session<'v>,
        frame: Frame<'s>,
        decided: Decided,
        fuel: Fuel,
    ) -> Self {
        Self {
            drafts: decided.drafts,
            order: decided.order,
            events: decided.events,
            counters: decided.counters,
            numbers: decided.numbers,
            counts: decided.counts,
            appends: decided.appends,
            timers: decided.timers,
            calls: decided.calls,
            ordinal: decided.ordinal,
            case: decided.case,
            ..Self::new(session, frame, decided.package, fuel)
        }
    }

    /// What is left to do.
    fn suspend(self) -> Decided {
        Decided {
            package: self.package,
            drafts: self.drafts,
            order: self.order,
            events: self.events,
            counters: self.counters,
            numbers: self.numbers,
            counts: self.counts,
            appends: self.appends,
            timers: self.timers,
            calls: self.calls,
            ordinal: self.ordinal,
            case: self.case,
        }
    }
}

impl CallRun<'_, '_> {
    /// What rules see before any read.
    fn see(&mut self, action: &Action, mut input: BTreeMap<Str, Value>) {
        for name in action.input.keys() {
            input.entry(name.clone()).or_insert(Value::Null);
        }
        self.environment = self.package.environment(self.session.context.time);
        self.environment.extend([
            ("input".into(), Value::Map(input)),
            ("caller".into(), self.frame.caller.to_value(self.session.via.last())),
            ("action".into(), Value::Text(action.name.clone())),
        ]);
    }

    fn execute(&mut self, action: &Action, input: BTreeMap<Str, Value>) -> Result<(), Halt> {
        self.check_input_refs(action, &input)?;
        if self.package.id == governance::ID {
            self.see(action, input.clone());
            governance::apply(self, action, &input)?;
        } else if self.package.id == cases::ID {
            cases::apply(self, action, &input)?;
        } else {
            self.see(action, input);
            self.read_all(&action.reads)?;
            // Whose consent the source system has, it has checked itself.
            let reported = self.booking == Booking::Reported;
            self.use_mandates(if reported { &[] } else { &action.mandates })?;
            self.check_guards(action)?;
            self.apply_effects(&action.effects)?;
        }
        self.decide()
    }

    /// Continues after a missing key, to name further keys in the same round; anything else
    /// halts, unless a key was missing before: then the fault may only follow from that.
    pub(crate) fn tolerate(&mut self, result: Result<(), Halt>) -> Result<(), Halt> {
        match result {
            Ok(()) => Ok(()),
            Err(Halt::Missing) => {
                self.missing = true;
                Ok(())
            }
            Err(Halt::Rejected(_)) if self.missing => Ok(()),
            Err(halt) => Err(halt),
        }
    }

    /// Halts if a key was missing.
    pub(crate) const fn halt_if_missing(&self) -> Result<(), Halt> {
        if self.missing { Err(Halt::Missing) } else { Ok(()) }
    }

    /// References in the input must name records, as references in fields must.
    fn check_input_refs(
        &mut self,
        action: &Action,
        input: &BTreeMap<Str, Value>,
    ) -> Result<(), Halt> {
        let references = fields::references_of(&self.package.id, &action.input, input);
        self.check_references(references)
    }

    /// References must name records.
    pub(crate) fn check_references(
        &mut self,
        references: Vec<(LogicalKey, Str)>,
    ) -> Result<(), Halt> {
        for (key, field) in references {
            let result = self.check_reference(&key, &field);
            self.tolerate(result)?;
        }
        Ok(())
    }

    /// A reference must name a record, live or closed, of the state or of this call.
    pub(crate) fn check_reference(&mut self, key: &LogicalKey, field: &str) -> Result<(), Halt> {
        if self.drafts.contains_key(key) {
            return Ok(());
        }
        draw(&mut self.fuel, fuel::READ)?;
        match self.session.get(key)? {
            Some(_) => Ok(()),
            None => reject(Reject::NotFound, format!("reference in `{field}`")),
        }
    }

    fn check_guards(&mut self, action: &Action) -> Result<(), Halt> {
        for guard in &action.guards {
            let result = self.check_guard(guard);
            self.broken(result)?;
        }
        Ok(())
    }

    fn check_guard(&mut self, guard: &Guard) -> Result<(), Halt> {
        let value = guard.that.run(&self.environment, &mut self.fuel)?;
        let Value::Bool(holds) = value else {
            let detail = format!("guard `{}` gave a {}", guard.code, value.kind());
            return reject(Reject::RuleError, detail);
        };
        if holds {
            Ok(())
        } else {
            Err(Halt::Rejected(Rejection { code: guard.code.clone(), detail: None }))
        }
    }

    /// Who writes, by what, and when.
    ///
    /// INVARIANT (I3): every version that a call writes carries this.
    pub(crate) fn provenance(&self) -> Provenance {
        let context = self.session.context;
        Provenance {
            transaction: self.frame.transaction,
            call: self.frame.index,
            operator: self.frame.caller.key.clone(),
            member: self.frame.caller.member.clone(),
            package: self.package.id.clone(),
            package_version: self.package.version,
            action: self.frame.call.action.clone(),
            height: context.height,
            time: context.time,
            case: self.frame.call.case.clone().or_else(|| self.case.clone()),
            mandates: self.frame.call.mandates.clone().filter(|named| !named.is_empty()),
        }
    }
}
