//! The number of a real-estate certificate: `湘(2018)娄底市不动产权第0000001号`, or of a proof of
//! registration: `…不动产证明第…号`.

use jiff::civil::Date;

use super::text::{PROVINCES, canonical, is_digits, is_han};
use super::{Checked, Finding, IdCode, IdError, identifier};

identifier! {
    /// A certificate number. The canonical form has ASCII brackets and digits. The sequence
    /// starts anew each year for each issuing body and kind.
    CertificateNumber
}

/// What a certificate number stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKind {
    /// 不动产权证书: a certificate of title.
    Title,
    /// 不动产登记证明: a proof of a mortgage, an advance notice, an objection, an easement.
    Proof,
}

const TITLE: &str = "不动产权";
const PROOF: &str = "不动产证明";
/// Words of certificates from before unified registration.
const LEGACY: &[&str] = &["房权证", "房产证", "房他证", "土他项", "国用", "集用", "林证字"];
const SEQUENCE_DIGITS_MIN: usize = 7;
const PLACE_CHARS_MAX: usize = 20;

impl CertificateNumber {
    /// Reads a certificate number. A year after `today`'s is only a warning.
    ///
    /// # Errors
    /// `legacy-kind` (keep it as a legacy number), `province`, `year`, `certificate-kind`,
    /// `place`, `sequence` (fewer than seven digits), `form`.
    pub fn parse(text: &str, today: Date) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        if LEGACY.iter().any(|word| text.contains(word)) {
            return Err(Finding::new(IdCode::LegacyKind).into());
        }
        let parts = Parts::read(&text)?;
        let mut warnings = Vec::new();
        if parts.year > today.year() {
            warnings.push(Finding::new(IdCode::FutureYear).at(3));
        }
        Ok(Checked { value: Self(text), warnings })
    }

    /// Title or proof.
    #[must_use]
    pub fn kind(&self) -> CertificateKind {
        if self.0.contains(PROOF) { CertificateKind::Proof } else { CertificateKind::Title }
    }

    /// The year in which the number was given.
    #[must_use]
    pub fn year(&self) -> Option<i16> {
        Parts::read(&self.0).ok().map(|parts| parts.year)
    }

    /// The city or county, for example 娄底市.
    #[must_use]
    pub fn place(&self) -> &str {
        Parts::read(&self.0).map(|parts| parts.place).unwrap_or_default()
    }

    /// The sequence number's digits.
    #[must_use]
    pub fn sequence(&self) -> &str {
        Parts::read(&self.0).map(|parts| parts.sequence).unwrap_or_default()
    }

    /// For a person, with the full-width brackets of the printed certificate.
    #[must_use]
    pub fn display(&self) -> String {
        self.0.replace('(', "（").replace(')', "）")
    }
}

struct Parts<'a> {
    year: i16,
    place: &'a str,
    sequence: &'a str,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Result<Self, IdError> {
        let form = || IdError::from(Finding::new(IdCode::Form));
        let (head, tail) = text.split_once(')').ok_or_else(form)?;
        let (province, year) = head.split_once('(').ok_or_else(form)?;
        if province.chars().count() != 1 || !PROVINCES.contains(province) {
            return Err(Finding::new(IdCode::Province).at(1).into());
        }
        if year.len() != 4 || !is_digits(year) {
            return Err(Finding::new(IdCode::Year).at(3).into());
        }
        let tail = tail.strip_suffix('号').ok_or_else(form)?;
        let (middle, sequence) = tail.rsplit_once('第').ok_or_else(form)?;
        let place = middle
            .strip_suffix(TITLE)
            .or_else(|| middle.strip_suffix(PROOF))
            .ok_or(Finding::new(IdCode::CertificateKind))?;
        if !(1..=PLACE_CHARS_MAX).contains(&place.chars().count()) || !place.chars().all(is_han) {
            return Err(Finding::new(IdCode::Place).at(8).into());
        }
        if sequence.len() < SEQUENCE_DIGITS_MIN || !is_digits(sequence) {
            let wanted = format!("≥{SEQUENCE_DIGITS_MIN}");
            return Err(Finding::new(IdCode::Sequence).wants(wanted).into());
        }
        Ok(Self { year: year.parse().ok().ok_or_else(form)?, place, sequence })
    }
}
