//! The electronic licence identifier 电子证照标识 of GB/T 36904-2018:
//! `1.2.156.3005.2.TYPE.ISSUER.SERIAL.VERSION.CHECK`.

use super::text::{canonical, check_last, is_digits, is_zeros, part};
use super::{
    Checked, Finding, IdCode, IdError, SocialCreditCode, Strictness, checksum, identifier,
};

identifier! {
    /// An electronic licence identifier.
    LicenceId
}

const ROOT: &str = "1.2.156.3005.2.";
const SERIAL_CHARS_MAX: usize = 32;

struct Parts<'a> {
    type_code: &'a str,
    issuer: &'a str,
    serial: &'a str,
    version: &'a str,
    check: &'a str,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Result<Self, IdError> {
        let rest = text
            .strip_prefix(ROOT)
            .ok_or_else(|| Finding::new(IdCode::Root).at(1).wants(ROOT.trim_end_matches('.')))?;
        let mut parts = rest.split('.');
        let mut next = || parts.next().ok_or_else(|| IdError::from(Finding::new(IdCode::Form)));
        let read = Self {
            type_code: next()?,
            issuer: next()?,
            serial: next()?,
            version: next()?,
            check: next()?,
        };
        if parts.next().is_some() {
            return Err(Finding::new(IdCode::Form).into());
        }
        Ok(read)
    }

    fn wanted_check(&self) -> Option<char> {
        let parts = [self.type_code, self.issuer, self.serial, self.version];
        checksum::mod_37_36(parts.iter().flat_map(|part| part.chars()))
    }
}

fn is_alphanumeric(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

impl LicenceId {
    /// Reads an electronic licence identifier.
    ///
    /// # Errors
    /// `root`, `form`, `type-code` (18 characters of its owner and 3 digits), `issuer`, `serial`,
    /// `version`, `check-digit` (with the expected one). When importing, an issuer or type owner
    /// without a valid social credit code and a wrong check character only warn.
    pub fn parse(text: &str, strictness: Strictness) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        let parts = Parts::read(&text)?;
        let mut doubts = Vec::new();
        check_type_code(&parts, &mut doubts)?;
        check_issuer(&parts, &mut doubts)?;
        if parts.serial.len() > SERIAL_CHARS_MAX || !is_alphanumeric(parts.serial) {
            return Err(Finding::new(IdCode::Serial).wants("1–32").into());
        }
        if parts.version.len() != 3 || !is_digits(parts.version) || is_zeros(parts.version) {
            return Err(Finding::new(IdCode::Version).wants("001–999").into());
        }
        if parts.check.chars().count() != 1 {
            return Err(Finding::new(IdCode::CheckDigit).at(text.chars().count()).into());
        }
        let wanted = parts.wanted_check().ok_or(Finding::new(IdCode::Character))?;
        doubts.extend(check_last(&text, wanted).err().map(|error| error.0));
        match (strictness, doubts.is_empty()) {
            (Strictness::Issue, false) => Err(doubts.swap_remove(0).into()),
            _ => Ok(Checked { value: Self(text), warnings: doubts }),
        }
    }

    /// The licence type: its owner's social credit code and three digits.
    #[must_use]
    pub fn type_code(&self) -> &str {
        Parts::read(&self.0).map(|parts| parts.type_code).unwrap_or_default()
    }

    /// The issuer's social credit code.
    #[must_use]
    pub fn issuer(&self) -> &str {
        Parts::read(&self.0).map(|parts| parts.issuer).unwrap_or_default()
    }

    /// The serial number.
    #[must_use]
    pub fn serial(&self) -> &str {
        Parts::read(&self.0).map(|parts| parts.serial).unwrap_or_default()
    }

    /// The version, 1 to 999.
    #[must_use]
    pub fn version(&self) -> Option<u16> {
        Parts::read(&self.0).ok()?.version.parse().ok()
    }

    /// For a person: as stored.
    #[must_use]
    pub fn display(&self) -> String {
        self.0.clone()
    }

    /// Makes the identifier of a new licence, with its check character.
    ///
    /// # Errors
    /// As [`LicenceId::parse`] when issuing.
    pub fn issue(
        type_code: &str,
        issuer: &str,
        serial: &str,
        version: u16,
    ) -> Result<Self, IdError> {
        let body = format!("{ROOT}{type_code}.{issuer}.{serial}.{version:03}");
        let body = canonical(&body)?;
        let unchecked = format!("{body}.0");
        let wanted = Parts::read(&unchecked)?.wanted_check();
        let wanted = wanted.ok_or(Finding::new(IdCode::Character))?;
        Ok(Self::parse(&format!("{body}.{wanted}"), Strictness::Issue)?.value)
    }
}

fn check_type_code(parts: &Parts<'_>, doubts: &mut Vec<Finding>) -> Result<(), IdError> {
    let code = parts.type_code;
    if code.len() != 21 || !is_alphanumeric(code) || !is_digits(part(code, 18..21)) {
        return Err(Finding::new(IdCode::TypeCode).wants("18+3").into());
    }
    if let Err(error) = SocialCreditCode::parse(part(code, 0..18)) {
        doubts.push(Finding { code: IdCode::TypeCode, position: None, ..error.0 });
    }
    Ok(())
}

/// An issuer that is no code at all is refused even when importing: the check runs over it.
fn check_issuer(parts: &Parts<'_>, doubts: &mut Vec<Finding>) -> Result<(), IdError> {
    if !is_alphanumeric(parts.issuer) {
        return Err(Finding::new(IdCode::Issuer).into());
    }
    if let Err(error) = SocialCreditCode::parse(parts.issuer) {
        doubts.push(Finding { code: IdCode::Issuer, position: None, ..error.0 });
    }
    Ok(())
}
