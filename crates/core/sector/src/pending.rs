//! The asker's side: what is kept while the stewards evaluate, and how ids come of it.

use std::fmt;

use chaincity_types::cbor;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

use crate::function::{self, Blind, Evaluation, Output};
use crate::{
    BATCH_MAX, Blinded, Chain, Element, Evaluated, MESSAGE_BYTES_MAX, Person, Purpose, Scope,
    SectorError, SectorId,
};

/// A question that waits for its answer, with the blinds that take it apart. With them and the
/// question, identity numbers can be tried: to be kept as secret as the numbers themselves, and
/// destroyed when the answer is there. It does not hold the numbers.
pub struct Pending {
    blinded: Blinded,
    blinds: Vec<Blind>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Kept {
    #[n(1)]
    blinded: Blinded,
    #[n(2)]
    blinds: Vec<ByteArray<32>>,
}

impl Pending {
    /// Blinds persons, 1 to [`BATCH_MAX`].
    ///
    /// # Errors
    /// [`SectorError::Batch`].
    pub fn blind(
        scope: &Scope,
        persons: &[Person],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, SectorError> {
        if !(1..=BATCH_MAX).contains(&persons.len()) {
            return Err(SectorError::Batch);
        }
        let mut blinds = Vec::with_capacity(persons.len());
        let mut elements = Vec::with_capacity(persons.len());
        for person in persons {
            let (blind, element) = function::blind(&person.input(scope), rng)?;
            blinds.push(blind);
            elements.push(Element::from_bytes(element)?);
        }
        Ok(Self { blinded: Blinded { scope: scope.clone(), elements }, blinds })
    }

    /// What is sent.
    #[must_use]
    pub const fn blinded(&self) -> &Blinded {
        &self.blinded
    }

    /// The ids of the persons, in their order, once every steward of the chain has evaluated.
    ///
    /// # Errors
    /// [`SectorError::PersonsDiffer`] when they are not those that were blinded;
    /// [`SectorError::QuestionDiffers`], [`SectorError::Steps`], [`SectorError::Proof`] when the
    /// answer is not to be relied on; [`SectorError::ScopeDiffers`], [`SectorError::PurposeDiffers`].
    pub fn finalize(
        &self,
        persons: &[Person],
        evaluated: &Evaluated,
        chain: &Chain,
    ) -> Result<Vec<SectorId>, SectorError> {
        let Scope { purpose, name, epoch, .. } = chain.scope();
        if *purpose != Purpose::Sector {
            return Err(SectorError::PurposeDiffers);
        }
        let outputs = self.outputs(persons, evaluated, chain)?;
        let id = |output: Output| {
            let (value, _rest) = output.split_first_chunk().ok_or(SectorError::Batch)?;
            Ok(SectorId { sector: name.clone(), epoch: *epoch, value: *value })
        };
        outputs.into_iter().map(id).collect()
    }

    /// The function's outputs.
    pub(crate) fn outputs(
        &self,
        persons: &[Person],
        evaluated: &Evaluated,
        chain: &Chain,
    ) -> Result<Vec<Output>, SectorError> {
        let scope = &self.blinded.scope;
        if chain.scope() != scope {
            return Err(SectorError::ScopeDiffers);
        }
        if evaluated.blinded != self.blinded {
            return Err(SectorError::QuestionDiffers);
        }
        let (found, wanted) = (evaluated.steps.len(), chain.keys().len());
        if found != wanted {
            return Err(SectorError::Steps { found, wanted });
        }
        let inputs = self.inputs(persons)?;
        let mut given = raw(&self.blinded.elements);
        let mut outputs = Vec::new();
        for (step, key) in evaluated.steps.iter().zip(chain.keys()) {
            let returned = raw(&step.elements);
            let evaluation = Evaluation {
                given: &given,
                returned: &returned,
                proof: step.proof.as_bytes(),
                public: key.as_bytes(),
            };
            // Checks this steward's proof. The outputs count after the last one.
            outputs = function::finalize(&inputs, &self.blinds, evaluation)?;
            given = returned;
        }
        Ok(outputs)
    }

    /// The function's inputs, once the persons are seen to be those that were blinded: no proof
    /// would tell.
    fn inputs(&self, persons: &[Person]) -> Result<Vec<Zeroizing<Vec<u8>>>, SectorError> {
        if persons.len() != self.blinds.len() {
            return Err(SectorError::PersonsDiffer);
        }
        let mut inputs = Vec::with_capacity(persons.len());
        for ((person, blind), element) in
            persons.iter().zip(&self.blinds).zip(&self.blinded.elements)
        {
            let input = person.input(&self.blinded.scope);
            if !function::is_blinded(&input, blind, element.as_bytes())? {
                return Err(SectorError::PersonsDiffer);
            }
            inputs.push(input);
        }
        Ok(inputs)
    }

    /// The bytes to keep, and to keep secret.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let blinds = self.blinds.iter().map(|blind| ByteArray::from(**blind)).collect();
        let mut kept = Kept { blinded: self.blinded.clone(), blinds };
        let bytes = Zeroizing::new(cbor::encode(&kept));
        kept.wipe();
        bytes
    }

    /// A pending question from what was kept.
    ///
    /// # Errors
    /// [`SectorError::Malformed`], [`SectorError::Batch`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SectorError> {
        let kept: Result<Kept, _> = cbor::decode(bytes, MESSAGE_BYTES_MAX);
        let mut kept = kept.map_err(|_any| SectorError::Malformed("a kept question"))?;
        let blinds = kept.blinds.iter().map(|blind| Zeroizing::new(**blind)).collect::<Vec<_>>();
        kept.wipe();
        kept.blinded.check()?;
        if blinds.len() == kept.blinded.elements.len() {
            Ok(Self { blinded: kept.blinded, blinds })
        } else {
            Err(SectorError::Batch)
        }
    }
}

impl Kept {
    fn wipe(&mut self) {
        for blind in &mut self.blinds {
            blind.zeroize();
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("blinded", &self.blinded).finish_non_exhaustive()
    }
}

fn raw(elements: &[Element]) -> Vec<[u8; 32]> {
    elements.iter().map(|element| *element.as_bytes()).collect()
}
