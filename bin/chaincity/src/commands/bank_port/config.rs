//! `bank-port.toml`: where the core is, where its callbacks arrive, and which packages are followed.
//! Paths are relative to the file's folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chaincity_client::Client;
use chaincity_client::api::session::Session;
use chaincity_crypto::cipher::Secret;
use chaincity_package::compile;
use chaincity_package::doc::PackageDoc;
use chaincity_package::model::Package;
use serde::Deserialize;
use serde_json::Value as Json;

use super::mapping::{self, Payments};
use super::message::read_secret;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::shipped;

/// The role that may ask for encrypted groups.
const READER: &str = "reader.officer";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    bank: String,
    listen: SocketAddr,
    secret: PathBuf,
    payments: Vec<Section>,
}

/// What is followed of one package.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    package: String,
    #[serde(default)]
    mapping: Option<PathBuf>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    grant: Option<String>,
    #[serde(default)]
    purpose: Option<String>,
}

/// The port's configuration.
#[derive(Debug)]
pub(super) struct Config {
    path: PathBuf,
    /// The core's address.
    pub(super) bank: String,
    pub(super) listen: SocketAddr,
    pub(super) secret: Secret,
    sections: Vec<Section>,
}

/// A register that is followed.
#[derive(Clone, Debug)]
pub(super) struct Follow {
    pub(super) package: String,
    pub(super) payments: Payments,
    /// The account that pays, when the mapping names none.
    pub(super) from: Option<String>,
    /// The grant under which amounts are read, and its purpose.
    pub(super) grant: Option<(String, String)>,
}

fn refused(code: &'static str, zh: String, en: String, detail: Option<String>) -> Fault {
    Fault::Refused { code, zh, en, detail }
}

impl Config {
    /// Reads `bank-port.toml`.
    ///
    /// # Errors
    /// When it or the secret cannot be read, says something unknown, or an address is not on this
    /// machine.
    pub(super) fn read(path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(path).map_err(Fault::io(path))?;
        let invalid = |cause: &str| {
            let shown = path.display();
            refused(
                "port-config-invalid",
                format!("配置文件 {shown} 有误"),
                format!("the configuration {shown} is not valid"),
                Some(cause.replace('\n', " ")),
            )
        };
        let file: File = toml::from_str(&text).map_err(|error| invalid(&error.to_string()))?;
        let bank = file.bank.trim_end_matches('/').to_owned();
        if !is_local(&bank) || !file.listen.ip().is_loopback() {
            return Err(invalid("`bank` (http://127.0.0.1:PORT) and `listen` are on this machine"));
        }
        let base = path.parent().unwrap_or(Path::new("."));
        let secret = read_secret(&base.join(&file.secret))?;
        let mut sections = file.payments;
        for section in &mut sections {
            section.mapping = section.mapping.take().map(|mapping| base.join(mapping));
            if section.grant.is_some() != section.purpose.is_some() {
                return Err(invalid("`grant` and `purpose` go together"));
            }
        }
        if sections.is_empty() {
            return Err(invalid("`payments` names no package"));
        }
        Ok(Self { path: path.to_owned(), bank, listen: file.listen, secret, sections })
    }

    /// What is followed, checked against the packages in force and the operator's roles.
    ///
    /// # Errors
    /// When a mapping does not fit, or a role is missing.
    pub(super) fn follows(
        &self,
        client: &Client,
        session: &Session,
    ) -> Result<Vec<Follow>, Failure> {
        let mut follows = Vec::new();
        for section in &self.sections {
            let package = in_force(client, &section.package)?;
            for payments in self.mapping(section, &package)? {
                self.check(section, &payments)?;
                check_roles(&package, &payments, &session.roles)?;
                let both = section.grant.clone().zip(section.purpose.clone());
                let (from, package) = (section.from.clone(), section.package.clone());
                follows.push(Follow { package, payments, from, grant: both });
            }
        }
        Ok(follows)
    }

    fn mapping(&self, section: &Section, package: &Package) -> Result<Vec<Payments>, Fault> {
        let name = &section.package;
        let (path, text) = match &section.mapping {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(Fault::io(path))?;
                (path.display().to_string(), text)
            }
            None => {
                let text = shipped::file(name, mapping::FILE)?;
                (format!("{name}/{}", mapping::FILE), text.to_owned())
            }
        };
        mapping::compile(&path, &text, package).map_err(|problems| {
            refused(
                "port-mapping-invalid",
                format!("应用包 {name} 的银行接口映射有误"),
                format!("the bank port's mapping of the package {name} is not valid"),
                problems.first().map(ToString::to_string),
            )
        })
    }

    /// What the mapping leaves to the configuration is there.
    fn check(&self, section: &Section, payments: &Payments) -> Result<(), Fault> {
        let missing = if payments.instruction.from.is_none() && section.from.is_none() {
            "from"
        } else if !payments.groups().is_empty() && section.grant.is_none() {
            "grant"
        } else {
            return Ok(());
        };
        let (shown, name) = (self.path.display(), &section.package);
        Err(refused(
            "port-config-invalid",
            format!("配置文件 {shown} 中应用包 {name} 缺少 {missing}"),
            format!("the configuration {shown} lacks `{missing}` for the package {name}"),
            None,
        ))
    }
}

/// Whether this is an address on this machine.
fn is_local(url: &str) -> bool {
    let address = url.strip_prefix("http://").and_then(|rest| rest.parse::<SocketAddr>().ok());
    address.is_some_and(|address| address.ip().is_loopback())
}

/// The operator may answer, and ask for what is encrypted.
fn check_roles(package: &Package, payments: &Payments, roles: &[String]) -> Result<(), Fault> {
    let missing = |role: &str| {
        refused(
            "port-role-missing",
            format!("经办人缺少角色 {role}"),
            format!("the operator lacks the role {role}"),
            None,
        )
    };
    if !payments.groups().is_empty() && !roles.iter().any(|role| role == READER) {
        return Err(missing(READER));
    }
    for answer in [&payments.settled, &payments.failed] {
        let action = package.actions.get(answer.action.as_str());
        let by = action.map_or(&[][..], |action| action.by.as_slice());
        if !by.iter().any(|role| roles.iter().any(|own| role == own.as_str())) {
            let any: Vec<String> = by.iter().map(ToString::to_string).collect();
            return Err(missing(&any.join(" / ")));
        }
    }
    Ok(())
}

/// A package in force, from its document on the ledger.
fn in_force(client: &Client, id: &str) -> Result<Package, Failure> {
    let record = client.record("governance", "package", id)?;
    let document = record.and_then(|mut record| record.fields.remove("document"));
    let bytes = document.as_ref().and_then(Json::as_str).and_then(|text| hex::decode(text).ok());
    let package = bytes
        .and_then(|bytes| PackageDoc::from_bytes(&bytes).ok())
        .and_then(|doc| compile(&doc).ok());
    let absent = || {
        Failure::usage(format!("应用包 {id} 未生效"), format!("the package {id} is not in force"))
    };
    package.ok_or_else(absent)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const GOOD: &str = "bank = \"http://127.0.0.1:9701\"\nlisten = \"127.0.0.1:0\"\n\
                        secret = \"bank.secret\"\n[[payments]]\npackage = \"settlement\"\n\
                        from = \"ESCROW\"\ngrant = \"g\"\npurpose = \"p\"\n";

    fn read(text: &str, secret: &str) -> Result<Config, Fault> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bank.secret"), secret).unwrap();
        let path = dir.path().join("bank-port.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    fn code(text: &str, secret: &str) -> &'static str {
        match read(text, secret) {
            Err(Fault::Refused { code, .. }) => code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_configuration_is_read_and_one_that_leaves_the_machine_is_refused() {
        let secret = format!("{}\n", "07".repeat(32));
        let config = read(GOOD, &secret).unwrap();
        assert_eq!(config.bank, "http://127.0.0.1:9701");
        assert!(!format!("{config:?}").contains("0707"), "the secret is not printed");
        for (from, to) in [
            ("http://127.0.0.1:9701", "http://192.0.2.1:9701"),
            ("http://127.0.0.1:9701", "https://127.0.0.1:9701"),
            ("listen = \"127.0.0.1:0\"", "listen = \"0.0.0.0:0\""),
            ("purpose = \"p\"\n", ""),
            ("grant", "grants"),
            ("listen", "address"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            assert_eq!(code(&GOOD.replacen(from, to, 1), &secret), "port-config-invalid", "{to}");
        }
        for bad in ["", "07", "not hexadecimal"] {
            assert_eq!(code(GOOD, bad), "port-secret-invalid");
        }
    }

    #[test]
    fn an_operator_without_the_roles_is_refused() {
        let package = shipped::source("settlement").unwrap().compile().unwrap();
        let text = shipped::file("settlement", mapping::FILE).unwrap();
        let payments = mapping::compile(mapping::FILE, text, &package).unwrap().remove(0);
        let check = |roles: &[&str]| {
            let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
            check_roles(&package, &payments, &roles)
        };
        assert!(check(&["reader.officer", "escrow.system"]).is_ok());
        assert!(check(&["escrow.system"]).is_err());
        assert!(check(&["reader.officer", "bank.officer"]).is_err());
    }
}
