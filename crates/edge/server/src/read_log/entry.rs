//! An access, a confidential one or a search, as an entry of a read log.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_api::json;
use chaincity_api::package::TextInfo;
use chaincity_api::read_log::{LogBasis, LogEntry};
use chaincity_pipeline::NodeError;
use chaincity_release::{ACCESS, CONFIDENTIAL, PACKAGE, SEARCH, opened, why};
use chaincity_types::Value;
use chaincity_types::wire::{LogicalKey, Version};

use crate::error::Answer;
use crate::routes::vault::own_member;
use crate::state::{Shared, blocking};

/// Register of the subjects' logs.
pub(crate) const READ_LOG: &str = "read-log";

/// The number of an entry of a subject's log, and the record that it refers to.
pub(crate) fn of_subject(version: &Version) -> Option<(String, LogicalKey)> {
    let text = |field: &str| version.fields.get(field).and_then(Value::as_text);
    let place = [ACCESS, CONFIDENTIAL, SEARCH]
        .into_iter()
        .find_map(|register| Some(place(register, text(register)?)));
    Some((text("number")?.to_owned(), place?))
}

fn place(register: &str, key: &str) -> LogicalKey {
    LogicalKey::Record { package: PACKAGE.into(), register: register.into(), key: key.into() }
}

/// The state of an entry.
pub(crate) fn state(version: &Version) -> &str {
    version.fields.get("state").and_then(Value::as_text).unwrap_or("asked")
}

/// The member that asked: a search is its own steward's.
pub(crate) fn reader(version: &Version) -> Option<&str> {
    let is_search =
        matches!(&version.key, LogicalKey::Record { register, .. } if *register == *SEARCH);
    let field = reader_field(if is_search { SEARCH } else { ACCESS });
    version.fields.get(field).and_then(Value::as_text)
}

/// The field of a register with the member that asked.
pub(crate) fn reader_field(register: &str) -> &'static str {
    if register == SEARCH { "steward" } else { "reader" }
}

/// Makes entries; what they have in common is looked up once.
pub(crate) struct Entries<'a> {
    shared: &'a Shared,
    /// The member whose node this is: what its vault opens is told of its own entries alone.
    own: Option<String>,
    /// Who granted each grant.
    granted: BTreeMap<String, Option<String>>,
}

impl<'a> Entries<'a> {
    pub(crate) async fn of(shared: &'a Shared) -> Answer<Self> {
        Ok(Self { shared, own: own_member(shared).await?, granted: BTreeMap::new() })
    }

    /// The entry of an access, a confidential one or a search; `None` when it is none of them. Whose log
    /// it is, the caller of the endpoint was asked before.
    pub(crate) async fn make(
        &mut self,
        number: Option<String>,
        version: &Version,
    ) -> Answer<Option<LogEntry>> {
        let LogicalKey::Record { register, key, .. } = &version.key else { return Ok(None) };
        let today = self.shared.node.status().time.china_day();
        let (vault, own) = (self.shared.vault.clone(), self.own.clone());
        let (ledger, sealed) = (self.shared.ledger, version.clone());
        let said = move || {
            let own = vault.as_deref().zip(own.as_deref());
            Ok((why(own, ledger, &sealed), opened(own, ledger, &sealed)))
        };
        let (why, opened) = blocking(said).await?;
        let told = opened.as_ref().unwrap_or(version);
        let mut entry = plain(number, (register, key), told, today);
        (entry.purpose, entry.case) =
            why.map_or((None, None), |why| (Some(why.purpose), why.case_number));
        entry.basis = if register == CONFIDENTIAL {
            let decided_by = text(version, "countersigned_by");
            text(version, "statute").map(|of| basis("statute", of, decided_by))
        } else {
            self.basis(version).await?
        };
        Ok(Some(entry))
    }

    async fn basis(&mut self, version: &Version) -> Result<Option<LogBasis>, NodeError> {
        if let Some(of) = text(version, "grant") {
            let decided_by = self.granted_by(&of).await?;
            return Ok(Some(basis("grant", of, decided_by)));
        }
        if let Some(of) = text(version, "consent") {
            let consent = self.find("consent", &of).await?;
            let field = |name: &str| consent.as_ref().and_then(|consent| text(consent, name));
            let given_by = field("given_by");
            return Ok(Some(LogBasis { given_by, ..basis("consent", of, field("recorder")) }));
        }
        Ok(text(version, "subject").map(|of| basis("subject", of, None)))
    }

    /// Who decided the application that led to a grant; nobody when it was taken.
    async fn granted_by(&mut self, grant: &str) -> Result<Option<String>, NodeError> {
        if let Some(known) = self.granted.get(grant) {
            return Ok(known.clone());
        }
        let found = self.find("grant", grant).await?;
        let application = match found.and_then(|grant| text(&grant, "application")) {
            Some(application) => self.find("application", &application).await?,
            None => None,
        };
        let decided = application.and_then(|application| text(&application, "decided_by"));
        self.granted.insert(grant.to_owned(), decided.clone());
        Ok(decided)
    }

    async fn find(&self, register: &str, key: &str) -> Result<Option<Arc<Version>>, NodeError> {
        let found = self.shared.node.record(place(register, key)).await?;
        Ok(found.map(|(_, version)| version))
    }
}

fn basis(kind: &str, of: String, decided_by: Option<String>) -> LogBasis {
    LogBasis { kind: kind.to_owned(), of, decided_by, given_by: None }
}

fn text(version: &Version, field: &str) -> Option<String> {
    version.fields.get(field).and_then(Value::as_text).map(str::to_owned)
}

/// What stands in the record itself.
fn plain(
    number: Option<String>,
    (register, key): (&str, &str),
    version: &Version,
    today: i32,
) -> LogEntry {
    let text = |field: &str| text(version, field);
    let time = |field: &str| match version.fields.get(field) {
        Some(Value::Time(time)) => Some(time.to_string()),
        _ => None,
    };
    let list = |field: &str| {
        let list = version.fields.get(field).and_then(Value::as_list).unwrap_or_default();
        list.iter().filter_map(Value::as_text).map(str::to_owned).collect()
    };
    let reason = match version.fields.get("reason") {
        Some(Value::Map(map)) => {
            let of = |language: &str| {
                map.get(language).and_then(Value::as_text).unwrap_or_default().to_owned()
            };
            Some(TextInfo { zh: of("zh"), en: of("en") })
        }
        _ => None,
    };
    let until = match version.fields.get("until") {
        Some(Value::Date(day)) => Some(*day),
        _ => None,
    };
    let number_of = |field: &str| {
        let number = version.fields.get(field).and_then(Value::as_int);
        number.and_then(|number| u64::try_from(number).ok())
    };
    LogEntry {
        number,
        kind: register.to_owned(),
        key: key.to_owned(),
        state: state(version).to_owned(),
        asked: time("asked").unwrap_or_default(),
        steward: text("steward").unwrap_or_default(),
        reader: reader(version).map(str::to_owned),
        officer: text("officer"),
        package: text("in_package"),
        register: text("register"),
        record: text("record"),
        groups: list("groups"),
        claims: list("claims"),
        purpose: None,
        case: None,
        term: text("kind"),
        found: number_of("found"),
        search: text("search"),
        basis: None,
        code: text("code"),
        reason,
        answered: time("answered"),
        answered_by: text("answered_by"),
        by_person: match version.fields.get("by_person") {
            Some(Value::Bool(by)) => Some(*by),
            _ => None,
        },
        version: number_of("version"),
        until: until.map(json::date),
        overdue: until.map(|day| today > day.saturating_add(1) && state(version) != "shown"),
    }
}
