//! Where an organisation seals what only it may see: in the vault of its node, or, when it has none,
//! in one of its own.

use std::collections::BTreeMap;
use std::path::Path;

use chaincity_client::api::vault::SealRequest;
use chaincity_package::json::to_fields;
use chaincity_package::value::check_fields;
use chaincity_types::{Digest, Value, cbor};
use chaincity_vault::{Place, Sealing, Vault};
use rand::Rng as _;
use serde_json::{Map, Value as Json};

use super::cast::VAULTS;
use super::forms::Forms;
use super::town::Person;
use crate::actor::remote;
use crate::city::new_vault;
use crate::clock;
use crate::fault::Fault;

/// The vaults of those whose nodes keep none.
#[derive(Debug)]
pub(super) struct Safes(BTreeMap<&'static str, Vault>);

/// Where a group belongs: package, register, group.
pub(super) type Where<'a> = (&'a str, &'a str, &'a str);

impl Safes {
    /// Makes them, one folder a member, side by side: deriving a key from a passphrase takes time.
    pub(super) fn make(dir: &Path) -> Result<Self, Fault> {
        let made: Vec<Result<_, Fault>> = std::thread::scope(|scope| {
            let making = VAULTS.map(|member| {
                scope.spawn(move || {
                    let dir = dir.join("members").join(member);
                    std::fs::create_dir_all(&dir).map_err(Fault::io(&dir))?;
                    Ok((member, new_vault(&dir)?))
                })
            });
            let ended = |_panic| Fault::other("线程中断", "a thread ended");
            making.into_iter().map(|made| made.join().map_err(ended)?).collect()
        });
        Ok(Self(made.into_iter().collect::<Result<_, _>>()?))
    }

    /// Seals a group in the vault of the person's organisation, and gives the commitment.
    pub(super) fn seal(
        &self,
        forms: &Forms,
        person: &Person,
        (package, register, group): Where<'_>,
        values: &Json,
    ) -> Result<Json, Fault> {
        let values = values.as_object().cloned().unwrap_or_default();
        let mut request = [0; 32];
        rand::rng().fill_bytes(&mut request);
        let client = &person.actor.client;
        let commitment = match self.0.get(person.seat.member) {
            None => client.seal_group(&SealRequest {
                package: package.to_owned(),
                register: register.to_owned(),
                group: group.to_owned(),
                request: hex::encode(request),
                values,
                scopes: BTreeMap::new(),
            }),
            Some(vault) => {
                let place = Place {
                    ledger: *client.ledger(),
                    package: package.to_owned(),
                    register: register.to_owned(),
                    group: group.to_owned(),
                };
                return own(vault, forms, (place, Digest(request)), &values);
            }
        };
        Ok(Json::from(commitment.map_err(remote)?.to_string()))
    }
}

/// Seals in a vault that this process has open.
fn own(
    vault: &Vault,
    forms: &Forms,
    (place, request): (Place, Digest),
    values: &Map<String, Json>,
) -> Result<Json, Fault> {
    let name = format!("{}/{}", place.package, place.group);
    let unfit =
        |why: String| Fault::other(format!("字段组 {name}"), format!("group {name}: {why}"));
    let group = forms.group(&place.package, &place.group);
    let group = group.ok_or_else(|| unfit("there is none".to_owned()))?;
    let given = to_fields(&group.fields, values).map_err(|problem| unfit(problem.to_string()))?;
    let checked = check_fields(&group.fields, given, clock::now().china_day())
        .map_err(|problem| unfit(problem.to_string()))?;
    let bytes = zeroize::Zeroizing::new(cbor::encode(&Value::Map(checked)));
    let sealing = Sealing { request, place: &place, bytes: &bytes, terms: &[], permanent: false };
    let refused = |error| crate::keeping::refused(vault.folder(), &error);
    Ok(Json::from(vault.seal(&sealing).map_err(refused)?.to_string()))
}
