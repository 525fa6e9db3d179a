//! Compares every record of a registry with the naive model, counts them, and checks who wrote
//! what and that no unit has two owners.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_package::model::Package;
use chaincity_types::wire::{LogicalKey, Status, Version};
use chaincity_types::{Str, Timestamp, Value};

use crate::model::Model;
use crate::workload::Keys;

/// The current version of every record.
pub type Records<'a> = BTreeMap<&'a LogicalKey, &'a Version>;

/// What differs from the model, if anything does.
///
/// # Errors
/// The first difference, in words.
pub fn check(records: &Records<'_>, model: &Model, keys: &Keys) -> Result<(), String> {
    let audit = Audit { records };
    audit.entries(model, keys)?;
    audit.whole(model)
}

struct Audit<'a> {
    records: &'a Records<'a>,
}

/// The key of a record of the registry.
#[must_use]
pub fn key(register: &str, key: &str) -> LogicalKey {
    LogicalKey::Record { package: "real-estate".into(), register: register.into(), key: key.into() }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what}: {found:?} where the model has {wanted:?}"))
    }
}

fn is_live(version: &Version) -> bool {
    version.status == Status::Live
}

fn text<'a>(version: &'a Version, field: &str) -> Result<&'a str, String> {
    let text = version.fields.get(field).and_then(Value::as_text);
    text.ok_or_else(|| format!("{:?} has no text `{field}`", version.key))
}

impl Audit<'_> {
    fn record(&self, register: &str, name: &str) -> Result<&Version, String> {
        let found = self.records.get(&key(register, name)).copied();
        found.ok_or_else(|| format!("{register} {name} is missing"))
    }

    /// Every entry of the model: what it says, whether it is in force, how often it changed.
    fn entries(&self, model: &Model, keys: &Keys) -> Result<(), String> {
        for (register, entries) in model.registers() {
            let names = keys.of(register);
            same(register, &names.len(), &entries.len())?;
            for (entry, name) in entries.iter().zip(names) {
                let version = self.record(register, name)?;
                let what = format!("{register} {name}");
                let wanted: BTreeMap<Str, Value> = entry
                    .facts
                    .iter()
                    .map(|(field, fact)| ((*field).into(), keys.value(fact)))
                    .collect();
                same(&what, &version.fields, &wanted)?;
                same(&what, &(is_live(version), version.version), &(entry.live, entry.version))?;
            }
        }
        Ok(())
    }

    /// Totals, uniqueness and authority over all records.
    fn whole(&self, model: &Model) -> Result<(), String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut owned = BTreeSet::new();
        for (key, version) in self.records {
            let LogicalKey::Record { package, register, .. } = key else { continue };
            if package != "real-estate" {
                continue;
            }
            let count = counts.entry(register).or_default();
            *count = count.saturating_add(1);
            let authors: &[&str] = match register.as_str() {
                "seal" | "imported-seal" => &["court", "court-2", "registry"],
                // A court's seal ends its hold, or the ledger, which is no member, when it lapses; a
                // mortgage fulfils its notice, and its certificate ends with it.
                "hold" => &["registry", "court", "court-2", ""],
                "mortgage" | "notice" | "certificate" => &["registry", "bank-a", "bank-b"],
                "transaction" | "unit-check" => &["registry", "housing-bureau"],
                // A bank's registration completes the application for it.
                "application" => &["registry", "bank-a", "bank-b"],
                "query-result" => &["registry", "court", "court-2", "bank-a", "bank-b", "police"],
                "facility" => &["planning-bureau"],
                _ => &["registry"],
            };
            let member = version.by.member.as_str();
            if !authors.contains(&member) {
                return Err(format!("{key:?} was written by {member}"));
            }
            if register == "right" && is_live(version) && !owned.insert(text(version, "unit")?) {
                return Err(format!("two current owner entries of {}", text(version, "unit")?));
            }
        }
        let units = model.entries("unit").iter().filter(|unit| unit.live).count();
        same("units with an owner", &owned.len(), &units)?;
        for (register, found) in counts {
            same(register, &found, &model.entries(register).len())?;
        }
        Ok(())
    }
}

/// What a computed field differs in from what the model knows at `now`, if any does.
///
/// # Errors
/// The first difference, in words.
pub fn states(
    records: &Records<'_>,
    package: &Package,
    (model, keys): (&Model, &Keys),
    now: Timestamp,
) -> Result<(), String> {
    for (register, entries) in model.registers() {
        for (number, name) in (0..entries.len()).zip(keys.of(register)) {
            let wanted = model.computed(register, number, now.0);
            if wanted.is_empty() {
                continue;
            }
            let (Some(version), Some(declared)) =
                (records.get(&key(register, name)), package.registers.get(register))
            else {
                return Err(format!("{register} {name} is missing"));
            };
            let computed = declared.computed_at(package, name, version, now);
            let computed = computed.map_err(|failure| format!("{name}: {failure:?}"))?;
            let wanted: BTreeMap<Str, Value> =
                wanted.iter().map(|(name, fact)| ((*name).into(), keys.value(fact))).collect();
            let there = |(_, value): &(Str, Value)| *value != Value::Null;
            let computed: BTreeMap<Str, Value> = computed.into_iter().filter(there).collect();
            same(&format!("what follows from {register} {name}"), &computed, &wanted)?;
        }
    }
    Ok(())
}
