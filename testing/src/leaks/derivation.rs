//! What can be computed from a number without any secret.

use chaincity_crypto::suite;
use chaincity_types::Digest;

use super::Known;

/// Domains under which anything is hashed here that could be a person's (see
/// `crates/core/crypto/src/hash.rs` and others): an attacker reads them in the source.
const DOMAINS: [&str; 24] = [
    "chaincity/batch/1",
    "chaincity/body/1",
    "chaincity/claim/1",
    "chaincity/content/1",
    "chaincity/document/1",
    "chaincity/group/1",
    "chaincity/history/1",
    "chaincity/list/1",
    "chaincity/mandate-request/1",
    "chaincity/mandate/1",
    "chaincity/process/1",
    "chaincity/read-log/1",
    "chaincity/record/1",
    "chaincity/release/1",
    "chaincity/sector/1",
    "chaincity/state-proof/1",
    "chaincity/state/1",
    "chaincity/synthetic-holders/1",
    "chaincity/synthetic-subject/1",
    "chaincity/timer/1",
    "chaincity/vault/data-key/1",
    "chaincity/vault/index/1",
    "chaincity/vault/terms/1",
    "chaincity/vault/wrapping/1",
];
/// Length of a block of SHA-256: the padded key of HMAC.
const BLOCK: usize = 64;

/// What an attacker knows of a ledger that could have served as a salt or key.
#[derive(Clone, Debug, Default)]
pub struct Salts {
    /// The ledger id.
    pub ledger: Digest,
    /// Public keys of those who act for stewards.
    pub keys: Vec<Vec<u8>>,
    /// Subject ids of those whose numbers were sealed.
    pub subjects: Vec<String>,
}

/// One thing that is computed from a number.
#[derive(Clone, Debug)]
pub struct Derivation {
    /// What it is, for a finding.
    pub name: String,
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    /// The number as it is, as text or as a whole number.
    Itself,
    /// SHA-256 of what stands before it, the number, and what stands after it.
    Digest { before: Vec<u8>, after: Vec<u8>, lower: bool },
    /// SHA-256 of the SHA-256, as bytes or as hexadecimal digits.
    Twice { hex: bool },
    /// HMAC-SHA-256 with a key: its inner and its outer pad.
    Keyed { inner: Vec<u8>, outer: Vec<u8> },
}

impl Derivation {
    /// Everything that is tried.
    #[must_use]
    pub fn all(salts: &Salts) -> Vec<Self> {
        let new = |name: &str, how| Self { name: name.to_owned(), how };
        let digest = |name: &str, before: &[u8], after: &[u8]| {
            let (before, after) = (before.to_vec(), after.to_vec());
            new(name, How::Digest { before, after, lower: false })
        };
        let lower = How::Digest { before: Vec::new(), after: Vec::new(), lower: true };
        let mut all = vec![
            new("the number itself", How::Itself),
            digest("SHA-256", &[], &[]),
            new("SHA-256 of it with a small x", lower),
            digest("SHA-256 of it with a line's end", &[], b"\n"),
            digest("SHA-256 of it as CBOR", &[0x72], &[]),
            new("SHA-256 of its SHA-256", How::Twice { hex: false }),
            new("SHA-256 of its SHA-256 in digits", How::Twice { hex: true }),
        ];
        for domain in DOMAINS {
            all.push(digest(&format!("SHA-256 in the domain {domain}"), domain.as_bytes(), &[]));
        }
        let ledger = salts.ledger.as_bytes();
        all.push(digest("SHA-256 after the ledger id", ledger, &[]));
        all.push(digest("SHA-256 before the ledger id", &[], ledger));
        for subject in &salts.subjects {
            let name = "SHA-256 after a subject id";
            all.push(digest(name, subject.as_bytes(), &[]));
        }
        all.extend(commitments(ledger));
        let keys = salts.keys.iter().map(|key| ("a public key", key.as_slice()));
        for (what, key) in keys.chain([("the ledger id", ledger.as_slice())]) {
            all.push(new(&format!("HMAC with {what}"), keyed(key)));
        }
        all
    }

    /// Whether what is computed from this number is known.
    #[must_use]
    pub fn is_known(&self, number: &[u8; 18], known: &Known) -> bool {
        let given = match &self.how {
            How::Itself => {
                let digits = number.iter().all(u8::is_ascii_digit);
                let text = std::str::from_utf8(number).ok().filter(|_| digits);
                let integer = text.and_then(|text| text.parse().ok());
                return known.has(number) || integer.is_some_and(|n| known.has_integer(n));
            }
            How::Digest { lower: true, .. } if number[17] != b'X' => return false,
            How::Digest { before, after, lower } => {
                let mut number = *number;
                if *lower {
                    number[17] = b'x';
                }
                suite::digest(&[before, &number, after])
            }
            How::Twice { hex } => {
                let once = suite::digest(&[number]);
                if *hex {
                    suite::digest(&[once.to_string().as_bytes()])
                } else {
                    suite::digest(&[once.as_bytes()])
                }
            }
            How::Keyed { inner, outer } => {
                let once = suite::digest(&[inner, number]);
                suite::digest(&[outer, once.as_bytes()])
            }
        };
        known.has(given.as_bytes())
    }
}

/// Commitments of a group that holds the number alone, with salts that anybody knows.
fn commitments(ledger: &[u8; 32]) -> impl Iterator<Item = Derivation> {
    let forms: [(&str, &[u8]); 3] = [
        ("the number", &[]),
        ("{id_number}", b"\xa1\x69id_number\x72"),
        ("{number}", b"\xa1\x66number\x72"),
    ];
    let salts = [("no salt", [0; 32]), ("the ledger id as salt", *ledger)];
    salts.into_iter().flat_map(move |(what, salt)| {
        forms.map(|(form, head)| Derivation {
            name: format!("a commitment to {form} with {what}"),
            how: How::Digest {
                before: [b"chaincity/group/1".as_slice(), &salt, head].concat(),
                after: Vec::new(),
                lower: false,
            },
        })
    })
}

/// The pads of HMAC (RFC 2104).
fn keyed(key: &[u8]) -> How {
    let mut block =
        if key.len() > BLOCK { suite::digest(&[key]).as_bytes().to_vec() } else { key.to_vec() };
    block.resize(BLOCK, 0);
    let pad = |byte: u8| block.iter().map(|key| key ^ byte).collect();
    How::Keyed { inner: pad(0x36), outer: pad(0x5c) }
}
