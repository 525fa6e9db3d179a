//! The unified social credit code 统一社会信用代码 of GB 32100-2015: department, class, region,
//! organisation code with a check character of its own, and an outer check character.

use std::sync::LazyLock;

use super::checksum::{self, USCC_ALPHABET};
use super::text::{canonical, check_last, check_shape, part};
use super::{Checked, Divisions, Finding, IdCode, IdError, identifier};

identifier! {
    /// A unified social credit code: 18 characters of the standard's 31.
    SocialCreditCode
}

/// Codes in real use that fail the outer check digit: pilot-era issues, kept as audited data.
const EXCEPTIONS: &str = include_str!("../../data/uscc_exceptions.csv");

/// Sorted, so that a look-up is a binary search.
static EXCEPTION_CODES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let rows = EXCEPTIONS.lines().skip(1);
    let mut codes: Vec<_> = rows.filter_map(|row| row.split(',').next()).collect();
    codes.sort_unstable();
    codes
});

/// Registering departments with the classes that GB 32100-2015 gives them.
const CLASSES: &[(char, &str)] = &[
    ('1', "1239"),
    ('2', "19"),
    ('3', "123459"),
    ('4', "19"),
    ('5', "1239"),
    ('6', "129"),
    ('7', "129"),
    ('8', "19"),
    ('9', "123"),
    ('A', "19"),
    ('N', "1239"),
    ('Y', "1"),
];

/// The code for bodies of the state itself, which no division has.
const STATE: &str = "100000";

impl SocialCreditCode {
    /// Reads a social credit code. The outer check character decides, except for codes on the
    /// exception list; the inner one, the region and the class only warn.
    ///
    /// # Errors
    /// `length`, `character` (I, O, S, V, Z do not exist), `check-digit` (with the expected one).
    pub fn parse(text: &str) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        check_shape(&text, 18, |i, c| {
            if (2..8).contains(&i) { c.is_ascii_digit() } else { USCC_ALPHABET.contains(c) }
        })?;
        let mut warnings = Vec::new();
        let wanted = checksum::uscc(part(&text, 0..17));
        let outer = check_last(&text, wanted.ok_or(Finding::new(IdCode::Character))?);
        if let Err(error) = outer {
            if EXCEPTION_CODES.binary_search(&text.as_str()).is_err() {
                return Err(error);
            }
            warnings.push(Finding { code: IdCode::ListedException, ..error.0 });
        }
        let code = Self(text);
        code.warn_of_parts(&mut warnings);
        Ok(Checked { value: code, warnings })
    }

    fn warn_of_parts(&self, warnings: &mut Vec<Finding>) {
        let inner = checksum::organisation(part(&self.0, 8..16));
        if let Some(wanted) = inner.filter(|wanted| !part(&self.0, 16..17).contains(*wanted)) {
            warnings.push(Finding::new(IdCode::InnerCheckDigit).at(17).wants(wanted));
        }
        if self.region() != STATE && !Divisions::table().knows(self.region()) {
            warnings.push(Finding::new(IdCode::UnknownRegion).at(3));
        }
        let mut chars = self.0.chars();
        let (department, class) = (chars.next(), chars.next());
        let known = CLASSES.iter().any(|(known, classes)| {
            department == Some(*known) && class.is_some_and(|class| classes.contains(class))
        });
        if !known {
            warnings.push(Finding::new(IdCode::UnknownClass).at(1));
        }
    }

    /// The registering department and class, for example `91` for an enterprise.
    #[must_use]
    pub fn class(&self) -> &str {
        part(&self.0, 0..2)
    }

    /// The six region digits of the registering department.
    #[must_use]
    pub fn region(&self) -> &str {
        part(&self.0, 2..8)
    }

    /// The organisation code of GB 11714 (nine characters).
    #[must_use]
    pub fn organisation_code(&self) -> &str {
        part(&self.0, 8..17)
    }

    /// For a person: as stored.
    #[must_use]
    pub fn display(&self) -> String {
        self.0.clone()
    }
}
