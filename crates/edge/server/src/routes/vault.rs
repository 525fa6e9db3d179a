//! The steward's vault: groups sealed before the transaction that names them, and envelopes handed
//! over after their release is final.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use chaincity_api::vault::{KeptInfo, RequestInfo, SEAL_BYTES_MAX, SealRequest, SealedInfo};
use chaincity_api::{CBOR, Problem};
use chaincity_crypto::groups::{self, GroupError};
use chaincity_crypto::{PublicKey, hash};
use chaincity_package::model::{FieldType, Group, Package, Placement, Register, Retention};
use chaincity_package::{json, value};
use chaincity_pipeline::operator::{self, Operator};
use chaincity_release::{ACCESS, CONFIDENTIAL, PACKAGE, SEARCH};
use chaincity_types::wire::{LogicalKey, Version};
use chaincity_types::{Digest, Str, Value, cbor};
use chaincity_vault::{COPY_BYTES_MAX, Place, Sealing, Term, Vault, VaultError};
use zeroize::Zeroizing;

use crate::error::{Answer, Failure, fault};
use crate::params::{self, Parameters};
use crate::pseudonyms;
use crate::routes::{blocks, records};
use crate::session::Caller;
use crate::state::{Shared, blocking};

/// The role of a member's release service.
const AGENT: &str = "steward.agent";
/// Those whom the request of a confidential access is for.
const CLERK: &str = "steward.clerk";
const AUDITOR: &str = "auditor.officer";

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
    let group = package.groups.get(asked.group.as_str()).ok_or(Problem::NoSuchGroup)?;
    let register = place_of(&shared, &package, &asked).await?;
    let is_confidential = (&*asked.package, &*asked.register) == (PACKAGE, CONFIDENTIAL);
    let is_readers = is_confidential || (&*asked.package, &*asked.register) == (PACKAGE, ACCESS);
    let own = own_member(&shared).await?;
    let officer = check_officer(&shared, &caller, group, (own.as_deref(), is_readers)).await?;
    if !answers(&shared, own.as_deref()).await? {
        return Err(Problem::VaultElsewhere.into());
    }
    let values = check(group, &asked, shared.node.status().time.china_day())?;
    if is_confidential {
        check_asker(&values, &caller, &officer)?;
    }
    let bytes = Zeroizing::new(cbor::encode(&Value::Map(values.clone())));
    let terms = group.terms(&values).into_iter().map(|(kind, text)| Term::new(kind, text));
    let terms: Vec<Term> = terms.collect();
    // What a reader says with a claim, or a searcher asks, serves that alone.
    let permanent = asked.package != PACKAGE && register.is_some_and(is_permanent);
    let place = Place {
        ledger: shared.ledger,
        package: asked.package,
        register: asked.register,
        group: asked.group,
    };
    let standing = register.map(|of| pseudonyms::asked(of, group, &values, &asked.scopes));
    let standing = standing.transpose()?.unwrap_or_default();
    // A case holds no ciphertext.
    let placement = register.map_or(Placement::Steward, |_| group.placement);
    let copying = shared.part.copy.clone();
    blocking(move || {
        let (bytes, terms) = (&bytes, &terms);
        let sealing = Sealing { request, place: &place, bytes, terms, permanent };
        let (commitment, value) =
            seal_in(&vault, &sealing, placement).map_err(|error| failure(&error))?;
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
        let (commitment, value) = (commitment.to_string(), hex::encode(value));
        Ok(Json(SealedInfo { commitment, value, pseudonyms }))
    })
    .await
}

/// Seals where the package places the group: its commitment, and what the record's field takes.
fn seal_in(
    vault: &Vault,
    sealing: &Sealing<'_>,
    placement: Placement,
) -> Result<(Digest, Vec<u8>), VaultError> {
    match placement {
        Placement::Steward => {
            vault.seal(sealing).map(|commitment| (commitment, commitment.0.to_vec()))
        }
        Placement::Ledger => vault.seal_for_ledger(sealing).map(|sealed| {
            let value = groups::placed(&sealed.commitment, &sealed.ciphertext);
            (sealed.commitment, value)
        }),
    }
}

/// The register whose records hold the group; none where a process has the place, whose cases hold it
/// in an encrypted variable.
async fn place_of<'p>(
    shared: &Shared,
    package: &'p Package,
    asked: &SealRequest,
) -> Answer<Option<&'p Register>> {
    let Some(register) = package.registers.get(asked.register.as_str()) else {
        let place = (&*asked.package, &*asked.register, &*asked.group);
        let seals = chaincity_release::process_seals(&*shared.node, place).await?;
        return if seals { Ok(None) } else { Err(Problem::NoSuchRegister.into()) };
    };
    let holds = |kind: &FieldType| kind.group().is_some_and(|name| **name == *asked.group);
    if register.fields.values().any(|field| holds(&field.kind)) {
        Ok(Some(register))
    } else {
        Err(Problem::GroupElsewhere.into())
    }
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

/// `GET /v1/vault/requests/{request}`. The steward's clerk reads it before he records the access, the
/// auditor before he countersigns.
pub(crate) async fn request(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Parameters(request): Parameters<String>,
) -> Answer<Json<RequestInfo>> {
    let vault = Arc::clone(shared.vault.as_ref().ok_or(Problem::NoVault)?);
    let request = params::digest(&request, "`request`")?;
    let officer = operator_of(&shared, &caller).await?;
    let has = |role: &str| officer.roles.iter().any(|held| held == role);
    let is_own = own_member(&shared).await?.as_ref() == Some(&officer.member);
    let may = has(AUDITOR) || (is_own && has(CLERK));
    if !may {
        return Err(Problem::RequestNotYours.into());
    }
    let ledger = shared.ledger;
    blocking(move || {
        let found = chaincity_release::request(&vault, ledger, &request);
        let group = found.map_err(|error| fault(&error.to_string()))?;
        let group = group.ok_or(Problem::NoSuchRequest)?;
        let (salt, fields) = (group.salt().as_bytes(), group.bytes());
        Ok(Json(RequestInfo { salt: hex::encode(salt), fields: hex::encode(fields) }))
    })
    .await
}

/// `GET /v1/vault/envelopes/{access}`. Of a confidential access for the officer who asked, not for his
/// colleagues.
pub(crate) async fn envelope(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Parameters(access): Parameters<String>,
) -> Answer<Response> {
    let reader = operator_of(&shared, &caller).await?.member;
    let officer = caller.key.to_string();
    let is_confidential = entry(&shared, CONFIDENTIAL, &access).await?.is_some();
    let (register, by, states) = if is_confidential {
        (CONFIDENTIAL, ("officer", &*officer), &["released", "lifted", "shown"][..])
    } else {
        (ACCESS, ("reader", &*reader), &["released"][..])
    };
    hand_over(&shared, Asked { register, by, states, key: access }).await
}

/// `GET /v1/vault/searches/{search}`. Which records were found is for the searcher alone, not for his
/// colleagues.
pub(crate) async fn search(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Parameters(search): Parameters<String>,
) -> Answer<Response> {
    operator_of(&shared, &caller).await?;
    let officer = caller.key.to_string();
    let by = ("officer", &*officer);
    let asked = Asked { register: SEARCH, by, states: &["answered"], key: search };
    hand_over(&shared, asked).await
}

/// What was asked on the ledger, and by whom: a field with what must stand in it.
struct Asked<'a> {
    register: &'a str,
    by: (&'a str, &'a str),
    /// In which it may be handed over.
    states: &'a [&'a str],
    key: String,
}

/// A record of the protocol.
async fn entry(shared: &Shared, register: &str, key: &str) -> Answer<Option<Arc<Version>>> {
    let key =
        LogicalKey::Record { package: PACKAGE.into(), register: register.into(), key: key.into() };
    Ok(shared.node.record(key).await?.map(|(_, version)| version))
}

/// The envelope of what is in such a state: its digest stands on the ledger.
async fn hand_over(shared: &Shared, asked: Asked<'_>) -> Answer<Response> {
    let vault = Arc::clone(shared.vault.as_ref().ok_or(Problem::NoVault)?);
    let version = entry(shared, asked.register, &asked.key).await?;
    let mut version = version.ok_or(Problem::NotReleased)?;
    if asked.register == CONFIDENTIAL {
        let (vault, ledger, sealed) = (Arc::clone(&vault), shared.ledger, Arc::clone(&version));
        let own = own_member(shared).await?;
        let opened = move || {
            let own = own.as_deref().map(|own| (&*vault, own));
            Ok(chaincity_release::opened(own, ledger, &sealed))
        };
        version = blocking(opened).await?.map_or(version, Arc::new);
    }
    let text = |name: &str| version.fields.get(name).and_then(Value::as_text);
    if text(asked.by.0) != Some(asked.by.1) {
        return Err(Problem::NotReader.into());
    }
    if !text("state").is_some_and(|state| asked.states.contains(&state)) {
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
pub(crate) async fn own_member(shared: &Shared) -> Answer<Option<String>> {
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
/// reader that seals here what it says to the steward alone, for any.
async fn check_officer(
    shared: &Shared,
    caller: &Caller,
    group: &Group,
    (own, is_readers): (Option<&str>, bool),
) -> Answer<Operator> {
    let officer = operator_of(shared, caller).await?;
    let is_own = own == Some(&officer.member);
    if (is_own || is_readers) && officer.roles.iter().any(|role| *role == group.steward) {
        Ok(officer)
    } else {
        Err(Problem::NotSteward.into())
    }
}

/// A confidential access is asked by whom its request names: nothing else says so until it is shown.
fn check_asker(values: &BTreeMap<Str, Value>, caller: &Caller, officer: &Operator) -> Answer<()> {
    let key = caller.key.to_string();
    for (field, own) in [("reader", &officer.member), ("officer", &key)] {
        if values.get(field).and_then(Value::as_text) != Some(own.as_str()) {
            return Err(Failure::because(Problem::GroupInvalid, format!("`{field}` is another")));
        }
    }
    Ok(())
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
