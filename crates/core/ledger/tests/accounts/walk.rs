//! A walk: blocks of random calls, sensible and senseless, several at a time on the same accounts.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_types::wire::{Call, Receipt};
use chaincity_types::{Timestamp, Value};

use crate::book::{Act, Book, State, conserved, day};
use crate::city::{City, PEOPLE, Person, call, mandate, outcome};

/// SplitMix64.
#[derive(Debug)]
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    fn amount(&mut self) -> i64 {
        let end = self.of(&[3, 100, 1_000, 20_000]);
        i64::try_from(self.below(end)).unwrap()
    }
}

/// Units, holders, purposes: few, so that they meet.
const PURPOSES: [&str; 3] = ["road", "school", "wages"];

pub(crate) struct Walk {
    numbers: Numbers,
    city: City,
    book: Book,
    /// How often each action was done, and each code met.
    pub(crate) met: BTreeMap<String, usize>,
    named: usize,
}

/// A call with whose mandates it is to name.
type Planned = (Person, Call, BTreeSet<(String, String)>);

fn who(name: &str) -> Person {
    *PEOPLE.iter().find(|person| person.name == name).unwrap()
}

/// Somebody who may call for this member.
fn of_member(member: &str) -> Person {
    *PEOPLE.iter().find(|person| person.member == member).unwrap()
}

fn optional(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}

/// An account to begin with: unit, holder, name, kind, purpose.
type Opening = (&'static str, &'static str, &'static str, &'static str, Option<&'static str>);

const OPENINGS: [Opening; 11] = [
    ("fen", "treasury", "general", "source", None),
    ("hour", "district", "machine", "source", None),
    ("fen", "roads", "main", "holding", None),
    ("fen", "roads", "road", "holding", Some("road")),
    ("fen", "schools", "school", "holding", Some("school")),
    ("fen", "schools", "main", "holding", None),
    ("fen", "builder", "works", "holding", None),
    ("fen", "builder", "wages", "holding", Some("wages")),
    ("fen", "bank", "out", "outlet", None),
    ("hour", "roads", "hours", "holding", None),
    ("hour", "bank", "hours", "outlet", None),
];

fn opening((unit, holder, name, kind, purpose): Opening) -> Call {
    let joint = (name == "school").then_some("audit");
    let uses: &[&str] = match name {
        "works" => &["road"],
        "wages" => &["road", "school"],
        "out" => &["wages", "road", "school"],
        _ => &[],
    };
    let lower = if kind == "source" { -200_000 } else { 0 };
    let protected = (name == "wages").then_some("保障农民工工资支付条例 33");
    call(
        "open",
        [
            ("unit", unit.into()),
            ("holder", holder.into()),
            ("name", name.into()),
            ("title", name.into()),
            ("kind", kind.into()),
            ("purpose", optional(purpose)),
            ("uses", Value::List(uses.iter().map(|text| (*text).into()).collect())),
            ("lower", Value::Int(lower)),
            ("upper", if name == "main" { Value::Int(30_000) } else { Value::Null }),
            ("joint", optional(joint)),
            ("protected", optional(protected)),
        ],
    )
}

impl Walk {
    pub(crate) fn new(seed: u64, city: City) -> Self {
        let (book, met) = (Book::default(), BTreeMap::new());
        let mut walk = Self { numbers: Numbers(seed), city, book, met, named: 0 };
        for (code, by) in [("fen", "treasurer"), ("hour", "district")] {
            let input = [("code", code.into()), ("zh", code.into()), ("en", code.into())];
            walk.play(&[(who(by), call("register-unit", input), BTreeSet::new())]);
        }
        for account in OPENINGS {
            let by = if account.0 == "fen" { "treasurer" } else { "district" };
            let planned = walk.planned(who(by), opening(account), true);
            walk.play(&[planned]);
        }
        walk
    }

    /// The next block, after one that gives its mandates.
    pub(crate) fn block(&mut self) {
        let leap = match self.numbers.below(20) {
            0 => self.numbers.below(40) * 3_600,
            n => n * 2,
        };
        self.city.chain.time = self.city.chain.time.plus_ms(u64::try_from(leap).unwrap() * 1_000);
        let calls = 1 + self.numbers.below(8);
        let mut planned: Vec<Planned> = (0..calls).map(|_| self.draw()).collect();
        if self.numbers.one_in(4) {
            // The same order twice in one block.
            planned.push(planned[0].clone());
            planned.last_mut().unwrap().2.clear();
        }
        self.play(&planned);
    }

    fn planned(&mut self, by: Person, call: Call, consent: bool) -> Planned {
        let none = BTreeSet::new();
        let act = Act { by, call: &call, mandates: &none, now: self.city.chain.time };
        let mandates = if consent { self.book.demanded(act) } else { none };
        (by, call, mandates)
    }

    /// Gives the mandates in a block of their own, then plays the calls in one.
    fn play(&mut self, planned: &[Planned]) {
        let mut given = Vec::new();
        for (_, call, mandates) in planned {
            for (party, purpose) in mandates {
                given.push((of_member(party), mandate(self.city.chain.time, party, purpose, call)));
            }
        }
        let mut keys = Vec::new().into_iter();
        if !given.is_empty() {
            let now = self.city.chain.time;
            let receipts = self.city.block(&given);
            self.note_timers(&receipts[given.len()..]);
            self.book.end_block(now);
            let key = |receipt: &Receipt| receipt.entries[0].events[0].key.clone();
            keys = receipts[..given.len()].iter().map(key).collect::<Vec<_>>().into_iter();
        }
        let mut calls = Vec::new();
        for (by, call, mandates) in planned {
            let mut call = call.clone();
            if !mandates.is_empty() {
                call.mandates = Some(keys.by_ref().take(mandates.len()).collect());
            }
            calls.push((*by, call));
        }
        let now = self.city.chain.time;
        let receipts = self.city.block(&calls);
        for ((by, call, mandates), receipt) in planned.iter().zip(&receipts) {
            self.enter(Act { by: *by, call, mandates, now }, receipt);
        }
        self.note_timers(&receipts[calls.len()..]);
        self.book.end_block(now);
        conserved(&self.city);
        self.book.compare(&self.city);
    }

    /// The ledger must have done what the book allows, and nothing else.
    fn enter(&mut self, act: Act<'_>, receipt: &Receipt) {
        let entry = &receipt.entries[0];
        let found = outcome(entry);
        let inserted = entry.events.iter().find(|event| event.kind == "inserted");
        let may = self.book.enter(act, inserted.map(|event| event.key.as_str()));
        assert_eq!(may, found == "applied", "{found}: {act:#?}");
        let what = if may { act.call.action.to_string() } else { found };
        *self.met.entry(what).or_default() += 1;
    }

    /// No timer is refused.
    fn note_timers(&mut self, receipts: &[Receipt]) {
        for receipt in receipts {
            assert_eq!(outcome(&receipt.entries[0]), "applied", "{receipt:?}");
            let events = receipt.entries[0].events.iter();
            let own = events.filter(|e| e.kind == "expired" || e.kind == "freeze-ended");
            for event in own {
                let action = if event.kind == "expired" { "expire" } else { "end-freeze" };
                *self.met.entry(action.to_owned()).or_default() += 1;
            }
        }
    }

    fn account(&mut self) -> String {
        let all: Vec<&String> = self.book.accounts.keys().collect();
        (*self.numbers.of(&all)).clone()
    }

    fn transfer(&mut self, state: State) -> Option<String> {
        let fits = self.book.transfers.iter().filter(|(_, t)| t.state == state);
        let fits: Vec<String> = fits.map(|(key, _)| key.clone()).collect();
        let any: Vec<String> = self.book.transfers.keys().cloned().collect();
        match () {
            () if any.is_empty() => None,
            () if fits.is_empty() || self.numbers.one_in(8) => Some(self.numbers.of(&any)),
            () => Some(self.numbers.of(&fits)),
        }
    }

    /// The one who should, or sometimes anybody.
    fn rather(&mut self, by: Person) -> Person {
        if self.numbers.one_in(12) { self.numbers.of(&PEOPLE) } else { by }
    }

    fn reference(&mut self) -> Value {
        if !self.numbers.one_in(10) {
            self.named += 1;
        }
        format!("r{}", self.named).as_str().into()
    }

    fn draw(&mut self) -> Planned {
        let (by, call) = match self.numbers.below(100) {
            0..30 => self.pay("transfer"),
            30..55 => self.pay("reserve"),
            55..70 => self.settle("post"),
            70..77 => self.settle("void"),
            77..84 => self.give_back(),
            84..87 => self.freeze(),
            87..90 => self.unfreeze(),
            90..93 => self.set_limits(),
            93..96 => self.set_uses(),
            96..98 => self.open_another(),
            _ => self.close(),
        };
        let by = self.rather(by);
        let consent = !self.numbers.one_in(5);
        self.planned(by, call, consent)
    }

    fn pay(&mut self, action: &str) -> (Person, Call) {
        let debit =
            if self.numbers.one_in(3) { "treasury:general".to_owned() } else { self.account() };
        let credit = self.account();
        let (from, to) = (&self.book.accounts[&debit], &self.book.accounts[&credit]);
        let fitting = from.purpose.clone().or_else(|| to.purpose.clone());
        let holder = of_member(&from.holder);
        let purpose = match self.numbers.below(6) {
            0 => None,
            1 => Some(self.numbers.of(&PURPOSES).to_owned()),
            _ => fitting,
        };
        let input = [
            ("debit", debit.as_str().into()),
            ("credit", credit.as_str().into()),
            ("amount", Value::Int(self.numbers.amount())),
            ("purpose", optional(purpose.as_deref())),
            ("reference", self.reference()),
            ("basis", "依据".into()),
        ];
        let mut call = call(action, input);
        if action == "reserve" {
            if self.numbers.one_in(2) {
                call.input.insert("settler".into(), "bank".into());
            }
            if !self.numbers.one_in(3) {
                let until = self.city.chain.time.0
                    + 1_000 * u64::try_from(self.numbers.below(120)).unwrap();
                call.input.insert("expires".into(), Value::Time(Timestamp(until)));
            }
        }
        (holder, call)
    }

    fn settle(&mut self, action: &str) -> (Person, Call) {
        let Some(number) = self.transfer(State::Pending) else { return self.pay("reserve") };
        let transfer = &self.book.transfers[&number];
        let (settler, amount) = (of_member(&transfer.settler), transfer.amount);
        let payer = of_member(number.split(':').next().unwrap());
        let by = if action == "void" && self.numbers.one_in(2) { payer } else { settler };
        let amount = match self.numbers.below(4) {
            0 => self.numbers.amount(),
            1 => amount + 1,
            _ => amount,
        };
        let rest = match action {
            "post" => ("amount", Value::Int(amount)),
            _ => ("reason", "测试".into()),
        };
        (by, call(action, [("transfer", number.as_str().into()), rest]))
    }

    fn give_back(&mut self) -> (Person, Call) {
        let outlets = |number: &str| self.book.accounts[number].kind == "outlet";
        let out = self.book.transfers.iter().filter(|(_, t)| outlets(&t.credit));
        let out: Vec<String> = out.map(|(key, _)| key.clone()).collect();
        let number = match out.is_empty() || self.numbers.one_in(8) {
            true => self.transfer(State::Posted),
            false => Some(self.numbers.of(&out)),
        };
        let Some(number) = number else { return self.pay("transfer") };
        let posted = self.book.transfers[&number].posted;
        let amount = if self.numbers.one_in(3) { posted } else { self.numbers.amount() };
        let input = [
            ("transfer", number.as_str().into()),
            ("amount", Value::Int(amount)),
            ("reference", self.reference()),
            ("basis", "退汇".into()),
        ];
        (who("system"), call("return", input))
    }

    fn freeze(&mut self) -> (Person, Call) {
        let from = day(self.city.chain.time) + i32::try_from(self.numbers.below(4)).unwrap() - 1;
        let to = from + i32::try_from(self.numbers.below(3)).unwrap();
        let account = self.account();
        let input = [
            ("account", account.as_str().into()),
            ("document", "（2026）执1号".into()),
            ("basis", "民事诉讼法 253".into()),
            ("from", Value::Date(from)),
            ("to", Value::Date(to)),
        ];
        (self.numbers.of(&[who("court"), who("prosecutor")]), call("freeze", input))
    }

    fn unfreeze(&mut self) -> (Person, Call) {
        let live: Vec<String> = self.book.live_freezes().into_iter().cloned().collect();
        if live.is_empty() {
            return self.freeze();
        }
        let freeze = self.numbers.of(&live);
        let input = [
            ("freeze", freeze.as_str().into()),
            ("document", "（2026）执1号之一".into()),
            ("basis", "民事诉讼法 253".into()),
        ];
        (self.numbers.of(&[who("court"), who("prosecutor")]), call("unfreeze", input))
    }

    /// The treasury that issues the account's unit, or the other.
    fn issuer(&mut self, account: &str) -> Person {
        let unit = &self.book.accounts[account].unit;
        let issuer = self.book.units[unit].clone();
        if self.numbers.one_in(5) { who("district") } else { of_member(&issuer) }
    }

    fn set_limits(&mut self) -> (Person, Call) {
        let account = self.account();
        let source = self.book.accounts[&account].kind == "source";
        let lower = if source { -self.numbers.amount() * 20 } else { 0 };
        let upper = match self.numbers.below(3) {
            0 => Value::Null,
            _ => Value::Int(self.numbers.amount() * 5),
        };
        let input = [
            ("account", account.as_str().into()),
            ("lower", Value::Int(if self.numbers.one_in(6) { -1 } else { lower })),
            ("upper", upper),
            ("basis", "限额".into()),
        ];
        (self.issuer(&account), call("set-limits", input))
    }

    fn set_uses(&mut self) -> (Person, Call) {
        let account = self.account();
        let uses = PURPOSES.iter().filter(|_| !self.numbers.one_in(3));
        let uses: Vec<Value> = uses.map(|text| (*text).into()).collect();
        let input = [
            ("account", account.as_str().into()),
            ("uses", Value::List(uses)),
            ("basis", "用途".into()),
        ];
        (self.issuer(&account), call("set-uses", input))
    }

    fn open_another(&mut self) -> (Person, Call) {
        let (unit, holder, name, kind, purpose) = self.numbers.of(&OPENINGS[2..8]);
        let mut call = opening((unit, holder, name, kind, purpose));
        if !self.numbers.one_in(4) {
            self.named += 1;
            call.input.insert("name".into(), format!("{name}{}", self.named).as_str().into());
        }
        (if self.numbers.one_in(5) { who("district") } else { who("treasurer") }, call)
    }

    fn close(&mut self) -> (Person, Call) {
        let empty = self.book.accounts.iter().filter(|(number, account)| {
            account.kind == "holding"
                && account.totals.debits == account.totals.credits
                && self.book.live(number).is_some()
        });
        let empty: Vec<String> = empty.map(|(number, _)| number.clone()).collect();
        let account = match empty.is_empty() || self.numbers.one_in(3) {
            true => self.account(),
            false => self.numbers.of(&empty),
        };
        let by = self.issuer(&account);
        (by, call("close", [("account", account.as_str().into())]))
    }
}
