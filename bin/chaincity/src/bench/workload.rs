//! What is submitted: signed transactions of one call each, made before they are timed.
//!
//! Signing is the client's work, and so is everything that must stand on the ledger first (for a
//! transfer: the unit, and a mandate of each side): none of it falls into a measured window.

use std::collections::BTreeMap;
use std::time::Duration;

use chaincity_client::api::transaction::{EntryInfo, ReceiptInfo, WAIT_MS_MAX};
use chaincity_client::{Client, Signed, call};
use chaincity_crypto::cose;
use chaincity_crypto::suite::SecretKey;
use chaincity_types::wire::{Call, Mode, PROTOCOL, Transaction};
use chaincity_types::{Digest, Value};
use clap::ValueEnum;

use super::town::People;
use crate::actor::{fields, mandate_input, remote, sole};
use crate::clock;
use crate::fault::Fault;
use crate::import::synthetic::synthetic_calls;

/// Seed of the synthetic units.
const SEED: u64 = 20_260_101;
/// Calls in a transaction of the preparation.
const BATCH: usize = 64;
/// Transactions of the preparation under way at each node.
const UNDER_WAY: usize = 4;
/// When a transaction expires: nearly as late as is allowed, since it is signed before it is due.
const EXPIRY_AHEAD_MS: u64 = 570_000;
pub(super) const PACKAGE: &str = "real-estate";

/// The workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// 首次登记 · first registrations of fresh units
    Register,
    /// 转移登记 · transfers of registered units, with both sides' mandates
    Transfer,
}

impl Kind {
    /// The name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Transfer => "transfer",
        }
    }
}

/// Makes transactions as they are needed.
pub(super) struct Workload<'a> {
    kind: Kind,
    ledger: Digest,
    people: &'a People,
    urls: &'a [String],
    units: Box<dyn Iterator<Item = Call>>,
    /// Transactions signed so far: the registrars take turns.
    signed: usize,
    /// Ids of the preparation's transactions.
    pub(super) preparation: Vec<Digest>,
}

/// A call with the key that signs it.
type Signing<'k> = (Call, &'k SecretKey);

/// A transfer to be prepared: unit, seller and buyer.
struct Sale<'k> {
    unit: String,
    seller: &'k (String, SecretKey),
    buyer: &'k (String, SecretKey),
}

impl Sale<'_> {
    fn input(&self) -> BTreeMap<String, Value> {
        fields([
            ("unit", self.unit.as_str().into()),
            ("to", sole(&self.buyer.0)),
            ("basis", "存量房买卖合同；契税完税凭证；买卖双方身份证明；不动产权属证书".into()),
            ("price", Value::Int(100_000_000)),
        ])
    }
}

impl<'a> Workload<'a> {
    pub(super) fn new(kind: Kind, ledger: Digest, people: &'a People, urls: &'a [String]) -> Self {
        let units = Box::new(synthetic_calls(SEED, u64::MAX));
        Self { kind, ledger, people, urls, units, signed: 0, preparation: Vec::new() }
    }

    /// The next `count` transactions, ready to be submitted within minutes.
    ///
    /// # Errors
    /// When the preparation is not accepted.
    pub(super) fn prepare(&mut self, count: usize) -> Result<Vec<Signed>, Fault> {
        let calls = match self.kind {
            Kind::Register => self.units(count),
            Kind::Transfer => self.transfers(count)?,
        };
        let mut out = Vec::with_capacity(calls.len());
        for call in calls {
            let key = self.registrar()?;
            out.push(sign(self.ledger, Mode::Atomic, vec![call], key));
        }
        Ok(out)
    }

    /// Has one transaction of each registrar executed, a few at a time: a ledger just founded first
    /// finds its peers, and leaders that are not there yet are waited for.
    ///
    /// # Errors
    /// When one is not accepted.
    pub(super) fn warm_up(&mut self) -> Result<(), Fault> {
        let load = self.prepare(self.people.registrars.len())?;
        self.preparation.extend(load.iter().map(|signed| signed.id));
        execute(self.ledger, self.urls, &load).map(drop)
    }

    /// Registrations of fresh units, with all that a registry fills in.
    fn units(&mut self, count: usize) -> Vec<Call> {
        let more = fields([
            ("zoning", "城镇住宅用地".into()),
            ("building_type", "住宅大楼（地上十八层，地下一层）".into()),
            ("layout", "三室二厅一厨二卫二阳台".into()),
            ("basis_digest", Value::Bytes(vec![0x5a; 32])),
            (
                "basis",
                "国有建设用地使用权证；建设工程规划许可证；建设工程竣工验收备案表；房屋面积测绘报告；\
                 商品房买卖合同；契税完税凭证；申请人身份证明；公证委托书"
                    .into(),
            ),
        ]);
        let mut calls: Vec<Call> = self.units.by_ref().take(count).collect();
        for call in &mut calls {
            call.input.extend(more.clone());
        }
        calls
    }

    /// The registrar whose turn it is.
    fn registrar(&mut self) -> Result<&'a SecretKey, Fault> {
        let all = &self.people.registrars;
        let turn = self.signed.checked_rem(all.len());
        self.signed = self.signed.saturating_add(1);
        let key = turn.and_then(|turn| all.get(turn));
        key.ok_or_else(|| Fault::other("没有登记员", "there are no registrars"))
    }

    /// Transfers whose units are registered and whose parties have given their mandates.
    fn transfers(&mut self, count: usize) -> Result<Vec<Call>, Fault> {
        let citizens = &self.people.citizens;
        let pairs = citizens.iter().cycle().zip(citizens.iter().cycle().skip(1));
        let mut registrations = self.units(count);
        let mut sales = Vec::with_capacity(count);
        for (registration, (seller, buyer)) in registrations.iter_mut().zip(pairs) {
            registration.input.insert("holders".to_owned(), sole(&seller.0));
            let unit = registration.input.get("number").and_then(Value::as_text);
            sales.push(Sale { unit: unit.unwrap_or_default().to_owned(), seller, buyer });
        }
        let mut signings: Vec<Signing<'_>> = Vec::with_capacity(count);
        let batches = registrations.chunks(BATCH).map(<[Call]>::to_vec).collect::<Vec<_>>();
        for batch in batches {
            let key = self.registrar()?;
            signings.extend(batch.into_iter().map(|call| (call, key)));
        }
        self.settle(&signings)?;
        let selling = self.mandates(&sales, "transfer", |sale| sale.seller)?;
        let buying = self.mandates(&sales, "acquire", |sale| sale.buyer)?;
        let mandates = selling.into_iter().zip(buying);
        let transfer = |(sale, (selling, buying)): (&Sale<'_>, (String, String))| Call {
            mandates: Some(vec![selling, buying]),
            ..call(PACKAGE, "transfer", sale.input())
        };
        Ok(sales.iter().zip(mandates).map(transfer).collect())
    }

    /// The keys of one party's mandates, in the order of the sales.
    fn mandates<'k>(
        &mut self,
        sales: &[Sale<'k>],
        purpose: &str,
        party: impl Fn(&Sale<'k>) -> &'k (String, SecretKey),
    ) -> Result<Vec<String>, Fault> {
        let mandate = |sale: &Sale<'k>| {
            let (subject, key) = party(sale);
            let input = mandate_input(subject, "transfer", purpose, &sale.input());
            (call("governance", "mandate", input), key)
        };
        let signings: Vec<_> = sales.iter().map(mandate).collect();
        let entries = self.settle(&signings)?;
        let key = |entry: EntryInfo| {
            let events = entry.events.into_iter();
            let mut inserted = events.filter(|e| e.register == "mandate" && e.kind == "inserted");
            let missing = || Fault::other("没有写入授意", "no mandate was written");
            inserted.next().map(|event| event.key).ok_or_else(missing)
        };
        entries.into_iter().map(key).collect()
    }

    /// Signs calls, as many of one signer together as fit, has them all executed, and gives their
    /// entries in the calls' order.
    fn settle(&mut self, signings: &[Signing<'_>]) -> Result<Vec<EntryInfo>, Fault> {
        let mut of_signer: BTreeMap<_, Vec<(usize, &Signing<'_>)>> = BTreeMap::new();
        for (index, signing) in signings.iter().enumerate() {
            of_signer.entry(signing.1.public_key()).or_default().push((index, signing));
        }
        let mut transactions = Vec::new();
        let mut order = Vec::new();
        for batch in of_signer.values().flat_map(|all| all.chunks(BATCH)) {
            let Some((_, (_, key))) = batch.first() else { continue };
            let calls = batch.iter().map(|(_, (call, _))| call.clone()).collect();
            transactions.push(sign(self.ledger, Mode::Independent, calls, key));
            order.push(batch.iter().map(|(index, _)| *index).collect::<Vec<_>>());
        }
        self.preparation.extend(transactions.iter().map(|signed| signed.id));
        let receipts = execute(self.ledger, self.urls, &transactions)?;
        let mut entries = BTreeMap::new();
        for (indexes, receipt) in order.into_iter().zip(receipts) {
            entries.extend(indexes.into_iter().zip(receipt.entries));
        }
        let refused = entries.values().find(|entry| !entry.applied);
        if let Some(rejection) = refused.and_then(|entry| entry.rejection.as_ref()) {
            return Err(Fault::other(
                format!("准备被驳回：{}", rejection.code),
                format!("the preparation was refused: {}", rejection.code),
            ));
        }
        Ok(entries.into_values().collect())
    }
}

fn sign(ledger: Digest, mode: Mode, calls: Vec<Call>, key: &SecretKey) -> Signed {
    let transaction = Transaction {
        ledger,
        protocol: PROTOCOL,
        expiry: clock::now().plus_ms(EXPIRY_AHEAD_MS),
        mode,
        calls,
        intent: None,
    };
    let id = cose::transaction_id(&transaction, &key.public_key());
    Signed { id, bytes: cose::sign_transaction(&transaction, key) }
}

/// Submits transactions, a few at a time to each node, and waits for their receipts.
fn execute(
    ledger: Digest,
    urls: &[String],
    transactions: &[Signed],
) -> Result<Vec<ReceiptInfo>, Fault> {
    let lanes = urls.iter().cycle().take(urls.len().saturating_mul(UNDER_WAY));
    let lanes: Vec<&String> = lanes.collect();
    let settled: Vec<Result<Vec<_>, Fault>> = std::thread::scope(|scope| {
        let run = |(lane, url): (usize, &&String)| {
            let mine = transactions.iter().enumerate().skip(lane).step_by(lanes.len());
            let mine: Vec<_> = mine.collect();
            let url = (*url).clone();
            scope.spawn(move || execute_at(ledger, &url, &mine))
        };
        let running: Vec<_> = lanes.iter().enumerate().map(run).collect();
        let broken = |_panic| Fault::other("提交线程中断", "a submitting thread broke off");
        running.into_iter().map(|thread| thread.join().map_err(broken)?).collect()
    });
    let mut receipts = BTreeMap::new();
    for lane in settled {
        receipts.extend(lane?);
    }
    Ok(receipts.into_values().collect())
}

fn execute_at(
    ledger: Digest,
    url: &str,
    transactions: &[(usize, &Signed)],
) -> Result<Vec<(usize, ReceiptInfo)>, Fault> {
    let client = Client::new(url, ledger).map_err(remote)?;
    let wait = Duration::from_millis(WAIT_MS_MAX);
    let mut out = Vec::with_capacity(transactions.len());
    for (index, signed) in transactions {
        let receipt = match client.submit(signed, wait).map_err(remote)? {
            Some(receipt) => Some(receipt),
            None => client.receipt(&signed.id, wait).map_err(remote)?,
        };
        let late = || Fault::other("准备未按时终局", "the preparation was not final in time");
        out.push((*index, receipt.ok_or_else(late)?));
    }
    Ok(out)
}
