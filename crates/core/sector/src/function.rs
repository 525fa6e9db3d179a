//! The function itself: RFC 9497, VOPRF mode, ristretto255-SHA512. The one place that names the
//! library; all else speaks of elements, proofs and outputs.

use rand_core::CryptoRng;
use voprf::{
    BlindedElement, EvaluationElement, Group as _, Ristretto255, VoprfClient, VoprfServer,
};
use zeroize::{Zeroize as _, Zeroizing};

use crate::SectorError;

/// Size of an element of the group, in bytes.
pub(crate) const ELEMENT_BYTES: usize = 32;
/// Size of a proof, in bytes.
pub(crate) const PROOF_BYTES: usize = 64;

/// A blind: a scalar that is not zero. Whoever has it with the blinded element can try identity
/// numbers against it.
pub(crate) type Blind = Zeroizing<[u8; 32]>;
/// What the function gives: 64 bytes.
pub(crate) type Output = Zeroizing<[u8; 64]>;

type Elem = <Ristretto255 as voprf::Group>::Elem;
type Server = VoprfServer<Ristretto255>;
type Client = VoprfClient<Ristretto255>;

/// Whether these are the canonical bytes of an element that is not the identity.
pub(crate) fn is_element(bytes: &[u8; ELEMENT_BYTES]) -> bool {
    Ristretto255::deserialize_elem(bytes).is_ok()
}

/// Whether these are two canonical scalars that are not zero.
pub(crate) fn is_proof(bytes: &[u8; PROOF_BYTES]) -> bool {
    proof(bytes).is_ok()
}

/// A key with its public part; wiped from memory when dropped.
pub(crate) struct Key(Server);

impl Key {
    /// `DeriveKeyPair(seed, info)` of the RFC.
    pub(crate) fn derive(seed: &[u8; 32], info: &[u8]) -> Result<Self, SectorError> {
        // Fails for an `info` of 64 KiB, or with a probability of 2^-250 and less 256 times.
        let derived = Server::new_from_seed(seed, info);
        derived.map(Self).map_err(|_unlikely| SectorError::Malformed("a seed"))
    }

    pub(crate) fn public(&self) -> [u8; ELEMENT_BYTES] {
        Ristretto255::serialize_elem(self.0.get_public_key()).into()
    }

    /// Evaluates elements, with one proof for all.
    pub(crate) fn evaluate(
        &self,
        elements: &[[u8; ELEMENT_BYTES]],
        rng: &mut impl CryptoRng,
    ) -> Result<(Vec<[u8; ELEMENT_BYTES]>, [u8; PROOF_BYTES]), SectorError> {
        let blinded = elements.iter().map(blinded).collect::<Result<Vec<_>, _>>()?;
        let done = self.0.batch_blind_evaluate(&mut Draws(rng), &blinded);
        let done = done.map_err(|_size_or_count| SectorError::Batch)?;
        let evaluated = done.messages.iter().map(|element| element.serialize().into()).collect();
        Ok((evaluated, done.proof.serialize().into()))
    }

    /// The function's output, by who has both key and input.
    pub(crate) fn output(&self, input: &[u8]) -> Result<Output, SectorError> {
        let output = self.0.evaluate(input).map_err(|_size| SectorError::Malformed("an input"))?;
        Ok(Zeroizing::new(output.into()))
    }

    /// The secret scalar, for tests that multiply keys.
    #[cfg(test)]
    pub(crate) fn scalar(&self) -> [u8; 32] {
        self.0.serialize()[..32].try_into().unwrap()
    }

    /// The key with this scalar.
    #[cfg(test)]
    pub(crate) fn of_scalar(scalar: &[u8; 32]) -> Self {
        Self(Server::new_with_key(scalar).unwrap())
    }
}

/// Blinds an input with a new blind.
pub(crate) fn blind(
    input: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<(Blind, [u8; ELEMENT_BYTES]), SectorError> {
    let done = Client::blind(input, &mut Draws(rng));
    let done = done.map_err(|_size| SectorError::Malformed("an input"))?;
    let mut state: [u8; 64] = done.state.serialize().into();
    let mut blind = Zeroizing::new([0; 32]);
    for (to, from) in blind.iter_mut().zip(state) {
        *to = from;
    }
    state.zeroize();
    Ok((blind, done.message.serialize().into()))
}

/// Whether the element is this input under this blind.
pub(crate) fn is_blinded(
    input: &[u8],
    blind: &[u8; 32],
    element: &[u8; ELEMENT_BYTES],
) -> Result<bool, SectorError> {
    let scalar = Ristretto255::deserialize_scalar(blind);
    let scalar = scalar.map_err(|_bytes| SectorError::Malformed("a blind"))?;
    let done = Client::deterministic_blind_unchecked(input, scalar);
    let done = done.map_err(|_size| SectorError::Malformed("an input"))?;
    Ok(<[u8; ELEMENT_BYTES]>::from(done.message.serialize()) == *element)
}

/// One evaluation of a batch: what was given, what came back, the proof, and whose key it must be.
#[derive(Clone, Copy)]
pub(crate) struct Evaluation<'a> {
    pub(crate) given: &'a [[u8; ELEMENT_BYTES]],
    pub(crate) returned: &'a [[u8; ELEMENT_BYTES]],
    pub(crate) proof: &'a [u8; PROOF_BYTES],
    pub(crate) public: &'a [u8; ELEMENT_BYTES],
}

/// Checks an evaluation's proof, takes the blinds off, and gives the outputs of the inputs. After
/// the last steward of a chain these are the chain's.
pub(crate) fn finalize(
    inputs: &[Zeroizing<Vec<u8>>],
    blinds: &[Blind],
    evaluation: Evaluation<'_>,
) -> Result<Vec<Output>, SectorError> {
    let Evaluation { given, returned, proof: proof_bytes, public } = evaluation;
    if inputs.len() != given.len() || blinds.len() != given.len() || returned.len() != given.len() {
        return Err(SectorError::Batch);
    }
    let clients = blinds.iter().zip(given).map(|(blind, element)| client(blind, element));
    let clients = clients.collect::<Result<Vec<_>, _>>()?;
    let messages = returned.iter().map(evaluated).collect::<Result<Vec<_>, _>>()?;
    let inputs: Vec<&[u8]> = inputs.iter().map(|input| input.as_slice()).collect();
    let (proof, public) = (proof(proof_bytes)?, element(public)?);
    let outputs = Client::batch_finalize(&inputs, &clients, &messages, &proof, public);
    let outputs = outputs.map_err(|_not_proved| SectorError::Proof)?;
    outputs
        .map(|output| match output {
            Ok(output) => Ok(Zeroizing::new(output.into())),
            Err(_size) => Err(SectorError::Malformed("an input")),
        })
        .collect()
}

fn element(bytes: &[u8; ELEMENT_BYTES]) -> Result<Elem, SectorError> {
    Ristretto255::deserialize_elem(bytes).map_err(|_bytes| SectorError::Malformed("an element"))
}

fn blinded(bytes: &[u8; ELEMENT_BYTES]) -> Result<BlindedElement<Ristretto255>, SectorError> {
    BlindedElement::deserialize(bytes).map_err(|_bytes| SectorError::Malformed("an element"))
}

fn evaluated(bytes: &[u8; ELEMENT_BYTES]) -> Result<EvaluationElement<Ristretto255>, SectorError> {
    EvaluationElement::deserialize(bytes).map_err(|_bytes| SectorError::Malformed("an element"))
}

fn proof(bytes: &[u8; PROOF_BYTES]) -> Result<voprf::Proof<Ristretto255>, SectorError> {
    voprf::Proof::deserialize(bytes).map_err(|_bytes| SectorError::Malformed("a proof"))
}

/// The library's client is blind ‖ blinded element.
fn client(blind: &Blind, element: &[u8; ELEMENT_BYTES]) -> Result<Client, SectorError> {
    let bytes = Zeroizing::new([blind.as_slice(), element].concat());
    Client::deserialize(&bytes).map_err(|_bytes| SectorError::Malformed("a blind"))
}

/// The caller's generator, as the library's older interface asks for it.
struct Draws<'a, R>(&'a mut R);

impl<R: CryptoRng> rand_core_06::RngCore for Draws<'_, R> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.0.fill_bytes(dest);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.0.fill_bytes(dest);
        Ok(())
    }
}

impl<R: CryptoRng> rand_core_06::CryptoRng for Draws<'_, R> {}

#[cfg(test)]
mod tests;
