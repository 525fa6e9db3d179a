//! What the demo's report says of the sales.

use chaincity_types::Timestamp;
use serde::Serialize;

use super::bank::{Books, Paid};
use super::play::{Line, Play};
use super::town::Town;

/// The sales.
#[derive(Debug, Serialize)]
pub(crate) struct Sale {
    /// Who took part.
    organisations: Vec<Organisation>,
    /// How it was before, as reports have it.
    before: Before,
    /// The plays, in order.
    plays: Vec<Played>,
    /// The bank's books beside the ledger's confirmations.
    bank: Books,
    /// Height at which the state roots were compared afterwards.
    pub(crate) height: u64,
    /// State root at that height, one a node.
    pub(crate) roots: Vec<String>,
}

/// An organisation.
#[derive(Debug, Serialize)]
struct Organisation {
    id: String,
    zh: String,
    en: String,
}

/// How it was before: figures of reports, not of this system.
#[derive(Debug, Serialize)]
struct Before {
    source: &'static str,
    days: u32,
    trips: u32,
    departments: u32,
    documents: u32,
}

/// The figures: 15 days at the government and two banks make 30; 5 to 6 trips, 3 departments, more
/// than 20 documents.
const BEFORE: Before =
    Before { source: "reports", days: 30, trips: 6, departments: 3, documents: 20 };

/// One play.
#[derive(Debug, Serialize)]
pub(super) struct Played {
    name: &'static str,
    case: String,
    outcome: &'static str,
    /// From its beginning to its end, by the ledger's time.
    seconds: f64,
    steps: Vec<Step>,
    /// What the bank executed, as its port confirmed it.
    pub(super) payments: Vec<Paid>,
    /// What was tried and refused, as it should be.
    refused: Vec<Refusal>,
    /// How often a citizen came to a counter, and how often one signed.
    trips: usize,
    signatures: usize,
}

/// One step.
#[derive(Debug, Serialize)]
struct Step {
    node: String,
    zh: String,
    en: String,
    organisation: &'static str,
    by: &'static str,
    /// Since when it could be done, from the beginning, by the ledger's time.
    open_s: f64,
    done_s: f64,
    transaction: String,
}

/// Something that was tried and refused.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Refusal {
    pub(super) node: String,
    pub(super) code: String,
    pub(super) transaction: String,
}

/// Seconds from the beginning of a play.
fn seconds(began: Timestamp, at: Timestamp) -> f64 {
    std::time::Duration::from_millis(at.0.saturating_sub(began.0)).as_secs_f64()
}

impl Played {
    /// A play that has ended as it should.
    pub(super) fn of(play: &Play<'_>, outcome: &'static str, refused: &[Refusal]) -> Self {
        let lines = play.lines();
        let end = lines.last().map_or(play.began, |line| line.done);
        let (signatures, trips) = play.citizens();
        let step = |line: Line| Step {
            node: line.node,
            zh: line.name.0,
            en: line.name.1,
            organisation: line.seat.member,
            by: line.seat.name,
            open_s: seconds(play.began, line.opened),
            done_s: seconds(play.began, line.done),
            transaction: line.transaction.to_string(),
        };
        Self {
            name: play.deal.name,
            case: play.case.clone(),
            outcome,
            seconds: seconds(play.began, end),
            steps: lines.into_iter().map(step).collect(),
            payments: play.paid(),
            refused: refused.to_vec(),
            trips,
            signatures,
        }
    }
}

impl Sale {
    /// What was played, before the roots are compared.
    pub(super) fn of(town: &Town, members: &[&str], plays: Vec<Played>, bank: Books) -> Self {
        let organisation = |member: &&str| {
            let (zh, en) = town.name(member);
            Organisation { id: (*member).to_owned(), zh, en }
        };
        let organisations = members.iter().map(organisation).collect();
        Self { organisations, before: BEFORE, plays, bank, height: 0, roots: Vec::new() }
    }
}
