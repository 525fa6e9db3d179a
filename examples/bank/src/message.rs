//! The messages of `docs/bank-port.md`, section "Messages".

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The version of the message format.
pub(crate) const VERSION: u32 = 1;
/// Largest body, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 16_384;
/// Largest amount, in fen.
pub(crate) const AMOUNT_FEN_MAX: u64 = 1_000_000_000_000_000;
/// Longest account number or name, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// What the key is derived under.
const KEY_DOMAIN: &str = "chaincity-bank-port/1";

/// Where the ledger says that something is to be paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    pub(crate) ledger: String,
    pub(crate) package: String,
    pub(crate) register: String,
    pub(crate) record: String,
    pub(crate) version: u64,
}

impl Source {
    /// The idempotency key.
    pub(crate) fn key(&self) -> String {
        let Self { ledger, package, register, record, version } = self;
        let text = format!("{KEY_DOMAIN}\n{ledger}\n{package}\n{register}\n{version}\n{record}");
        hex::encode(Sha256::digest(text.as_bytes()))
    }
}

/// An instruction to pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instruction {
    pub(crate) version: u32,
    pub(crate) source: Source,
    pub(crate) amount_fen: u64,
    pub(crate) from: String,
    pub(crate) to: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payer_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payee_name: Option<String>,
}

impl Instruction {
    /// Whether its fields are within their bounds.
    pub(crate) fn is_valid(&self) -> bool {
        let fits = |text: &String| text.chars().count() <= TEXT_CHARS_MAX;
        let names = self.payer_name.iter().chain(&self.payee_name);
        self.version == VERSION
            && (1..=AMOUNT_FEN_MAX).contains(&self.amount_fen)
            && [&self.from, &self.to]
                .into_iter()
                .all(|account| !account.is_empty() && fits(account))
            && names.into_iter().all(fits)
    }
}

/// Why a payment failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    AccountUnknown,
    AccountClosed,
    NameDiffers,
    InsufficientFunds,
    LimitExceeded,
    Refused,
}

/// The state of an instruction: an answer, and what a callback carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) key: String,
    pub(crate) source: Source,
    pub(crate) state: Stage,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) booked_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Reason>,
}

/// How far an instruction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    Accepted,
    Settled,
    Failed,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn source(record: &str) -> Source {
        Source {
            ledger: "0".repeat(64),
            package: "settlement".to_owned(),
            register: "payment".to_owned(),
            record: record.to_owned(),
            version: 1,
        }
    }

    pub(crate) fn instruction(record: &str, amount_fen: u64) -> Instruction {
        Instruction {
            version: VERSION,
            source: source(record),
            amount_fen,
            from: "ESCROW".to_owned(),
            to: "SELLER".to_owned(),
            payer_name: None,
            payee_name: Some("测试甲".to_owned()),
        }
    }

    #[test]
    fn the_key_is_that_of_the_documents_example() {
        let key = "03576eb25157a223edb2af56f9a04a53e91b8ca44dd194962f7a414d41fe59b3";
        assert_eq!(source("7f3a").key(), key);
        assert_ne!(source("7f3b").key(), key);
    }

    #[test]
    fn an_instruction_is_read_and_one_out_of_bounds_is_not() {
        let good = instruction("7f3a", 100);
        assert!(good.is_valid());
        let text = serde_json::to_string(&good).unwrap();
        assert_eq!(serde_json::from_str::<Instruction>(&text).unwrap(), good);
        for bad in [
            Instruction { amount_fen: 0, ..good.clone() },
            Instruction { amount_fen: AMOUNT_FEN_MAX + 1, ..good.clone() },
            Instruction { version: 2, ..good.clone() },
            Instruction { to: String::new(), ..good.clone() },
            Instruction { payee_name: Some("甲".repeat(201)), ..good.clone() },
        ] {
            assert!(!bad.is_valid(), "{bad:?}");
        }
        let more = text.replacen('{', "{\"more\":1,", 1);
        assert!(serde_json::from_str::<Instruction>(&more).is_err());
        let fraction = text.replace(":100,", ":100.5,");
        assert!(serde_json::from_str::<Instruction>(&fraction).is_err());
    }
}
