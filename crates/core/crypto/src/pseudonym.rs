//! Pseudonyms: what stands in the clear part in place of a person's id, and says who he is to nobody
//! but the steward that has the key.
//!
//! A pseudonym is made for a [`Family`] of records: the records of one field of a group, within one
//! scope, a unit or a project say. In the same family a person has one pseudonym, so that rules can
//! compare; two families share nothing that could be compared without the key. It is a keyed function
//! and not a random number, so that a vault restored from a backup makes the same ones again.
//!
//! Its text is `name.epoch.` and 64 hexadecimal digits, as a sector id's is (`crates/core/sector`),
//! with the group for a name: nothing else that names a person has that form.

use chaincity_types::{Digest, cbor};

use crate::cipher::{self, Secret};

/// Domain of what is digested under the key.
pub const PSEUDONYM: &str = "chaincity/pseudonym/1";
/// Epoch of the key. A new key would be a new pseudonym for everybody, so a vault keeps its first.
const EPOCH: u32 = 1;
const DIGITS: usize = 64;

/// The records within which a person has one pseudonym.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family<'a> {
    /// Ledger id.
    pub ledger: Digest,
    /// Package identifier.
    pub package: &'a str,
    /// The group that says who it is.
    pub group: &'a str,
    /// The field of the group that it stands for.
    pub field: &'a str,
    /// What it is scoped to, such as a unit's number; empty when the family is not divided.
    pub scope: &'a str,
}

/// The pseudonym of whom `of` names, in a family.
#[must_use]
pub fn pseudonym(key: &Secret, family: &Family<'_>, of: &str) -> String {
    let Family { ledger, package, group, field, scope } = family;
    // One encoding for each: no scope runs into a name.
    let input = cbor::encode(&((*ledger, *package, *group), (*field, *scope, of)));
    let digest = cipher::keyed_digest(key, &[PSEUDONYM.as_bytes(), &input]);
    format!("{group}.{EPOCH}.{}", hex::encode(digest.as_slice()))
}

/// Whether `text` is a pseudonym under this name: that of a group, or of a sector.
#[must_use]
pub fn is_pseudonym(name: &str, text: &str) -> bool {
    let rest = text.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
    let Some((epoch, digits)) = rest.and_then(|rest| rest.split_once('.')) else { return false };
    let is_epoch = epoch.parse::<u32>().is_ok_and(|n| n > 0 && n.to_string() == epoch);
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    is_epoch && digits.len() == DIGITS && digits.bytes().all(is_digit)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const FAMILY: Family<'_> = Family {
        ledger: Digest([9; 32]),
        package: "real-estate",
        group: "holder",
        field: "number",
        scope: "unit-1",
    };

    fn key(byte: u8) -> Secret {
        Secret::from_bytes([byte; 32])
    }

    #[test]
    fn a_person_has_one_pseudonym_in_a_family_and_another_in_each_other() {
        let first = pseudonym(&key(1), &FAMILY, "测试甲");
        assert_eq!(pseudonym(&key(1), &FAMILY, "测试甲"), first);
        let others = [
            pseudonym(&key(2), &FAMILY, "测试甲"),
            pseudonym(&key(1), &FAMILY, "测试乙"),
            pseudonym(&key(1), &Family { ledger: Digest([8; 32]), ..FAMILY }, "测试甲"),
            pseudonym(&key(1), &Family { package: "utilities", ..FAMILY }, "测试甲"),
            pseudonym(&key(1), &Family { field: "name", ..FAMILY }, "测试甲"),
            pseudonym(&key(1), &Family { scope: "unit-2", ..FAMILY }, "测试甲"),
            pseudonym(&key(1), &Family { group: "holde", field: "rnumber", ..FAMILY }, "测试甲"),
        ];
        let digits = |text: &str| text.rsplit_once('.').unwrap().1.to_owned();
        for other in others {
            assert_ne!(digits(&other), digits(&first));
        }
    }

    #[test]
    fn a_pseudonym_has_one_text_form() {
        let text = pseudonym(&key(1), &FAMILY, "测试甲");
        assert!(is_pseudonym("holder", &text));
        assert!(!is_pseudonym("other", &text));
        let digits = "0".repeat(64);
        for other in [
            "S:police:00000001".to_owned(),
            format!("holder.0.{digits}"),
            format!("holder.01.{digits}"),
            format!("holder.1.{digits}0"),
            format!("holder.1.G{}", "0".repeat(63)),
            format!("holder.1.A{}", "0".repeat(63)),
            format!("holder{digits}"),
        ] {
            assert!(!is_pseudonym("holder", &other), "{other}");
        }
    }

    #[test]
    fn the_function_does_not_change() {
        // Worked out with another implementation; ids in use depend on it.
        let text = pseudonym(&key(1), &FAMILY, "S:police:00000001");
        assert_eq!(
            text,
            "holder.1.da866b37e9d317a829e7669f721d36fb2789dd3076f57f15c523d1efcb3c0261"
        );
    }
}
