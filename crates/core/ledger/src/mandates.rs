//! Mandates: a party's own earlier consent to a definite act by another, bound to package,
//! action, arguments, case and expiry, used once.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_package::model::MandateRule;
use chaincity_types::wire::Status;
use chaincity_types::{Digest, Reject, Str, Value};

use crate::call::CallRun;
use crate::halt::{Halt, reject};
use crate::session::{draw, field_bytes, field_text};
use crate::view::Record;
use crate::{digests, fuel, governance};

/// Most mandates that a call may name.
pub const MANDATES_MAX: usize = 64;

/// A named mandate that fits the call.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    key: Str,
    party: Str,
    purpose: Str,
    used: bool,
}

impl CallRun<'_, '_> {
    /// Checks the mandates that the action demands and consumes those that the call names.
    pub(crate) fn use_mandates(&mut self, rules: &[MandateRule]) -> Result<(), Halt> {
        let mut named = self.named_mandates()?;
        for rule in rules {
            let parties = parties(&rule.of.run(&self.environment, &mut self.fuel)?)?;
            for party in parties {
                if !take(&mut named, &party, &rule.purpose) {
                    return reject(Reject::MandateMissing, format!("for `{}`", rule.purpose));
                }
            }
        }
        self.consume(&named)
    }

    /// The mandates that the call names; each must fit it.
    pub(crate) fn named_mandates(&mut self) -> Result<Vec<Named>, Halt> {
        let keys = self.frame.call.mandates.as_deref().unwrap_or_default();
        let distinct: BTreeSet<&Str> = keys.iter().collect();
        if keys.len() > MANDATES_MAX || distinct.len() != keys.len() {
            return reject(Reject::MandateInvalid, "named twice, or too many");
        }
        let logical: Vec<_> =
            keys.iter().map(|key| governance::key(governance::MANDATE, key)).collect();
        let units = fuel::MANDATE.saturating_mul(u64::try_from(keys.len()).unwrap_or(u64::MAX));
        draw(&mut self.fuel, units)?;
        let records = self.session.get_all(&logical)?;
        let mut out = Vec::with_capacity(keys.len());
        if keys.is_empty() {
            return Ok(out);
        }
        // Once for all of them: the input may be large.
        let digest = digests::mandate(&self.frame.call.input);
        for (key, record) in keys.iter().zip(records) {
            match record.and_then(|record| self.usable(key, &record, digest)) {
                Some(named) => out.push(named),
                None => return reject(Reject::MandateInvalid, "a named mandate does not fit"),
            }
        }
        Ok(out)
    }

    fn usable(&self, key: &Str, record: &Record, digest: Digest) -> Option<Named> {
        let version = &record.version;
        let call = self.frame.call;
        let Some(Value::Time(expiry)) = version.fields.get("expiry") else {
            return None;
        };
        let fits = version.status == Status::Live
            && field_text(version, "status") == Some("open")
            && *expiry >= self.session.context.time
            && field_text(version, "package") == Some(call.package.as_str())
            && field_text(version, "action") == Some(call.action.as_str())
            && field_text(version, "case") == call.case.as_deref()
            && field_bytes(version, "digest") == Some(digest.as_bytes());
        fits.then_some(Named {
            key: key.clone(),
            party: field_text(version, "party")?.into(),
            purpose: field_text(version, "purpose")?.into(),
            used: false,
        })
    }

    /// Consumes every named mandate; one that nothing demanded is refused.
    pub(crate) fn consume(&mut self, named: &[Named]) -> Result<(), Halt> {
        if named.iter().any(|mandate| !mandate.used) {
            return reject(Reject::MandateInvalid, "a named mandate is not demanded");
        }
        let package = governance::package();
        for mandate in named {
            let set = BTreeMap::from([
                ("status".into(), Value::from("consumed")),
                ("consumed_by".into(), Value::Bytes(self.frame.transaction.as_bytes().to_vec())),
            ]);
            let result = self.update(&package, governance::MANDATE, &mandate.key, set, None);
            self.tolerate(result)?;
        }
        Ok(())
    }
}

/// Marks the party's mandate for this purpose as used; false when there is none.
pub(crate) fn take(named: &mut [Named], party: &str, purpose: &str) -> bool {
    let found = named
        .iter_mut()
        .find(|mandate| !mandate.used && mandate.party == party && mandate.purpose == purpose);
    match found {
        Some(mandate) => {
            mandate.used = true;
            true
        }
        None => false,
    }
}

/// The parties that a rule names: a string, a list of strings, a share or a list of shares.
fn parties(value: &Value) -> Result<BTreeSet<Str>, Halt> {
    let single = std::slice::from_ref(value);
    let items = value.as_list().unwrap_or(single);
    let mut out = BTreeSet::new();
    for item in items {
        let share = item.as_map().and_then(|map| map.get("subject"));
        match share.unwrap_or(item).as_str() {
            Some(party) => out.insert(party.clone()),
            None => return reject(Reject::RuleError, "parties of a mandate"),
        };
    }
    Ok(out)
}
