//! SmallBank: its six transaction types over a model of the bank that needs no ledger, which the
//! ledger's accounts are compared with afterwards.
//!
//! Five types are of Alomari et al., ICDE 2008; SendPayment, the mix (15 % each, SendPayment 25 %),
//! uniform customers, amounts and opening balances are BenchBase's. A cheque that is not covered
//! costs 1 more, as in the paper. Balance reads both accounts through the API.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chaincity_client::api::block::BlockInfo;
use chaincity_client::{Client, Select, call};
use chaincity_types::wire::Call;
use chaincity_types::{Digest, Value};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;

use super::{Op, Read, SEED, Workload};
use crate::actor::{fields, remote};
use crate::bench::desk::Desk;
use crate::bench::draw::choose;
use crate::fault::Fault;

pub(super) const PACKAGE: &str = "smallbank";
/// Opening balances, in fen.
const OPENING: std::ops::RangeInclusive<i64> = 1_000_000..=5_000_000;
const PAYMENT: i64 = 500;
const DEPOSIT: i64 = 130;
const WITHDRAWAL: i64 = 2_020;
const CHEQUE: i64 = 500;
/// The package's parameter `penalty`.
const PENALTY: i64 = 100;
/// How long the read model may take to follow.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);
/// Records in a page.
const PAGE: usize = 200;

/// What is done, and for which customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Amalgamate(usize, usize),
    Balance(usize),
    Deposit(usize),
    Payment(usize, usize),
    Withdrawal(usize),
    Cheque(usize),
}

/// What is done.
#[derive(Clone, Copy, Debug)]
enum Act {
    Amalgamate,
    Balance,
    Deposit,
    Payment,
    Withdrawal,
    Cheque,
}

const SHARES: &[(Act, u32)] = &[
    (Act::Amalgamate, 15),
    (Act::Balance, 15),
    (Act::Deposit, 15),
    (Act::Payment, 25),
    (Act::Withdrawal, 15),
    (Act::Cheque, 15),
];

/// What the accounts hold, in fen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Balance {
    /// What was put in at the opening, and by deposits since.
    pub(crate) put_in_fen: i64,
    /// What was taken out by withdrawals and cheques, penalties among it.
    pub(crate) taken_out_fen: i64,
    /// What all accounts hold.
    pub(crate) held_fen: i64,
    /// Customers whose accounts are not what they must be, and calls that ended otherwise than
    /// they must.
    pub(crate) differing: u64,
}

impl Balance {
    /// Whether all is as it must be.
    pub(crate) const fn agrees(&self) -> bool {
        self.differing == 0 && self.put_in_fen.saturating_sub(self.taken_out_fen) == self.held_fen
    }
}

/// A customer's accounts, in fen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Accounts {
    savings: i64,
    checking: i64,
}

/// The bank as it must be.
#[derive(Clone, Debug, Default)]
struct Books {
    accounts: Vec<Accounts>,
    put_in: i64,
    taken_out: i64,
}

impl Books {
    fn get(&self, customer: usize) -> Accounts {
        self.accounts.get(customer).copied().unwrap_or_default()
    }

    fn add(&mut self, customer: usize, savings: i64, checking: i64) {
        if let Some(accounts) = self.accounts.get_mut(customer) {
            accounts.savings = accounts.savings.saturating_add(savings);
            accounts.checking = accounts.checking.saturating_add(checking);
        }
    }

    /// Books it, in the order of the ledger; whether it applies.
    fn book(&mut self, deed: Deed) -> bool {
        match deed {
            Deed::Balance(_) => {}
            Deed::Amalgamate(from, to) => {
                let Accounts { savings, checking } = self.get(from);
                self.add(from, savings.saturating_neg(), checking.saturating_neg());
                self.add(to, 0, savings.saturating_add(checking));
            }
            Deed::Deposit(customer) => {
                self.add(customer, 0, DEPOSIT);
                self.put_in = self.put_in.saturating_add(DEPOSIT);
            }
            Deed::Payment(from, to) => {
                if self.get(from).checking < PAYMENT {
                    return false;
                }
                self.add(from, 0, PAYMENT.saturating_neg());
                self.add(to, 0, PAYMENT);
            }
            Deed::Withdrawal(customer) => {
                if self.get(customer).savings < WITHDRAWAL {
                    return false;
                }
                self.add(customer, WITHDRAWAL.saturating_neg(), 0);
                self.taken_out = self.taken_out.saturating_add(WITHDRAWAL);
            }
            Deed::Cheque(customer) => {
                let Accounts { savings, checking } = self.get(customer);
                let covered = savings.saturating_add(checking) >= CHEQUE;
                let sum = if covered { CHEQUE } else { CHEQUE.saturating_add(PENALTY) };
                self.add(customer, 0, sum.saturating_neg());
                self.taken_out = self.taken_out.saturating_add(sum);
            }
        }
        true
    }
}

/// The workload.
pub(super) struct Bank {
    rng: StdRng,
    books: Books,
    /// What each transaction does.
    deeds: BTreeMap<Digest, Deed>,
    /// Calls that ended otherwise than they must.
    surprises: u64,
}

fn name(customer: usize) -> String {
    format!("{customer:010}")
}

impl Bank {
    pub(super) fn new(customers: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(SEED);
        let open = |_| Accounts {
            savings: rng.random_range(OPENING),
            checking: rng.random_range(OPENING),
        };
        let accounts: Vec<Accounts> = (0..customers).map(open).collect();
        let both = accounts.iter().map(|of| of.savings.saturating_add(of.checking));
        let put_in = both.fold(0, i64::saturating_add);
        let books = Books { accounts, put_in, taken_out: 0 };
        Self { rng, books, deeds: BTreeMap::new(), surprises: 0 }
    }

    /// Draws from the seed; the two customers are never the same.
    fn draw(&mut self) -> Option<Deed> {
        let count = self.books.accounts.len().max(2);
        let act = choose(&mut self.rng, SHARES)?;
        let one = self.rng.random_range(0..count);
        let far = self.rng.random_range(1..count);
        let other = one.saturating_add(far).checked_rem(count)?;
        Some(match act {
            Act::Amalgamate => Deed::Amalgamate(one, other),
            Act::Balance => Deed::Balance(one),
            Act::Deposit => Deed::Deposit(one),
            Act::Payment => Deed::Payment(one, other),
            Act::Withdrawal => Deed::Withdrawal(one),
            Act::Cheque => Deed::Cheque(one),
        })
    }
}

fn call_of(deed: Deed) -> Option<Call> {
    let one = |action: &str, customer: usize, amount: i64| {
        let input = [("customer", Value::from(name(customer))), ("amount", Value::Int(amount))];
        call(PACKAGE, action, fields(input))
    };
    let two =
        |from: usize, to: usize| [("from", Value::from(name(from))), ("to", Value::from(name(to)))];
    Some(match deed {
        Deed::Balance(_) => return None,
        Deed::Deposit(customer) => one("deposit-checking", customer, DEPOSIT),
        Deed::Withdrawal(customer) => one("transact-savings", customer, WITHDRAWAL),
        Deed::Cheque(customer) => one("write-check", customer, CHEQUE),
        Deed::Amalgamate(from, to) => call(PACKAGE, "amalgamate", fields(two(from, to))),
        Deed::Payment(from, to) => {
            let mut input = fields(two(from, to));
            input.insert("amount".into(), Value::Int(PAYMENT));
            call(PACKAGE, "send-payment", input)
        }
    })
}

impl Workload for Bank {
    fn load(&mut self, desk: &mut Desk<'_>) -> Result<(), Fault> {
        let mut signings = Vec::with_capacity(self.books.accounts.len());
        for (customer, accounts) in self.books.accounts.iter().enumerate() {
            let input = fields([
                ("customer", Value::from(name(customer))),
                ("name", Value::from(format!("客户{customer}"))),
                ("savings", Value::Int(accounts.savings)),
                ("checking", Value::Int(accounts.checking)),
            ]);
            signings.push((call(PACKAGE, "open", input), desk.operator()?));
        }
        desk.settle(&signings).map(drop)
    }

    fn prepare(&mut self, count: usize, _rate: u64, desk: &mut Desk<'_>) -> Result<Vec<Op>, Fault> {
        let mut ops = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(deed) = self.draw() else { continue };
            if let Some(call) = call_of(deed) {
                let signed = desk.sign(call)?;
                self.deeds.insert(signed.id, deed);
                ops.push(Op::submit(signed));
            } else if let Deed::Balance(customer) = deed {
                let read = |register| Read::Record(PACKAGE, register, name(customer));
                ops.push(Op::read(vec![read("savings"), read("checking")]));
            }
        }
        Ok(ops)
    }

    fn rejections(&self) -> &'static [&'static str] {
        &["savings-too-low", "checking-too-low"]
    }

    fn on_block(&mut self, block: &BlockInfo) {
        for receipt in &block.receipts {
            let id = Digest::from_hex(&receipt.id).unwrap_or_default();
            let Some(deed) = self.deeds.remove(&id) else { continue };
            let applied = receipt.entries.iter().all(|entry| entry.applied);
            let must = self.books.book(deed);
            self.surprises = self.surprises.saturating_add(u64::from(applied != must));
        }
    }

    fn balance(&self, client: &Client, height: u64) -> Result<Option<Balance>, Fault> {
        let savings = held(client, "savings", height)?;
        let checking = held(client, "checking", height)?;
        Ok(Some(compare(&self.books, &savings, &checking, self.surprises)))
    }
}

fn compare(
    books: &Books,
    savings: &BTreeMap<String, i64>,
    checking: &BTreeMap<String, i64>,
    surprises: u64,
) -> Balance {
    let must: BTreeMap<String, Accounts> =
        books.accounts.iter().enumerate().map(|(at, of)| (name(at), *of)).collect();
    let keys: BTreeSet<&String> =
        must.keys().chain(savings.keys()).chain(checking.keys()).collect();
    let differs = |key: &&&String| {
        let found = (savings.get(**key).copied(), checking.get(**key).copied());
        let wanted = must.get(**key);
        found != (wanted.map(|of| of.savings), wanted.map(|of| of.checking))
    };
    let differing = u64::try_from(keys.iter().filter(differs).count()).unwrap_or(u64::MAX);
    Balance {
        put_in_fen: books.put_in,
        taken_out_fen: books.taken_out,
        held_fen: savings
            .values()
            .chain(checking.values())
            .fold(0, |sum, n| sum.saturating_add(*n)),
        differing: differing.saturating_add(surprises),
    }
}

/// Every balance of a register, once the read model has followed to `height`.
fn held(client: &Client, register: &str, height: u64) -> Result<BTreeMap<String, i64>, Fault> {
    let all = Select::new(PACKAGE, register).limit(PAGE);
    let begun = Instant::now();
    while client.select(&all).map_err(remote)?.height < height {
        if begun.elapsed() > PATIENCE {
            return Err(Fault::other("查询库落后", "the read model has fallen behind"));
        }
        std::thread::sleep(LOOK);
    }
    let mut out = BTreeMap::new();
    let mut select = all.clone();
    loop {
        let page = client.select(&select).map_err(remote)?;
        for record in page.items {
            let balance = record.fields.get("balance").and_then(serde_json::Value::as_i64);
            let unread = || Fault::other("余额无法读懂", "a balance cannot be understood");
            out.insert(record.key, balance.ok_or_else(unread)?);
        }
        let Some(next) = page.next else { return Ok(out) };
        select = all.clone().after(&next);
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::arithmetic_side_effects,
        clippy::integer_division,
        clippy::wildcard_enum_match_arm,
        reason = "tests"
    )]
    use super::*;

    fn drawn(count: usize) -> Vec<Deed> {
        let mut bank = Bank::new(100);
        (0..count).filter_map(|_| bank.draw()).collect()
    }

    #[test]
    fn the_six_types_come_in_their_mix_and_the_same_for_the_same_seed() {
        let deeds = drawn(10_000);
        assert_eq!(deeds, drawn(10_000));
        let percent = |is: fn(&Deed) -> bool| deeds.iter().filter(|d| is(d)).count() / 100;
        assert!((14..=16).contains(&percent(|d| matches!(d, Deed::Amalgamate(..)))));
        assert!((14..=16).contains(&percent(|d| matches!(d, Deed::Balance(_)))));
        assert!((14..=16).contains(&percent(|d| matches!(d, Deed::Deposit(_)))));
        assert!((24..=26).contains(&percent(|d| matches!(d, Deed::Payment(..)))));
        assert!((14..=16).contains(&percent(|d| matches!(d, Deed::Withdrawal(_)))));
        assert!((14..=16).contains(&percent(|d| matches!(d, Deed::Cheque(_)))));
        let same = |d: &Deed| match d {
            Deed::Amalgamate(one, other) | Deed::Payment(one, other) => one == other,
            _ => false,
        };
        assert!(!deeds.iter().any(same));
    }

    #[test]
    fn money_moves_and_is_never_made() {
        let mut books = Bank::new(50).books;
        let mut refused = 0;
        for deed in drawn(5_000) {
            let two = |n: usize| n % 50;
            let deed = match deed {
                Deed::Amalgamate(one, other) if two(one) != two(other) => {
                    Deed::Amalgamate(two(one), two(other))
                }
                Deed::Payment(one, other) => Deed::Payment(two(one), two(other)),
                Deed::Withdrawal(one) => Deed::Withdrawal(two(one)),
                Deed::Cheque(one) => Deed::Cheque(two(one)),
                Deed::Deposit(one) => Deed::Deposit(two(one)),
                other => Deed::Balance(if let Deed::Balance(one) = other { one } else { 0 }),
            };
            refused += u32::from(!books.book(deed));
        }
        let held: i64 = books.accounts.iter().map(|of| of.savings + of.checking).sum();
        assert_eq!(books.put_in - books.taken_out, held);
        assert!(refused > 0 && books.taken_out > 0);
        assert!(books.accounts.iter().all(|of| of.savings >= 0));
    }

    #[test]
    fn a_wrong_a_missing_and_a_foreign_account_are_told() {
        let accounts = vec![Accounts { savings: 10, checking: 5 }; 2];
        let books = Books { accounts, put_in: 30, taken_out: 0 };
        let of = |pairs: &[(usize, i64)]| pairs.iter().map(|(at, n)| (name(*at), *n)).collect();
        let savings = of(&[(0, 10), (1, 10)]);
        let checking: BTreeMap<_, _> = of(&[(0, 5), (1, 5)]);
        assert!(compare(&books, &savings, &checking, 0).agrees());
        assert!(!compare(&books, &savings, &checking, 1).agrees(), "an unforeseen outcome");
        let swapped = compare(&books, &savings, &of(&[(0, 6), (1, 4)]), 0);
        assert_eq!((swapped.held_fen, swapped.differing), (30, 2), "the sum alone shows nothing");
        assert!(!swapped.agrees());
        assert!(!compare(&books, &savings, &of(&[(0, 5)]), 0).agrees());
        assert_eq!(compare(&books, &of(&[(0, 10), (1, 10), (2, 0)]), &checking, 0).differing, 1);
    }
}
