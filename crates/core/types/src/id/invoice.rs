//! The numbers of fully digital invoices 数电票 and of fiscal electronic bills 财政电子票据.

use jiff::civil::Date;

use super::text::{canonical, check_shape, grouped, part};
use super::{Checked, Divisions, Finding, IdCode, IdError, identifier};

/// The two-digit year at `position` (1-based) must not be after `today`'s; region 00 is the
/// state's.
fn warnings(year: &str, position: usize, region: (&str, usize), today: Date) -> Vec<Finding> {
    let mut warnings = Vec::new();
    let year = year.parse::<i16>().ok().and_then(|year| year.checked_add(2000));
    if year.is_some_and(|year| year > today.year()) {
        warnings.push(Finding::new(IdCode::FutureYear).at(position));
    }
    if region.0 != "00" && !Divisions::table().has_province(region.0) {
        warnings.push(Finding::new(IdCode::UnknownRegion).at(region.1));
    }
    warnings
}

identifier! {
    /// The number of a fully digital invoice: year 2, region 2, channel 1, sequence 15 digits.
    /// It has no check digit.
    EInvoiceNumber
}

impl EInvoiceNumber {
    /// Reads an invoice number. A year after `today`'s and an unknown region only warn.
    ///
    /// # Errors
    /// `length`, `character`.
    pub fn parse(text: &str, today: Date) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        check_shape(&text, 20, |_, c| c.is_ascii_digit())?;
        let warnings = warnings(part(&text, 0..2), 1, (part(&text, 2..4), 3), today);
        Ok(Checked { value: Self(text), warnings })
    }

    /// For a person: as stored.
    #[must_use]
    pub fn display(&self) -> String {
        self.0.clone()
    }
}

identifier! {
    /// A fiscal electronic bill: its code (region 2, category 2, kind 2, year 2 digits) followed
    /// by its number of 10 digits. It has no check digit.
    FiscalBillNumber
}

impl FiscalBillNumber {
    /// Reads code and number, written together or with spaces between. A year after `today`'s
    /// and an unknown region only warn.
    ///
    /// # Errors
    /// `length`, `character`.
    pub fn parse(text: &str, today: Date) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        check_shape(&text, 18, |_, c| c.is_ascii_digit())?;
        let warnings = warnings(part(&text, 6..8), 7, (part(&text, 0..2), 1), today);
        Ok(Checked { value: Self(text), warnings })
    }

    /// The bill's code.
    #[must_use]
    pub fn code(&self) -> &str {
        part(&self.0, 0..8)
    }

    /// The bill's number under that code.
    #[must_use]
    pub fn number(&self) -> &str {
        part(&self.0, 8..18)
    }

    /// For a person: code, space, number.
    #[must_use]
    pub fn display(&self) -> String {
        grouped(&self.0, &[8, 10])
    }
}
