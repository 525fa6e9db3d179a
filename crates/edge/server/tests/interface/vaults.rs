//! Cities whose node keeps a vault for its member.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_api::vault::SealRequest;
use chaincity_client::{Client, ClientError};
use chaincity_crypto::SecretKey;
use chaincity_types::{Digest, Timestamp, Value};
use chaincity_vault::{Cost, Passphrase, Vault};

use crate::city::{City, Raw, agent, raw};
use crate::fake::version;

const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

pub fn passphrase() -> Passphrase {
    Passphrase::with_cost("correct horse battery", CHEAP).unwrap()
}

/// A city before a vault; the fake node is the registry's, as its clerk is.
pub struct Keeping {
    pub city: City,
    pub vault: Arc<Vault>,
    pub dir: tempfile::TempDir,
}

impl Keeping {
    pub fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::create(&dir.path().join("vault"), &passphrase(), Timestamp(1)).unwrap();
        Self::with(dir, vault)
    }

    pub fn with(dir: tempfile::TempDir, vault: Vault) -> Self {
        let vault = Arc::new(vault);
        let kept = Arc::clone(&vault);
        let city = City::with(|config| config.vault = Some(kept), 0);
        let node = hex::encode([9; 32]);
        city.node.put(version(
            ("governance", "node", &node),
            1,
            1,
            &[("member", "registry".into()), ("kind", "validator".into())],
        ));
        Self { city, vault, dir }
    }
}

/// Makes an officer of a member, who holds this role.
pub fn officer(city: &City, seed: u8, member: &str, role: &str) -> SecretKey {
    let key = SecretKey::from_seed(&[seed; 32]);
    let roles = || Value::List(vec![role.into()]);
    let active = || ("active", Value::Bool(true));
    let name = hex::encode(key.public_key().as_bytes());
    let fields = [("member", member.into()), ("roles", roles()), active()];
    city.node.put(version(("governance", "operator", &name), 1, 1, &fields));
    if member != "registry" {
        city.node.put(version(
            ("governance", "member", member),
            1,
            1,
            &[("roles", roles()), active()],
        ));
    }
    key
}

pub fn client_of(city: &City, key: SecretKey) -> Client {
    let client = city.stranger();
    client.sign_in(key).unwrap();
    client
}

pub fn token_of(city: &City, key: SecretKey) -> String {
    city.stranger().sign_in(key).unwrap().token
}

/// Seals, as the client's operator, the request of a confidential access for this one-time key.
pub fn confide(
    client: &Client,
    number: u8,
    (reader, officer): (&str, &str),
) -> Result<Digest, ClientError> {
    let values = serde_json::json!({
        "key": "11".repeat(32), "reader": reader, "officer": officer, "in_package": "real-estate",
        "register": "right", "record": "r-1", "groups": ["deal"], "claims": [],
        "purpose": "查封前查询", "case_number": "（2026）湘1302执123号", "values": {},
    });
    client.seal_group(&SealRequest {
        package: "disclosure".into(),
        register: "confidential".into(),
        group: "confidential-request".into(),
        request: hex::encode([number; 32]),
        values: values.as_object().unwrap().clone(),
        scopes: BTreeMap::new(),
    })
}

/// Sends a body to `POST /v1/vault/groups`.
pub fn post_group(city: &City, token: &str, media: &str, body: &[u8]) -> Raw {
    let request = agent().post(format!("{}/v1/vault/groups", city.url()));
    let request = request.header("authorization", format!("Bearer {token}"));
    raw(request.header("content-type", media).send(body).unwrap())
}
