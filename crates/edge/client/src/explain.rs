//! How a record came to be as it is, every part of it proved and checked here.
//!
//! What is shown is made from version bodies, not from what a node says about them. The proof of
//! the record's current version proves the newest bodies; older ones follow by the digests that
//! each names of the one before. The receipt of each version's transaction proves on its own that
//! the version was written in that block, and the package's record what the rules then were.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use chaincity_api::explain::{
    Comparison, Explained, Explanation, LIMIT_MAX, Packages, compare, explain, needed, text,
};
use chaincity_api::package::TextInfo;
use chaincity_api::record::PROOF_VERSIONS_MAX;
use chaincity_api::{Endpoint, Problem};
use chaincity_crypto::finality::FinalBlock;
use chaincity_crypto::hash;
use chaincity_crypto::verify::ProvedReceipt;
use chaincity_ledger::{built_in, governance};
use chaincity_package::compile;
use chaincity_package::doc::PackageDoc;
use chaincity_package::model::Package;
use chaincity_types::wire::{BODY_BYTES_MAX, LogicalKey, Version, Write};
use chaincity_types::{Digest, Timestamp, Value, cbor};

use crate::client::{Client, absent};
use crate::error::ClientError;
use crate::transport::Ask;

/// Why something is not shown to be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Stable code.
    pub code: String,
    /// For a person, Chinese.
    pub zh: String,
    /// For a person, English.
    pub en: String,
}

/// How a record came to be as it is.
#[derive(Clone, Debug)]
pub struct ExplainedRecord {
    /// Title of the register, as the newest package that the versions name has it.
    pub title: Option<TextInfo>,
    /// The final block whose state proves which version is current.
    pub block: FinalBlock,
    /// Every version, oldest first.
    pub versions: Vec<Checked>,
}

/// A version with what was checked about it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The version, explained from its body.
    pub explained: Explained,
    /// When it began.
    pub began: Timestamp,
    /// Whether its body hangs on the record's proved current version.
    pub chain: Result<(), Doubt>,
    /// What its transaction's receipt proves.
    pub receipt: Result<Inclusion, Doubt>,
    /// Whether the package document that its rules and titles come from is proved.
    pub rules: Result<(), Doubt>,
}

/// Where a version was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inclusion {
    /// By the genesis document, without a transaction: the chain of versions alone proves it.
    Genesis,
    /// By a transaction whose receipt stands under the header of a final block.
    Block {
        /// Digest of the block.
        block: Digest,
        /// The transaction's position in it, from 0.
        index: u32,
        /// How many validators signed the block or one after it.
        signers: usize,
    },
}

impl Checked {
    /// Whether everything about it is proved.
    #[must_use]
    pub const fn is_proved(&self) -> bool {
        self.chain.is_ok() && self.receipt.is_ok() && self.rules.is_ok()
    }
}

impl ExplainedRecord {
    /// The import generations among the versions up to `number`, and where they differ.
    #[must_use]
    pub fn comparison(&self, number: u64) -> Comparison {
        let up_to = self.versions.iter().map(|version| &version.explained);
        let up_to: Vec<Explained> =
            up_to.filter(|version| version.record.version <= number).cloned().collect();
        compare(&up_to)
    }
}

/// Why packages are not proved, by identifier and version.
type Doubts = BTreeMap<(String, u32), Doubt>;

/// A version's body and whether it hangs on the proved one.
struct Link {
    version: Version,
    body: Digest,
    chain: Result<(), Doubt>,
}

/// A record's versions, newest first, and the block that proves the newest.
struct Chain {
    block: FinalBlock,
    links: Vec<Link>,
}

impl Client {
    /// A page of how a record came to be as it is, as the node says: versions above `after`, at
    /// most `limit` (1 to 100), as of `at` when given.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn explanation(
        &self,
        (package, register, key): (&str, &str, &str),
        at: Option<Timestamp>,
        after: u64,
        limit: usize,
    ) -> Result<Option<Explanation>, ClientError> {
        let ask = Ask::new(Endpoint::ExplainRecord, &[package, register, key])
            .query("after", &after)
            .query("limit", &limit);
        let ask = match at {
            Some(at) => ask.query("at", &at),
            None => ask,
        };
        absent(self.get(&ask), Problem::NoSuchRecord)
    }

    /// How a record came to be as it is, proved and checked here; `None` when it is proved that
    /// there is no such record.
    ///
    /// # Errors
    /// [`ClientError::Proof`] when not even the current version is proved; see [`ClientError`].
    /// A part that does not hold is told with its version.
    pub fn explain_proved(
        &self,
        package: &str,
        register: &str,
        key: &str,
    ) -> Result<Option<ExplainedRecord>, ClientError> {
        let Some(Chain { block, mut links }) = self.chain(package, register, key)? else {
            return Ok(None);
        };
        links.reverse();
        let (packages, doubts) = self.packages_of(&links)?;
        let mut receipts = BTreeMap::new();
        let mut before: Option<&Version> = None;
        let mut versions = Vec::new();
        for link in &links {
            let version = &link.version;
            let doubt = needed([version]).into_iter().find_map(|name| doubts.get(&name).cloned());
            versions.push(Checked {
                explained: explain(version, before, &packages),
                began: version.by.time,
                chain: link.chain.clone(),
                receipt: self.inclusion(version, &link.body, &mut receipts)?,
                rules: doubt.map_or(Ok(()), Err),
            });
            before = Some(version);
        }
        let title = links.iter().rev().find_map(|link| {
            let of = packages.get(&(package.to_owned(), link.version.schema))?;
            of.registers.get(register).map(|register| text(&register.title))
        });
        Ok(Some(ExplainedRecord { title, block, versions }))
    }

    /// All versions of a record, each checked against the one after it.
    fn chain(
        &self,
        package: &str,
        register: &str,
        key: &str,
    ) -> Result<Option<Chain>, ClientError> {
        let proved = self.record_proved(package, register, key, PROOF_VERSIONS_MAX)?;
        let link = |version: Version| {
            let body = hash::version_digest(&version);
            Link { version, body, chain: Ok(()) }
        };
        let mut links: Vec<Link> = proved.versions.into_iter().map(link).collect();
        while let Some(oldest) = links.last().filter(|oldest| oldest.version.version > 1) {
            let below = oldest.version.version.saturating_sub(1);
            let limit = below.min(u64::try_from(LIMIT_MAX).unwrap_or(below));
            let place = (package, register, key);
            let most = usize::try_from(limit).unwrap_or(LIMIT_MAX);
            let page = self.explanation(place, None, below.saturating_sub(limit), most)?;
            let items = page.map(|page| page.versions).unwrap_or_default();
            if items.last().map(|item| item.record.version) != Some(below) {
                return Err(answer("versions of the record are missing"));
            }
            for item in items.iter().rev() {
                let next = older(links.last(), item)?;
                links.push(next);
            }
        }
        Ok((!links.is_empty()).then_some(Chain { block: proved.block, links }))
    }

    /// The packages that versions name, and why one of them is not proved.
    fn packages_of(&self, links: &[Link]) -> Result<(Packages, Doubts), ClientError> {
        let (mut packages, mut doubts) = (Packages::new(), Doubts::new());
        let mut chains: BTreeMap<String, Result<Option<Chain>, Doubt>> = BTreeMap::new();
        for name in needed(links.iter().map(|link| &link.version)) {
            let built_in = built_in(&name.0).filter(|package| package.version == name.1);
            if let Some(built_in) = built_in {
                packages.insert(name, built_in);
                continue;
            }
            let chain = match chains.entry(name.0.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    let chain = self.chain(governance::ID, PACKAGE, &name.0);
                    unknown.insert(match chain {
                        Ok(chain) => Ok(chain),
                        Err(error) => Err(doubt(error)?),
                    })
                }
            };
            let found = match chain {
                Ok(chain) => chain.as_ref().and_then(|chain| published(chain, name.1)),
                Err(doubt) => {
                    doubts.insert(name, doubt.clone());
                    continue;
                }
            };
            let Some((package, proved)) = found else {
                doubts.insert(name, package_unproved());
                continue;
            };
            if let Err(doubt) = proved {
                doubts.insert(name.clone(), doubt);
            }
            packages.insert(name, Arc::new(package));
        }
        Ok((packages, doubts))
    }

    /// Whether the receipt of a version's transaction says that it wrote this body.
    fn inclusion(
        &self,
        version: &Version,
        body: &Digest,
        receipts: &mut BTreeMap<Digest, Result<ProvedReceipt, Doubt>>,
    ) -> Result<Result<Inclusion, Doubt>, ClientError> {
        let id = version.by.transaction;
        if id == Digest::ZERO && version.by.operator.is_empty() {
            return Ok(Ok(Inclusion::Genesis));
        }
        let proved = match receipts.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(match self.prove_receipt(&id) {
                Ok(proved) => Ok(proved),
                Err(error) => Err(doubt(error)?),
            }),
        };
        let written =
            Write { key: hash::state_key(&version.key), version: version.version, body: *body };
        Ok(match proved {
            Err(doubt) => Err(doubt.clone()),
            Ok(ProvedReceipt { receipt, block }) => {
                let by = &version.by;
                let same = receipt.height == by.height
                    && receipt.time == by.time
                    && *receipt.operator == *by.operator
                    && receipt.entries.iter().any(|entry| entry.writes.contains(&written));
                let (index, signers) = (receipt.index, block.signers);
                let found = Inclusion::Block { block: block.digest, index, signers };
                same.then_some(found).ok_or_else(receipt_of_other)
            }
        })
    }
}

/// Register of the packages.
const PACKAGE: &str = "package";

/// The link below `newer`, from what the node says of the version before it.
fn older(newer: Option<&Link>, item: &Explained) -> Result<Link, ClientError> {
    let bytes = hex::decode(&item.bytes).map_err(|_not_hex| answer("a body is not hexadecimal"))?;
    let version: Version =
        cbor::decode(&bytes, BODY_BYTES_MAX).map_err(|error| answer(&error.to_string()))?;
    let body = hash::body_digest(&bytes);
    let fits = newer.is_some_and(|newer| {
        newer.version.key == version.key
            && newer.version.version.checked_sub(1) == Some(version.version)
    });
    if !fits {
        return Err(answer("a body is of another version"));
    }
    let chain = match newer {
        Some(Link { chain: Err(doubt), .. }) => Err(doubt.clone()),
        Some(newer) if newer.version.previous == body => Ok(()),
        Some(_) | None => Err(Doubt {
            code: "history-broken".to_owned(),
            zh: "历史版本链断裂".to_owned(),
            en: "the chain of versions is broken".to_owned(),
        }),
    };
    Ok(Link { version, body, chain })
}

/// The package of this version among the versions of its record, and whether it is proved.
fn published(chain: &Chain, number: u32) -> Option<(Package, Result<(), Doubt>)> {
    let link = chain.links.iter().find(|link| {
        let version = link.version.fields.get("version").and_then(Value::as_int);
        version == Some(i64::from(number))
    })?;
    let Some(Value::Bytes(document)) = link.version.fields.get("document") else { return None };
    let doc = PackageDoc::from_bytes(document).ok()?;
    let LogicalKey::Record { key, .. } = &link.version.key else { return None };
    if doc.id != *key || doc.version != number {
        return None;
    }
    compile(&doc).ok().map(|package| (package, link.chain.clone()))
}

/// What a refusal or a false proof makes doubtful; anything else is an error of the whole.
fn doubt(error: ClientError) -> Result<Doubt, ClientError> {
    let of = |code: &str, zh: &str, en: &str| Doubt {
        code: code.to_owned(),
        zh: zh.to_owned(),
        en: en.to_owned(),
    };
    match error {
        ClientError::Proof(error) => Ok(of(error.code(), error.zh(), error.en())),
        ClientError::ProofOfOther(_) => {
            Ok(of("proof-of-other", "节点证明的是另一事项", "the node proved something else"))
        }
        ClientError::Refused { body, .. } => Ok(of(&body.code, &body.zh, &body.en)),
        ClientError::Setup(_)
        | ClientError::Unreachable { .. }
        | ClientError::Answer { .. }
        | ClientError::OtherLedger { .. }
        | ClientError::NotFinal { .. }
        | ClientError::NotSignedIn
        | ClientError::Input(_) => Err(error),
    }
}

fn receipt_of_other() -> Doubt {
    Doubt {
        code: "receipt-of-other".to_owned(),
        zh: "回执所载与该版本不符".to_owned(),
        en: "the receipt does not say that this version was written".to_owned(),
    }
}

fn package_unproved() -> Doubt {
    Doubt {
        code: "package-unproved".to_owned(),
        zh: "未能取得当时的应用包文档".to_owned(),
        en: "the package document of then was not found".to_owned(),
    }
}

fn answer(why: &str) -> ClientError {
    ClientError::answer("explanation", why)
}
