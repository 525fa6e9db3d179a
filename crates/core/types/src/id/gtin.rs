//! The GS1 keys with one check digit modulo ten: trade item (GTIN), location (GLN), logistic unit
//! (SSCC).

use super::text::{canonical, check_characters, check_last, part};
use super::{Checked, Finding, IdCode, IdError, checksum, identifier};

identifier! {
    /// A GS1 key of 8, 12, 13, 14 (GTIN; 13 is also a GLN) or 18 digits (SSCC).
    Gtin
}

/// Which GS1 key it is, by its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GtinForm {
    /// GTIN-8.
    Gtin8,
    /// GTIN-12 (UPC).
    Gtin12,
    /// GTIN-13 (EAN), or GLN: the digits do not tell them apart.
    Gtin13OrGln,
    /// GTIN-14.
    Gtin14,
    /// SSCC.
    Sscc,
}

impl Gtin {
    /// Reads a GS1 key.
    ///
    /// # Errors
    /// `length`, `character`, `check-digit` (with the expected one).
    pub fn parse(text: &str) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        let length = text.chars().count();
        if !matches!(length, 8 | 12 | 13 | 14 | 18) {
            return Err(Finding::new(IdCode::Length).wants("8/12/13/14/18").into());
        }
        check_characters(&text, |_, c| c.is_ascii_digit())?;
        let wanted = checksum::gs1(part(&text, 0..length.saturating_sub(1)));
        check_last(&text, wanted.ok_or(Finding::new(IdCode::Character))?)?;
        Ok(Checked { value: Self(text), warnings: Vec::new() })
    }

    /// Which key it is.
    #[must_use]
    pub fn form(&self) -> GtinForm {
        match self.0.len() {
            8 => GtinForm::Gtin8,
            12 => GtinForm::Gtin12,
            13 => GtinForm::Gtin13OrGln,
            14 => GtinForm::Gtin14,
            _ => GtinForm::Sscc,
        }
    }

    /// For a person: as stored.
    #[must_use]
    pub fn display(&self) -> String {
        self.0.clone()
    }
}
