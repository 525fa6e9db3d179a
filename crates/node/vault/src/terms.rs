//! Search terms: what a steward's staff finds a group by, held as keyed digests alone.

use std::fmt;

use chaincity_crypto::cipher::{self, Secret};
use chaincity_types::{Digest, cbor};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Vault, VaultError, random};

/// Most terms of a group.
pub const TERMS_MAX: usize = 128;
/// Most characters of a term's text, and of its kind.
pub const TERM_CHARS_MAX: usize = 300;
/// Most groups that a search finds.
pub const SEARCH_MAX: usize = 1_000;

/// Domain of sealed terms.
const TERMS: &str = "chaincity/vault/terms/1";
/// A character in its normal form may be eighteen.
const TERMS_BYTES_MAX: usize = 1 << 22;

/// A term: its kind, such as `name`, and its text. Wiped from memory when dropped, and never printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// Its kind.
    pub kind: String,
    /// Its text, as a person writes it: spaces, width and case do not matter.
    pub text: String,
}

impl Term {
    /// A term.
    #[must_use]
    pub fn new(kind: &str, text: &str) -> Self {
        Self { kind: kind.to_owned(), text: text.to_owned() }
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Term(redacted)")
    }
}

/// Kind and text, normalised, in the order of the encoding.
pub(crate) type Normal = (String, String);

/// The normal form of a term.
fn normal(kind: &str, text: &str) -> Result<Normal, VaultError> {
    let invalid = VaultError::Terms { max: TERMS_MAX, chars: TERM_CHARS_MAX };
    let long = |text: &str| text.chars().nth(TERM_CHARS_MAX).is_some();
    if kind.is_empty() || long(kind) || long(text) {
        return Err(invalid);
    }
    let folded: String =
        text.nfkc().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    if folded.is_empty() { Err(invalid) } else { Ok((kind.to_owned(), folded)) }
}

/// The normal forms of all terms, sorted, each once.
pub(crate) fn normals(terms: &[Term]) -> Result<Zeroizing<Vec<Normal>>, VaultError> {
    if terms.len() > TERMS_MAX {
        return Err(VaultError::Terms { max: TERMS_MAX, chars: TERM_CHARS_MAX });
    }
    let mut normals: Vec<Normal> =
        terms.iter().map(|term| normal(&term.kind, &term.text)).collect::<Result<_, _>>()?;
    normals.sort();
    normals.dedup();
    Ok(Zeroizing::new(normals))
}

/// What the index holds of a term.
pub(crate) fn tag(index: &Secret, term: &Normal) -> Digest {
    Digest(*cipher::keyed_digest(index, &[&Zeroizing::new(cbor::encode(term))]))
}

fn associated(commitment: &Digest) -> Vec<u8> {
    [TERMS.as_bytes(), commitment.as_bytes()].concat()
}

/// The terms, sealed under the group's data key: a new epoch makes new tags of them.
pub(crate) fn seal(
    key: &Secret,
    commitment: &Digest,
    terms: &Zeroizing<Vec<Normal>>,
) -> Result<Vec<u8>, VaultError> {
    let plaintext = Zeroizing::new(cbor::encode(&**terms));
    Ok(cipher::seal(key, &random::bytes()?, &associated(commitment), &plaintext))
}

pub(crate) fn open(
    key: &Secret,
    commitment: &Digest,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<Normal>>, VaultError> {
    let damaged = VaultError::Damaged("a group's terms");
    let Ok(plaintext) = cipher::open(key, &associated(commitment), sealed) else {
        return Err(damaged);
    };
    cbor::decode(&plaintext, TERMS_BYTES_MAX).map(Zeroizing::new).map_err(|_any| damaged)
}

impl Vault {
    /// Commitments of groups that have this term, in ascending order, at most `limit` and at most
    /// [`SEARCH_MAX`]. That the search was made is for the caller to record.
    ///
    /// # Errors
    /// [`VaultError::Terms`], [`VaultError::ErasuresPending`], or when the file fails.
    pub fn search(&self, kind: &str, text: &str, limit: usize) -> Result<Vec<Digest>, VaultError> {
        let term = normal(kind, text)?;
        let limit = limit.min(SEARCH_MAX);
        self.read(|connection, ring| {
            let mut query = connection.prepare_cached(
                "SELECT commitment FROM term WHERE tag = ?1 ORDER BY commitment LIMIT ?2",
            )?;
            let mut found = std::collections::BTreeSet::new();
            for index in ring.indexes() {
                let rows = query.query_map(
                    (tag(index, &term).as_bytes(), i64::try_from(limit).unwrap_or(i64::MAX)),
                    |row| row.get::<_, [u8; 32]>(0),
                )?;
                for commitment in rows {
                    found.insert(Digest(commitment?));
                }
            }
            Ok(found.into_iter().take(limit).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_spaces_and_case_do_not_matter() {
        let wanted = normal("name", "zhang san 3").unwrap();
        assert_eq!(normal("name", "Ｚhang　SAN３").unwrap(), wanted);
        assert_ne!(normal("address", "zhang san 3").unwrap(), wanted);
    }

    #[test]
    fn empty_long_and_many_terms_are_refused() {
        assert!(normal("", "x").is_err());
        assert!(normal("name", " \u{3000}").is_err());
        assert!(normal("name", &"x".repeat(TERM_CHARS_MAX)).is_ok());
        assert!(normal("name", &"x".repeat(TERM_CHARS_MAX + 1)).is_err());
        assert!(normals(&vec![Term::new("name", "x"); TERMS_MAX]).is_ok());
        assert!(normals(&vec![Term::new("name", "x"); TERMS_MAX + 1]).is_err());
    }

    #[test]
    fn a_term_is_never_printed() {
        assert_eq!(format!("{:?}", Term::new("name", "张三")), "Term(redacted)");
    }
}
