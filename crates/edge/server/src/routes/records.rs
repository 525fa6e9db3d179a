//! Records: select, read, history, proof.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chaincity_api::package::FieldKind;
use chaincity_api::record::{
    History, LIMIT_DEFAULT, LIMIT_MAX, PROOF_VERSIONS_MAX, Record, RecordPage,
};
use chaincity_api::{Problem, json};
use chaincity_package::model::{FieldType, Package, Register};
use chaincity_query::{Direction, Filter, Op, Select, StatusFilter};
use chaincity_types::Height;
use chaincity_types::wire::LogicalKey;

use crate::convert;
use crate::error::{Answer, Failure};
use crate::params::{Parameters, Params};
use crate::routes::blocks::cbor;
use crate::state::{Shared, blocking};

/// Most conditions in one selection.
const FILTERS_MAX: usize = 16;

/// `GET /v1/records/{package}/{register}`.
pub(crate) async fn select(
    State(shared): State<Arc<Shared>>,
    Parameters((package, register)): Parameters<(String, String)>,
    params: Params,
) -> Answer<Json<RecordPage>> {
    let compiled = find(&shared, &package)?;
    let declared = register_of(&compiled, &register)?;
    let selection = selection(package, declared, params)?;
    let now = shared.node.status().time;
    blocking(move || {
        let page = shared.reader.select(&selection)?;
        let declared = register_of(&compiled, &register)?;
        let seen = |version| convert::record(&compiled, declared, version, now);
        let items = page.items.iter().map(seen).collect();
        Ok(Json(RecordPage { items, height: height(page.height), next: page.next }))
    })
    .await
}

/// `GET /v1/records/{package}/{register}/{key}`.
pub(crate) async fn record(
    State(shared): State<Arc<Shared>>,
    Parameters((package, register, key)): Parameters<(String, String, String)>,
    mut params: Params,
) -> Answer<Json<Record>> {
    let as_of = params.parsed("as_of", "an RFC 3339 time", json::parse_instant)?;
    params.done()?;
    let compiled = find(&shared, &package)?;
    let declared = register_of(&compiled, &register)?;
    let Some(time) = as_of else {
        let (package, register) = (package.into(), register.as_str().into());
        let key = LogicalKey::Record { package, register, key: key.into() };
        let found = shared.node.record(key).await?;
        let (_, version) = found.ok_or(Problem::NoSuchRecord)?;
        let now = shared.node.status().time;
        return Ok(Json(convert::record(&compiled, declared, &version, now)));
    };
    blocking(move || {
        let version = shared.reader.as_of((&package, &register, &key), time)?;
        let version = version.ok_or(Problem::NoSuchRecord)?;
        let declared = register_of(&compiled, &register)?;
        Ok(Json(convert::record(&compiled, declared, &version, time)))
    })
    .await
}

/// `GET /v1/records/{package}/{register}/{key}/history`.
pub(crate) async fn history(
    State(shared): State<Arc<Shared>>,
    Parameters((package, register, key)): Parameters<(String, String, String)>,
    mut params: Params,
) -> Answer<Json<History>> {
    let before = params.height("before")?;
    let limit = params.limit("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    params.done()?;
    register_of(&*find(&shared, &package)?, &register)?;
    blocking(move || {
        let found = shared.reader.history((&package, &register, &key), before, limit)?;
        if found.items.is_empty() && before.is_none() {
            return Err(Problem::NoSuchRecord.into());
        }
        let items = found.items.iter().map(Record::from).collect();
        Ok(Json(History { items, height: height(found.height), next: found.next }))
    })
    .await
}

/// A height followed, 0 before the first block.
pub(crate) fn height(followed: Option<Height>) -> u64 {
    followed.map_or(0, |height| height.0)
}

/// `GET /v1/records/{package}/{register}/{key}/proof`.
pub(crate) async fn proof(
    State(shared): State<Arc<Shared>>,
    Parameters((package, register, key)): Parameters<(String, String, String)>,
    mut params: Params,
) -> Answer<Response> {
    let versions = params.number("versions")?.unwrap_or(0);
    params.done()?;
    if versions > PROOF_VERSIONS_MAX {
        let text = format!("`versions` must be at most {PROOF_VERSIONS_MAX}");
        return Err(Failure::because(Problem::BadRequest, text));
    }
    register_of(&*find(&shared, &package)?, &register)?;
    let key =
        LogicalKey::Record { package: package.into(), register: register.into(), key: key.into() };
    Ok(cbor(&shared.node.prove_record(key, versions).await?))
}

/// `GET /v1/counters/{package}/{sequence}/proof`.
pub(crate) async fn counter_proof(
    State(shared): State<Arc<Shared>>,
    Parameters((package, sequence)): Parameters<(String, String)>,
    mut params: Params,
) -> Answer<Response> {
    let scope = params.text("scope")?.unwrap_or_default();
    let year = params.number("year")?.unwrap_or(0);
    params.done()?;
    let compiled = find(&shared, &package)?;
    let name = sequence.as_str();
    if !compiled.sequences.contains_key(name) && !compiled.counters.contains_key(name) {
        return Err(Problem::NoSuchSequence.into());
    }
    let (package, sequence, scope) = (package.into(), sequence.into(), scope.into());
    let key = LogicalKey::Counter { package, sequence, scope, year };
    Ok(cbor(&shared.node.prove_record(key, 0).await?))
}

pub(super) fn find(shared: &Shared, id: &str) -> Answer<Arc<Package>> {
    let mut packages = shared.node.packages().into_iter();
    Ok(packages.find(|package| package.id == id).ok_or(Problem::NoSuchPackage)?)
}

pub(super) fn register_of<'a>(package: &'a Package, name: &str) -> Answer<&'a Register> {
    Ok(package.registers.get(name).ok_or(Problem::NoSuchRegister)?)
}

/// Reads a selection from the query, by the register's declaration.
fn selection(package: String, register: &Register, mut params: Params) -> Answer<Select> {
    let cursor = params.text("_cursor")?;
    let limit = params.limit("_limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let status = params.parsed("_status", "`live`, `closed` or `any`", |text| match text {
        "live" => Some(StatusFilter::Live),
        "closed" => Some(StatusFilter::Closed),
        "any" => Some(StatusFilter::Any),
        _ => None,
    })?;
    let sort = sort(&params.text("_sort")?.unwrap_or_default());
    let rest = params.rest();
    if rest.len() > FILTERS_MAX {
        return Err(bad(&format!("at most {FILTERS_MAX} conditions")));
    }
    let filters = rest.iter().map(|(field, text)| filter(register, field, text));
    Ok(Select {
        package,
        register: register.name.to_string(),
        filters: filters.collect::<Answer<_>>()?,
        status: status.unwrap_or_default(),
        sort,
        limit,
        cursor,
    })
}

/// Reads `field,-field`: a `-` for descending.
fn sort(text: &str) -> Vec<(String, Direction)> {
    let fields = text.split(',').filter(|field| !field.is_empty());
    let read = |field: &str| match field.strip_prefix('-') {
        Some(field) => (field.to_owned(), Direction::Descending),
        None => (field.to_owned(), Direction::Ascending),
    };
    fields.map(read).collect()
}

/// Reads one condition, `field=op:value`.
fn filter(register: &Register, field: &str, text: &str) -> Answer<Filter> {
    let declared = register.fields.get(field).map(|declared| &declared.kind);
    if declared.is_none() && field != "_key" {
        return Err(bad("a condition names no field of the register"));
    }
    let wrong =
        || bad(&format!("`{field}` must be op:value, op one of eq ne lt le gt ge prefix has"));
    let (op, text) = text.split_once(':').ok_or_else(wrong)?;
    let op = match op {
        "eq" => Op::Eq,
        "ne" => Op::Ne,
        "lt" => Op::Lt,
        "le" => Op::Le,
        "gt" => Op::Gt,
        "ge" => Op::Ge,
        "prefix" => Op::Prefix,
        "has" => Op::Has,
        _ => return Err(wrong()),
    };
    let kind = match (declared, op) {
        (None, _) => FieldKind::Text { max: 256 },
        (Some(FieldType::List(member, _)), Op::Has) => convert::kind(member),
        (Some(_), Op::Has) => {
            return Err(bad(&format!("`{field}` is no list: has does not apply")));
        }
        (Some(kind), _) => convert::kind(kind),
    };
    let value = json::read_text(&kind, text, field).map_err(|error| bad(&error.to_string()))?;
    if op == Op::Prefix && value.as_text().is_none() {
        return Err(bad(&format!("`{field}` is not a text: prefix does not apply")));
    }
    Ok(Filter { field: field.to_owned(), op, value })
}

fn bad(text: &str) -> Failure {
    Failure::because(Problem::BadRequest, text)
}
