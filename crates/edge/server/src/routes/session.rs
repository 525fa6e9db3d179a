//! Signing in.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use chaincity_api::session::{
    CONTENT_TYPE, Challenge, ChallengeRequest, Login, STATEMENT_BYTES_MAX, Session,
};
use chaincity_api::{COSE, Problem};
use chaincity_crypto::{PublicKey, cose};
use chaincity_pipeline::operator;
use chaincity_types::cbor;

use crate::error::{Answer, Failure};
use crate::params;
use crate::state::Shared;

/// `POST /v1/session/challenge`.
pub(crate) async fn challenge(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Answer<Json<Challenge>> {
    let ChallengeRequest { key } = params::json(request, STATEMENT_BYTES_MAX).await?;
    let wrong = || Failure::because(Problem::BadRequest, "`key` must be 64 hexadecimal digits");
    let key = PublicKey::from_hex(&key).ok_or_else(wrong)?;
    let challenge = shared.sessions.challenge(&key)?;
    Ok(Json(Challenge {
        challenge: hex::encode(challenge),
        ledger: shared.ledger.to_string(),
        expires_s: shared.limits.challenge_s,
    }))
}

/// `POST /v1/session`.
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Answer<Json<Session>> {
    let bytes = params::body(request, COSE, STATEMENT_BYTES_MAX).await?;
    let refused = |text: String| Failure::because(Problem::SignatureInvalid, text);
    let statement = cose::verify_statement(&bytes, CONTENT_TYPE, STATEMENT_BYTES_MAX)
        .map_err(|error| refused(error.to_string()))?;
    let login: Login = cbor::decode(&statement.payload, STATEMENT_BYTES_MAX)
        .map_err(|error| refused(format!("the payload is {error}")))?;
    if login.ledger != shared.ledger {
        return Err(refused("the statement is for another ledger".to_owned()));
    }
    if login.key != statement.key.as_bytes() {
        return Err(refused("the statement is for another key".to_owned()));
    }
    shared.sessions.check_challenge(&login.challenge, &statement.key)?;
    let operator = operator::find(&*shared.node, &statement.key).await?;
    let operator = operator.ok_or(Problem::OperatorInactive)?;
    let token = shared.sessions.open(&login.challenge, statement.key)?;
    Ok(Json(Session {
        token,
        expires_s: shared.limits.session_s,
        member: operator.member,
        roles: operator.roles,
    }))
}
