//! Identifiers that a city office writes on paper, each a type of its own: normalised, checked,
//! and refused with a precise reason.
//!
//! Every type has a `parse` that gives a [`Checked`] value in canonical form (NFKC, upper case,
//! no spaces) or an [`IdError`] with a stable code. A rule that no check digit decides (a region
//! that the table does not know, a pilot-era code) gives a *warning* instead of an error.
//!
//! What this module refuses to know: whether the identifier exists in some register, and today's
//! date, which the caller gives where a rule needs it.
//!
//! ```
//! use chaincity_types::id::{IdCode, UnitNumber};
//!
//! let unit = UnitNumber::parse("４３１３０２ 001002 gb00011 F00010001").unwrap();
//! assert_eq!(unit.value.as_str(), "431302001002GB00011F00010001");
//! assert_eq!(unit.value.display(), "431302 001002 GB00011 F00010001");
//!
//! let wrong = UnitNumber::parse("431302001002GB00012W00000001").unwrap_err();
//! assert_eq!(wrong.code(), IdCode::FixtureZeros);
//! ```

mod bank;
mod certificate_number;
mod checksum;
mod code;
mod court_case;
mod division;
mod gtin;
mod invoice;
mod licence_id;
mod resident_id;
mod service_item;
mod text;
mod unit_number;
mod uscc;

use std::fmt;

use jiff::civil::Date;

pub use bank::{BankCard, BankNumber};
pub use certificate_number::{CertificateKind, CertificateNumber};
pub use code::IdCode;
pub use court_case::CourtCaseNumber;
pub use division::{Division, DivisionCode, Divisions};
pub use gtin::{Gtin, GtinForm};
pub use invoice::{EInvoiceNumber, FiscalBillNumber};
pub use licence_id::LicenceId;
pub use resident_id::{ResidentId, Sex};
pub use service_item::ServiceItemCode;
pub use text::{INPUT_CHARS_MAX, masked};
pub use unit_number::UnitNumber;
pub use uscc::SocialCreditCode;

/// One thing found wrong or doubtful in a text. It never holds the text itself, which may be
/// personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The stable code.
    pub code: IdCode,
    /// Where, as the 1-based character position in the canonical form.
    pub position: Option<usize>,
    /// What should stand there: a check character, a length, a list of letters.
    pub expected: Option<String>,
}

impl Finding {
    pub(crate) const fn new(code: IdCode) -> Self {
        Self { code, position: None, expected: None }
    }

    pub(crate) const fn at(mut self, position: usize) -> Self {
        self.position = Some(position);
        self
    }

    pub(crate) fn wants(mut self, expected: impl fmt::Display) -> Self {
        self.expected = Some(expected.to_string());
        self
    }

    /// The text for a person, Chinese, with position and expectation.
    #[must_use]
    pub fn zh(&self) -> String {
        let mut text = self.code.zh().to_owned();
        if let Some(position) = self.position {
            text.push_str(&format!("（第{position}位）"));
        }
        if let Some(expected) = &self.expected {
            text.push_str(&format!("，应为`{expected}`"));
        }
        text
    }

    /// The text for a person, English, with position and expectation.
    #[must_use]
    pub fn en(&self) -> String {
        let mut text = self.code.en().to_owned();
        if let Some(position) = self.position {
            text.push_str(&format!(" (position {position})"));
        }
        if let Some(expected) = &self.expected {
            text.push_str(&format!(", should be `{expected}`"));
        }
        text
    }
}

/// Why a text is not the wanted identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdError(pub Finding);

impl IdError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> IdCode {
        self.0.code
    }

    /// What should stand there, where that is known.
    #[must_use]
    pub fn expected(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }
}

impl From<Finding> for IdError {
    fn from(finding: Finding) -> Self {
        Self(finding)
    }
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.en())
    }
}

impl std::error::Error for IdError {}

/// A value that passed its checks, with what is doubtful about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked<T> {
    /// The value.
    pub value: T,
    /// What a person should look at; empty for nearly all values.
    pub warnings: Vec<Finding>,
}

/// How strict an electronic licence identifier is read: live data holds identifiers with
/// issuers that have no social credit code and with wrong check characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// For issuing: every rule is an error.
    #[default]
    Issue,
    /// For importing: the issuer, the type's owner and the check character only warn.
    Import,
}

/// What a check needs to know beside the text.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Today in the office's time zone (UTC+8); dates after it are in the future.
    pub today: Date,
    /// How strict to be where live data is known to be wrong.
    pub strictness: Strictness,
}

/// Declares the kinds: variant, stable name, Chinese name.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $zh:literal;)*) => {
        /// The kind of an identifier, for callers that choose it at run time.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum IdKind { $($(#[$doc])* $variant,)* }

        impl IdKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The Chinese name.
            #[must_use]
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)* }
            }

            /// The kind of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.name() == name)
            }
        }
    };
}

kinds! {
    /// [`ResidentId`].
    ResidentId = "resident-id", "公民身份号码";
    /// [`SocialCreditCode`].
    SocialCreditCode = "uscc", "统一社会信用代码";
    /// [`UnitNumber`].
    UnitNumber = "unit-number", "不动产单元号";
    /// [`CertificateNumber`].
    CertificateNumber = "certificate-number", "不动产权证号";
    /// [`LicenceId`].
    LicenceId = "licence-id", "电子证照标识";
    /// [`ServiceItemCode`].
    ServiceItem = "service-item", "政务服务事项实施编码";
    /// [`Gtin`].
    Gtin = "gtin", "商品条码与位置、物流单元代码";
    /// [`DivisionCode`].
    Division = "division", "行政区划代码";
    /// [`BankCard`].
    BankCard = "bank-card", "银行卡号";
    /// [`BankNumber`].
    BankNumber = "bank-number", "银行联行号";
    /// [`EInvoiceNumber`].
    EInvoice = "e-invoice", "数电票号码";
    /// [`FiscalBillNumber`].
    FiscalBill = "fiscal-bill", "财政电子票据代码与号码";
    /// [`CourtCaseNumber`].
    CourtCase = "court-case", "法院案号";
}

/// An identifier's text in its two forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdText {
    /// The canonical form, as stored.
    pub canonical: String,
    /// The form for a person: grouped, and masked where it is personal data.
    pub display: String,
}

/// Checks `text` as an identifier of a kind chosen at run time.
///
/// # Errors
/// With the code of the first rule that `text` breaks.
pub fn check(kind: IdKind, text: &str, context: &Context) -> Result<Checked<IdText>, IdError> {
    macro_rules! erased {
        ($parsed:expr) => {{
            let Checked { value, warnings } = $parsed?;
            let text = IdText { canonical: value.as_str().to_owned(), display: value.display() };
            Ok(Checked { value: text, warnings })
        }};
    }
    let today = context.today;
    match kind {
        IdKind::ResidentId => erased!(ResidentId::parse(text, today)),
        IdKind::SocialCreditCode => erased!(SocialCreditCode::parse(text)),
        IdKind::UnitNumber => erased!(UnitNumber::parse(text)),
        IdKind::CertificateNumber => erased!(CertificateNumber::parse(text, today)),
        IdKind::LicenceId => erased!(LicenceId::parse(text, context.strictness)),
        IdKind::ServiceItem => erased!(ServiceItemCode::parse(text)),
        IdKind::Gtin => erased!(Gtin::parse(text)),
        IdKind::Division => erased!(DivisionCode::parse(text)),
        IdKind::BankCard => erased!(BankCard::parse(text)),
        IdKind::BankNumber => erased!(BankNumber::parse(text)),
        IdKind::EInvoice => erased!(EInvoiceNumber::parse(text, today)),
        IdKind::FiscalBill => erased!(FiscalBillNumber::parse(text, today)),
        IdKind::CourtCase => erased!(CourtCaseNumber::parse(text, today)),
    }
}

/// Declares an identifier type around its canonical text, which `Display` prints; `personal` ones
/// are masked wherever they are printed.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        identifier! { @type as_str, $(#[$doc])* $name }
    };
    (personal $(#[$doc:meta])* $name:ident) => {
        identifier! { @type display, $(#[$doc])* $name }
    };
    (@type $printed:ident, $(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The canonical form, as stored.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.$printed().as_ref())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.$printed())
            }
        }
    };
}
use identifier;

#[cfg(test)]
mod tests;
