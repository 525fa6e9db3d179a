//! A second set of books: what the accounts must be, kept by other means, from the calls alone.
//! It says of each call whether it may be done, and the ledger must agree.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_ledger::Record;
use chaincity_types::wire::{Call, Status};
use chaincity_types::{Timestamp, Value};

use crate::city::{City, HOLDER, Person};

const DAY_MS: u64 = 86_400_000;
const CHINA_MS: u64 = 8 * 3_600_000;

/// The day in China.
pub(crate) fn day(time: Timestamp) -> i32 {
    i32::try_from((time.0 + CHINA_MS) / DAY_MS).unwrap()
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) debits: i64,
    pub(crate) credits: i64,
    pub(crate) debits_pending: i64,
    pub(crate) credits_pending: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) holder: String,
    pub(crate) unit: String,
    pub(crate) kind: String,
    pub(crate) purpose: Option<String>,
    pub(crate) uses: Vec<String>,
    lower: i64,
    upper: Option<i64>,
    pub(crate) joint: Option<String>,
    protected: bool,
    open: bool,
    pub(crate) totals: Totals,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Posted,
    Voided,
    Expired,
}

#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    pub(crate) debit: String,
    pub(crate) credit: String,
    payer: String,
    pub(crate) settler: String,
    pub(crate) amount: i64,
    pub(crate) posted: i64,
    returned: i64,
    purpose: Option<String>,
    expires: Option<Timestamp>,
    pub(crate) state: State,
}

#[derive(Clone, Debug)]
struct Freeze {
    account: String,
    authority: String,
    from: i32,
    to: i32,
    live: bool,
}

/// Who calls, when, with whose mandates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act<'a> {
    pub(crate) by: Person,
    pub(crate) call: &'a Call,
    /// Party and purpose of the mandates that the call names.
    pub(crate) mandates: &'a BTreeSet<(String, String)>,
    pub(crate) now: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) units: BTreeMap<String, String>,
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) transfers: BTreeMap<String, Transfer>,
    freezes: BTreeMap<String, Freeze>,
}

impl Act<'_> {
    fn text(&self, name: &str) -> String {
        self.maybe(name).unwrap_or_default()
    }

    fn maybe(&self, name: &str) -> Option<String> {
        self.call.input.get(name).map(|value| value.as_text().unwrap().to_owned())
    }

    fn int(&self, name: &str) -> i64 {
        self.call.input[name].as_int().unwrap()
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let list = self.call.input[name].as_list().unwrap();
        list.iter().map(|text| text.as_text().unwrap().to_owned()).collect()
    }

    fn day(&self, name: &str) -> i32 {
        let Value::Date(day) = self.call.input[name] else { panic!("`{name}` is no day") };
        day
    }

    fn expires(&self) -> Option<Timestamp> {
        match self.call.input.get("expires") {
            Some(Value::Time(time)) => Some(*time),
            _ => None,
        }
    }

    fn is(&self, roles: &[&str]) -> bool {
        roles.iter().any(|role| self.by.roles.contains(role))
    }
}

fn accepts(account: &Account, purpose: Option<&String>) -> bool {
    match purpose {
        None => account.purpose.is_none(),
        Some(purpose) => {
            account.purpose.as_ref() == Some(purpose) || account.uses.contains(purpose)
        }
    }
}

fn within(account: &Account, totals: Totals) -> bool {
    let low = totals.credits - totals.debits - totals.debits_pending;
    let high = totals.credits + totals.credits_pending - totals.debits;
    low >= account.lower && account.upper.is_none_or(|upper| high <= upper)
}

impl Book {
    pub(crate) fn live(&self, account: &str) -> Option<&Account> {
        self.accounts.get(account).filter(|account| account.open)
    }

    fn is_frozen(&self, account: &str, now: Timestamp) -> bool {
        let of = self.freezes.values().filter(|freeze| freeze.live && freeze.account == account);
        let today = day(now);
        of.into_iter().any(|freeze| (freeze.from..=freeze.to).contains(&today))
    }

    fn is_issuer(&self, unit: &str, by: Person) -> bool {
        self.units.get(unit).is_some_and(|issuer| issuer == by.member)
    }

    /// Freezes that were not lifted and have not ended.
    pub(crate) fn live_freezes(&self) -> Vec<&String> {
        let live = self.freezes.iter().filter(|(_, freeze)| freeze.live);
        live.map(|(key, _)| key).collect()
    }

    /// Whose mandate a call needs, and for what.
    pub(crate) fn demanded(&self, act: Act<'_>) -> BTreeSet<(String, String)> {
        let of = |party: Option<String>, purpose: &str| party.map(|p| (p, purpose.to_owned()));
        let other = |party: Option<String>| party.filter(|party| party != act.by.member);
        let demanded = match act.call.action.as_str() {
            "transfer" | "reserve" => {
                let debit = self.accounts.get(&act.text("debit"));
                [of(debit.and_then(|debit| debit.joint.clone()), "pay"), None]
            }
            "void" => {
                let transfer = self.transfers.get(&act.text("transfer"));
                let waits = transfer.filter(|t| t.expires.is_none_or(|until| act.now < until));
                [of(other(waits.map(|t| t.settler.clone())), "void"), None]
            }
            "open" => {
                [of(other(act.maybe("holder")), "hold"), of(other(act.maybe("joint")), "join")]
            }
            "close" => {
                let account = self.accounts.get(&act.text("account"));
                [of(other(account.map(|account| account.holder.clone())), "close"), None]
            }
            _ => [None, None],
        };
        demanded.into_iter().flatten().collect()
    }

    /// Enters a call if it may be done; whether it may.
    pub(crate) fn enter(&mut self, act: Act<'_>, inserted: Option<&str>) -> bool {
        if self.demanded(act) != *act.mandates {
            return false;
        }
        match act.call.action.as_str() {
            "register-unit" => self.register_unit(act),
            "open" => self.open(act),
            "set-limits" => self.set_limits(act),
            "set-uses" => self.set_uses(act),
            "close" => self.close(act),
            "transfer" => self.pay(act, State::Posted),
            "reserve" => self.pay(act, State::Pending),
            "post" => self.post(act),
            "void" => self.void(act),
            "return" => self.give_back(act),
            "freeze" => self.freeze(act, inserted),
            "unfreeze" => self.unfreeze(act),
            other => panic!("{other}"),
        }
    }

    fn register_unit(&mut self, act: Act<'_>) -> bool {
        let may = act.is(&["accounts.treasurer"]) && !self.units.contains_key(&act.text("code"));
        if may {
            self.units.insert(act.text("code"), act.by.member.to_owned());
        }
        may
    }

    fn open(&mut self, act: Act<'_>) -> bool {
        let number = format!("{}:{}", act.text("holder"), act.text("name"));
        let account = Account {
            holder: act.text("holder"),
            unit: act.text("unit"),
            kind: act.text("kind"),
            purpose: act.maybe("purpose"),
            uses: act.texts("uses"),
            lower: act.int("lower"),
            upper: act.call.input.get("upper").and_then(Value::as_int),
            joint: act.maybe("joint"),
            protected: act.maybe("protected").is_some(),
            open: true,
            totals: Totals::default(),
        };
        let may = act.is(&["accounts.treasurer"])
            && self.is_issuer(&account.unit, act.by)
            && (account.kind != "source" || account.holder == act.by.member)
            && (account.kind == "source" || account.lower >= 0)
            && (account.kind != "outlet" || account.purpose.is_none())
            && within(&account, account.totals)
            && !self.accounts.contains_key(&number);
        if may {
            self.accounts.insert(number, account);
        }
        may
    }

    fn set_limits(&mut self, act: Act<'_>) -> bool {
        let number = act.text("account");
        let Some(account) = self.live(&number) else { return false };
        let changed = Account {
            lower: act.int("lower"),
            upper: act.call.input.get("upper").and_then(Value::as_int),
            ..account.clone()
        };
        let may = act.is(&["accounts.treasurer"])
            && self.is_issuer(&changed.unit, act.by)
            && (changed.kind == "source" || changed.lower >= 0)
            && within(&changed, changed.totals);
        if may {
            self.accounts.insert(number, changed);
        }
        may
    }

    fn set_uses(&mut self, act: Act<'_>) -> bool {
        let Some(account) = self.live(&act.text("account")) else { return false };
        let may = act.is(&["accounts.treasurer"]) && self.is_issuer(&account.unit, act.by);
        if may {
            self.accounts.get_mut(&act.text("account")).unwrap().uses = act.texts("uses");
        }
        may
    }

    fn close(&mut self, act: Act<'_>) -> bool {
        let number = act.text("account");
        let Some(account) = self.live(&number) else { return false };
        let totals = account.totals;
        let may = act.is(&["accounts.treasurer"])
            && self.is_issuer(&account.unit, act.by)
            && (totals.debits, totals.debits_pending, totals.credits_pending)
                == (totals.credits, 0, 0)
            && !self.freezes.values().any(|freeze| freeze.live && freeze.account == number);
        if may {
            self.accounts.get_mut(&number).unwrap().open = false;
        }
        may
    }

    /// Changes both accounts' totals, unless that breaks a bound.
    fn book(&mut self, (debit, credit): (&str, &str), (posted, pending): (i64, i64)) -> bool {
        let (Some(from), Some(to)) = (self.live(debit), self.live(credit)) else { return false };
        let (mut paid, mut received) = (from.totals, to.totals);
        paid.debits += posted;
        paid.debits_pending += pending;
        received.credits += posted;
        received.credits_pending += pending;
        let may = debit != credit && within(from, paid) && within(to, received);
        if may {
            self.accounts.get_mut(debit).unwrap().totals = paid;
            self.accounts.get_mut(credit).unwrap().totals = received;
        }
        may
    }

    fn pay(&mut self, act: Act<'_>, state: State) -> bool {
        let (debit, credit) = (act.text("debit"), act.text("credit"));
        let (Some(from), Some(to)) = (self.live(&debit), self.live(&credit)) else { return false };
        let number = format!("{}:{}", act.by.member, act.text("reference"));
        let (amount, purpose) = (act.int("amount"), act.maybe("purpose"));
        let may = act.is(&[HOLDER])
            && from.holder == act.by.member
            && from.kind != "outlet"
            && from.unit == to.unit
            && (from.purpose.is_none() || from.purpose == purpose)
            && accepts(to, purpose.as_ref())
            && !self.is_frozen(&debit, act.now)
            && amount > 0
            && !self.transfers.contains_key(&number)
            && act.expires().is_none_or(|until| until > act.now);
        let booked = if state == State::Posted { (amount, 0) } else { (0, amount) };
        let may = may && self.book((&debit, &credit), booked);
        if may {
            let transfer = Transfer {
                debit,
                credit,
                payer: act.by.member.to_owned(),
                settler: act.maybe("settler").unwrap_or_else(|| act.by.member.to_owned()),
                amount,
                posted: booked.0,
                returned: 0,
                purpose,
                expires: act.expires(),
                state,
            };
            self.transfers.insert(number, transfer);
        }
        may
    }

    fn post(&mut self, act: Act<'_>) -> bool {
        let Some(transfer) = self.transfers.get(&act.text("transfer")).cloned() else {
            return false;
        };
        let Some(to) = self.live(&transfer.credit) else { return false };
        let amount = act.int("amount");
        let may = act.is(&[HOLDER, "accounts.settler", "accounts.system"])
            && transfer.state == State::Pending
            && transfer.settler == act.by.member
            && transfer.expires.is_none_or(|until| act.now < until)
            && accepts(to, transfer.purpose.as_ref())
            && !self.is_frozen(&transfer.debit, act.now)
            && (1..=transfer.amount).contains(&amount)
            && self.book((&transfer.debit, &transfer.credit), (amount, -transfer.amount));
        if may {
            let entry = self.transfers.get_mut(&act.text("transfer")).unwrap();
            (entry.state, entry.posted) = (State::Posted, amount);
        }
        may
    }

    fn void(&mut self, act: Act<'_>) -> bool {
        let Some(transfer) = self.transfers.get(&act.text("transfer")).cloned() else {
            return false;
        };
        let party = [&transfer.payer, &transfer.settler].iter().any(|p| *p == act.by.member);
        let may = act.is(&[HOLDER, "accounts.settler", "accounts.system"])
            && transfer.state == State::Pending
            && party
            && self.book((&transfer.debit, &transfer.credit), (0, -transfer.amount));
        if may {
            self.transfers.get_mut(&act.text("transfer")).unwrap().state = State::Voided;
        }
        may
    }

    fn give_back(&mut self, act: Act<'_>) -> bool {
        let Some(from) = self.transfers.get(&act.text("transfer")).cloned() else { return false };
        let (Some(outlet), Some(to)) = (self.live(&from.credit), self.live(&from.debit)) else {
            return false;
        };
        let number = format!("{}:{}", act.by.member, act.text("reference"));
        let (amount, purpose) = (act.int("amount"), to.purpose.clone());
        let may = act.is(&["accounts.settler", "accounts.system"])
            && from.state == State::Posted
            && (outlet.kind.as_str(), outlet.holder.as_str()) == ("outlet", act.by.member)
            && !self.is_frozen(&from.credit, act.now)
            && amount > 0
            && from.returned + amount <= from.posted
            && !self.transfers.contains_key(&number)
            && self.book((&from.credit, &from.debit), (amount, 0));
        if may {
            self.transfers.get_mut(&act.text("transfer")).unwrap().returned += amount;
            let transfer = Transfer {
                debit: from.credit,
                credit: from.debit,
                payer: act.by.member.to_owned(),
                settler: act.by.member.to_owned(),
                amount,
                posted: amount,
                returned: 0,
                purpose,
                expires: None,
                state: State::Posted,
            };
            self.transfers.insert(number, transfer);
        }
        may
    }

    fn freeze(&mut self, act: Act<'_>, inserted: Option<&str>) -> bool {
        let number = act.text("account");
        let Some(account) = self.live(&number) else { return false };
        let (from, to) = (act.day("from"), act.day("to"));
        let others = self.freezes.values().filter(|f| f.live && f.account == number).count();
        let may = act.is(&["accounts.authority"])
            && !account.protected
            && day(act.now) <= from
            && from <= to
            && to <= from + 365
            && others < 20;
        if may {
            let authority = act.by.member.to_owned();
            let freeze = Freeze { account: number, authority, from, to, live: true };
            self.freezes.insert(inserted.unwrap_or_default().to_owned(), freeze);
        }
        may
    }

    fn unfreeze(&mut self, act: Act<'_>) -> bool {
        let Some(freeze) = self.freezes.get_mut(&act.text("freeze")) else { return false };
        let may =
            act.is(&["accounts.authority"]) && freeze.live && freeze.authority == act.by.member;
        freeze.live &= !may;
        may
    }

    /// What time does by itself at the end of a block.
    pub(crate) fn end_block(&mut self, now: Timestamp) {
        let is_due =
            |t: &Transfer| t.state == State::Pending && t.expires.is_some_and(|until| until <= now);
        let due = self.transfers.iter().filter(|(_, transfer)| is_due(transfer));
        let due: Vec<(String, Transfer)> = due.map(|(k, t)| (k.clone(), t.clone())).collect();
        for (number, transfer) in due {
            assert!(self.book((&transfer.debit, &transfer.credit), (0, -transfer.amount)));
            self.transfers.get_mut(&number).unwrap().state = State::Expired;
        }
        for freeze in self.freezes.values_mut() {
            freeze.live &= day(now) <= freeze.to;
        }
    }
}

fn int(record: &Record, field: &str) -> i64 {
    record.version.fields[field].as_int().unwrap()
}

fn text<'r>(record: &'r Record, field: &str) -> Option<&'r str> {
    record.version.fields.get(field).and_then(Value::as_text)
}

/// What the ledger's own records must come to, whatever the book says.
pub(crate) fn conserved(city: &City) {
    let (accounts, transfers) = (city.records("account"), city.records("transfer"));
    let mut sums: BTreeMap<&str, Totals> = BTreeMap::new();
    let mut units: BTreeMap<&str, Totals> = BTreeMap::new();
    for transfer in transfers.values() {
        let (posted, amount) = (int(transfer, "posted"), int(transfer, "amount"));
        let pending = if text(transfer, "state") == Some("pending") { amount } else { 0 };
        let debit = sums.entry(text(transfer, "debit").unwrap()).or_default();
        debit.debits += posted;
        debit.debits_pending += pending;
        let credit = sums.entry(text(transfer, "credit").unwrap()).or_default();
        credit.credits += posted;
        credit.credits_pending += pending;
    }
    for (number, account) in &accounts {
        let totals = Totals {
            debits: int(account, "debits"),
            credits: int(account, "credits"),
            debits_pending: int(account, "debits_pending"),
            credits_pending: int(account, "credits_pending"),
        };
        assert_eq!(totals, sums.remove(number.as_str()).unwrap_or_default(), "{number}");
        let balance = totals.credits - totals.debits;
        assert!(balance - totals.debits_pending >= int(account, "lower"), "{number} too low");
        let upper = account.version.fields.get("upper").and_then(Value::as_int);
        let high = balance + totals.credits_pending;
        assert!(upper.is_none_or(|upper| high <= upper), "{number} too high");
        let unit = units.entry(text(account, "unit").unwrap()).or_default();
        unit.debits += totals.debits;
        unit.credits += totals.credits;
        unit.debits_pending += totals.debits_pending;
        unit.credits_pending += totals.credits_pending;
    }
    assert!(sums.is_empty(), "transfers of accounts that are not there: {sums:?}");
    for (unit, totals) in units {
        assert_eq!(totals.debits, totals.credits, "posted in {unit}");
        assert_eq!(totals.debits_pending, totals.credits_pending, "pending in {unit}");
    }
}

impl Book {
    /// Whether the ledger stands where the book does.
    pub(crate) fn compare(&self, city: &City) {
        let accounts = city.records("account");
        assert_eq!(accounts.len(), self.accounts.len());
        for (number, record) in &accounts {
            let account = &self.accounts[number];
            let totals = account.totals;
            assert_eq!(int(record, "debits"), totals.debits, "{number}");
            assert_eq!(int(record, "credits"), totals.credits, "{number}");
            assert_eq!(int(record, "debits_pending"), totals.debits_pending, "{number}");
            assert_eq!(int(record, "credits_pending"), totals.credits_pending, "{number}");
            assert_eq!(text(record, "purpose"), account.purpose.as_deref(), "{number}");
            assert_eq!(record.version.status == Status::Live, account.open, "{number}");
        }
        let transfers = city.records("transfer");
        assert_eq!(transfers.len(), self.transfers.len());
        for (number, record) in &transfers {
            let transfer = &self.transfers[number];
            let (state, live) = match transfer.state {
                State::Pending => ("pending", true),
                State::Posted => ("posted", true),
                State::Voided => ("voided", false),
                State::Expired => ("expired", false),
            };
            assert_eq!(text(record, "state"), Some(state), "{number}");
            assert_eq!(record.version.status == Status::Live, live, "{number}");
            assert_eq!(int(record, "posted"), transfer.posted, "{number}");
            assert_eq!(int(record, "returned"), transfer.returned, "{number}");
            assert_eq!(text(record, "purpose"), transfer.purpose.as_deref(), "{number}");
        }
        let freezes = city.records("freeze");
        assert_eq!(freezes.len(), self.freezes.len());
        for (key, record) in &freezes {
            assert_eq!(record.version.status == Status::Live, self.freezes[key].live, "{key}");
        }
    }
}
