//! A court's case number 案号: `(2026)湘1302执123号`.

use jiff::civil::Date;

use super::text::{PROVINCES, canonical, is_digits, is_han};
use super::{Checked, Finding, IdCode, IdError, identifier};

identifier! {
    /// A court's case number. The canonical form has ASCII brackets and digits.
    CourtCaseNumber
}

/// Types that a registry meets; others exist and only warn.
const TYPES: &[&str] = &[
    "执",
    "执保",
    "执恢",
    "执异",
    "执复",
    "执监",
    "民初",
    "民终",
    "民申",
    "民再",
    "民特",
    "刑初",
    "刑终",
    "行初",
    "行终",
    "行审",
    "财保",
    "破",
    "破申",
    "诉前调",
    "引调",
];
/// Courts without a province: the Supreme Court, and those of the Xinjiang corps.
const SUPREME: &str = "最高法";
const CORPS: char = '兵';
const NUMBER_DIGITS_MAX: usize = 9;

struct Parts<'a> {
    year: i16,
    court: &'a str,
    case_type: &'a str,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Result<Self, IdError> {
        let form = || IdError::from(Finding::new(IdCode::Form));
        let rest = text.strip_prefix('(').ok_or_else(form)?;
        let (year, rest) = rest.split_once(')').ok_or_else(form)?;
        if year.len() != 4 || !is_digits(year) {
            return Err(Finding::new(IdCode::Year).at(2).into());
        }
        let rest = rest.strip_suffix('号').ok_or_else(form)?;
        let (court, rest) = split_court(rest)?;
        let case_type = rest.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = rest.strip_prefix(case_type).unwrap_or_default();
        if case_type.is_empty() || !case_type.chars().all(is_han) {
            return Err(form());
        }
        if number.is_empty() || number.starts_with('0') || number.len() > NUMBER_DIGITS_MAX {
            return Err(Finding::new(IdCode::Sequence).into());
        }
        Ok(Self { year: year.parse().ok().ok_or_else(form)?, court, case_type })
    }
}

/// Splits the court's code off: a province and 0, 2 or 4 digits (high, intermediate, basic court).
fn split_court(text: &str) -> Result<(&str, &str), IdError> {
    let wrong = || IdError::from(Finding::new(IdCode::Court).at(7));
    if let Some(rest) = text.strip_prefix(SUPREME) {
        return Ok((SUPREME, rest));
    }
    let province = text.chars().next().ok_or_else(wrong)?;
    if !PROVINCES.contains(province) && province != CORPS {
        return Err(wrong());
    }
    let after = text.get(province.len_utf8()..).unwrap_or_default();
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = after.len().saturating_sub(rest.len());
    if !matches!(digits, 0 | 2 | 4) {
        return Err(wrong());
    }
    let length = text.len().saturating_sub(rest.len());
    text.split_at_checked(length).ok_or_else(wrong)
}

impl CourtCaseNumber {
    /// Reads a case number. A year after `today`'s and a rare type of case only warn.
    ///
    /// # Errors
    /// `form`, `year`, `court`, `sequence`.
    pub fn parse(text: &str, today: Date) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        let parts = Parts::read(&text)?;
        let mut warnings = Vec::new();
        if parts.year > today.year() {
            warnings.push(Finding::new(IdCode::FutureYear).at(2));
        }
        if !TYPES.contains(&parts.case_type) {
            warnings.push(Finding::new(IdCode::UnknownCaseType));
        }
        Ok(Checked { value: Self(text), warnings })
    }

    /// The court's code, for example 湘1302.
    #[must_use]
    pub fn court(&self) -> &str {
        Parts::read(&self.0).map(|parts| parts.court).unwrap_or_default()
    }

    /// The type of case, for example 执.
    #[must_use]
    pub fn case_type(&self) -> &str {
        Parts::read(&self.0).map(|parts| parts.case_type).unwrap_or_default()
    }

    /// For a person, with full-width brackets.
    #[must_use]
    pub fn display(&self) -> String {
        self.0.replace('(', "（").replace(')', "）")
    }
}
