//! What the people of the city ask for.

use crate::city::Actor;

/// A holder with a share n/d; the model takes any numbers, so that bad ones can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The person.
    pub subject: String,
    /// Numerator.
    pub n: i64,
    /// Denominator.
    pub d: i64,
}

/// A unit's number; whether it is right is known from how it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Number {
    /// Claimed to follow GB/T 37346, and does.
    Standard(String),
    /// Claimed to follow GB/T 37346, and does not.
    Wrong(String),
    /// Of another kind.
    Other(String),
}

impl Number {
    /// The number itself.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Standard(text) | Self::Wrong(text) | Self::Other(text) => text,
        }
    }

    /// Whether it is what it claims to be.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        !matches!(self, Self::Wrong(_))
    }
}

/// What is wrong with a mandate that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It was given for other arguments.
    OtherArguments,
    /// There is none of this key.
    Unknown,
}

/// A mandate that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Who gave it.
    pub by: Actor,
    /// What for.
    pub purpose: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

/// An operation with who asks for it and whose consent is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub by: Actor,
    /// For what.
    pub operation: Operation,
    /// Mandates named.
    pub mandates: Vec<Named>,
}

/// What can be asked for. Rights, mortgages and seals go by their number in the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// First registration.
    Register {
        /// Number.
        number: Number,
        /// Location.
        location: String,
        /// First holders.
        holders: Vec<Holder>,
        /// Basis.
        basis: String,
    },
    /// Transfer of ownership.
    Transfer {
        /// Unit.
        unit: String,
        /// New holders.
        to: Vec<Holder>,
        /// Price in fen.
        price: i64,
    },
    /// Mortgage.
    Mortgage {
        /// Unit.
        unit: String,
        /// Bank.
        mortgagee: String,
        /// Amount in fen.
        amount: i64,
        /// First and last day of the term.
        term: Option<(i32, i32)>,
        /// Whether a ban on transfer is agreed.
        banned: bool,
    },
    /// Release of a mortgage.
    Release {
        /// Number of the mortgage.
        mortgage: usize,
    },
    /// Seal.
    Seal {
        /// Unit.
        unit: String,
        /// When the notice was served, in milliseconds since 1970.
        served_ms: u64,
        /// First day.
        from: i32,
        /// Last day.
        to: i32,
    },
    /// Lifting of a seal.
    Unseal {
        /// Number of the seal.
        seal: usize,
    },
    /// Correction of a right.
    CorrectRight {
        /// Number of the right.
        right: usize,
        /// Version named.
        version: i64,
        /// Right holders.
        holders: Vec<Holder>,
        /// Right basis.
        basis: String,
        /// Reason.
        reason: String,
        /// Legal basis.
        legal_basis: String,
    },
    /// Correction of a unit's location.
    CorrectUnit {
        /// Unit.
        unit: String,
        /// Version named.
        version: i64,
        /// Right location.
        location: String,
        /// Reason.
        reason: String,
        /// Legal basis.
        legal_basis: String,
    },
}
