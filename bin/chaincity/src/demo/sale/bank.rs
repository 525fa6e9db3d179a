//! The escrow bank's core system, simulated, and the port between it and the ledger: two processes of
//! their own, which execute and confirm every payment of the sales. The core keeps its books in the
//! city's folder `bank`; they hold its customers' names and accounts, as any bank's do.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use chaincity_crypto::hash;
use chaincity_types::Digest;
use rand::Rng as _;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::cast::{ESCROW_BANK, PORT};
use super::deal::{self, DEALS, LOAN, OWN};
use super::prepare::PAYING;
use crate::city::{City, write_secret};
use crate::cluster::Cluster;
use crate::fault::Fault;

/// The core's program, beside this one.
const PROGRAM: &str = "chaincity-example-bank";
/// The account that the bank pays out of, as its core calls it.
const ESCROW: &str = "ESCROW";
/// Where both listen: a port that is free, which the ready line tells.
const ANY: &str = "127.0.0.1:0";

/// Where the core's program lies.
///
/// # Errors
/// When it is not there: nothing takes its place.
pub(crate) fn program() -> Result<PathBuf, Fault> {
    let own = std::env::current_exe().map_err(Fault::io(Path::new("chaincity")))?;
    let program = own.with_file_name(PROGRAM);
    if program.is_file() {
        return Ok(program);
    }
    let shown = program.display();
    Err(Fault::other(
        format!("缺少模拟银行程序 {shown}：先执行 cargo build -p {PROGRAM}，./run 会编译它"),
        format!(
            "the simulated bank {shown} is missing: `cargo build -p {PROGRAM}` makes it, as \
             ./run does"
        ),
    ))
}

/// A payment that was executed, as the ledger has it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Paid {
    pub(super) kind: &'static str,
    /// Its record.
    pub(super) record: String,
    /// The transaction that instructed it.
    pub(super) instructed: String,
    /// The bank's number, and the day on which it booked.
    pub(super) reference: String,
    pub(super) booked_on: String,
    /// The port's transaction that confirmed it.
    pub(super) confirmed: String,
}

/// What a comparison of the core's books with the ledger's confirmations found.
#[derive(Debug, Serialize)]
pub(crate) struct Books {
    program: &'static str,
    /// Payments that the ledger has as confirmed, and those that the core booked so.
    payments: usize,
    agreed: usize,
    /// The sum over all accounts of the core, and what is left in escrow.
    sum_fen: i64,
    escrow_fen: i64,
}

impl Books {
    /// How many payments there were.
    pub(super) const fn payments(&self) -> usize {
        self.payments
    }
}

/// Both processes. Dropping it ends them, the port first.
#[derive(Debug)]
pub(super) struct Bank {
    ledger: Digest,
    _port: Running,
    core: Running,
    secret: PathBuf,
}

impl Bank {
    /// Starts the core and the port, which reads amounts under this grant.
    pub(super) fn open(city: &City, cluster: &Cluster, grant: &str) -> Result<Self, Fault> {
        let (books, port) = (city.dir.join("bank"), city.dir.join("bank-port"));
        for dir in [&books, &port] {
            fs::create_dir_all(dir).map_err(Fault::io(dir))?;
        }
        let secret = port.join("bank.secret");
        let mut shared = [0; 32];
        rand::rng().fill_bytes(&mut shared);
        write_secret(&secret, &hex::encode(shared))?;
        let accounts = books.join("accounts.json");
        fs::write(&accounts, opening().to_string()).map_err(Fault::io(&accounts))?;
        let mut serve = Command::new(program()?);
        serve.args(["serve", "--listen", ANY]);
        serve.arg("--journal").arg(books.join("journal.jsonl"));
        serve.arg("--secret").arg(&secret).arg("--accounts").arg(&accounts);
        let core = Running::start(&mut serve, &books.join("bank.log"))?;
        let config = port.join("bank-port.toml");
        let text = format!(
            "bank = \"http://{}\"\nlisten = \"{ANY}\"\nsecret = \"bank.secret\"\n\n\
             [[payments]]\npackage = \"settlement\"\nfrom = \"{ESCROW}\"\ngrant = \"{grant}\"\n\
             purpose = \"{PAYING}\"\n",
            core.listen
        );
        fs::write(&config, text).map_err(Fault::io(&config))?;
        let node = cluster.position(ESCROW_BANK).and_then(|index| cluster.nodes.get(index));
        let node = node.map(|node| node.url.clone()).unwrap_or_default();
        let own = std::env::current_exe().map_err(Fault::io(Path::new("chaincity")))?;
        let mut follow = Command::new(own);
        follow.args(["bank-port", "--json", "--node", &node]).arg("--config").arg(&config);
        follow.arg("--city").arg(&city.dir);
        follow.arg("--key").arg(city.dir.join("keys").join(format!("{PORT}.key")));
        let port = Running::start(&mut follow, &port.join("port.log"))?;
        let ledger = hash::ledger_id(&city.genesis);
        Ok(Self { ledger, _port: port, core, secret })
    }

    /// Compares the core's books with what the ledger has as confirmed.
    ///
    /// # Errors
    /// When they differ anywhere.
    pub(super) fn compare(&self, paid: &[&Paid]) -> Result<Books, Fault> {
        let mut agreed = 0_usize;
        for payment in paid {
            let told = self.ask(&format!("/v1/instructions/{}", self.key(&payment.record)))?;
            let is =
                |field: &str, value: &str| told.get(field).and_then(Json::as_str) == Some(value);
            if is("state", "settled")
                && is("reference", &payment.reference)
                && is("booked_on", &payment.booked_on)
            {
                agreed = agreed.saturating_add(1);
            }
        }
        let balances = self.ask("/v1/accounts")?;
        let of = |account: &str| {
            let items = balances.get("items").and_then(Json::as_array).into_iter().flatten();
            let mut same = items.filter(|item| item.get("id") == Some(&account.into()));
            same.next().and_then(|item| item.get("balance_fen")?.as_i64())
        };
        let booked = |account: &str| {
            let to = paid.iter().map(|payment| deal::outgoing(payment.kind));
            to.filter(|to| to.account == account).map(|to| to.amount).sum::<i64>()
        };
        let reached = paid.iter().all(|payment| {
            let account = deal::outgoing(payment.kind).account;
            of(account) == Some(booked(account))
        });
        let books = Books {
            program: PROGRAM,
            payments: paid.len(),
            agreed,
            sum_fen: balances.get("sum_fen").and_then(Json::as_i64).unwrap_or(i64::MAX),
            escrow_fen: of(ESCROW).unwrap_or(i64::MAX),
        };
        // All that came in for these sales has gone out again.
        let even = books.sum_fen == 0 && books.escrow_fen == 0;
        if reached && even && books.agreed == books.payments {
            return Ok(books);
        }
        Err(Fault::other(
            format!("银行账与账本回单不一致：{books:?}"),
            format!("the bank's books differ from the ledger's confirmations: {books:?}"),
        ))
    }

    /// The key of a payment's instruction, as `docs/bank-port.md` derives it.
    fn key(&self, record: &str) -> String {
        let text =
            format!("chaincity-bank-port/1\n{}\nsettlement\npayment\n1\n{record}", self.ledger);
        hash::plain(text.as_bytes()).to_string()
    }

    fn ask(&self, path: &str) -> Result<Json, Fault> {
        let program = program()?;
        let answer = Command::new(&program)
            .args(["ask", "GET", path, "--bank", &format!("http://{}", self.core.listen)])
            .arg("--secret")
            .arg(&self.secret)
            .output()
            .map_err(Fault::io(&program))?;
        serde_json::from_slice(&answer.stdout).map_err(Fault::form(&program))
    }
}

/// The core's accounts: what the buyers and the lender paid in is there, of all that are paid out.
fn opening() -> Json {
    let count = |deals: usize| i64::try_from(deals).unwrap_or_default();
    let owned = OWN.saturating_mul(count(DEALS.len()));
    let lent = DEALS.iter().filter(|deal| deal.is_booked).count();
    let held = owned.saturating_add(LOAN.saturating_mul(count(lent)));
    let mut accounts = vec![json!({"id": ESCROW, "name": "房款监管专户", "balance_fen": held})];
    let customers = ["payoff", "net", "refund"].map(deal::outgoing);
    accounts.extend(
        customers.iter().map(|to| json!({"id": to.account, "name": to.customer, "balance_fen": 0})),
    );
    Json::Array(accounts)
}

/// A process that says on its first line that it is ready, and where it listens.
#[derive(Debug)]
struct Running {
    child: Child,
    listen: String,
}

impl Running {
    fn start(command: &mut Command, log: &Path) -> Result<Self, Fault> {
        let program = PathBuf::from(command.get_program());
        let file = File::options().create(true).append(true).open(log).map_err(Fault::io(log))?;
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        let child = command.spawn().map_err(Fault::io(&program))?;
        let mut running = Self { child, listen: String::new() };
        let mut line = String::new();
        if let Some(out) = running.child.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(Fault::io(&program))?;
        }
        let told: Option<Json> = serde_json::from_str(&line).ok();
        let listen = told.as_ref().and_then(|told| told.get("listen")).and_then(Json::as_str);
        let (shown, log) = (program.display(), log.display());
        let listen = listen.ok_or_else(|| {
            Fault::other(
                format!("{shown} 未能就绪，日志：{log}"),
                format!("{shown} was not ready, log: {log}"),
            )
        })?;
        running.listen = listen.to_owned();
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            // It has ended already, or will not: nothing more can be done.
        }
    }
}
