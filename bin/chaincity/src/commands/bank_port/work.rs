//! The worker: looks which payments wait, takes the next step for each, and rests in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use chaincity_client::api::record::LIMIT_MAX;
use chaincity_client::{Client, Select};

use super::Wake;
use super::bank::Bank;
use super::config::{Config, Follow};
use super::message::Told;
use super::payment::Desk;
use super::trouble::Trouble;

/// Longest time between two looks.
const LOOK: Duration = Duration::from_secs(30);
/// How long what failed rests at first; each further time twice as long.
const REST: Duration = Duration::from_secs(1);
/// Longest rest.
const REST_MAX: Duration = Duration::from_secs(300);

/// How often something failed, and when it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rest {
    failures: u32,
    until: Instant,
}

impl Rest {
    /// After one failure more, at `now`.
    fn after(before: Option<Self>, now: Instant) -> Self {
        let failures = before.map_or(0, |rest| rest.failures);
        let doubled = REST.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
        let until = now.checked_add(doubled.min(REST_MAX)).unwrap_or(now);
        Self { failures: failures.saturating_add(1), until }
    }
}

/// A payment: which of the registers that are followed, and the record.
pub(super) type Place = (usize, String);

/// The one that works on payments.
#[derive(Debug)]
pub(super) struct Worker {
    client: Arc<Client>,
    member: String,
    follows: Vec<Follow>,
    bank: Bank,
    callback: String,
    /// Payments that rest. In memory alone: after a start all are tried.
    resting: BTreeMap<Place, Rest>,
    /// When nothing can be tried.
    pause: Option<Rest>,
}

impl Worker {
    pub(super) fn new(
        client: Arc<Client>,
        member: String,
        follows: Vec<Follow>,
        config: &Config,
        callback: String,
    ) -> Self {
        let bank = Bank::new(&config.bank, client.ledger().to_string(), config.secret.clone());
        let (resting, pause) = (BTreeMap::new(), None);
        Self { client, member, follows, bank, callback, resting, pause }
    }

    /// Works until the end is asked for.
    pub(super) fn run(&mut self, woken: &Receiver<Wake>, stop: &AtomicBool) {
        self.look(stop);
        while !stop.load(Ordering::Acquire) {
            match woken.recv_timeout(self.time_to_look(Instant::now())) {
                Ok(Wake::Outcome(told)) => self.on_outcome(&told),
                Ok(Wake::Written(place)) => self.on_written(&place),
                Err(RecvTimeoutError::Timeout) => self.look(stop),
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// How long until something is to be tried.
    fn time_to_look(&self, now: Instant) -> Duration {
        let next = match self.pause {
            Some(pause) => Some(pause.until),
            None => self.resting.values().map(|rest| rest.until).min(),
        };
        next.map_or(LOOK, |next| next.saturating_duration_since(now).min(LOOK))
    }

    fn is_paused(&self) -> bool {
        self.pause.is_some_and(|pause| pause.until > Instant::now())
    }

    /// Tries nothing for a while.
    fn pause(&mut self, trouble: &Trouble) {
        report(trouble, None);
        self.pause = Some(Rest::after(self.pause, Instant::now()));
    }

    /// Takes the next step for everything that waits, unless nothing can be tried yet.
    fn look(&mut self, stop: &AtomicBool) {
        if self.is_paused() {
            return;
        }
        let mut seen = BTreeSet::new();
        for at in 0..self.follows.len() {
            if let Err(trouble) = self.look_at(at, &mut seen, stop) {
                return self.pause(&trouble);
            }
        }
        self.pause = None;
        if !stop.load(Ordering::Acquire) {
            self.resting.retain(|place, _| seen.contains(place));
        }
    }

    /// The same for one register. The error is one that every payment would meet.
    fn look_at(
        &mut self,
        at: usize,
        seen: &mut BTreeSet<Place>,
        stop: &AtomicBool,
    ) -> Result<(), Trouble> {
        let Some(Follow { package, payments, .. }) = self.follows.get(at) else { return Ok(()) };
        let mut select = Select::new(package, &payments.register)
            .eq(&payments.bank, &self.member)
            .limit(LIMIT_MAX);
        for (field, value) in &payments.when {
            select = select.eq(field, value);
        }
        loop {
            let page = self.client.select(&select)?;
            for record in page.items {
                if stop.load(Ordering::Acquire) {
                    return Ok(());
                }
                let place = (at, record.key);
                if self.resting.get(&place).is_none_or(|rest| rest.until <= Instant::now()) {
                    self.take_step(&place)?;
                }
                seen.insert(place);
            }
            match page.next {
                Some(next) => select = select.after(&next),
                None => return Ok(()),
            }
        }
    }

    fn take_step(&mut self, place: &Place) -> Result<(), Trouble> {
        let Some(desk) = self.desk(place.0) else { return Ok(()) };
        let stepped = desk.step(&place.1);
        self.note(place.clone(), stepped)
    }

    fn on_outcome(&mut self, told: &Told) {
        let (package, register) = (&told.source.package, &told.source.register);
        let follows =
            |follow: &Follow| follow.package == *package && follow.payments.register == *register;
        let Some(at) = self.follows.iter().position(follows) else { return };
        let Some(desk) = self.desk(at) else { return };
        let taken = desk.on_outcome(told);
        if let Err(trouble) = self.note((at, told.source.record.clone()), taken) {
            self.pause(&trouble);
        }
    }

    /// Takes the next step for a record that was just written, whether it waits or not.
    fn on_written(&mut self, place: &Place) {
        // A look finds it once something can be tried again.
        if !self.is_paused()
            && let Err(trouble) = self.take_step(place)
        {
            self.pause(&trouble);
        }
    }

    /// Notes how a step went: what failed rests. The error is one that every payment would meet.
    fn note(&mut self, place: Place, stepped: Result<(), Trouble>) -> Result<(), Trouble> {
        match stepped {
            Ok(()) => {
                self.resting.remove(&place);
                Ok(())
            }
            Err(trouble) if trouble.is_general() => Err(trouble),
            Err(trouble) => {
                report(&trouble, Some((&*self, &place)));
                let before = self.resting.get(&place).copied();
                self.resting.insert(place, Rest::after(before, Instant::now()));
                Ok(())
            }
        }
    }

    fn desk(&self, at: usize) -> Option<Desk<'_>> {
        let Self { client, member, bank, callback, .. } = self;
        self.follows.get(at).map(|follow| Desk { client, bank, member, callback, follow })
    }
}

/// Tells whoever runs the port, naming the record.
fn report(trouble: &Trouble, of: Option<(&Worker, &Place)>) {
    let register = of.and_then(|(worker, (at, _))| worker.follows.get(*at));
    let register = register.map(|follow| follow.payments.register.as_str());
    let record = of.map(|(_, (_, record))| record.as_str());
    tracing::warn!(code = trouble.code(), register, record, cause = %trouble.cause(), "{trouble}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_rests_twice_as_long_each_time_up_to_five_minutes() {
        let now = Instant::now();
        let mut rest = None;
        let mut rests = Vec::new();
        for _ in 0..64 {
            let next = Rest::after(rest, now);
            rests.push(next.until.duration_since(now));
            rest = Some(next);
        }
        assert_eq!(rests[..3], [1, 2, 4].map(Duration::from_secs));
        assert!(rests[9..].iter().all(|rest| *rest == REST_MAX));
    }
}
