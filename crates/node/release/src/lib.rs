//! The steward's release agent: it answers the accesses that the ledger records, out of the vault.
//!
//! An access comes to rest on the ledger as a record of the package `disclosure`, in the state
//! `asked`. The [`Agent`] of the steward's node sees it there, opens what it asks for, seals that for
//! the reader's one-time key, keeps the envelope in the vault and submits a *release* that names the
//! envelope's digest. Grant and consent are judged again where the release is executed, so one that
//! was withdrawn in between refuses it, and the agent records that refusal. The node hands the
//! envelope over only once the release is final (`GET /v1/vault/envelopes/{access}`).
//!
//! What grant and consent allow, the steward's own policy may hold back ([`chaincity_package::policy`]): it
//! is refused, or left to a person.
//!
//! Why it is asked, purpose and case number, the access says to the steward alone: the agent opens that
//! in the vault and judges it against grant, consent and search; read logs show it ([`why`]).
//!
//! It answers the searches of the steward's own staff likewise, and confidential accesses once steward
//! and auditor have signed; these it shows when their term has ended ([`request`], [`opened`]).
//!
//! It also names, for the read logs, the subjects of accesses that the rules refused or that nobody
//! answered.
//!
//! Where a steward keeps its vault on two machines, the register `answering` names the service that
//! answers ([`answers`]): the other one leaves accesses alone, and what it released would be refused.
//!
//! The agent holds no state of its own: what it has not answered still stands on the ledger as asked,
//! and an envelope that was kept before a crash is the one that is released after it.

mod agent;
mod answer;
mod answering;
mod call;
mod cases;
mod claims;
mod confidential;
mod erasing;
mod noting;
mod opening;
mod policy;
mod said;
mod searching;
mod tried;

pub use agent::{Agent, AgentError};
pub use answering::answers;
pub use cases::process_seals;

/// The package whose records and actions the protocol consists of.
pub const PACKAGE: &str = "disclosure";
/// Its register of accesses.
pub const ACCESS: &str = "access";
/// The group of that register in which readers seal what they say to the steward alone.
pub const PARAMETERS: &str = "parameters";
pub use confidential::{CONFIDENTIAL, REQUEST, opened, request};
pub use said::{Why, why};
pub use searching::{SEARCH, VALUE, statement};
