//! Carries instructions out: accepts, books, calls back. Each accepted instruction has a task of its
//! own until its outcome is acknowledged or was told in vain often enough.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::watch;

use crate::Fault;
use crate::ask;
use crate::books::{Books, Held, Line, Plan, Seed};
use crate::journal::Journal;
use crate::message::{Instruction, Told};
use crate::refusal::Refusal;
use crate::sign::Secret;

/// Most instructions whose outcome is not acknowledged.
const OPEN_MAX: usize = 1_000;
/// How often a callback is made.
const CALLBACKS_MAX: u32 = 12;
/// Pause after the first one; each further is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How many digits of the key make the bank's own number.
const REFERENCE_DIGITS: usize = 24;

/// The bank: what it knows, and who waits for a change of plans.
#[derive(Debug)]
pub(crate) struct Bank {
    state: Mutex<State>,
    plans: watch::Sender<()>,
    pub(crate) secret: Secret,
}

#[derive(Debug)]
struct State {
    journal: Journal,
    books: Books,
}

impl State {
    /// Writes a line down and takes it over.
    fn write(&mut self, line: &Line) -> Result<(), Refusal> {
        // What does not fit must not be written down.
        let mut books = self.books.clone();
        books.apply(line.clone()).map_err(|misfit| report(&misfit))?;
        self.journal.append(line).map_err(|fault| report(&fault))?;
        self.books = books;
        Ok(())
    }
}

fn report(what: &dyn std::fmt::Display) -> Refusal {
    eprintln!("{what}");
    Refusal::Fault
}

/// When an instruction is booked.
enum Due {
    Now,
    In(Duration),
    /// When the plan changes.
    Held,
    /// It is booked.
    Done,
}

impl Bank {
    pub(crate) fn new(journal: Journal, books: Books, secret: Secret) -> Arc<Self> {
        let state = Mutex::new(State { journal, books });
        Arc::new(Self { state, plans: watch::Sender::new(()), secret })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the accounts that are not open yet.
    pub(crate) fn open(&self, seeds: Vec<Seed>) -> Result<(), Fault> {
        let mut state = self.state();
        for seed in seeds {
            if !state.books.has_account(&seed.id) {
                let id = seed.id.clone();
                state.write(&Line::Opened(seed)).map_err(|_told| {
                    let (zh, en) = ("账户无法开立", "an account cannot be opened");
                    Fault::new("accounts-invalid", zh, en, id)
                })?;
            }
        }
        Ok(())
    }

    /// Takes up what is open: after a start.
    pub(crate) fn resume(self: &Arc<Self>) {
        let open: Vec<String> = self.state().books.open().cloned().collect();
        for key in open {
            tokio::spawn(Arc::clone(self).carry_out(key));
        }
    }

    /// Accepts an instruction; answers a repetition as the first time.
    pub(crate) fn accept(
        self: &Arc<Self>,
        key: &str,
        callback: &str,
        instruction: Instruction,
    ) -> Result<Told, Refusal> {
        let mut state = self.state();
        let (key, callback) = (key.to_owned(), callback.to_owned());
        if let Some(held) = state.books.get(&key) {
            if held.instruction != instruction {
                return Err(Refusal::KeyReused);
            }
            let told = held.accepted(&key);
            if held.callback != callback {
                state.write(&Line::Redirected { key, callback })?;
            }
            return Ok(told);
        }
        if state.books.open().count() >= OPEN_MAX {
            return Err(Refusal::Busy);
        }
        let accepted = Line::Accepted { key: key.clone(), callback, instruction, at_ms: now_ms() };
        state.write(&accepted)?;
        let told = state.books.get(&key).map(|held| held.accepted(&key)).ok_or(Refusal::Fault)?;
        drop(state);
        tokio::spawn(Arc::clone(self).carry_out(key));
        Ok(told)
    }

    /// The state of an instruction.
    pub(crate) fn told(&self, key: &str) -> Result<Told, Refusal> {
        let state = self.state();
        state.books.get(key).map(|held| held.told(key)).ok_or(Refusal::NoSuchInstruction)
    }

    pub(crate) fn balances(&self) -> Value {
        self.state().books.balances()
    }

    pub(crate) fn account(&self, id: &str) -> Result<Value, Refusal> {
        self.state().books.account(id).ok_or(Refusal::NoSuchAccount)
    }

    /// Says what becomes of payments to an account, also of those that wait.
    pub(crate) fn plan(&self, account: &str, plan: Plan) -> Result<(), Refusal> {
        if !plan.is_valid() {
            return Err(Refusal::PlanInvalid);
        }
        self.state().write(&Line::Planned { account: account.to_owned(), plan })?;
        self.plans.send_replace(());
        Ok(())
    }

    /// Books an instruction when it is due, and tells its outcome.
    async fn carry_out(self: Arc<Self>, key: String) {
        let mut plans = self.plans.subscribe();
        loop {
            match self.due(&key) {
                Due::Done => break,
                Due::Now => {
                    if self.book(&key).is_err() {
                        return;
                    }
                }
                Due::Held => {
                    if plans.changed().await.is_err() {
                        return;
                    }
                }
                Due::In(left) => {
                    tokio::select! {
                        () = tokio::time::sleep(left) => {}
                        changed = plans.changed() => if changed.is_err() { return },
                    }
                }
            }
        }
        self.call_back(&key).await;
    }

    fn due(&self, key: &str) -> Due {
        let state = self.state();
        let waiting = state.books.get(key).filter(|held| !held.has_outcome());
        let Some(Held { instruction, at_ms, .. }) = waiting else { return Due::Done };
        let plan = state.books.plan(&instruction.to);
        if plan.hold {
            return Due::Held;
        }
        match at_ms.saturating_add(plan.delay_ms).saturating_sub(now_ms()) {
            0 => Due::Now,
            // A clock that was set back makes no longer wait than the plan's.
            left => Due::In(Duration::from_millis(left.min(plan.delay_ms))),
        }
    }

    /// Books it, or says why it fails.
    fn book(&self, key: &str) -> Result<(), Refusal> {
        let mut state = self.state();
        let held = state.books.get(key).ok_or(Refusal::NoSuchInstruction)?;
        let line = match state.books.judge(&held.instruction) {
            Ok(()) => {
                let digits: String = key.chars().take(REFERENCE_DIGITS).collect();
                let (reference, booked_on) = (format!("SIM-{digits}"), today());
                Line::Settled { key: key.to_owned(), reference, booked_on }
            }
            Err(reason) => Line::Failed { key: key.to_owned(), reason },
        };
        state.write(&line)
    }

    /// Tells the outcome until it is acknowledged, a bounded number of times.
    async fn call_back(self: &Arc<Self>, key: &str) {
        let mut pause = PAUSE;
        for _ in 0..CALLBACKS_MAX {
            let (bank, own_key) = (Arc::clone(self), key.to_owned());
            let told = tokio::task::spawn_blocking(move || bank.tell(&own_key));
            if told.await.is_ok_and(|acknowledged| acknowledged) {
                let acknowledged = Line::Acknowledged { key: key.to_owned() };
                if let Err(refusal) = self.state().write(&acknowledged) {
                    report(&refusal.body());
                }
                return;
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        }
    }

    /// Tells it once; whether it was acknowledged.
    fn tell(&self, key: &str) -> bool {
        let Some((callback, told)) =
            self.state().books.get(key).map(|held| (held.callback.clone(), held.told(key)))
        else {
            return false;
        };
        let body = serde_json::to_vec(&told).unwrap_or_default();
        ask::call_back(&self.secret, &callback, key, &body)
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Today in UTC+8, which has no summer time.
fn today() -> String {
    let ms = i64::try_from(now_ms()).unwrap_or(i64::MAX);
    let now = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    jiff::tz::Offset::constant(8).to_datetime(now).date().to_string()
}
