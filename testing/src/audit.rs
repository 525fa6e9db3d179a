//! Compares every record of a registry with the naive model, counts them, and checks who wrote
//! what and that no unit has two owners.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_types::Value;
use chaincity_types::wire::{LogicalKey, Status, Version};

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
    audit.units(model)?;
    audit.rights(model, keys)?;
    audit.mortgages(model, keys)?;
    audit.seals(model, keys)?;
    audit.whole(model, keys)
}

struct Audit<'a> {
    records: &'a Records<'a>,
}

/// The key of a record of the registry.
#[must_use]
pub fn key(register: &str, key: &str) -> LogicalKey {
    LogicalKey::Record {
        package: "real-estate".to_owned(),
        register: register.to_owned(),
        key: key.to_owned(),
    }
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

    fn units(&self, model: &Model) -> Result<(), String> {
        for (number, unit) in &model.units {
            let version = self.record("unit", number)?;
            same(number, &text(version, "location")?, &unit.location.as_str())?;
            same(number, &version.version, &unit.version)?;
        }
        Ok(())
    }

    fn rights(&self, model: &Model, keys: &Keys) -> Result<(), String> {
        same("rights", &keys.rights.len(), &model.rights.len())?;
        for (right, key) in model.rights.iter().zip(&keys.rights) {
            let version = self.record("right", key)?;
            same(key, &text(version, "unit")?, &right.unit.as_str())?;
            same(key, &text(version, "basis")?, &right.basis.as_str())?;
            same(key, &(is_live(version), version.version), &(right.live, right.version))?;
            let wanted: Vec<String> =
                right.holders.iter().map(|h| format!("{} {}/{}", h.subject, h.n, h.d)).collect();
            same(key, &shares(version)?, &wanted)?;
        }
        Ok(())
    }

    fn mortgages(&self, model: &Model, keys: &Keys) -> Result<(), String> {
        same("mortgages", &keys.mortgages.len(), &model.mortgages.len())?;
        for (mortgage, key) in model.mortgages.iter().zip(&keys.mortgages) {
            let version = self.record("mortgage", key)?;
            same(key, &is_live(version), &mortgage.live)?;
            same(key, &version.fields.get("rank"), &Some(&Value::Int(mortgage.rank)))?;
            same(key, &version.fields.get("amount"), &Some(&Value::Int(mortgage.amount)))?;
            same(key, &text(version, "mortgagee")?, &mortgage.mortgagee.as_str())?;
        }
        Ok(())
    }

    fn seals(&self, model: &Model, keys: &Keys) -> Result<(), String> {
        same("seals", &keys.seals.len(), &model.seals.len())?;
        for (seal, key) in model.seals.iter().zip(&keys.seals) {
            let version = self.record("seal", key)?;
            same(key, &is_live(version), &seal.live)?;
            same(key, &text(version, "authority")?, &seal.authority.as_str())?;
            let kind = if seal.days.is_some() { "seal" } else { "waiting" };
            same(key, &text(version, "kind")?, &kind)?;
        }
        Ok(())
    }

    /// Totals, uniqueness and authority over all records.
    fn whole(&self, model: &Model, keys: &Keys) -> Result<(), String> {
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
                "seal" => &["court", "court-2"],
                "mortgage" => &["registry", "bank-a", "bank-b"],
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
        same("units with an owner", &owned.len(), &model.units.len())?;
        for (register, wanted) in [
            ("unit", model.units.len()),
            ("right", keys.rights.len()),
            ("mortgage", keys.mortgages.len()),
            ("seal", keys.seals.len()),
        ] {
            same(register, &counts.get(register).copied().unwrap_or(0), &wanted)?;
        }
        Ok(())
    }
}

fn shares(version: &Version) -> Result<Vec<String>, String> {
    let share = |share: &Value| {
        let map = share.as_map()?;
        let number = |name: &str| map.get(name)?.as_int();
        let subject = map.get("subject")?.as_text()?;
        Some(format!("{subject} {}/{}", number("n")?, number("d")?))
    };
    let list = version.fields.get("holders").and_then(Value::as_list);
    list.and_then(|list| list.iter().map(share).collect())
        .ok_or_else(|| format!("{:?} has no holders", version.key))
}
