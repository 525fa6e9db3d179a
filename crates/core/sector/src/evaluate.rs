//! A key's evaluation of a batch, as a step of its question.

use rand_core::CryptoRng;

use crate::key::Scoped;
use crate::{Blinded, Element, Evaluated, Proof, STEWARDS_MAX, SectorError, Step};

impl Scoped {
    pub(crate) fn evaluate(
        &self,
        blinded: Blinded,
        rng: &mut impl CryptoRng,
    ) -> Result<Evaluated, SectorError> {
        let step = self.step(&blinded, &blinded.elements, rng)?;
        Ok(Evaluated { blinded, steps: vec![step] })
    }

    pub(crate) fn evaluate_next(
        &self,
        mut evaluated: Evaluated,
        rng: &mut impl CryptoRng,
    ) -> Result<Evaluated, SectorError> {
        if evaluated.steps.len() >= STEWARDS_MAX {
            return Err(SectorError::Chain);
        }
        let before = evaluated.steps.last().ok_or(SectorError::Chain)?;
        let step = self.step(&evaluated.blinded, &before.elements, rng)?;
        evaluated.steps.push(step);
        Ok(evaluated)
    }

    fn step(
        &self,
        blinded: &Blinded,
        given: &[Element],
        rng: &mut impl CryptoRng,
    ) -> Result<Step, SectorError> {
        blinded.check()?;
        self.check_scope(&blinded.scope)?;
        let given: Vec<_> = given.iter().map(|element| *element.as_bytes()).collect();
        let (elements, proof) = self.key.evaluate(&given, rng)?;
        let elements = elements.into_iter().map(Element::from_bytes).collect::<Result<_, _>>()?;
        Ok(Step { elements, proof: Proof::from_bytes(proof)? })
    }
}
