//! Registrations, one by one or as a load in the background.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use chaincity_client::{Client, Signed, call};
use chaincity_types::wire::{Call, Mode, Outcome};
use chaincity_types::{Digest, Str, Value};

use crate::city::City;

/// How long a registration may take to become final.
pub(crate) const FINAL: Duration = Duration::from_secs(30);

fn fields<const N: usize>(pairs: [(&str, Value); N]) -> BTreeMap<Str, Value> {
    pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

/// The first registration of a unit that nobody owns yet.
pub(crate) fn registration(number: &str) -> Call {
    let holder = fields([("subject", "测试甲".into()), ("n", Value::Int(1)), ("d", Value::Int(1))]);
    let input = fields([
        ("number", number.into()),
        ("number_kind", "other".into()),
        ("location", "测试路1号".into()),
        ("building_area", Value::Decimal { mantissa: 8850, scale: 2 }),
        ("holders", Value::List(vec![Value::Map(holder)])),
        ("basis", "新建房屋".into()),
    ]);
    call("real-estate", "first-registration", input)
}

/// Signs the registration of a unit.
pub(crate) fn signed(client: &Client, number: &str) -> Result<Signed, String> {
    let transaction = client.transaction(Mode::Atomic, vec![registration(number)]);
    transaction.and_then(|transaction| client.sign(&transaction)).map_err(|e| e.to_string())
}

/// Registers a unit, waits for the receipt and checks its proof; gives the transaction's id.
pub(crate) fn register(client: &Client, number: &str) -> Digest {
    let proved = client.execute(vec![registration(number)]).unwrap().receipt;
    assert!(proved.entries.iter().all(|entry| entry.outcome == Outcome::Applied), "{proved:?}");
    proved.transaction
}

/// A client that registers one unit after another until it is told to stop.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    thread: JoinHandle<Result<Seen, (Seen, String)>>,
}

/// Registrations in the order in which they became final.
pub(crate) type Seen = Vec<Registered>;

/// A registration that the load saw become final.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) number: String,
    pub(crate) id: Digest,
    pub(crate) height: u64,
}

impl Load {
    /// Begins to register units `PREFIX-0`, `PREFIX-1`, … through any of these nodes.
    pub(crate) fn begin(city: &City, nodes: &[&str], prefix: &str) -> Self {
        let client = city.client(nodes, "registrar");
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, count, prefix) = (Arc::clone(&stop), Arc::clone(&done), prefix.to_owned());
        let thread = std::thread::spawn(move || {
            let mut seen = Vec::new();
            while !stopped.load(Ordering::SeqCst) {
                match one(&client, &format!("{prefix}-{}", seen.len())) {
                    Ok(registered) => seen.push(registered),
                    Err(failure) => return Err((seen, failure)),
                }
                count.store(seen.len(), Ordering::SeqCst);
            }
            Ok(seen)
        });
        Self { stop, done, thread }
    }

    /// How many registrations are final.
    pub(crate) fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }

    /// Ends the load, none of which may have failed, and gives all that it saw become final.
    pub(crate) fn end(self) -> Seen {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap().unwrap()
    }

    /// The same where no node answered for a while: it may have given up.
    pub(crate) fn end_after_outage(self) -> Seen {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap().unwrap_or_else(|(seen, _)| seen)
    }
}

/// Registers one unit.
fn one(client: &Client, number: &str) -> Result<Registered, String> {
    let signed = signed(client, number)?;
    let submitted = client.submit(&signed, FINAL).map_err(|error| error.to_string())?;
    let receipt = match submitted {
        None => client.receipt(&signed.id, FINAL).map_err(|error| error.to_string())?,
        some => some,
    };
    match receipt {
        Some(receipt) if receipt.entries.iter().all(|entry| entry.applied) => {
            Ok(Registered { number: number.to_owned(), id: signed.id, height: receipt.height })
        }
        other => Err(format!("{number}: {other:?}")),
    }
}
