//! The real-estate unit number 不动产单元号 of GB/T 37346-2019: a parcel's 19 characters and a
//! fixture's 9. It has no check digit, so every part is checked against its own rule.

use super::text::{canonical, check_shape, grouped, is_zeros, part};
use super::{Checked, Divisions, Finding, IdCode, IdError, identifier};

identifier! {
    /// A real-estate unit number: county 6, cadastral district 3, sub-district 3, parcel feature
    /// 2, parcel 5, fixture feature 1, fixture unit 8. A split, a merger or a new survey gives a
    /// new number; a number is never used again.
    UnitNumber
}

/// Ownership: state, collective, undetermined.
const OWNERSHIP: &str = "GJZ";
/// Kind of right on the parcel.
const RIGHTS: &str = "ABSXCDEFHGWYLN";
/// Kinds of right that only collective land has: its ownership, homestead.
const RIGHTS_OF_COLLECTIVES: &str = "AC";
/// House, trees, other, none.
const FIXTURES: &str = "FLQW";

impl UnitNumber {
    /// Reads a unit number.
    ///
    /// # Errors
    /// `length`, `character`, `unknown-county`, `parcel-letter`, `fixture-letter`,
    /// `fixture-zeros` (W with other digits), `fixture-number` (building or unit 0000).
    pub fn parse(text: &str) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        check_shape(&text, 28, |i, c| match i {
            12 | 13 | 19 => c.is_ascii_uppercase(),
            _ => c.is_ascii_digit(),
        })?;
        let unit = Self(text);
        let mut warnings = Vec::new();
        unit.check_county(&mut warnings)?;
        unit.check_parcel_letters()?;
        unit.check_fixture(&mut warnings)?;
        if is_zeros(part(&unit.0, 14..19)) {
            warnings.push(Finding::new(IdCode::Sequence).at(15));
        }
        Ok(Checked { value: unit, warnings })
    }

    fn check_county(&self, warnings: &mut Vec<Finding>) -> Result<(), IdError> {
        let divisions = Divisions::table();
        if !divisions.is_county(self.county()) {
            return Err(Finding::new(IdCode::UnknownCounty).at(1).into());
        }
        if divisions.current(self.county()).is_none() {
            warnings.push(Finding::new(IdCode::AbolishedRegion).at(1));
        }
        Ok(())
    }

    fn check_parcel_letters(&self) -> Result<(), IdError> {
        let (owner, right) = (part(&self.0, 12..13), part(&self.0, 13..14));
        if !OWNERSHIP.contains(owner) {
            return Err(Finding::new(IdCode::ParcelLetter).at(13).wants("G/J/Z").into());
        }
        if !RIGHTS.contains(right) {
            return Err(Finding::new(IdCode::ParcelLetter).at(14).into());
        }
        if RIGHTS_OF_COLLECTIVES.contains(right) && owner != "J" {
            return Err(Finding::new(IdCode::ParcelLetter).at(13).wants("J").into());
        }
        Ok(())
    }

    fn check_fixture(&self, warnings: &mut Vec<Finding>) -> Result<(), IdError> {
        let (letter, digits) = (part(&self.0, 19..20), part(&self.0, 20..28));
        if !FIXTURES.contains(letter) {
            return Err(Finding::new(IdCode::FixtureLetter).at(20).wants("F/L/Q/W").into());
        }
        if letter == "W" && !is_zeros(digits) {
            return Err(Finding::new(IdCode::FixtureZeros).at(21).wants("00000000").into());
        }
        if letter == "F" {
            for (from, to) in [(0, 4), (4, 8)] {
                if is_zeros(part(digits, from..to)) {
                    let position = from.saturating_add(21);
                    return Err(Finding::new(IdCode::FixtureNumber).at(position).into());
                }
            }
        }
        if matches!(letter, "L" | "Q") && is_zeros(digits) {
            warnings.push(Finding::new(IdCode::Sequence).at(21));
        }
        Ok(())
    }

    /// The county's six digits.
    #[must_use]
    pub fn county(&self) -> &str {
        part(&self.0, 0..6)
    }

    /// The parcel's 19 characters, which all units on one parcel share.
    #[must_use]
    pub fn parcel(&self) -> &str {
        part(&self.0, 0..19)
    }

    /// The fixture's 9 characters.
    #[must_use]
    pub fn fixture(&self) -> &str {
        part(&self.0, 19..28)
    }

    /// For a person, in groups of 6, 6, 7 and 9.
    #[must_use]
    pub fn display(&self) -> String {
        grouped(&self.0, &[6, 6, 7, 9])
    }
}
