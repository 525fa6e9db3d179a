//! What the port and a bank's core say to each other (`docs/bank-port.md`, "Messages"): the
//! instruction, its key, the state of an instruction, and the signature of every message.

use std::path::Path;

use chaincity_api::json::parse_date;
use chaincity_crypto::cipher::{Secret, keyed_digest};
use chaincity_crypto::hash;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// The version of the message format.
const VERSION: u32 = 1;
/// What keys are derived under.
const KEY_DOMAIN: &str = "chaincity-bank-port/1";
/// Largest body, in bytes.
pub(super) const BODY_BYTES_MAX: usize = 16_384;
/// Largest amount, in fen.
const AMOUNT_FEN_MAX: u64 = 1_000_000_000_000_000;
/// Longest account number or name, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// Longest number of the bank's own, in characters.
const REFERENCE_CHARS_MAX: usize = 60;

/// The header that carries a signature.
pub(super) const SIGNATURE: &str = "chaincity-signature";
/// The header that carries an instruction's key.
pub(super) const KEY: &str = "idempotency-key";
/// The header that says where an outcome is told.
pub(super) const CALLBACK: &str = "callback-url";
/// Where the core takes instructions.
pub(super) const INSTRUCTIONS: &str = "/v1/instructions";
/// Where the port takes outcomes.
pub(super) const OUTCOMES: &str = "/v1/outcomes";

/// Where the ledger says that something is to be paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) ledger: String,
    pub(super) package: String,
    pub(super) register: String,
    pub(super) record: String,
    /// The version with which the record came to wait for payment.
    pub(super) version: u64,
}

impl Source {
    /// The idempotency key: from the ledger alone, so that whoever makes it, and when, does not
    /// matter.
    pub(super) fn key(&self) -> String {
        let Self { ledger, package, register, record, version } = self;
        let text = format!("{KEY_DOMAIN}\n{ledger}\n{package}\n{register}\n{version}\n{record}");
        hash::plain(text.as_bytes()).to_string()
    }
}

/// An instruction to pay. It is never logged: it holds names and an amount.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub(super) struct Instruction {
    version: u32,
    pub(super) source: Source,
    pub(super) amount_fen: u64,
    pub(super) from: String,
    pub(super) to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payer_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payee_name: Option<String>,
}

impl std::fmt::Debug for Instruction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instruction").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Instruction {
    /// An instruction, when everything is within its bounds.
    pub(super) fn new(
        source: Source,
        amount_fen: u64,
        (from, to): (String, String),
        (payer_name, payee_name): (Option<String>, Option<String>),
    ) -> Option<Self> {
        let fits = |text: &String| text.chars().count() <= TEXT_CHARS_MAX;
        let fit = (1..=AMOUNT_FEN_MAX).contains(&amount_fen)
            && [&from, &to].into_iter().all(|account| !account.is_empty() && fits(account))
            && payer_name.iter().chain(&payee_name).all(fits);
        let version = VERSION;
        fit.then_some(Self { version, source, amount_fen, from, to, payer_name, payee_name })
    }
}

/// How far an instruction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    Accepted,
    Settled,
    Failed,
}

/// The state of an instruction, as the core tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) key: String,
    pub(super) source: Source,
    pub(super) state: Stage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) booked_on: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

impl Told {
    /// Reads one and checks that it is complete, and about this key of this ledger.
    pub(super) fn read(body: &[u8], key: &str, ledger: &str) -> Option<Self> {
        let told: Self = serde_json::from_slice(body).ok()?;
        let complete = match told.state {
            Stage::Accepted => true,
            Stage::Settled => {
                let chars = told.reference.as_ref()?.chars().count();
                (1..=REFERENCE_CHARS_MAX).contains(&chars)
                    && parse_date(told.booked_on.as_ref()?).is_some()
            }
            Stage::Failed => told.reason.is_some(),
        };
        let is_it = told.key == key && told.source.key() == key && told.source.ledger == ledger;
        (complete && is_it).then_some(told)
    }

    /// The reason as it goes onto the ledger: fixed words, never the core's own.
    pub(super) fn reason_text(&self) -> String {
        let told = self.reason.as_deref().unwrap_or_default();
        let found = REASONS.iter().find(|(code, ..)| *code == told);
        let (code, zh, en) = found.unwrap_or(&OTHER_REASON);
        format!("{zh} · {en} ({code})")
    }
}

const OTHER_REASON: (&str, &str, &str) = ("refused", "银行拒绝付款", "the bank refused it");

/// Why a payment fails: code, Chinese, English.
const REASONS: &[(&str, &str, &str)] = &[
    ("account-unknown", "账户不存在", "there is no such account"),
    ("account-closed", "账户已销户", "the account is closed"),
    ("name-differs", "户名不符", "the account has another name"),
    ("insufficient-funds", "余额不足", "the account does not cover it"),
    ("limit-exceeded", "超出限额", "it is above a limit"),
    OTHER_REASON,
];

/// Reads the shared secret: a file with 64 hexadecimal digits.
pub(super) fn read_secret(path: &Path) -> Result<Secret, Fault> {
    let text = std::fs::read(path).map_err(Fault::io(path))?;
    let text = zeroize::Zeroizing::new(text);
    let bytes = hex::decode(text.trim_ascii()).ok().map(zeroize::Zeroizing::new);
    bytes.and_then(|bytes| Secret::from_slice(&bytes)).ok_or_else(|| Fault::Refused {
        code: "port-secret-invalid",
        zh: format!("密钥文件 {} 有误：须为64位十六进制", path.display()),
        en: format!("the secret {} must be 64 hexadecimal digits", path.display()),
        detail: None,
    })
}

/// What is signed of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    /// Method and path, or status and path.
    pub(super) head: &'a str,
    /// The idempotency key, or nothing.
    pub(super) key: &'a str,
    /// The callback address, or nothing.
    pub(super) callback: &'a str,
    pub(super) body: &'a [u8],
}

impl Signed<'_> {
    fn mac(&self, secret: &Secret) -> [u8; 32] {
        let Self { head, key, callback, body } = self;
        let parts: [&[u8]; 7] =
            [head.as_bytes(), b"\n", key.as_bytes(), b"\n", callback.as_bytes(), b"\n", body];
        *keyed_digest(secret, &parts)
    }

    /// The signature, in hexadecimal.
    pub(super) fn sign(&self, secret: &Secret) -> String {
        hex::encode(self.mac(secret))
    }

    /// Whether this is the signature. Both are compared by keyed digests of theirs, so that the
    /// time it takes tells nothing of how far they agree.
    pub(super) fn verify(&self, secret: &Secret, signature: &str) -> bool {
        let Ok(given) = hex::decode(signature) else { return false };
        keyed_digest(secret, &[&given]) == keyed_digest(secret, &[&self.mac(secret)])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
pub(super) mod tests {
    use super::*;

    pub(crate) fn source() -> Source {
        Source {
            ledger: "0".repeat(64),
            package: "settlement".to_owned(),
            register: "payment".to_owned(),
            record: "7f3a".to_owned(),
            version: 1,
        }
    }

    const EXAMPLE: &str = "03576eb25157a223edb2af56f9a04a53e91b8ca44dd194962f7a414d41fe59b3";

    #[test]
    fn the_key_is_that_of_the_documents_example_and_another_versions_is_another() {
        assert_eq!(source().key(), EXAMPLE);
        assert_ne!(Source { version: 2, ..source() }.key(), EXAMPLE);
    }

    #[test]
    fn an_instruction_is_written_as_the_document_says() {
        let accounts = ("ESCROW".to_owned(), "SELLER".to_owned());
        let names = (None, Some("测试甲".to_owned()));
        let written = Instruction::new(source(), 60_000, accounts.clone(), names).unwrap();
        let expected = format!(
            "{{\"version\":1,\"source\":{{\"ledger\":\"{}\",\"package\":\"settlement\",\"register\":\
             \"payment\",\"record\":\"7f3a\",\"version\":1}},\"amount_fen\":60000,\"from\":\"ESCROW\",\
             \"to\":\"SELLER\",\"payee_name\":\"测试甲\"}}",
            "0".repeat(64)
        );
        assert_eq!(serde_json::to_string(&written).unwrap(), expected);
        assert!(!format!("{written:?}").contains("SELLER"), "nothing of it is printed");

        let refused = |fen: u64, accounts: (&str, &str)| {
            let accounts = (accounts.0.to_owned(), accounts.1.to_owned());
            Instruction::new(source(), fen, accounts, (None, None)).is_none()
        };
        assert!(refused(0, ("a", "b")) && refused(AMOUNT_FEN_MAX + 1, ("a", "b")));
        assert!(refused(1, ("", "b")) && refused(1, ("a", &"b".repeat(201))));
    }

    #[test]
    fn an_outcome_that_is_whole_is_read_and_any_other_refused() {
        let told = |more: &str| {
            let source = serde_json::to_string(&source()).unwrap();
            format!("{{\"key\":\"{EXAMPLE}\",\"source\":{source},{more}}}")
        };
        let ledger = "0".repeat(64);
        let read = |body: &str| Told::read(body.as_bytes(), EXAMPLE, &ledger);
        let settled =
            told("\"state\":\"settled\",\"reference\":\"K-1\",\"booked_on\":\"2026-09-01\"");
        assert_eq!(read(&settled).unwrap().state, Stage::Settled);
        assert!(read(&told("\"state\":\"accepted\"")).is_some());
        assert!(Told::read(settled.as_bytes(), &"0".repeat(64), &ledger).is_none());
        assert!(Told::read(settled.as_bytes(), EXAMPLE, &"1".repeat(64)).is_none());
        assert!(read(&settled.replace("7f3a", "7f3b")).is_none());
        for bad in [
            "\"state\":\"settled\",\"booked_on\":\"2026-09-01\"",
            "\"state\":\"settled\",\"reference\":\"\",\"booked_on\":\"2026-09-01\"",
            "\"state\":\"settled\",\"reference\":\"K-1\",\"booked_on\":\"1 September\"",
            "\"state\":\"failed\"",
            "\"state\":\"lost\"",
        ] {
            assert!(read(&told(bad)).is_none(), "{bad}");
        }
        let failed = read(&told("\"state\":\"failed\",\"reason\":\"account-closed\"")).unwrap();
        assert_eq!(failed.reason_text(), "账户已销户 · the account is closed (account-closed)");
        let words = read(&told("\"state\":\"failed\",\"reason\":\"测试甲的账户已冻结\"")).unwrap();
        assert_eq!(words.reason_text(), "银行拒绝付款 · the bank refused it (refused)");
    }

    #[test]
    fn a_message_is_signed_as_a_whole_and_any_other_is_refused() {
        let secret = Secret::from_bytes([7; 32]);
        let good = Signed { head: "POST /v1/x", key: "k", callback: "c", body: b"{}" };
        let signature = good.sign(&secret);
        // The same vector stands in the simulated bank's tests.
        let vector = "088c41595a435a5ed89ad5f42c14cd677178d1f1962c46b78f4a9a8f8f64830a";
        assert_eq!(signature, vector);
        assert!(good.verify(&secret, &signature));
        for other in [
            Signed { head: "POST /v1/y", ..good },
            Signed { key: "l", ..good },
            Signed { callback: "", ..good },
            Signed { body: b"{ }", ..good },
        ] {
            assert!(!other.verify(&secret, &signature), "{other:?}");
        }
        for bad in ["", "00", "not hexadecimal"] {
            assert!(!good.verify(&secret, bad));
        }
    }
}
