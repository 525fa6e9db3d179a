//! What lies before whoever does a task: the case, the registers, the papers; and what comes of it.

use std::fmt;

use chaincity_client::Select;
use chaincity_client::api::record::{LIMIT_MAX, Record};
use chaincity_types::Str;
use serde_json::Value as Json;

use super::forms::Fields;
use super::play::Play;
use super::safe::Where;
use super::town::Person;
use crate::actor::{Sent, remote};
use crate::fault::Fault;

/// One call of a step, and whose consent it needs, for what.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) package: Str,
    pub(super) action: Str,
    pub(super) input: Fields,
    /// Party and purpose of each mandate.
    pub(super) consents: Vec<(String, &'static str)>,
}

/// What is left to do once the step is on the ledger.
pub(super) type After = Box<dyn FnOnce(&Desk<'_>, &Sent) -> Result<(), Fault>>;

/// How a task is done.
#[derive(Default)]
pub(super) struct Doing {
    /// Calls that complete it, in order.
    pub(super) acts: Vec<Act>,
    /// Variables of the process that it sets.
    pub(super) set: Vec<(&'static str, String)>,
    /// Acts of later steps, laid before those who must consent to them.
    pub(super) laid: Vec<Act>,
    /// What follows.
    pub(super) after: Option<After>,
}

impl fmt::Debug for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doing").field("acts", &self.acts).field("set", &self.set).finish()
    }
}

impl From<Vec<Act>> for Doing {
    fn from(acts: Vec<Act>) -> Self {
        Self { acts, ..Self::default() }
    }
}

impl From<Act> for Doing {
    fn from(act: Act) -> Self {
        vec![act].into()
    }
}

impl Doing {
    /// The same, and a variable is set.
    pub(super) fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.set.push((name, value.into()));
        self
    }
}

impl Act {
    /// The same, with the consent of these parties.
    pub(super) fn with<S: AsRef<str>>(mut self, parties: &[S], purpose: &'static str) -> Self {
        self.consents.extend(parties.iter().map(|party| (party.as_ref().to_owned(), purpose)));
        self
    }
}

/// One person at one task of one case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Desk<'p> {
    /// The case that is played.
    pub(super) play: &'p Play<'p>,
    /// Who sits here.
    pub(super) person: &'p Person,
}

impl Desk<'_> {
    /// A call by its input in JSON.
    pub(super) fn act(&self, package: &str, action: &str, input: &Json) -> Result<Act, Fault> {
        let input = self.play.town.forms.input((package, action), input)?;
        let (package, action) = (package.into(), action.into());
        Ok(Act { package, action, input, consents: Vec::new() })
    }

    /// The live records of a register with these values, as this person's node has them.
    pub(super) fn records(
        &self,
        (package, register): (&str, &str),
        by: &[(&str, &str)],
    ) -> Result<Vec<Record>, Fault> {
        let select = Select::new(package, register).limit(LIMIT_MAX);
        let select = by.iter().fold(select, |select, (field, value)| select.eq(field, value));
        Ok(self.person.actor.client.select(&select).map_err(remote)?.items)
    }

    /// The one record with these values.
    pub(super) fn record(
        &self,
        (package, register): (&str, &str),
        by: &[(&str, &str)],
    ) -> Result<Record, Fault> {
        let mut found = self.records((package, register), by)?.into_iter();
        match (found.next(), found.next()) {
            (Some(record), None) => Ok(record),
            (none, _) => {
                let how = if none.is_some() { "several" } else { "no" };
                Err(Fault::other(
                    format!("{package}/{register} 应恰有一条"),
                    format!("{how} records of {package}/{register} with {by:?}"),
                ))
            }
        }
    }

    /// The record of the case's escrow.
    pub(super) fn sheet(&self) -> Result<Record, Fault> {
        self.record(("settlement", "sheet"), &[("unit", self.play.deal.unit)])
    }

    /// The commitment to the settlement sheet, as the ledger holds it.
    pub(super) fn content(&self) -> Result<Json, Fault> {
        Ok(self.sheet()?.fields.get("content").cloned().unwrap_or_default())
    }

    /// The escrow's payment of this kind in this state.
    pub(super) fn payment(&self, kind: &str, state: &str) -> Result<String, Fault> {
        let sheet = self.sheet()?.key;
        let by = [("sheet", sheet.as_str()), ("kind", kind), ("state", state)];
        Ok(self.record(("settlement", "payment"), &by)?.key)
    }

    /// The open applications for the unit: kind and key.
    pub(super) fn applications(&self) -> Result<Vec<(String, String)>, Fault> {
        let unit = Json::from(self.play.deal.unit);
        let all = self.records(("real-estate", "application"), &[])?.into_iter();
        let ours = all.filter(|record| {
            let units = record.fields.get("units").and_then(Json::as_array);
            units.is_some_and(|units| units.contains(&unit))
        });
        Ok(ours.map(|record| (text(&record, "kind").to_owned(), record.key)).collect())
    }

    /// The open application of this kind for the unit.
    pub(super) fn application(&self, kind: &str) -> Result<String, Fault> {
        let found = self.applications()?.into_iter().find(|(of, _)| of == kind);
        found.map(|(_, key)| key).ok_or_else(|| {
            Fault::other(format!("没有 {kind} 的申请"), format!("no application for {kind}"))
        })
    }

    /// Seals a group where this person's organisation keeps what only it may see.
    pub(super) fn seal(&self, place: Where<'_>, values: &Json) -> Result<Json, Fault> {
        self.play.town.safes.seal(&self.play.town.forms, self.person, place, values)
    }
}

/// A text field; absent is empty.
pub(super) fn text<'r>(record: &'r Record, field: &str) -> &'r str {
    record.fields.get(field).and_then(Json::as_str).unwrap_or_default()
}
