//! The subjects of accesses that were not released: an access that the rules refused, or that nobody
//! answered, comes into their read logs too.
//!
//! What is still to be noted stands on the ledger, in the access's field `unnoted`. The agent looks
//! for it once after a start, and then follows the events of final blocks.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use chaincity_pipeline::NodeError;
use chaincity_query::{Filter, Op, Select, StatusFilter};
use chaincity_types::wire::{Event, LogicalKey, Version};
use chaincity_types::{Height, Value};
use futures::executor::block_on;

use crate::agent::{Agent, AgentError, ROUND_MAX, Submitted};
use crate::opening::Asked;
use crate::tried::Tried;
use crate::{ACCESS, PACKAGE, call};

/// Accesses looked for at a time after a start.
const PAGE: usize = 500;

/// What the agent knows of accesses to be noted; after a start, nothing.
#[derive(Default)]
pub(crate) struct Noting {
    found: Mutex<Found>,
    tried: Tried,
}

#[derive(Default)]
struct Found {
    /// Height up to which everything was found.
    height: Option<Height>,
    /// Accesses that may have to be noted.
    accesses: BTreeSet<String>,
}

/// What is to be done about an access.
enum Note {
    /// Nothing any more, or never.
    Settled,
    /// It was tried a moment ago, or others come first.
    Waits,
    /// This is submitted.
    Made(Box<(Submitted, Vec<u8>)>),
}

impl Agent {
    /// Notes the subjects of what this steward has yet to note, and gives how many accesses that
    /// were.
    pub(crate) fn note(&self) -> Result<usize, AgentError> {
        if !self.is_in_force() {
            return Ok(0);
        }
        let mut found = self.noting.found.lock().unwrap_or_else(PoisonError::into_inner);
        self.find(&mut found)?;
        let mut notes = Vec::new();
        let mut settled = Vec::new();
        for access in &found.accesses {
            // What is at fault for one access keeps no other from the read logs.
            match self.note_of(access, notes.len() < ROUND_MAX) {
                Ok(Note::Settled) => settled.push(access.clone()),
                Ok(Note::Waits) => {}
                Ok(Note::Made(note)) => notes.push(*note),
                Err(error) => tracing::warn!(%access, ?error, "subjects were not noted"),
            }
        }
        for access in settled {
            found.accesses.remove(&access);
        }
        drop(found);
        let noted = notes.len();
        self.submit(notes)?;
        Ok(noted)
    }

    /// Finds what is to be noted: after a start in the read model, then in the blocks since.
    fn find(&self, found: &mut Found) -> Result<(), AgentError> {
        let mut height = match found.height {
            Some(height) => height,
            None => self.find_all(&mut found.accesses)?,
        };
        let tip = self.node.status().height;
        while height < tip {
            height = height.next();
            // A node that joined lacks old blocks: it looks into the read model again.
            let Some(block) = self.node.block(height)? else {
                found.height = None;
                return Ok(());
            };
            let entries = block.receipts.iter().flat_map(|receipt| &receipt.entries);
            let events =
                entries.flat_map(|entry| &entry.events).filter(|event| is_unreleased(event));
            found.accesses.extend(events.map(|event| event.key.to_string()));
        }
        found.height = Some(height);
        Ok(())
    }

    /// What the read model shows, and up to which height it has followed.
    fn find_all(&self, accesses: &mut BTreeSet<String>) -> Result<Height, AgentError> {
        let equal = |field: &str, value: &str| Filter {
            field: field.into(),
            op: Op::Eq,
            value: value.into(),
        };
        let followed = self.model.height()?.unwrap_or_default();
        for state in ["refused", "unanswered"] {
            let mut select = Select {
                package: PACKAGE.to_owned(),
                register: ACCESS.to_owned(),
                filters: vec![
                    equal("steward", &self.member),
                    equal("state", state),
                    equal("unnoted", &self.member),
                ],
                status: StatusFilter::Live,
                sort: Vec::new(),
                limit: PAGE,
                cursor: None,
            };
            loop {
                let page = self.model.select(&select)?;
                accesses.extend(page.items.iter().filter_map(key_of));
                select.cursor = page.next;
                if select.cursor.is_none() {
                    break;
                }
            }
        }
        Ok(followed)
    }

    /// The note of an access, if it is this steward's to make, is due, and there is room for it.
    fn note_of(&self, access: &str, has_room: bool) -> Result<Note, NodeError> {
        let key = LogicalKey::Record {
            package: PACKAGE.into(),
            register: ACCESS.into(),
            key: access.into(),
        };
        let Some((_, version)) = block_on(self.node.record(key))? else { return Ok(Note::Settled) };
        let unnoted = version.fields.get("unnoted").and_then(Value::as_text);
        let asked = Asked::read(access, &version.fields).filter(|_| unnoted == Some(&*self.member));
        let Some(asked) = asked else { return Ok(Note::Settled) };
        let status = self.node.status();
        if !has_room || !self.noting.tried.is_due(access, version.version, status.height) {
            return Ok(Note::Waits);
        }
        let input = call::note_subjects(&asked.key, self.subjects(&asked)?);
        let (id, bytes) = call::signed(&status, &self.key, "note-subjects", input);
        let note = Submitted { key: asked.key, subjects: Vec::new(), id, released: false };
        Ok(Note::Made(Box::new((note, bytes))))
    }

    /// Whom the record asked for is about, as it is now; nobody when there is none.
    fn subjects(&self, asked: &Asked) -> Result<Vec<Value>, NodeError> {
        Ok(self.find_asked(asked)?.map(|found| found.subjects).unwrap_or_default())
    }
}

/// Whether an event tells of an access that was refused or not answered.
fn is_unreleased(event: &Event) -> bool {
    event.package == PACKAGE && ["access-refused", "access-unanswered"].contains(&&*event.kind)
}

fn key_of(version: &Version) -> Option<String> {
    let LogicalKey::Record { key, .. } = &version.key else { return None };
    Some(key.to_string())
}
