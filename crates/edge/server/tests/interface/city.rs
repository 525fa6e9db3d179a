//! A server before a fake node, with one active operator, and clients of it.

use std::path::Path;
use std::sync::Arc;

use chaincity_client::{Client, Retry};
use chaincity_crypto::SecretKey;
use chaincity_package::model::Package;
use chaincity_package::source;
use chaincity_server::{Config, Server};
use chaincity_types::Value;
use std::time::Duration;
use ureq::Agent;

use crate::fake::{FakeNode, FakeReader, version};

pub struct City {
    pub node: Arc<FakeNode>,
    pub reader: Arc<FakeReader>,
    pub server: Server,
}

/// The operator whom the fake node knows.
pub fn clerk() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

pub fn real_estate() -> Package {
    package("real-estate")
}

fn package(name: &str) -> Package {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packages").join(name);
    let mut files = Vec::new();
    for folder in [""].into_iter().chain(source::FOLDERS) {
        // No package has every folder.
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                files.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    source::parse(&files).unwrap().compile().unwrap()
}

impl City {
    pub fn open() -> Self {
        Self::with(|_| (), 0)
    }

    pub fn with(change: impl FnOnce(&mut Config), padding: usize) -> Self {
        let packages = ["real-estate", "disclosure", "engineering-funds", "service-items"]
            .map(|name| Arc::new(package(name)))
            .into();
        let node = Arc::new(FakeNode::new(packages, padding));
        let reader = Arc::new(FakeReader::default());
        let key = hex::encode(clerk().public_key().as_bytes());
        let roles = |names: &[&str]| Value::List(names.iter().map(|n| Value::from(*n)).collect());
        node.put(version(
            ("governance", "operator", &key),
            1,
            1,
            &[
                ("member", "registry".into()),
                ("roles", roles(&["registry.registrar", "registry.withdrawn"])),
                ("active", Value::Bool(true)),
            ],
        ));
        node.put(version(
            ("governance", "member", "registry"),
            1,
            1,
            &[("roles", roles(&["registry.registrar"])), ("active", Value::Bool(true))],
        ));
        let mut config = Config::new("127.0.0.1:0".parse().unwrap());
        change(&mut config);
        let server = Server::start(&config, node.clone(), reader.clone()).unwrap();
        Self { node, reader, server }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// A client that has not signed in.
    pub fn stranger(&self) -> Client {
        self.client_of(&[self.url()])
    }

    /// A client that has.
    pub fn client(&self) -> Client {
        let client = self.stranger();
        client.sign_in(clerk()).unwrap();
        client
    }

    pub fn client_of(&self, urls: &[String]) -> Client {
        let pause = Duration::from_millis(1);
        let retry = Retry { attempts: 3, pause, pause_max: Duration::from_millis(10) };
        let builder = Client::builder(self.node.ledger()).retry(retry);
        urls.iter().fold(builder, |builder, url| builder.node(url)).build().unwrap()
    }

    /// Makes the clerk inactive.
    pub fn suspend(&self) {
        let mut records = self.node.records.lock().unwrap();
        for version in records.values_mut() {
            version.fields.insert("active".into(), Value::Bool(false));
        }
    }
}

/// An answer as it came: status, headers' values by name, JSON or null.
pub struct Raw {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Raw {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).proxy(None).build().into()
}

pub fn get(url: &str) -> Raw {
    raw(agent().get(url).call().unwrap())
}

pub fn post(url: &str, media: &str, body: &[u8]) -> Raw {
    raw(agent().post(url).header("content-type", media).send(body).unwrap())
}

pub fn raw(mut response: ureq::http::Response<ureq::Body>) -> Raw {
    Raw {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.body_mut().read_to_string().unwrap(),
    }
}
