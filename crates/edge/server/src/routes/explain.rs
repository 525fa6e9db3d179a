//! How a record came to be as it is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chaincity_api::explain::{
    Explained, Explanation, LATER_MAX, LIMIT_MAX, Later, Packages, compare, explain as explained,
    needed, text,
};
use chaincity_api::record::LIMIT_DEFAULT;
use chaincity_api::{Problem, json};
use chaincity_package::compile;
use chaincity_package::doc::PackageDoc;
use chaincity_package::model::Package;
use chaincity_types::wire::Version;
use chaincity_types::{Timestamp, Value};

use super::records::{find, height, register_of};
use crate::error::{Answer, Failure, fault};
use crate::params::{Parameters, Params};
use crate::state::{Shared, blocking};

/// The register in which the ledger keeps packages.
const PACKAGES: (&str, &str) = ("governance", "package");

/// What of a record is asked for.
struct Ask {
    package: String,
    register: String,
    key: String,
    at: Option<Timestamp>,
    after: u64,
    limit: usize,
}

/// `GET /v1/records/{package}/{register}/{key}/explanation`.
pub(crate) async fn explain(
    State(shared): State<Arc<Shared>>,
    Parameters((package, register, key)): Parameters<(String, String, String)>,
    mut params: Params,
) -> Answer<Json<Explanation>> {
    let at = params.parsed("at", "an RFC 3339 time", json::parse_instant)?;
    let after = params.height("after")?.unwrap_or(0);
    let limit = params.limit("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    params.done()?;
    let compiled = find(&shared, &package)?;
    let title = text(&register_of(&compiled, &register)?.title);
    let ask = Ask { package, register, key, at, after, limit };
    blocking(move || {
        let newest = shared.reader.history(ask.place(), None, 1)?;
        let current = newest.items.first().ok_or(Problem::NoSuchRecord)?.version;
        let last = match ask.at {
            None => current,
            Some(at) => shared.reader.as_of(ask.place(), at)?.map_or(0, |version| version.version),
        };
        let versions = versions(&shared, &ask, last)?;
        let next = versions.last().map(|v| v.record.version).filter(|newest| *newest < last);
        Ok(Json(Explanation {
            later: if ask.at.is_some() { later(&shared, &ask, last)? } else { Vec::new() },
            comparison: compare(&versions),
            versions,
            title,
            height: height(newest.height),
            next,
            package: ask.package,
            register: ask.register,
            key: ask.key,
        }))
    })
    .await
}

impl Ask {
    fn place(&self) -> (&str, &str, &str) {
        (&self.package, &self.register, &self.key)
    }
}

/// The versions above `ask.after`, up to `last`, explained.
fn versions(shared: &Shared, ask: &Ask, last: u64) -> Answer<Vec<Explained>> {
    let limit = u64::try_from(ask.limit).unwrap_or(u64::MAX);
    let end = ask.after.saturating_add(limit).min(last);
    if end <= ask.after {
        return Ok(Vec::new());
    }
    // One more, with which the first is compared.
    let read =
        shared.reader.history(ask.place(), end.checked_add(1), ask.limit.saturating_add(1))?;
    let mut versions: Vec<Version> =
        read.items.into_iter().filter(|version| version.version >= ask.after).collect();
    versions.reverse();
    // The read model may have holes, which are filled from other nodes by and by.
    let expected = ask.after.max(1)..=end;
    if !expected.eq(versions.iter().map(|version| version.version)) {
        return Err(Problem::HistoryIncomplete.into());
    }
    let packages = packages(shared, &versions)?;
    let mut before: Option<&Version> = None;
    let mut out = Vec::new();
    for version in &versions {
        if version.version > ask.after {
            out.push(explained(version, before, &packages));
        }
        before = Some(version);
    }
    Ok(out)
}

/// The versions after `last`, oldest first.
fn later(shared: &Shared, ask: &Ask, last: u64) -> Answer<Vec<Later>> {
    let most = u64::try_from(LATER_MAX).unwrap_or(u64::MAX);
    let below = last.saturating_add(most).checked_add(1);
    let read = shared.reader.history(ask.place(), below, LATER_MAX)?;
    let mut later: Vec<Later> =
        read.items.iter().filter(|version| version.version > last).map(Later::from).collect();
    later.reverse();
    Ok(later)
}

/// The packages under which these versions were written.
fn packages(shared: &Shared, versions: &[Version]) -> Answer<Packages> {
    let in_force = shared.node.packages();
    let mut packages = Packages::new();
    for (id, number) in needed(versions) {
        let known = in_force.iter().find(|known| known.id == id && known.version == number);
        let package = match known {
            Some(known) => Some(Arc::clone(known)),
            None => published(shared, &id, number)?,
        };
        if let Some(package) = package {
            packages.insert((id, number), package);
        }
    }
    Ok(packages)
}

/// A version of a package that is no longer in force, from the ledger's own record of it.
fn published(shared: &Shared, id: &str, number: u32) -> Answer<Option<Arc<Package>>> {
    let place = (PACKAGES.0, PACKAGES.1, id);
    let newest = shared.reader.history(place, None, 1)?.items.into_iter().next();
    // Each version of the record holds the next version of the package.
    let below = newest.as_ref().and_then(|newest| {
        let back = published_version(newest)?.checked_sub(i64::from(number))?;
        newest.version.checked_sub(u64::try_from(back).ok()?)?.checked_add(1)
    });
    let Some(below) = below else { return Ok(None) };
    let found = shared.reader.history(place, Some(below), 1)?.items.into_iter().next();
    let found = found.filter(|found| published_version(found) == Some(i64::from(number)));
    let Some(Value::Bytes(document)) = found.as_ref().and_then(|v| v.fields.get("document")) else {
        return Ok(None);
    };
    let unreadable = |error: &dyn std::fmt::Display| -> Failure {
        fault(&format!("package `{id}` version {number}: {error}"))
    };
    let doc = PackageDoc::from_bytes(document).map_err(|error| unreadable(&error))?;
    let package = compile(&doc).map_err(|problems| {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        unreadable(&first)
    })?;
    Ok(Some(Arc::new(package)))
}

fn published_version(record: &Version) -> Option<i64> {
    record.fields.get("version").and_then(Value::as_int)
}
