//! Someone who acts on the ledger: an operator with a key, talking to all nodes' APIs.

use std::collections::BTreeMap;

use chaincity_client::{Client, ClientError, call};
use chaincity_crypto::suite::SecretKey;
use chaincity_types::wire::{Call, Event, Outcome};
use chaincity_types::{Digest, Str, Timestamp, Value};

use crate::clock;
use crate::fault::Fault;

/// How long a mandate holds, in milliseconds.
const MANDATE_MS: u64 = 3_600_000;

/// An operator with a session.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) client: Client,
    /// Its roles, by the node that it signed in at.
    pub(crate) roles: Vec<String>,
}

/// What became of a call, or of an atomic transaction.
#[derive(Debug)]
pub(crate) enum Done {
    /// It applied, with these events.
    Applied(Vec<Event>),
    /// It was refused with this code, and the refusal is on the ledger.
    Refused(String),
}

/// What became of a transaction, and where it stands.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Its id.
    pub(crate) transaction: Digest,
    /// Time of its block.
    pub(crate) time: Timestamp,
    /// What became of it.
    pub(crate) done: Done,
}

/// For `map_err` after asking a node.
#[allow(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
pub(crate) fn remote(error: ClientError) -> Fault {
    let mut cause = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        cause = format!("{cause}: {error}");
        source = error.source();
    }
    Fault::other(format!("节点应答：{cause}"), format!("the node: {cause}"))
}

impl Actor {
    /// Signs in at the first of `urls` that answers; the others stand by.
    pub(crate) fn sign_in(urls: &[String], ledger: Digest, key: SecretKey) -> Result<Self, Fault> {
        let mut builder = Client::builder(ledger);
        for url in urls {
            builder = builder.node(url);
        }
        let client = builder.build().map_err(remote)?;
        let roles = client.sign_in(key).map_err(remote)?.roles;
        Ok(Self { client, roles })
    }

    /// Submits one call and waits for its receipt, whose proof the client checks.
    pub(crate) fn call(
        &self,
        package: &str,
        action: &str,
        input: BTreeMap<Str, Value>,
        mandates: Vec<String>,
    ) -> Result<Done, Fault> {
        let mut call = call(package, action, input);
        call.mandates =
            (!mandates.is_empty()).then(|| mandates.into_iter().map(Into::into).collect());
        Ok(self.send(vec![call])?.done)
    }

    /// Submits calls of which all apply or none, and waits for the receipt, whose proof the client
    /// checks.
    pub(crate) fn send(&self, calls: Vec<Call>) -> Result<Sent, Fault> {
        let receipt = self.client.execute(calls).map_err(remote)?.receipt;
        let (transaction, time) = (receipt.transaction, receipt.time);
        let entry = receipt.entries.into_iter().next();
        let entry = entry.ok_or_else(|| Fault::other("回执为空", "the receipt is empty"))?;
        let done = match entry.outcome {
            Outcome::Applied => Done::Applied(entry.events),
            Outcome::Rejected { code, .. } => Done::Refused(code.into()),
        };
        Ok(Sent { transaction, time, done })
    }

    /// Submits a call that should apply.
    pub(crate) fn apply(
        &self,
        package: &str,
        action: &str,
        input: BTreeMap<Str, Value>,
        mandates: Vec<String>,
    ) -> Result<Vec<Event>, Fault> {
        match self.call(package, action, input, mandates)? {
            Done::Applied(events) => Ok(events),
            Done::Refused(code) => Err(Fault::other(
                format!("{action} 被驳回：{code}"),
                format!("{action} was refused: {code}"),
            )),
        }
    }

    /// Consents, as `party`, to a definite call by another; gives the mandate's key.
    pub(crate) fn mandate(
        &self,
        party: &str,
        action: &str,
        purpose: &str,
        input: &BTreeMap<Str, Value>,
    ) -> Result<String, Fault> {
        let mandate = mandate_input(party, action, purpose, input);
        let events = self.apply("governance", "mandate", mandate, Vec::new())?;
        key_of(&events, "mandate")
    }
}

/// The input of a mandate by which `party` consents to a call of `action` with this `input`.
pub(crate) fn mandate_input(
    party: &str,
    action: &str,
    purpose: &str,
    input: &BTreeMap<Str, Value>,
) -> BTreeMap<Str, Value> {
    let digest = chaincity_ledger::mandate_digest(input);
    consent(("real-estate", action), (party, purpose), digest)
}

/// The input of a mandate: whose it is and for what, to which call.
pub(crate) fn consent(
    (package, action): (&str, &str),
    (party, purpose): (&str, &str),
    digest: Digest,
) -> BTreeMap<Str, Value> {
    fields([
        ("party", party.into()),
        ("package", package.into()),
        ("action", action.into()),
        ("purpose", purpose.into()),
        ("digest", Value::Bytes(digest.as_bytes().to_vec())),
        ("expiry", Value::Time(clock::now().plus_ms(MANDATE_MS))),
    ])
}

/// Shares: everything is one subject's.
pub(crate) fn sole(subject: &str) -> Value {
    Value::List(vec![Value::Map(fields([
        ("subject", subject.into()),
        ("n", Value::Int(1)),
        ("d", Value::Int(1)),
    ]))])
}

/// An input or record from pairs.
pub(crate) fn fields<const N: usize>(pairs: [(&str, Value); N]) -> BTreeMap<Str, Value> {
    pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

/// The key of the record that was inserted into this register.
pub(crate) fn key_of(events: &[Event], register: &str) -> Result<String, Fault> {
    let found = events.iter().find(|e| e.register == register && e.kind == "inserted");
    found.map(|event| event.key.to_string()).ok_or_else(|| {
        Fault::other(format!("没有写入 {register}"), format!("nothing was written to {register}"))
    })
}
