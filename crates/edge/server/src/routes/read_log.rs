//! Read logs as the subject, the steward and the auditor see them: the entries of the package
//! `disclosure`, joined and narrowed. Only metadata stands there.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use chaincity_api::Problem;
use chaincity_api::read_log::{LogPage, parse_since, parse_until};
use chaincity_api::record::{LIMIT_DEFAULT, LIMIT_MAX};
use chaincity_pipeline::operator::{self, Operator};
use chaincity_query::{Direction, Filter, Op, Page, Select, StatusFilter};
use chaincity_release::{ACCESS, CONFIDENTIAL, PACKAGE, SEARCH};
use chaincity_types::wire::Version;
use chaincity_types::{Timestamp, Value};

use crate::error::{Answer, Failure};
use crate::params::{Parameters, Params};
use crate::read_log::entry::{self, Entries, READ_LOG};
use crate::read_log::usage;
use crate::routes::records;
use crate::routes::vault::own_member;
use crate::session::Caller;
use crate::state::{Shared, blocking};

const AUDITOR: &str = "auditor.officer";
const WINDOW: &str = "window.clerk";
const STEWARD: &str = "steward.clerk";

/// What a view is narrowed to.
struct Narrow {
    reader: Option<String>,
    register: Option<(String, String)>,
    state: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    limit: usize,
    cursor: Option<String>,
}

impl Narrow {
    fn read(mut params: Params) -> Answer<Self> {
        let place = |text: &str| {
            text.split_once('/').map(|(package, register)| (package.into(), register.into()))
        };
        let narrow = Self {
            reader: params.text("reader")?,
            register: params.parsed("register", "package/register", place)?,
            state: params.text("state")?,
            since: params.parsed("since", "a time or a date", parse_since)?,
            until: params.parsed("until", "a time or a date", parse_until)?,
            limit: params.limit("limit", LIMIT_DEFAULT, LIMIT_MAX)?,
            cursor: params.text("cursor")?,
        };
        params.done()?;
        Ok(narrow)
    }

    /// The same as conditions on a register.
    fn conditions(&self, register: &str) -> Vec<Filter> {
        let text = |field: &str, text: &Option<String>| {
            text.as_deref().map(|text| condition(field, Op::Eq, text.into()))
        };
        let mut filters = Vec::new();
        filters.extend(text(entry::reader_field(register), &self.reader));
        if let Some((package, name)) = &self.register {
            filters.push(condition("in_package", Op::Eq, package.as_str().into()));
            filters.push(condition("register", Op::Eq, name.as_str().into()));
        }
        filters.extend(text("state", &self.state));
        filters.extend(self.since.map(|since| condition("asked", Op::Ge, Value::Time(since))));
        filters.extend(self.until.map(|until| condition("asked", Op::Lt, Value::Time(until))));
        filters
    }

    /// Whether an access is among what is asked for.
    fn fits(&self, version: &Version) -> bool {
        let is = |field: &str, wanted: Option<&str>| {
            let found = version.fields.get(field).and_then(Value::as_text);
            wanted.is_none_or(|wanted| found == Some(wanted))
        };
        let asked = match version.fields.get("asked") {
            Some(Value::Time(asked)) => *asked,
            _ => Timestamp::default(),
        };
        let (package, register) = self
            .register
            .as_ref()
            .map_or((None, None), |(package, name)| (Some(package.as_str()), Some(name.as_str())));
        self.reader.as_deref().is_none_or(|wanted| entry::reader(version) == Some(wanted))
            && is("in_package", package)
            && is("register", register)
            && self.state.as_deref().is_none_or(|state| entry::state(version) == state)
            && self.since.is_none_or(|since| asked >= since)
            && self.until.is_none_or(|until| asked < until)
    }
}

fn condition(field: &str, op: Op, value: Value) -> Filter {
    Filter { field: field.to_owned(), op, value }
}

/// `GET /v1/read-log/subjects/{subject}`.
pub(crate) async fn subject(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Parameters(subject): Parameters<String>,
    params: Params,
) -> Answer<Json<LogPage>> {
    let narrow = Narrow::read(params)?;
    let reader = operator_of(&shared, &caller).await?;
    if reader.subject.as_deref() != Some(subject.as_str()) && !has_role(&reader, &[AUDITOR, WINDOW])
    {
        return Err(Problem::NotYourLog.into());
    }
    let select = Select {
        package: PACKAGE.to_owned(),
        register: READ_LOG.to_owned(),
        filters: vec![condition("subject", Op::Eq, subject.into())],
        status: StatusFilter::Live,
        sort: vec![("number".to_owned(), Direction::Ascending)],
        limit: narrow.limit,
        cursor: narrow.cursor.clone(),
    };
    let page = read(&shared, select).await?;
    let mut entries = Entries::of(&shared).await?;
    let mut items = Vec::new();
    for version in &page.items {
        let Some((number, place)) = entry::of_subject(version) else { continue };
        let Some((_, access)) = shared.node.record(place).await? else { continue };
        if narrow.fits(&access) {
            items.extend(entries.make(Some(number), &access).await?);
        }
    }
    Ok(Json(LogPage { items, height: records::height(page.height), next: page.next }))
}

/// `GET /v1/read-log/stewards/{member}`.
pub(crate) async fn steward(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Parameters(member): Parameters<String>,
    params: Params,
) -> Answer<Json<LogPage>> {
    let narrow = Narrow::read(params)?;
    check_steward(&shared, &caller, &member).await?;
    all(&shared, &condition("steward", Op::Eq, member.into()), &narrow).await
}

/// `GET /v1/read-log`.
pub(crate) async fn audit(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Answer<Json<LogPage>> {
    let narrow = Narrow::read(params)?;
    if !has_role(&operator_of(&shared, &caller).await?, &[AUDITOR]) {
        return Err(Problem::NotYourLog.into());
    }
    // Every key: the registers are read in the order of their keys.
    all(&shared, &condition("_key", Op::Ge, "".into()), &narrow).await
}

/// `GET /v1/read-log/stewards/{member}/use`.
pub(crate) async fn of_steward(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Parameters(member): Parameters<String>,
    mut params: Params,
) -> Answer<Json<chaincity_api::read_log::UseReport>> {
    let since = params.parsed("since", "a time or a date", parse_since)?;
    let until = params.parsed("until", "a time or a date", parse_until)?;
    params.done()?;
    check_steward(&shared, &caller, &member).await?;
    let now = shared.node.status().time;
    let days = usage::Days::of(now, since, until);
    let own = own_member(&shared).await?;
    blocking(move || Ok(Json(usage::report(&shared, (&*member, own.as_deref()), &days)?))).await
}

/// Accesses, then confidential ones, then searches. Of a steward in the order of its index, open ones first, so that
/// no page sorts the whole log; else in the order of their keys: reader, package, register, number.
async fn all(shared: &Arc<Shared>, way_in: &Filter, narrow: &Narrow) -> Answer<Json<LogPage>> {
    let wrong = || Failure::from(Problem::BadCursor);
    let (register, cursor) = match &narrow.cursor {
        None => (ACCESS, None),
        Some(text) => match text.split_once(':').ok_or_else(wrong)? {
            ("access", rest) => (ACCESS, Some(rest)),
            ("confidential", rest) => (CONFIDENTIAL, Some(rest)),
            ("search", rest) => (SEARCH, Some(rest)),
            _ => return Err(wrong()),
        },
    };
    let cursor = cursor.filter(|rest| !rest.is_empty()).map(str::to_owned);
    let sort = if way_in.field == "steward" { usage::order() } else { Vec::new() };
    let mut filters = vec![way_in.clone()];
    filters.extend(narrow.conditions(register));
    let select = Select {
        package: PACKAGE.to_owned(),
        register: register.to_owned(),
        filters,
        status: StatusFilter::Live,
        sort,
        limit: narrow.limit,
        cursor,
    };
    let page = read(shared, select).await?;
    let next = match page.next {
        Some(next) => Some(format!("{register}:{next}")),
        None if register == ACCESS => Some(format!("{CONFIDENTIAL}:")),
        None if register == CONFIDENTIAL => Some(format!("{SEARCH}:")),
        None => None,
    };
    let mut entries = Entries::of(shared).await?;
    let mut items = Vec::new();
    for version in page.items.iter().filter(|version| narrow.fits(version)) {
        items.extend(entries.make(None, version).await?);
    }
    Ok(Json(LogPage { items, height: records::height(page.height), next }))
}

async fn read(shared: &Arc<Shared>, select: Select) -> Answer<Page> {
    // Before the package is in force there is nothing to read.
    records::find(shared, PACKAGE)?;
    let shared = Arc::clone(shared);
    blocking(move || Ok(shared.reader.select(&select)?)).await
}

/// The caller must be of the member, in its role of a steward, or the auditor.
async fn check_steward(shared: &Shared, caller: &Caller, member: &str) -> Answer<()> {
    let reader = operator_of(shared, caller).await?;
    let is_own = reader.member == member && has_role(&reader, &[STEWARD]);
    if is_own || has_role(&reader, &[AUDITOR]) { Ok(()) } else { Err(Problem::NotYourLog.into()) }
}

fn has_role(reader: &Operator, roles: &[&str]) -> bool {
    reader.roles.iter().any(|held| roles.contains(&held.as_str()))
}

async fn operator_of(shared: &Shared, caller: &Caller) -> Answer<Operator> {
    let found = operator::find(&*shared.node, &caller.key).await?;
    Ok(found.ok_or(Problem::OperatorInactive)?)
}
