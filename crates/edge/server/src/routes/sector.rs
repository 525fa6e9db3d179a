//! Blinded questions to the holder of keys of sectors and lists. What does not stand on the ledger is not
//! evaluated: so none goes unrecorded or beyond the quota, which the ledger judges, and the answer to what
//! stands there may be fetched again.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use chaincity_api::{CBOR, Problem};
use chaincity_pipeline::operator;
use chaincity_sector::{Asked, Keys, MESSAGE_BYTES_MAX, PublicKey, SectorError};
use chaincity_types::wire::{LogicalKey, Status, Version};
use chaincity_types::{Digest, Value};

use crate::error::{Answer, Failure};
use crate::params;
use crate::routes::blocks;
use crate::session::Caller;
use crate::state::{Shared, blocking};

/// The package in which questions and the keys for them stand.
const PACKAGE: &str = "identity";
/// Role of the officers who ask.
const OFFICER: &str = "reader.officer";

/// `POST /v1/sector/evaluations`.
pub(crate) async fn evaluate(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answer<Response> {
    let keys = Arc::clone(shared.sector_keys.as_ref().ok_or(Problem::NoSectorKeys)?);
    let officer = operator::find(&*shared.node, &caller.key).await?;
    let officer = officer.ok_or(Problem::OperatorInactive)?;
    if !officer.roles.iter().any(|role| role == OFFICER) {
        return Err(Problem::NotAsker.into());
    }
    let body = params::body(request, CBOR, MESSAGE_BYTES_MAX).await?;
    let _permit = shared.verifications.try_acquire().map_err(|_full| Problem::Busy)?;
    let holder = Arc::clone(&keys);
    let (asked, key, digest) = blocking(move || read(&holder, &body)).await?;
    let question = record(&shared, "question", &digest.to_string()).await?;
    let question = question.ok_or(Problem::QuestionUnrecorded)?;
    if text(&question, "member") != Some(officer.member.as_str()) {
        return Err(Problem::NotAsker.into());
    }
    let of_key = text(&question, "key").unwrap_or_default();
    let published = record(&shared, "sector-key", of_key).await?;
    let is_of_key = published.is_some_and(|published| is_key(&published, &key));
    let persons = Value::Int(asked.blinded().count().into());
    if !is_of_key || question.fields.get("persons") != Some(&persons) {
        // Recorded, but for other persons or under another key's quota.
        return Err(Problem::QuestionUnrecorded.into());
    }
    let evaluated =
        blocking(move || keys.evaluate(asked, &mut rand::rng()).map_err(refused)).await?;
    Ok(blocks::cbor(&evaluated))
}

/// What is asked, of which key, and the digest under which it stands on the ledger.
fn read(keys: &Keys, bytes: &[u8]) -> Answer<(Asked, PublicKey, Digest)> {
    let asked = Asked::from_bytes(bytes).map_err(refused)?;
    let key = keys.answering(&asked).map_err(refused)?.clone();
    let digest = asked.digest(&key);
    Ok((asked, key, digest))
}

async fn record(shared: &Shared, register: &str, key: &str) -> Answer<Option<Arc<Version>>> {
    let (package, register) = (PACKAGE.into(), register.into());
    let found = shared.node.record(LogicalKey::Record { package, register, key: key.into() });
    Ok(found.await?.map(|(_, version)| version))
}

fn text<'a>(version: &'a Version, name: &str) -> Option<&'a str> {
    version.fields.get(name).and_then(Value::as_text)
}

/// Whether this is the record of a key that is in use.
fn is_key(published: &Version, key: &PublicKey) -> bool {
    let public = Value::Bytes(key.element().as_bytes().to_vec());
    published.status == Status::Live && published.fields.get("public_key") == Some(&public)
}

fn refused(error: SectorError) -> Failure {
    Failure::guarded(error.code().to_owned(), error.zh(), error.to_string(), None)
}
