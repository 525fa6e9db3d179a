//! Which records are about a person, by the clear part of the ledger, or which a case is about.

use std::collections::BTreeSet;

use chaincity_api::package::FieldKind;
use chaincity_api::record::LIMIT_MAX;
use serde_json::Value as Json;

use crate::client::Client;
use crate::error::ClientError;
use crate::select::Select;

impl Client {
    /// The keys of the live records of a register that name this subject, by the clear part of the
    /// ledger: found by an index that begins with a field for a subject, else by reading the whole
    /// register.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn records_of_subject(
        &self,
        package: &str,
        register: &str,
        subject: &str,
    ) -> Result<Vec<String>, ClientError> {
        let info = self.register_info(package, register)?;
        let fields = info.fields.iter().filter(|(_, field)| names_subjects(&field.kind));
        let fields: Vec<&String> = fields.map(|(name, _)| name).collect();
        let leads = |field: &str| {
            let is_subject = info.fields.get(field).is_some_and(|f| is_one(&f.kind));
            is_subject
                && info
                    .indexes
                    .values()
                    .any(|index| index.fields.first().is_some_and(|first| first == field))
        };
        let all = Select::new(package, register).limit(LIMIT_MAX);
        let selections = if fields.iter().all(|field| leads(field)) {
            fields.iter().map(|field| all.clone().eq(field, subject)).collect()
        } else {
            vec![all]
        };
        let mut found = BTreeSet::new();
        for mut select in selections {
            loop {
                let page = self.select(&select)?;
                let named = page.items.into_iter().filter(|record| {
                    fields.iter().any(|field| {
                        record.fields.get(*field).is_some_and(|value| names(value, subject))
                    })
                });
                found.extend(named.map(|record| record.key));
                match page.next {
                    Some(next) => select = select.after(&next),
                    None => break,
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The keys of the records of a register that a case of the ledger is about; none when there is no
    /// such case. Where a process is named in the register's place, the case itself.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn records_of_case(
        &self,
        package: &str,
        register: &str,
        case: &str,
    ) -> Result<Vec<String>, ClientError> {
        let found = self.package(package)?;
        if found.is_some_and(|package| !package.registers.contains_key(register)) {
            return Ok(vec![case.to_owned()]);
        }
        let case = self.record("case", "case", case)?;
        let about = case.as_ref().and_then(|case| case.fields.get("subjects")?.as_array());
        let place = format!("{package}/{register}/");
        let of_register = |name: &Json| Some(name.as_str()?.strip_prefix(&place)?.to_owned());
        Ok(about.into_iter().flatten().filter_map(of_register).collect())
    }
}

/// Whether a field of this kind can name a subject.
fn names_subjects(kind: &FieldKind) -> bool {
    if let FieldKind::List { of, .. } | FieldKind::MapOf { of, .. } = kind {
        return names_subjects(of);
    }
    if let FieldKind::Map { fields } = kind {
        return fields.values().any(|field| names_subjects(&field.kind));
    }
    is_one(kind) || matches!(kind, FieldKind::Share)
}

/// Whether a field of this kind is a subject's id, or his pseudonym.
const fn is_one(kind: &FieldKind) -> bool {
    matches!(kind, FieldKind::Subject | FieldKind::Pseudonym { .. })
}

/// Whether a value of such a field names the subject.
fn names(value: &Json, subject: &str) -> bool {
    match value {
        Json::String(text) => text == subject,
        Json::Array(items) => items.iter().any(|item| names(item, subject)),
        Json::Object(fields) => fields.values().any(|value| names(value, subject)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}
