//! What travels between asker and stewards. Every element and proof is checked as it is decoded.

use chaincity_types::cbor;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use crate::function::{self, ELEMENT_BYTES, PROOF_BYTES};
use crate::{STEWARDS_MAX, Scope, SectorError};

/// Most persons in one message.
pub const BATCH_MAX: usize = 4096;
/// Largest message, in bytes: the elements of a full batch, blinded and after each steward.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// An element of the group, not the identity, by its one canonical encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element([u8; ELEMENT_BYTES]);

impl Element {
    /// An element from its bytes.
    ///
    /// # Errors
    /// [`SectorError::Malformed`] for the identity and for every encoding but the canonical one.
    pub fn from_bytes(bytes: [u8; ELEMENT_BYTES]) -> Result<Self, SectorError> {
        let good = function::is_element(&bytes);
        if good { Ok(Self(bytes)) } else { Err(SectorError::Malformed("an element")) }
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; ELEMENT_BYTES] {
        &self.0
    }
}

/// A steward's proof that it used the key that it published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof([u8; PROOF_BYTES]);

impl Proof {
    /// A proof from its bytes.
    ///
    /// # Errors
    /// [`SectorError::Malformed`] when they are not two canonical scalars.
    pub fn from_bytes(bytes: [u8; PROOF_BYTES]) -> Result<Self, SectorError> {
        let good = function::is_proof(&bytes);
        if good { Ok(Self(bytes)) } else { Err(SectorError::Malformed("a proof")) }
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PROOF_BYTES] {
        &self.0
    }
}

macro_rules! as_checked_bytes {
    ($($name:ident)*) => { $(
        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                let bytes = d.bytes()?.try_into().ok();
                let checked = bytes.and_then(|bytes| Self::from_bytes(bytes).ok());
                checked.ok_or_else(|| decode::Error::message("not of the group"))
            }
        }
    )* };
}

as_checked_bytes!(Element Proof);

/// Persons that nobody but the asker can read: what a steward is asked to evaluate.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Blinded {
    /// Whose function is asked for.
    #[n(1)]
    pub(crate) scope: Scope,
    /// One element for each person, 1 to [`BATCH_MAX`].
    #[n(2)]
    pub(crate) elements: Vec<Element>,
}

/// What one steward made of the elements that it was given.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Step {
    /// As many as were given, in the same order.
    #[n(1)]
    pub(crate) elements: Vec<Element>,
    /// One proof for all.
    #[n(2)]
    pub(crate) proof: Proof,
}

/// A question with the evaluations made so far, the first steward's first. Each was made of the
/// elements of the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Evaluated {
    /// The question.
    #[n(1)]
    pub(crate) blinded: Blinded,
    /// 1 to [`STEWARDS_MAX`] evaluations.
    #[n(2)]
    pub(crate) steps: Vec<Step>,
}

impl Step {
    /// The evaluated elements.
    #[must_use]
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The steward's proof.
    #[must_use]
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }
}

impl Blinded {
    /// Whose function is asked for.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How many persons are asked about: what counts against a quota.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.elements.len()).unwrap_or(u32::MAX)
    }

    /// The elements, one for each person.
    #[must_use]
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The bytes that travel.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// A question from its bytes.
    ///
    /// # Errors
    /// [`SectorError::Malformed`], [`SectorError::Batch`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SectorError> {
        let blinded: Self = decoded(bytes, "a blinded question")?;
        blinded.check().map(|()| blinded)
    }

    pub(crate) fn check(&self) -> Result<(), SectorError> {
        let fits = (1..=BATCH_MAX).contains(&self.elements.len());
        if fits { Ok(()) } else { Err(SectorError::Batch) }
    }
}

impl Evaluated {
    /// The question.
    #[must_use]
    pub const fn blinded(&self) -> &Blinded {
        &self.blinded
    }

    /// The evaluations, the first steward's first.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The bytes that travel.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Evaluations from their bytes. That they are right, only [`crate::Pending::finalize`] tells.
    ///
    /// # Errors
    /// [`SectorError::Malformed`], [`SectorError::Batch`], [`SectorError::Chain`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SectorError> {
        let evaluated: Self = decoded(bytes, "an evaluation")?;
        evaluated.blinded.check()?;
        if !(1..=STEWARDS_MAX).contains(&evaluated.steps.len()) {
            return Err(SectorError::Chain);
        }
        let count = evaluated.blinded.elements.len();
        let whole = evaluated.steps.iter().all(|step| step.elements.len() == count);
        if whole { Ok(evaluated) } else { Err(SectorError::Batch) }
    }
}

fn decoded<T>(bytes: &[u8], what: &'static str) -> Result<T, SectorError>
where
    T: for<'b> Decode<'b, ()> + Encode<()>,
{
    cbor::decode(bytes, MESSAGE_BYTES_MAX).map_err(|_any| SectorError::Malformed(what))
}
