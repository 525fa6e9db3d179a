//! One payment: where it stands on the ledger, what the core says of it, and the next step.

use std::collections::BTreeMap;
use std::time::Duration;

use chaincity_client::api::record::Record;
use chaincity_client::{Basis, Client, ClientError, Read, Reading};
use chaincity_package::json;
use chaincity_types::wire::Outcome;
use serde_json::{Map, Value as Json};

use super::bank::Bank;
use super::config::Follow;
use super::mapping::{Answer, Values};
use super::message::{Instruction, Source, Stage, Told};
use super::trouble::Trouble;

/// How long the vault's node may take to answer an access.
const RELEASE: Duration = Duration::from_secs(30);
/// Versions of a record that are looked through at a time, and how often.
const PAGE: usize = 200;
const PAGES_MAX: usize = 16;

/// Where payments are worked on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Desk<'a> {
    pub(super) client: &'a Client,
    pub(super) bank: &'a Bank,
    /// The member whose bank this is.
    pub(super) member: &'a str,
    /// Where the core tells outcomes.
    pub(super) callback: &'a str,
    pub(super) follow: &'a Follow,
}

/// A record that waits for payment.
struct Waiting {
    record: Record,
    source: Source,
}

impl Desk<'_> {
    /// Takes the next step for a record that was seen to wait.
    pub(super) fn step(&self, key: &str) -> Result<(), Trouble> {
        let Some(waiting) = self.waiting(key)? else { return Ok(()) };
        match self.bank.state(&waiting.source.key())? {
            None => self.instruct(&waiting),
            Some(told) if told.state == Stage::Accepted => Ok(()),
            Some(told) => self.confirm(&waiting.record, &told),
        }
    }

    /// Takes over an outcome that the core told by itself.
    pub(super) fn on_outcome(&self, told: &Told) -> Result<(), Trouble> {
        match self.waiting(&told.source.record)? {
            Some(waiting) if waiting.source == told.source => self.confirm(&waiting.record, told),
            Some(_) | None => self.check_same(told),
        }
    }

    /// The record as it is, if it waits for this bank to pay it.
    fn waiting(&self, key: &str) -> Result<Option<Waiting>, Trouble> {
        let Follow { package, payments, .. } = self.follow;
        // Whoever names a record has seen it: a node that does not know it is behind.
        let record = self.client.record(package, &payments.register, key)?;
        let record = record.ok_or(Trouble::Behind)?;
        if !payments.waits(&record, self.member) {
            return Ok(None);
        }
        let source = Source {
            ledger: self.client.ledger().to_string(),
            package: package.clone(),
            register: payments.register.clone(),
            record: record.key.clone(),
            version: self.since(&record)?,
        };
        Ok(Some(Waiting { record, source }))
    }

    /// The version with which the record came to wait: the first of those without a break up to
    /// the current one. A correction in between changes nothing of it.
    fn since(&self, record: &Record) -> Result<u64, Trouble> {
        let Follow { package, payments, .. } = self.follow;
        let mut since = record.version;
        for _ in 0..PAGES_MAX {
            if since == 1 {
                return Ok(since);
            }
            let (register, key) = (&payments.register, &record.key);
            let page = self.client.history(package, register, key, Some(since), PAGE)?;
            if page.items.is_empty() {
                return Err(Trouble::Behind);
            }
            for earlier in page.items {
                // The read model may lack the latest: a gap is no beginning.
                if earlier.version.saturating_add(1) != since {
                    return Err(Trouble::Behind);
                }
                if !payments.waits(&earlier, self.member) {
                    return Ok(since);
                }
                since = earlier.version;
            }
        }
        Err(Trouble::Unfit("too many versions"))
    }

    /// Sends the instruction.
    fn instruct(&self, waiting: &Waiting) -> Result<(), Trouble> {
        let groups = self.opened(&waiting.record)?;
        let values = Values { record: &waiting.record, groups, outcome: Map::new() };
        let instruction = self.instruction(&values, &waiting.source)?;
        // Reading took its time: what was settled by hand meanwhile is not paid.
        let still = self.waiting(&waiting.record.key)?;
        if still.is_none_or(|still| still.source != waiting.source) {
            return Ok(());
        }
        let key = waiting.source.key();
        self.bank.instruct(&key, self.callback, &instruction)?;
        let Source { register, record, .. } = &waiting.source;
        tracing::info!(register, record, key, "已发出指令 · instructed");
        Ok(())
    }

    /// The encrypted groups of a record, by a recorded access.
    fn opened(&self, record: &Record) -> Result<BTreeMap<String, Map<String, Json>>, Trouble> {
        let Follow { package, payments, grant, .. } = self.follow;
        let groups = payments.groups();
        let Some((grant, purpose)) = grant.as_ref().filter(|_| !groups.is_empty()) else {
            return Ok(BTreeMap::new());
        };
        let values = Values { record, groups: BTreeMap::new(), outcome: Map::new() };
        let case = payments.case.as_ref().and_then(|path| values.text(path));
        let place = (package.as_str(), payments.register.as_str(), record.key.as_str());
        let reading = Reading {
            groups,
            case: Some(case.unwrap_or_else(|| record.key.clone())),
            ..Reading::of(self.member, place, purpose, Basis::Grant(grant.clone()))
        };
        match self.client.read(&reading, self.client, RELEASE)? {
            Read::Given { given, .. } => {
                let mut opened = BTreeMap::new();
                for (name, fields) in given.groups {
                    if opened.insert(name, json::from_fields(&fields)).is_some() {
                        return Err(Trouble::Unfit("a group that stands in the record twice"));
                    }
                }
                Ok(opened)
            }
            Read::Refused { code, .. } | Read::Rejected { code } => {
                Err(Trouble::AmountRefused(code))
            }
            Read::Unanswered { .. } => Err(Trouble::AmountUnanswered),
        }
    }

    fn instruction(&self, values: &Values<'_>, source: &Source) -> Result<Instruction, Trouble> {
        let fields = &self.follow.payments.instruction;
        let optional = |path: &Option<_>| path.as_ref().and_then(|path| values.text(path));
        let amount = values.get(&fields.amount_fen).as_ref().and_then(Json::as_u64);
        let amount = amount.ok_or(Trouble::Unfit("no amount"))?;
        let to = values.text(&fields.to).ok_or(Trouble::Unfit("no account to pay to"))?;
        let from =
            if fields.from.is_some() { optional(&fields.from) } else { self.follow.from.clone() };
        let from = from.ok_or(Trouble::Unfit("no account to pay from"))?;
        let names = (optional(&fields.payer_name), optional(&fields.payee_name));
        Instruction::new(source.clone(), amount, (from, to), names)
            .ok_or(Trouble::Unfit("a field is out of its bounds"))
    }

    /// Says on the ledger what became of the payment.
    fn confirm(&self, record: &Record, told: &Told) -> Result<(), Trouble> {
        let answer = self.answer(told);
        let text = |text: &Option<String>| text.clone().map_or(Json::Null, Json::String);
        let outcome = Map::from_iter([
            ("reference".to_owned(), text(&told.reference)),
            ("booked_on".to_owned(), text(&told.booked_on)),
            ("reason".to_owned(), Json::String(told.reason_text())),
        ]);
        let values = Values { record, groups: BTreeMap::new(), outcome };
        let input = answer.input(&values);
        let call = self.client.call_from_json(&self.follow.package, &answer.action, &input)?;
        let code = match self.client.execute(vec![call]) {
            Ok(proved) => {
                proved.receipt.entries.into_iter().find_map(|entry| match entry.outcome {
                    Outcome::Applied => None,
                    Outcome::Rejected { code, .. } => Some(code.to_string()),
                })
            }
            Err(ClientError::Refused { status, body }) if (400..429).contains(&status) => {
                Some(body.code)
            }
            Err(error) => return Err(error.into()),
        };
        let Some(code) = code else {
            let Source { register, record, .. } = &told.source;
            tracing::info!(register, record, action = answer.action, "已回单 · confirmed");
            return Ok(());
        };
        // Whoever was faster has confirmed the same.
        match self.waiting(&record.key)? {
            Some(_) => Err(Trouble::ConfirmationRefused(code)),
            None => self.check_same(told),
        }
    }

    /// The ledger's result is the core's: after the payment came to wait, the action that answers
    /// so was applied to it.
    fn check_same(&self, told: &Told) -> Result<(), Trouble> {
        let Follow { package, payments, .. } = self.follow;
        let (Source { record: key, version, .. }, register) = (&told.source, &payments.register);
        let action = &self.answer(told).action;
        let answers = |record: &Record| record.version > *version && record.by.action == *action;
        let record = self.client.record(package, register, key)?.ok_or(Trouble::Differs)?;
        if answers(&record) {
            return Ok(());
        }
        let mut before = record.version;
        for _ in 0..PAGES_MAX {
            let page = self.client.history(package, register, key, Some(before), PAGE)?;
            if page.items.iter().any(answers) {
                return Ok(());
            }
            match page.next {
                Some(next) if next > *version => before = next,
                Some(_) | None => break,
            }
        }
        Err(Trouble::Differs)
    }

    fn answer(&self, told: &Told) -> &Answer {
        let payments = &self.follow.payments;
        if told.state == Stage::Settled { &payments.settled } else { &payments.failed }
    }
}
