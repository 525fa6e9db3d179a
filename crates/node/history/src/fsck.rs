//! The check of a whole history: everything is read, every digest recomputed, every chain
//! followed. It changes nothing.
//!
//! For each block from the tip down to where the history is complete: its parent is the block
//! below; its transactions and effects are those its header commits to; it is found by its
//! digest and its transactions by their ids; every body it wrote is held, has its digest, is a
//! version of the record it was written to, and names the version before. Then: every body held
//! has its digest, certificates stand close enough to prove every block below the newest of them,
//! and the sum of all that is held is the one kept.

use std::collections::BTreeMap;
use std::fmt;

use chaincity_crypto::{hash, suite};
use chaincity_types::wire::{BODY_BYTES_MAX, Header, Version, Write};
use chaincity_types::{Digest, Height, cbor};

use crate::{HistoryError, HistoryStore, StoredBlock, check_block};

/// Most headers between a block and the certificate that proves it final
/// (`types::wire::FinalityProof`).
const CERTIFICATE_GAP_MAX: u64 = 1_023;
/// Bodies read at once.
const PAGE: usize = 256;
const CONTENT_DOMAIN: &[u8] = b"chaincity/content/1";

/// Says whether a finality certificate is one of this header.
pub type VerifyCertificate<'a> = &'a dyn Fn(&Header, &[u8]) -> bool;

/// What the check is to do.
#[derive(Clone, Copy)]
pub struct FsckOptions<'a> {
    /// Whether the content digest is wanted. It holds about 150 bytes of memory for each record.
    pub content: bool,
    /// Whether the newest version of each record is wanted, to compare with the state. It holds
    /// about 120 bytes of memory for each record.
    pub heads: bool,
    /// Verifies a finality certificate of a header; without it certificates are only counted.
    pub certificate: Option<VerifyCertificate<'a>>,
    /// Stop collecting after so many findings, at least 1.
    pub findings_max: usize,
    /// Called now and then with blocks done and blocks in all.
    pub progress: Option<&'a dyn Fn(u64, u64)>,
}

impl Default for FsckOptions<'_> {
    fn default() -> Self {
        Self { content: true, heads: false, certificate: None, findings_max: 100, progress: None }
    }
}

impl fmt::Debug for FsckOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FsckOptions").field("content", &self.content).finish_non_exhaustive()
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable name of the kind: `damaged`, `missing-block`, `broken-chain`, `wrong-part`,
    /// `missing-body`, `wrong-body`, `broken-history`, `wrong-index`, `missing-certificate`,
    /// `wrong-certificate`, `held-differs`.
    pub code: &'static str,
    /// The block concerned, if one is.
    pub height: Option<Height>,
    /// What exactly; never a value of a record.
    pub detail: String,
}

impl Finding {
    fn new(code: &'static str, height: Option<Height>, detail: impl Into<String>) -> Self {
        Self { code, height, detail: detail.into() }
    }

    pub(crate) fn damaged(height: Option<Height>, error: &HistoryError) -> Self {
        let detail = match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        Self::new("damaged", height, detail)
    }

    pub(crate) fn held_differs() -> Self {
        Self::new("held-differs", None, "the sum of what is held is not the one kept")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.height {
            Some(height) => write!(f, "{} at height {height}: {}", self.code, self.detail),
            None => write!(f, "{}: {}", self.code, self.detail),
        }
    }
}

/// What the check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Height from which the history is complete.
    pub from: Option<Height>,
    /// Height of the newest block.
    pub tip: Option<Height>,
    /// Blocks read.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Bodies read.
    pub bodies: u64,
    /// Highest block with a certificate.
    pub certified_to: Option<Height>,
    /// The content digest: digest of `chaincity/content/1`, then for each logical key that has a
    /// version, in the order of the encoded keys: the length of the encoded key (4 bytes,
    /// big-endian), the encoded key, and the digest of its newest version's body.
    pub content: Option<Digest>,
    /// For each state key that has a version: number and body digest of the newest one held.
    /// Empty unless asked for.
    pub heads: BTreeMap<Digest, (u64, Digest)>,
    /// What is wrong, at most as many as asked for.
    pub findings: Vec<Finding>,
    /// Whether there was more.
    pub more: bool,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

struct Check<'a> {
    store: &'a dyn HistoryStore,
    options: &'a FsckOptions<'a>,
    report: Report,
}

/// Checks a whole history.
///
/// # Errors
/// None: what fails is a finding.
#[must_use]
pub fn fsck(store: &dyn HistoryStore, options: &FsckOptions<'_>) -> Report {
    let mut check = Check { store, options, report: Report::default() };
    check.report.from = store.complete_from();
    check.report.tip = store.tip();
    check.blocks();
    check.bodies();
    check.certificates();
    let mut found = Vec::new();
    if let Err(error) = store.check_held(&mut |finding| found.push(finding)) {
        found.push(Finding::damaged(None, &error));
    }
    for finding in found {
        check.found(finding);
    }
    check.report
}

impl Check<'_> {
    fn found(&mut self, finding: Finding) {
        if self.report.findings.len() < self.options.findings_max.max(1) {
            self.report.findings.push(finding);
        } else {
            self.report.more = true;
        }
    }

    fn fault(&mut self, height: Option<Height>, error: &HistoryError) {
        self.found(Finding::damaged(height, error));
    }

    fn blocks(&mut self) {
        let Some(tip) = self.report.tip else { return };
        let Some(from) = self.report.from else {
            self.found(Finding::new("missing-body", Some(tip), "the newest block is not whole"));
            return;
        };
        let total = tip.0.saturating_sub(from.0).saturating_add(1);
        // Digest that the block above names as its parent.
        let mut expected: Option<Digest> = None;
        for height in (from.0..=tip.0).rev().map(Height) {
            let done = tip.0.saturating_sub(height.0);
            if let Some(progress) = self.options.progress
                && done.checked_rem(64) == Some(0)
            {
                progress(done, total);
            }
            match self.store.block(height) {
                Ok(Some(block)) => {
                    let digest = hash::header_digest(&block.block.header);
                    if expected.is_some_and(|expected| expected != digest) {
                        let detail = "the block above names another parent";
                        self.found(Finding::new("broken-chain", Some(height), detail));
                    }
                    expected = Some(block.block.header.parent);
                    self.block(&block, &digest);
                }
                Ok(None) => {
                    expected = None;
                    self.found(Finding::new("missing-block", Some(height), "no such block"));
                }
                Err(error) => {
                    expected = None;
                    self.fault(Some(height), &error);
                }
            }
        }
    }

    fn block(&mut self, block: &StoredBlock, digest: &Digest) {
        let height = block.block.header.height;
        let at = Some(height);
        self.report.blocks = self.report.blocks.saturating_add(1);
        let count = u64::try_from(block.block.transactions.len()).unwrap_or(u64::MAX);
        self.report.transactions = self.report.transactions.saturating_add(count);
        if let Err(error) = check_block(block) {
            self.found(Finding::new("wrong-part", at, error.to_string()));
        }
        match self.store.height_of(digest) {
            Ok(found) if found == at => {}
            Ok(_) => self.found(Finding::new("wrong-index", at, "not found by its digest")),
            Err(error) => self.fault(at, &error),
        }
        for receipt in &block.receipts {
            match self.store.transaction(&receipt.transaction) {
                Ok(Some(place)) if place == (height, receipt.index) => {}
                Ok(_) => {
                    let detail = format!("transaction `{}` not found by id", receipt.transaction);
                    self.found(Finding::new("wrong-index", at, detail));
                }
                Err(error) => self.fault(at, &error),
            }
        }
        for write in &block.writes {
            self.write(height, write);
        }
    }

    fn write(&mut self, height: Height, write: &Write) {
        let at = Some(height);
        let version = match self.store.body(&write.body) {
            Ok(Some(bytes)) => cbor::decode::<Version>(&bytes, BODY_BYTES_MAX),
            Ok(None) => {
                let detail = format!("body `{}`", write.body);
                return self.found(Finding::new("missing-body", at, detail));
            }
            Err(error) => return self.fault(at, &error),
        };
        let Ok(version) = version else {
            let detail = format!("body `{}` is not a version", write.body);
            return self.found(Finding::new("wrong-body", at, detail));
        };
        if version.version != write.version || hash::state_key(&version.key) != write.key {
            let detail = format!("body `{}` is of another record or version", write.body);
            self.found(Finding::new("wrong-body", at, detail));
        }
        self.previous(height, write, &version);
    }

    /// The link to the version before. Versions older than the complete part may be missing.
    fn previous(&mut self, height: Height, write: &Write, version: &Version) {
        let at = Some(height);
        let broken = |detail: &str| {
            Finding::new("broken-history", at, format!("body `{}`: {detail}", write.body))
        };
        if version.version <= 1 {
            if version.previous != Digest::ZERO || version.version == 0 {
                self.found(broken("a first version names one before"));
            }
            return;
        }
        match self.store.body(&version.previous) {
            Ok(Some(bytes)) => match cbor::decode::<Version>(&bytes, BODY_BYTES_MAX) {
                Ok(before)
                    if before.key == version.key
                        && before.version.checked_add(1) == Some(version.version) => {}
                Ok(_) | Err(_) => self.found(broken("names a body that is not the version before")),
            },
            Ok(None) if self.report.from.is_some_and(|from| from > Height(1)) => {}
            Ok(None) => self.found(broken("the version before is missing")),
            Err(error) => self.fault(at, &error),
        }
    }

    fn bodies(&mut self) {
        let mut newest: BTreeMap<Vec<u8>, (u64, Digest)> = BTreeMap::new();
        let mut after: Option<Digest> = None;
        let mut whole = true;
        loop {
            let page = match self.store.bodies_after(after.as_ref(), PAGE) {
                Ok(page) => page,
                Err(error) => {
                    whole = false;
                    self.fault(None, &error);
                    break;
                }
            };
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (digest, body) in page {
                self.report.bodies = self.report.bodies.saturating_add(1);
                let version = match &body {
                    Ok(bytes) => cbor::decode::<Version>(bytes, BODY_BYTES_MAX).ok(),
                    Err(error) => {
                        self.fault(None, error);
                        None
                    }
                };
                let Some(version) = version else {
                    whole = false;
                    if body.is_ok() {
                        let detail = format!("body `{digest}` is not a version");
                        self.found(Finding::new("wrong-body", None, detail));
                    }
                    continue;
                };
                if self.options.heads {
                    let head = self.report.heads.entry(hash::state_key(&version.key)).or_default();
                    *head = (*head).max((version.version, digest));
                }
                if self.options.content {
                    let entry = newest.entry(cbor::encode(&version.key)).or_default();
                    *entry = (*entry).max((version.version, digest));
                }
            }
        }
        if self.options.content && whole {
            self.report.content = Some(content_digest(&newest));
        }
    }

    fn certificates(&mut self) {
        let mut next = Height(0);
        // The height up to which blocks are proved final.
        let mut proved = self.report.from.map(|from| from.0.saturating_sub(1));
        loop {
            let (height, certificate) = match self.store.certificate(next) {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(error) => {
                    self.fault(Some(next), &error);
                    break;
                }
            };
            if let Some(below) = proved
                && height.0 > below
            {
                if height.0.saturating_sub(below) > CERTIFICATE_GAP_MAX.saturating_add(1) {
                    let detail = format!("none for {CERTIFICATE_GAP_MAX} blocks and more below");
                    self.found(Finding::new("missing-certificate", Some(height), detail));
                }
                proved = Some(height.0);
            }
            self.certificate(height, &certificate);
            self.report.certified_to = Some(height);
            next = height.next();
        }
    }

    fn certificate(&mut self, height: Height, certificate: &[u8]) {
        let Some(verify) = self.options.certificate else { return };
        match self.store.block(height) {
            Ok(Some(block)) if verify(&block.block.header, certificate) => {}
            Ok(Some(_)) => {
                let detail = "the certificate does not verify";
                self.found(Finding::new("wrong-certificate", Some(height), detail));
            }
            // Reported with the blocks, or below the complete part.
            Ok(None) | Err(_) => {}
        }
    }
}

fn content_digest(newest: &BTreeMap<Vec<u8>, (u64, Digest)>) -> Digest {
    let lengths: Vec<[u8; 4]> = newest
        .keys()
        .map(|key| u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes())
        .collect();
    let mut parts: Vec<&[u8]> = vec![CONTENT_DOMAIN];
    for (length, (key, (_, digest))) in lengths.iter().zip(newest) {
        parts.extend([length.as_slice(), key, digest.as_bytes()]);
    }
    suite::digest(&parts)
}
