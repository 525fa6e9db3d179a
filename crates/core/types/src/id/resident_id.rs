//! The resident ID 公民身份号码 of GB 11643-1999: region, birth date, sequence, check character.

use jiff::civil::Date;

use super::text::{canonical, check_last, check_shape, is_zeros, masked, part};
use super::{Checked, Divisions, Finding, IdCode, IdError, checksum, identifier};

identifier! {
    personal
    /// A resident ID: 18 characters. Personal data, so it prints masked (first six and last four
    /// characters); [`ResidentId::as_str`] gives it whole.
    ResidentId
}

/// The sex that a resident ID's sequence number states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// An even sequence number.
    Female,
    /// An odd sequence number.
    Male,
}

impl ResidentId {
    /// Reads a resident ID. Region codes stay valid for life after they are abolished, so a
    /// region that the table does not know is only a warning.
    ///
    /// # Errors
    /// `length`, `character`, `check-digit` (with the expected one), `date`, `future-date` (a
    /// birth after `today`), `sequence` (000).
    pub fn parse(text: &str, today: Date) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        check_shape(&text, 18, |i, c| c.is_ascii_digit() || (i == 17 && c == 'X'))?;
        let wanted = checksum::resident_id(part(&text, 0..17));
        check_last(&text, wanted.ok_or(Finding::new(IdCode::Character))?)?;
        let id = Self(text);
        let birth = id.birth_date().ok_or(Finding::new(IdCode::Date).at(7))?;
        if birth > today {
            return Err(Finding::new(IdCode::FutureDate).at(7).into());
        }
        if is_zeros(part(&id.0, 14..17)) {
            return Err(Finding::new(IdCode::Sequence).at(15).into());
        }
        let mut warnings = Vec::new();
        if !id.region_is_known() {
            warnings.push(Finding::new(IdCode::UnknownRegion).at(1));
        }
        Ok(Checked { value: id, warnings })
    }

    /// The six region digits.
    #[must_use]
    pub fn region(&self) -> &str {
        part(&self.0, 0..6)
    }

    /// The birth date.
    #[must_use]
    pub fn birth_date(&self) -> Option<Date> {
        let year = part(&self.0, 6..10).parse().ok()?;
        let month = part(&self.0, 10..12).parse().ok()?;
        let day = part(&self.0, 12..14).parse().ok()?;
        // A year before 1800 is no living memory of any register.
        Date::new(year, month, day).ok().filter(|date| date.year() >= 1800)
    }

    /// The sex: an odd sequence number is male.
    #[must_use]
    pub fn sex(&self) -> Sex {
        match self.0.as_bytes().get(16) {
            Some(b'1' | b'3' | b'5' | b'7' | b'9') => Sex::Male,
            _ => Sex::Female,
        }
    }

    /// For a person: `431302********0017`.
    #[must_use]
    pub fn display(&self) -> String {
        masked(&self.0, 6, 4)
    }

    /// The division table, the residence permits of Hong Kong, Macau and Taiwan (81, 82, 83),
    /// and the foreigners' permanent residence card (9, then a province).
    fn region_is_known(&self) -> bool {
        let divisions = Divisions::table();
        match self.0.as_bytes().first() {
            Some(b'9') => divisions.has_province(part(&self.0, 1..3)),
            Some(b'8') => matches!(self.region(), "810000" | "820000" | "830000"),
            _ => divisions.knows(self.region()),
        }
    }
}
