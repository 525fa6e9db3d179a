//! A seeded workload of a registry's days: good requests and bad ones, each with what becomes
//! of it, foretold by the naive model.
//!
//! The same seed gives the same requests. Requests must be executed in order: each foretelling
//! assumes that those before it were executed.

use std::collections::BTreeMap;

use crate::city::Actor;
use crate::model::{Asked, Fault, Foretold, Model, Named, Request};

mod agents;
mod applications;
mod calls;
mod entries;
mod forms;
mod migration;
mod queries;
mod random;

pub use calls::{Keys, mandate_call, mandate_key};
pub use random::Random;

/// Requests with what becomes of them.
#[derive(Clone, Debug)]
pub struct Workload {
    random: Random,
    model: Model,
    made: usize,
    /// The unit that the present request is about, if that is settled beforehand.
    at: Option<String>,
    /// The application that the present request goes on with.
    case: Option<usize>,
}

/// How often each action is asked for: what everything else needs comes more often.
const WEIGHTS: [(&str, usize); 6] = [
    ("first-registration", 8),
    ("mortgage", 4),
    ("seal", 2),
    ("unseal", 1),
    ("apply-registration", 2),
    ("register-representation", 2),
];

/// What makes a unit worth coming back to.
const BUSY: [&str; 6] = ["mortgage", "seal", "seal", "notice", "residence", "objection"];

impl Workload {
    /// Begins with an empty register.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), model: Model::default(), made: 0, at: None, case: None }
    }

    /// The model as it stands after the last request.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// A block with this time has ended: what the ledger does by itself then.
    pub fn block_ended(&mut self, now_ms: u64) {
        self.model.block_ended(now_ms);
    }

    /// The next request, executed at block time `now_ms`, and what becomes of it.
    pub fn next(&mut self, now_ms: u64) -> (Request, Foretold) {
        let action = self.action(now_ms);
        let mut request = self.form(action, now_ms);
        self.name_application(&mut request);
        (self.at, self.case) = (None, None);
        if self.random.once_in(20) {
            request.by = self.anyone();
        }
        self.name_agents(&mut request, now_ms);
        let asked = self.model.asked(&request, now_ms);
        request.mandates = asked.iter().filter_map(given).collect();
        if self.random.once_in(12) {
            self.spoil_mandates(&mut request.mandates);
        }
        let foretold = self.model.apply(&request, now_ms);
        (request, foretold)
    }

    fn action(&mut self, now_ms: u64) -> &'static str {
        if self.random.once_in(4)
            && let Some(action) = self.follow(now_ms)
        {
            return action;
        }
        if self.random.once_in(4) {
            let register = self.random.pick(&BUSY).unwrap_or("seal");
            let number = self.some(register);
            let unit = forms::text(&self.facts(register, number), "unit").to_owned();
            self.at = Some(unit).filter(|unit| !unit.is_empty());
        }
        let mut all: Vec<&'static str> = Model::actions().collect();
        for (action, weight) in WEIGHTS {
            all.extend(std::iter::repeat_n(action, weight));
        }
        self.random.pick(&all).unwrap_or("first-registration")
    }

    fn anyone(&mut self) -> Actor {
        let mut all = Actor::known();
        all.push(Actor::Stranger);
        self.random.pick(&all).unwrap_or(Actor::Stranger)
    }

    fn spoil_mandates(&mut self, mandates: &mut Vec<Named>) {
        match self.random.below(4) {
            0 => {
                mandates.pop();
            }
            1 => mandates.push(Named {
                by: Actor::Citizen(5),
                purpose: "nothing",
                fault: Fault::None,
            }),
            choice => {
                let fault = if choice == 2 { Fault::OtherArguments } else { Fault::Unknown };
                if let Some(mandate) = mandates.first_mut() {
                    mandate.fault = fault;
                }
            }
        }
    }
}

/// The mandate of a party, if somebody can give it.
fn given((party, purpose): &Asked) -> Option<Named> {
    let by = Actor::known().into_iter().find(|actor| actor.party() == party)?;
    Some(Named { by, purpose, fault: Fault::None })
}

/// How often each thing was foretold of each action: a workload that never refuses, or refuses in
/// one way only, tests little.
pub type Tally = BTreeMap<(&'static str, Foretold), usize>;
