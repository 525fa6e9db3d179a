//! `chaincity bank-port`: carries payments that the ledger instructs to a bank's core system, and
//! what became of them back, until it is told to stop. `docs/bank-port.md` says how.
//!
//! The port keeps nothing: what is to be paid stands on the ledger, what became of it the core
//! knows. One thread works, so that no payment is taken up twice at a time; one listens for callbacks,
//! one follows the ledger, and both only wake the first.

mod bank;
mod callback;
mod config;
pub(super) mod mapping;
mod message;
mod payment;
mod trouble;
mod work;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use chaincity_client::Client;
use clap::Args;
use serde::Serialize;

use self::callback::Listener;
use self::config::{Config, Follow};
use self::message::Told;
use self::work::{Place, Worker};
use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::fault::Fault;
use crate::output::Output;

/// Most callbacks and other occasions that wait for the worker.
const QUEUE: usize = 256;
/// Pause before the ledger is followed again, after it could not be.
const FOLLOW_PAUSE: Duration = Duration::from_secs(1);

/// 银行接口：把账本上的付款指令送交银行核心系统，把结果送回账本 · the bank port: payments that the ledger instructs to a bank's core, what became of them back
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 接口配置文件 · the port's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

/// Why the worker is woken.
#[derive(Debug)]
enum Wake {
    /// The core told an outcome.
    Outcome(Box<Told>),
    /// A record was written that may have to be paid.
    Written(Place),
    /// The end is asked for.
    Stop,
}

#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    listen: String,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    super::node::log();
    let outcome = attempt(arguments, output);
    settle(outcome, false, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let config = Config::read(&arguments.config)?;
    let (client, session) = arguments.connection.signed_in()?;
    let follows = config.follows(&client, &session)?;
    let (client, stop) = (Arc::new(client), Arc::new(AtomicBool::new(false)));
    let (wakes, woken) = sync_channel(QUEUE);
    let ledger = client.ledger().to_string();
    let listener = Listener::start(&config, &ledger, wakes.clone(), Arc::clone(&stop))?;
    follow(Arc::clone(&client), &follows, wakes)?;
    let listen = listener.address.to_string();
    let mut worker = Worker::new(client, session.member, follows, &config, listener.callback());
    output.report(&Ready { ready: true, listen }, |ready| {
        vec![format!(
            "银行接口已就绪，回调地址 · the bank port is ready, callbacks arrive at {}",
            ready.listen
        )]
    })?;
    output.flush()?;
    worker.run(&woken, &stop);
    Ok(Exit::Ok)
}

/// Wakes the worker when the ledger writes to a register that is followed, on a thread of its own.
fn follow(client: Arc<Client>, follows: &[Follow], wakes: SyncSender<Wake>) -> Result<(), Fault> {
    let registers: Vec<(String, String)> = follows
        .iter()
        .map(|follow| (follow.package.clone(), follow.payments.register.clone()))
        .collect();
    let thread = std::thread::Builder::new().name("chaincity-follow".into());
    let started = thread.spawn(move || {
        loop {
            let Err(error) = follow_on(&client, &registers, &wakes) else { return };
            tracing::warn!(
                code = "ledger-unreachable",
                cause = %crate::failure::chain(&error),
                "账本暂时无法跟踪 · the ledger cannot be followed for now"
            );
            std::thread::sleep(FOLLOW_PAUSE);
        }
    });
    started.map(drop).map_err(|cause| {
        Fault::other(format!("无法新建线程：{cause}"), format!("no thread to be had: {cause}"))
    })
}

/// Follows from now on, until the worker has gone. What was missed before, its next look finds.
fn follow_on(
    client: &Client,
    registers: &[(String, String)],
    wakes: &SyncSender<Wake>,
) -> Result<(), chaincity_client::ClientError> {
    let from = client.status()?.height.saturating_add(1);
    for block in client.events(from) {
        let block = block?;
        let entries = block.receipts.into_iter().flat_map(|receipt| receipt.entries);
        for event in entries.flat_map(|entry| entry.events) {
            let is_its = |(package, register): &(String, String)| {
                event.package == *package && event.register == *register
            };
            let Some(at) = registers.iter().position(is_its) else { continue };
            match wakes.try_send(Wake::Written((at, event.key))) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => tracing::warn!(
                    code = "queue-full",
                    "队列已满，下次查看时再办 · the queue is full, the next look finds it"
                ),
                Err(TrySendError::Disconnected(_)) => return Ok(()),
            }
        }
    }
    Ok(())
}
