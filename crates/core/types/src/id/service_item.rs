//! The service item code 事项实施编码 of GB/T 39554.1-2020: the social credit code of the body in
//! charge, level 1, region 2, type 2, department 2, main item 3, sub-item 3; two more digits for a
//! handling item 业务办理项.

use super::text::{canonical, check_characters, is_zeros, part};
use super::{Checked, Divisions, Finding, IdCode, IdError, SocialCreditCode, identifier};

identifier! {
    /// A service item code: 31 characters, or 33 with the handling item.
    ServiceItemCode
}

/// Types of items: licence, penalty, coercion, levy, payment, inspection, confirmation, reward,
/// ruling, other, public service.
const TYPES: &[&str] = &["01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "20"];

impl ServiceItemCode {
    /// Reads a service item code. It has no check digit beyond the social credit code's.
    ///
    /// # Errors
    /// `length`, `character`, the social credit code's own errors, `level` (1 to 6), `region`
    /// (a province's two digits, or 00).
    pub fn parse(text: &str) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        if !matches!(text.chars().count(), 31 | 33) {
            return Err(Finding::new(IdCode::Length).wants("31/33").into());
        }
        check_characters(&text, |i, c| c.is_ascii_digit() || (i < 18 && c.is_ascii_uppercase()))?;
        let mut warnings = SocialCreditCode::parse(part(&text, 0..18))?.warnings;
        let item = Self(text);
        if !matches!(item.level(), '1'..='6') {
            return Err(Finding::new(IdCode::Level).at(19).wants("1–6").into());
        }
        let region = part(&item.0, 19..21);
        if region != "00" && !Divisions::table().has_province(region) {
            return Err(Finding::new(IdCode::Region).at(20).into());
        }
        if !TYPES.contains(&part(&item.0, 21..23)) {
            warnings.push(Finding::new(IdCode::UnknownItemType).at(22));
        }
        Ok(Checked { value: item, warnings })
    }

    /// The level: 1 state, 2 province, 3 city, 4 county, 5 township, 6 village.
    #[must_use]
    pub fn level(&self) -> char {
        part(&self.0, 18..19).chars().next().unwrap_or('0')
    }

    /// The social credit code of the body in charge.
    #[must_use]
    pub fn owner(&self) -> &str {
        part(&self.0, 0..18)
    }

    /// The code of the main item, when this is a sub-item of one.
    #[must_use]
    pub fn main_item(&self) -> Option<String> {
        let sub_item = !is_zeros(part(&self.0, 28..31));
        sub_item.then(|| format!("{}000", part(&self.0, 0..28)))
    }

    /// Refuses a sub-item whose main item the catalogue does not have.
    ///
    /// # Errors
    /// `main-item-absent`.
    pub fn check_main_item(&self, has: impl Fn(&str) -> bool) -> Result<(), IdError> {
        match self.main_item() {
            Some(main) if !has(&main) => Err(Finding::new(IdCode::MainItemAbsent).at(29).into()),
            _ => Ok(()),
        }
    }

    /// For a person: the owner's code, then the item's digits.
    #[must_use]
    pub fn display(&self) -> String {
        super::text::grouped(&self.0, &[18, 13, 2])
    }
}
