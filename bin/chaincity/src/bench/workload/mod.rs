//! What is submitted and read: operations made before they are timed.
//!
//! Signing is the client's work, and so is everything that must stand on the ledger first (for a
//! transfer: the unit, and a mandate of each side): none of it falls into a measured window. All
//! that is drawn comes from one seed: two runs offer the same load.

mod bank;
mod cases;
mod course;
mod deeds;
mod estate;
mod phase;
mod size;
mod ycsb;

use chaincity_client::api::block::BlockInfo;
use chaincity_client::api::transaction::ReceiptInfo;
use chaincity_client::{Client, ClientError, Select, Signed};
use chaincity_types::Timestamp;
use clap::ValueEnum;

pub(super) use bank::Balance;
pub(super) use cases::open_terms;
pub(super) use course::Counted;
pub(super) use deeds::{Answers, ENCRYPTED, GROUPS, PACKAGE as DEEDS, key, private};
use phase::among;
pub(super) use phase::{Phase, QUERIES};

use super::desk::Desk;
use super::drive::Window;
use crate::fault::Fault;
use crate::shipped;

/// Seed of all that is drawn, synthetic units among it.
pub(super) const SEED: u64 = 20_260_101;

/// The workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// 首次登记 · first registrations of fresh units
    Register,
    /// 转移登记 · transfers of registered units, with both sides' mandates
    Transfer,
    /// 60%查询、30%转移、10%首次登记 · 60 % reads, 30 % transfers, 10 % registrations, Zipfian keys
    Mixed,
    /// SmallBank 的六种业务 · the six transaction types of SmallBank
    Smallbank,
    /// YCSB A：50%读、50%更新 · 50 % reads, 50 % updates
    YcsbA,
    /// YCSB B：95%读、5%更新 · 95 % reads, 5 % updates
    YcsbB,
    /// YCSB C：只读 · reads only
    YcsbC,
    /// YCSB D：95%读最新、5%插入 · 95 % reads of the latest, 5 % inserts
    YcsbD,
    /// YCSB E：95%范围查询、5%插入 · 95 % short scans, 5 % inserts
    YcsbE,
    /// YCSB F：50%读、50%读后改写 · 50 % reads, 50 % read-modify-writes
    YcsbF,
    /// 批量导入 · bulk import of units with their owners
    Import,
    /// 办件：按流程逐步办理，可先有大量在办件与同时到期的期限 · cases step by step, beside many open ones, with terms that end at one instant
    Process,
    /// 规模：先导入，再量登记、转移、查询、重启与快照同步 · at size: an import, then registrations, transfers, queries, a restart, a snapshot
    Size,
    /// 加密登记与调用：同一登记明文与加密之比，每秒调用数，从点击到打开 · encrypted registrations beside the same in clear, accesses a second, from the click until it is opened
    Disclosure,
}

impl Kind {
    /// The name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Transfer => "transfer",
            Self::Mixed => "mixed",
            Self::Smallbank => "smallbank",
            Self::YcsbA => "ycsb-a",
            Self::YcsbB => "ycsb-b",
            Self::YcsbC => "ycsb-c",
            Self::YcsbD => "ycsb-d",
            Self::YcsbE => "ycsb-e",
            Self::YcsbF => "ycsb-f",
            Self::Import => "import",
            Self::Process => "process",
            Self::Size => "size",
            Self::Disclosure => "disclosure",
        }
    }

    /// The package that it loads.
    pub(super) const fn package(self) -> &'static str {
        match self {
            Self::Register | Self::Transfer | Self::Mixed | Self::Import | Self::Size => {
                estate::PACKAGE
            }
            Self::Smallbank => bank::PACKAGE,
            Self::Process => course::PACKAGE,
            Self::Disclosure => deeds::PACKAGE,
            Self::YcsbA | Self::YcsbB | Self::YcsbC | Self::YcsbD | Self::YcsbE | Self::YcsbF => {
                ycsb::PACKAGE
            }
        }
    }

    /// The documents of that package and of those that it needs; `instant` is when all terms end, where
    /// there are terms.
    ///
    /// # Errors
    /// When a shipped package does not parse; a test keeps this from being shipped.
    pub(super) fn documents(self, instant: Timestamp) -> Result<Vec<Vec<u8>>, Fault> {
        if self == Self::Process {
            return Ok(vec![cases::document(instant)?]);
        }
        let needed: &[&str] = if self.has_steward() { &["identity", "disclosure"] } else { &[] };
        let packages = [self.package()].into_iter().chain(needed.iter().copied());
        packages.map(|package| Ok(shipped::source(package)?.doc.to_bytes())).collect()
    }

    /// The roles of who signs.
    pub(super) const fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Register | Self::Transfer | Self::Mixed => &["registry.registrar"],
            Self::Import => &["registry.importer"],
            Self::Size => &["registry.importer", "registry.registrar"],
            Self::Smallbank => &["bank.teller"],
            Self::Process => &["permit.clerk", "permit.system"],
            Self::Disclosure => &["deeds.clerk", "reader.officer"],
            Self::YcsbA | Self::YcsbB | Self::YcsbC | Self::YcsbD | Self::YcsbE | Self::YcsbF => {
                &["store.client"]
            }
        }
    }

    /// Whether citizens own what changes hands.
    pub(super) const fn has_citizens(self) -> bool {
        matches!(self, Self::Transfer | Self::Mixed | Self::Size)
    }

    /// Whether the first office keeps a vault and answers accesses out of it.
    pub(super) const fn has_steward(self) -> bool {
        matches!(self, Self::Disclosure)
    }

    /// Whether it begins with an import, as fast as it goes.
    pub(super) const fn imports(self) -> bool {
        matches!(self, Self::Import | Self::Size)
    }

    /// Whether a node joins at the end, which does not run before.
    pub(super) const fn has_newcomer(self) -> bool {
        matches!(self, Self::Size)
    }

    /// Records that stand before, or that are imported, unless told otherwise: as many as the
    /// benchmark's own definition has.
    pub(super) const fn records(self) -> usize {
        match self {
            Self::Register | Self::Transfer => 0,
            Self::Mixed => 2_000,
            Self::Process | Self::Disclosure => 1_000,
            Self::Smallbank => 18_000,
            Self::YcsbA | Self::YcsbB | Self::YcsbC | Self::YcsbD | Self::YcsbE | Self::YcsbF => {
                1_000
            }
            Self::Import => 20_000,
            // The units of a prefecture-level city.
            Self::Size => 350_000,
        }
    }
}

/// Something asked of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A record by its key: package, register, key.
    Record(&'static str, &'static str, String),
    /// A page by an index.
    Page(Select),
}

impl Read {
    /// Asks; whether there was something.
    pub(super) fn ask(&self, client: &Client) -> Result<bool, ClientError> {
        match self {
            Self::Record(package, register, key) => {
                client.record(package, register, key).map(|record| record.is_some())
            }
            Self::Page(select) => client.select(select).map(|page| !page.items.is_empty()),
        }
    }
}

/// One operation: what is read, and what is submitted after it.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) reads: Vec<Read>,
    pub(super) submit: Option<Signed>,
}

impl Op {
    /// Reads alone.
    pub(super) const fn read(reads: Vec<Read>) -> Self {
        Self { reads, submit: None }
    }

    /// One transaction.
    pub(super) const fn submit(signed: Signed) -> Self {
        Self { reads: Vec::new(), submit: Some(signed) }
    }
}

/// Makes operations as they are needed.
pub(super) trait Workload {
    /// Brings to the ledger what stands on it before the first window.
    ///
    /// # Errors
    /// When it is not accepted.
    fn load(&mut self, _desk: &mut Desk<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// The next `count` operations, of which `rate` are due a second.
    ///
    /// # Errors
    /// When the preparation is not accepted.
    fn prepare(&mut self, count: usize, rate: u64, desk: &mut Desk<'_>) -> Result<Vec<Op>, Fault>;

    /// Calls that `count` operations need beforehand.
    fn preparation(&self, _count: usize) -> usize {
        0
    }

    /// Turns to what is measured next, where there is more than one thing.
    fn turn_to(&mut self, _phase: Phase) {}

    /// Learns what became of the operations of the last window.
    fn after(&mut self, _window: &Window) {}

    /// Brings to an end what the windows left under way.
    ///
    /// # Errors
    /// When it is not accepted.
    fn conclude(&mut self, _desk: &mut Desk<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// Codes with which a call may be rejected by the benchmark's own definition.
    fn rejections(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether another one submitted this, by the benchmark's own definition.
    fn is_anothers(&self, _receipt: &ReceiptInfo) -> bool {
        false
    }

    /// Sees every block, afterwards and in order.
    fn on_block(&mut self, _block: &BlockInfo) {}

    /// What the accounts hold against what they must hold, where there are accounts.
    ///
    /// # Errors
    /// When the node does not answer.
    fn balance(&self, _client: &Client, _height: u64) -> Result<Option<Balance>, Fault> {
        Ok(None)
    }

    /// What the blocks say of cases, where there are cases.
    fn counted(&self) -> Option<Counted> {
        None
    }

    /// What the blocks say of accesses, where there are accesses.
    fn answers(&self) -> Option<Answers> {
        None
    }
}

/// The workload of this kind, over `records` records, with so many terms.
///
/// # Errors
/// When what it needs is not shipped.
pub(super) fn of(kind: Kind, records: usize, terms: usize) -> Result<Box<dyn Workload>, Fault> {
    use ycsb::{A, B, C, D, E, F, Ycsb};
    Ok(match kind {
        Kind::Register | Kind::Import => Box::new(estate::Estate::new(estate::REGISTER, records)),
        Kind::Size => Box::new(size::Size::new(records)),
        Kind::Transfer => Box::new(estate::Estate::new(estate::TRANSFER, records)),
        Kind::Mixed => Box::new(estate::Estate::new(estate::MIXED, records)),
        Kind::Smallbank => Box::new(bank::Bank::new(records)),
        Kind::YcsbA => Box::new(Ycsb::new(A, records)),
        Kind::YcsbB => Box::new(Ycsb::new(B, records)),
        Kind::YcsbC => Box::new(Ycsb::new(C, records)),
        Kind::YcsbD => Box::new(Ycsb::new(D, records)),
        Kind::YcsbE => Box::new(Ycsb::new(E, records)),
        Kind::YcsbF => Box::new(Ycsb::new(F, records)),
        Kind::Process => Box::new(cases::Cases::new(records, terms)?),
        Kind::Disclosure => Box::new(deeds::Deeds::new(records)),
    })
}
