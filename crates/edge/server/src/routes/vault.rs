//! The steward's vault: groups sealed before the transaction that names them, and envelopes handed
//! over after their release is final.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use chaincity_api::vault::{KeptInfo, SEAL_BYTES_MAX, SealRequest, SealedInfo};
use chaincity_api::{CBOR, Problem};
use chaincity_crypto::groups::GroupError;
use chaincity_crypto::{PublicKey, hash};
use chaincity_package::model::{FieldType, Group, Register, Retention};
use chaincity_package::{json, value};
use chaincity_pipeline::operator::{self, Operator};
use chaincity_types::wire::LogicalKey;
use chaincity_types::{Digest, Str, Value, cbor};
use chaincity_vault::{COPY_BYTES_MAX, Place, Sealing, Term, VaultError};
use zeroize::Zeroizing;

use crate::error::{Answer, Failure, fault};
use crate::params::{self, Parameters};
use crate::pseudonyms;
use crate::routes::{blocks, records};
use crate::session::Caller;
use crate::state::{Shared, blocking};

/// The role of a member's release service.
const AGENT: &str = "steward.agent";

/// `POST /v1/vault/groups`.
pub(crate) async fn seal(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answer<Json<SealedInfo>> {
    let vault = Arc::clone(shared.vault.as_ref().ok_or(Problem::NoVault)?);
    let asked: SealRequest = params::json(request, SEAL_BYTES_MAX).await?;
    let request = params::digest(&asked.request, "`request`")?;
    let package = records::find(&shared, &asked.package)?;
    let register = records::register_of(&package, &asked.register)?;
    let group = package.groups.get(asked.group.as_str()).ok_or(Problem::NoSuchGroup)?;
    let holds = |kind: &FieldType| matches!(kind, FieldType::Sealed(name) if *name == asked.group);
    if !register.fields.values().any(|field| holds(&field.kind)) {
        return Err(Problem::GroupElsewhere.into());
    }
    let parameters = (chaincity_release::PACKAGE, chaincity_release::ACCESS);
    let is_readers = (&*asked.package, &*asked.register) == parameters;
    let own = own_member(&shared).await?;
    check_officer(&shared, &caller, group, (own.as_deref(), is_readers)).await?;
    if !answers(&shared, own.as_deref()).await? {
        return Err(Problem::VaultElsewhere.into());
    }
    let values = check(group, &asked, shared.node.status().time.china_day())?;
    let bytes = Zeroizing::new(cbor::encode(&Value::Map(values.clone())));
    let terms = group.terms(&values).into_iter().map(|(kind, text)| Term::new(kind, text));
    let terms: Vec<Term> = terms.collect();
    // What a reader says with a claim, or a searcher asks, serves that alone.
    let permanent = asked.package != chaincity_release::PACKAGE && is_permanent(register);
    let place = Place {
        ledger: shared.ledger,
        package: asked.package,
        register: asked.register,
        group: asked.group,
    };
    let standing = pseudonyms::asked(register, group, &values, &asked.scopes)?;
    let copying = shared.part.copy.clone();
    blocking(move || {
        let (bytes, terms) = (&bytes, &terms);
        let sealing = Sealing { request, place: &place, bytes, terms, permanent };
        let commitment = vault.seal(&sealing).map_err(|error| failure(&error))?;
        // Whoever hears the commitment may name it on the ledger: by then both vaults have the group.
        if let Some(copy_to) = copying {
            let copy = vault.copy_of(&commitment).map_err(|error| failure(&error))?;
            copy_to(copy).map_err(|why| Failure::because(Problem::StandbyAway, why))?;
        }
        // Whom a pseudonym stands for, the group says that was just sealed: none without one.
        let pseudonyms = pseudonyms::make(&vault, &place, &standing).map_err(|e| failure(&e))?;
        if !pseudonyms.is_empty() {
            tracing::info!(officer = %caller.key, %commitment, "pseudonyms were made");
        }
        Ok(Json(SealedInfo { commitment: commitment.to_string(), pseudonyms }))
    })
    .await
}

/// `POST /v1/vault/copies`.
pub(crate) async fn keep_copy(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answer<Json<KeptInfo>> {
    let vault = Arc::clone(shared.vault.as_ref().ok_or(Problem::NoVault)?);
    let own = own_member(&shared).await?;
    let agent = operator_of(&shared, &caller).await?;
    let is_agents = agent.roles.iter().any(|role| role == AGENT);
    if !is_agents || own.as_ref() != Some(&agent.member) {
        return Err(Problem::NotSteward.into());
    }
    if answers(&shared, own.as_deref()).await? {
        return Err(Problem::NotStandby.into());
    }
    let copy = params::body(request, CBOR, COPY_BYTES_MAX).await?;
    blocking(move || {
        vault.keep_copy(&copy).map_err(|error| failure(&error))?;
        Ok(Json(KeptInfo { copy: hash::plain(&copy).to_string() }))
    })
    .await
}

/// `GET /v1/vault/envelopes/{access}`.
pub(crate) async fn envelope(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Parameters(access): Parameters<String>,
) -> Answer<Response> {
    let reader = operator_of(&shared, &caller).await?.member;
    let asked = Asked { register: chaincity_release::ACCESS, by: ("reader", &reader), key: access };
    hand_over(&shared, asked, "released").await
}

/// `GET /v1/vault/searches/{search}`. Which records were found is for the searcher alone, not for his
/// colleagues.
pub(crate) async fn search(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Parameters(search): Parameters<String>,
) -> Answer<Response> {
    operator_of(&shared, &caller).await?;
    let officer = hex::encode(caller.key.as_bytes());
    let asked =
        Asked { register: chaincity_release::SEARCH, by: ("officer", &officer), key: search };
    hand_over(&shared, asked, "answered").await
}

/// What was asked on the ledger, and by whom: a field with what must stand in it.
struct Asked<'a> {
    register: &'a str,
    by: (&'a str, &'a str),
    key: String,
}

/// The envelope of what is in this state: its digest stands on the ledger.
async fn hand_over(shared: &Shared, asked: Asked<'_>, state: &str) -> Answer<Response> {
    let vault = Arc::clone(shared.vault.as_ref().ok_or(Problem::NoVault)?);
    let key = LogicalKey::Record {
        package: chaincity_release::PACKAGE.into(),
        register: asked.register.into(),
        key: asked.key.as_str().into(),
    };
    let (_, version) = shared.node.record(key).await?.ok_or(Problem::NotReleased)?;
    let text = |name: &str| version.fields.get(name).and_then(Value::as_text);
    if text(asked.by.0) != Some(asked.by.1) {
        return Err(Problem::NotReader.into());
    }
    if text("state") != Some(state) {
        return Err(Problem::NotReleased.into());
    }
    let Some(Value::Bytes(released)) = version.fields.get("envelope") else {
        return Err(Problem::NotReleased.into());
    };
    let released: [u8; 32] =
        released.as_slice().try_into().map_err(|_length| fault("a release without a digest"))?;
    let kept = blocking(move || vault.envelope(&asked.key).map_err(|error| failure(&error)));
    let kept = kept.await?;
    let kept = kept.ok_or(Problem::EnvelopeGone)?;
    // What the ledger does not name is not handed over.
    if kept.digest() == Digest(released) {
        Ok(blocks::cbor(&kept))
    } else {
        Err(Problem::NotReleased.into())
    }
}

/// The member whose node this is.
async fn own_member(shared: &Shared) -> Answer<Option<String>> {
    let key = shared.node.status().node_key;
    let key = PublicKey::from_slice(&key).ok_or_else(|| fault("the node's own key is none"))?;
    Ok(operator::find(&*shared.node, &key).await?.map(|own| own.member))
}

/// Whether this vault is the one of its member's that answers.
async fn answers(shared: &Shared, member: Option<&str>) -> Answer<bool> {
    let part = (shared.part.agent.as_ref(), shared.part.is_standby);
    Ok(chaincity_release::answers(&*shared.node, member.unwrap_or_default(), part).await?)
}

/// The caller must have the role of the group's steward and act for the member whose node this is; a
/// reader that seals here what it says with a claim, for any.
async fn check_officer(
    shared: &Shared,
    caller: &Caller,
    group: &Group,
    (own, is_readers): (Option<&str>, bool),
) -> Answer<()> {
    let officer = operator_of(shared, caller).await?;
    let is_own = own == Some(&officer.member);
    if (is_own || is_readers) && officer.roles.iter().any(|role| *role == group.steward) {
        Ok(())
    } else {
        Err(Problem::NotSteward.into())
    }
}

async fn operator_of(shared: &Shared, caller: &Caller) -> Answer<Operator> {
    let found = operator::find(&*shared.node, &caller.key).await?;
    Ok(found.ok_or(Problem::OperatorInactive)?)
}

/// Checks the values against the group's fields. No value is told in an error.
fn check(group: &Group, asked: &SealRequest, today: i32) -> Answer<BTreeMap<Str, Value>> {
    let invalid = |place: String| Failure::because(Problem::GroupInvalid, place);
    let given = json::to_fields(&group.fields, &asked.values)
        .map_err(|problem| invalid(problem.to_string()))?;
    value::check_fields(&group.fields, given, today).map_err(|problem| invalid(problem.to_string()))
}

// What a package lets be found, the vault takes.
const _: () = assert!(
    chaincity_package::find::TERMS_MAX <= chaincity_vault::TERMS_MAX
        && chaincity_package::find::TERM_CHARS_MAX <= chaincity_vault::TERM_CHARS_MAX
);

fn is_permanent(register: &Register) -> bool {
    register.retention == Retention::Permanent
}

fn failure(error: &VaultError) -> Failure {
    if let VaultError::RequestDiffers | VaultError::Erased(_) = error {
        Problem::RequestDiffers.into()
    } else if let VaultError::Group(GroupError::TooLong) = error {
        Problem::GroupInvalid.into()
    } else if let VaultError::ErasuresPending = error {
        Problem::VaultClosed.into()
    } else {
        fault(error.code())
    }
}
