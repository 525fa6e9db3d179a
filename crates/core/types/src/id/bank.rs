//! Bank card numbers (ISO/IEC 7812, Luhn) and the bank numbers 联行号 of the payment system.

use super::text::{canonical, check_characters, check_last, check_shape, grouped, masked, part};
use super::{Checked, Finding, IdCode, IdError, checksum, identifier};

identifier! {
    personal
    /// A bank card number of 13 to 19 digits. Personal data, so it prints masked (first six and
    /// last four digits); [`BankCard::as_str`] gives it whole.
    BankCard
}

impl BankCard {
    /// Reads a bank card number.
    ///
    /// # Errors
    /// `length`, `character`, `check-digit` (with the expected one).
    pub fn parse(text: &str) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        let length = text.chars().count();
        if !(13..=19).contains(&length) {
            return Err(Finding::new(IdCode::Length).wants("13–19").into());
        }
        check_characters(&text, |_, c| c.is_ascii_digit())?;
        let wanted = checksum::luhn(part(&text, 0..length.saturating_sub(1)));
        check_last(&text, wanted.ok_or(Finding::new(IdCode::Character))?)?;
        Ok(Checked { value: Self(text), warnings: Vec::new() })
    }

    /// For a person: `622200******0009`.
    #[must_use]
    pub fn display(&self) -> String {
        masked(&self.0, 6, 4)
    }
}

identifier! {
    /// A bank number of the payment system: 12 digits (bank 3, city 4, branch 4, check 1).
    BankNumber
}

impl BankNumber {
    /// Reads a bank number. Its check rule is not published, so only the form is checked, and
    /// every value carries the warning `form-only`.
    ///
    /// # Errors
    /// `length`, `character`.
    pub fn parse(text: &str) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        check_shape(&text, 12, |_, c| c.is_ascii_digit())?;
        Ok(Checked { value: Self(text), warnings: vec![Finding::new(IdCode::FormOnly)] })
    }

    /// For a person, in groups of 3, 4, 4 and 1.
    #[must_use]
    pub fn display(&self) -> String {
        grouped(&self.0, &[3, 4, 4, 1])
    }
}
