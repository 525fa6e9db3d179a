#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::convert::Infallible;

use chaincity_crypto::cipher::Secret;
use chaincity_types::Digest;
use chaincity_types::id::ResidentId;
use proptest::prelude::*;
use rand_core::{TryCryptoRng, TryRng};

use super::*;
use crate::{Chain, Epoch, Name, Pending, Person, Purpose, STEWARDS_MAX, Scope, SectorKey};

/// Gives the bytes that it was made with, then zeros. The library draws a scalar as 64 bytes, which
/// it reduces: 32 bytes of a scalar and 32 zeros give that scalar.
struct Fixed(Vec<u8>);

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("the library draws bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("the library draws bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = if self.0.is_empty() { 0 } else { self.0.remove(0) };
        }
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

/// A test vector of RFC 9497, appendix A.1.2, with a proof made of the given scalar.
struct Vector {
    inputs: &'static [&'static str],
    blinds: &'static [&'static str],
    blinded: &'static [&'static str],
    evaluated: &'static [&'static str],
    proof: &'static str,
    scalar: &'static str,
    outputs: &'static [&'static str],
}

const INPUT_1: &str = "00";
const INPUT_2: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const BLIND_1: &str = "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706";
const BLIND_2: &str = "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e";
const OUTPUT_1: &str = "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d\
                        a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c";
const OUTPUT_2: &str = "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60\
                        356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6";

const VECTORS: [Vector; 3] = [
    Vector {
        inputs: &[INPUT_1],
        blinds: &[BLIND_1],
        blinded: &["863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945"],
        evaluated: &["aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e"],
        proof: "ddef93772692e535d1a53903db24367355cc2cc78de93b3be5a8ffcc6985dd06\
                6d4346421d17bf5117a2a1ff0fcb2a759f58a539dfbe857a40bce4cf49ec600d",
        scalar: BLIND_2,
        outputs: &[OUTPUT_1],
    },
    Vector {
        inputs: &[INPUT_2],
        blinds: &[BLIND_1],
        blinded: &["cc0b2a350101881d8a4cba4c80241d74fb7dcbfde4a61fde2f91443c2bf9ef0c"],
        evaluated: &["60a59a57208d48aca71e9e850d22674b611f752bed48b36f7a91b372bd7ad468"],
        proof: "401a0da6264f8cf45bb2f5264bc31e109155600babb3cd4e5af7d181a2c9dc0a\
                67154fabf031fd936051dec80b0b6ae29c9503493dde7393b722eafdf5a50b02",
        scalar: BLIND_2,
        outputs: &[OUTPUT_2],
    },
    Vector {
        inputs: &[INPUT_1, INPUT_2],
        blinds: &[BLIND_1, BLIND_2],
        blinded: &[
            "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
            "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654",
        ],
        evaluated: &[
            "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
            "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a",
        ],
        proof: "cc203910175d786927eeb44ea847328047892ddf8590e723c37205cb74600b0a\
                5ab5337c8eb4ceae0494c2cf89529dcf94572ed267473d567aeed6ab873dee08",
        scalar: "419c4f4f5052c53c45f3da494d2b67b220d02118e0857cdbcf037f9ea84bbe0c",
        outputs: &[OUTPUT_1, OUTPUT_2],
    },
];

fn key() -> Key {
    Key::derive(&[0xa3; 32], b"test key").unwrap()
}

#[test]
fn the_key_is_derived_as_in_the_rfc() {
    assert_eq!(
        hex::encode(key().scalar()),
        "e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909"
    );
    assert_eq!(
        hex::encode(key().public()),
        "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e"
    );
}

#[test]
fn the_function_is_that_of_the_test_vectors_of_rfc_9497() {
    for vector in VECTORS {
        let inputs: Vec<_> =
            vector.inputs.iter().map(|text| Zeroizing::new(hex::decode(text).unwrap())).collect();
        let (mut blinds, mut given) = (Vec::new(), Vec::new());
        for (input, wanted) in inputs.iter().zip(vector.blinds) {
            let (blind, element) = blind(input, &mut Fixed(hex::decode(wanted).unwrap())).unwrap();
            assert_eq!(hex::encode(*blind), *wanted);
            blinds.push(blind);
            given.push(element);
        }
        assert_eq!(given.iter().map(hex::encode).collect::<Vec<_>>(), vector.blinded);

        let mut rng = Fixed(hex::decode(vector.scalar).unwrap());
        let (returned, proof) = key().evaluate(&given, &mut rng).unwrap();
        assert_eq!(returned.iter().map(hex::encode).collect::<Vec<_>>(), vector.evaluated);
        assert_eq!(hex::encode(proof), vector.proof);

        let public = key().public();
        let evaluation =
            Evaluation { given: &given, returned: &returned, proof: &proof, public: &public };
        let outputs = finalize(&inputs, &blinds, evaluation).unwrap();
        let outputs: Vec<_> = outputs.iter().map(|output| hex::encode(**output)).collect();
        assert_eq!(outputs, vector.outputs);
        for (input, output) in inputs.iter().zip(vector.outputs) {
            assert_eq!(hex::encode(*key().output(input).unwrap()), *output);
        }
    }
}

#[test]
fn the_proof_of_one_batch_does_not_serve_another() {
    let given = [bytes(VECTORS[0].blinded[0])];
    let returned = [bytes(VECTORS[0].evaluated[0])];
    let inputs = [Zeroizing::new(vec![0])];
    let blinds = [Zeroizing::new(bytes(BLIND_1))];
    let (proof, other, public) = (bytes(VECTORS[0].proof), bytes(VECTORS[1].proof), key().public());
    let with = |proof| Evaluation { given: &given, returned: &returned, proof, public: &public };
    assert!(finalize(&inputs, &blinds, with(&proof)).is_ok());
    assert_eq!(finalize(&inputs, &blinds, with(&other)), Err(SectorError::Proof));
}

#[test]
fn an_element_is_known_under_its_own_blind_alone() {
    let element = bytes(VECTORS[0].blinded[0]);
    assert_eq!(is_blinded(&[0], &bytes(BLIND_1), &element), Ok(true));
    assert_eq!(is_blinded(&[1], &bytes(BLIND_1), &element), Ok(false));
    assert_eq!(is_blinded(&[0], &bytes(BLIND_2), &element), Ok(false));
    assert!(is_blinded(&[0], &[0; 32], &element).is_err());
    assert!(is_blinded(&[0], &[0xff; 32], &element).is_err());
}

#[test]
fn identity_and_other_encodings_are_no_elements() {
    assert!(is_element(&bytes(VECTORS[0].blinded[0])));
    // The identity, and some of the encodings that RFC 9496, appendix A.3, refuses: not canonical,
    // negative, no square.
    for bad in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    ] {
        assert!(!is_element(&bytes(bad)), "{bad}");
    }
    assert!(is_proof(&bytes(VECTORS[0].proof)));
    assert!(!is_proof(&[0; 64]) && !is_proof(&[0xff; 64]));
}

/// The secret scalars multiplied, which no steward has.
fn product(keys: &[SectorKey]) -> Key {
    let scalar = |key: &SectorKey| Ristretto255::deserialize_scalar(&key.function().scalar());
    let mut product = scalar(&keys[0]).unwrap();
    for key in &keys[1..] {
        product *= &scalar(key).unwrap();
    }
    Key::of_scalar(&Ristretto255::serialize_scalar(product).into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn blinded_evaluated_and_finished_is_what_the_keys_together_give_unblinded(
        seeds in proptest::collection::btree_set(any::<[u8; 32]>(), 1..=STEWARDS_MAX),
        draws in proptest::collection::vec(any::<u8>(), 1024),
        day in 1..=28,
    ) {
        let number = format!("431302190001{day:02}001");
        let number = "0123456789X".chars().find_map(|check| {
            ResidentId::parse(&format!("{number}{check}"), jiff::civil::date(2026, 11, 27)).ok()
        });
        let persons = [Person::of(&number.unwrap().value)];
        let scope = Scope {
            purpose: Purpose::Sector,
            ledger: Digest([9; 32]),
            name: Name::new("provident-fund").unwrap(),
            epoch: Epoch::new(1).unwrap(),
        };
        let key = |seed| SectorKey::new(Secret::from_bytes(seed), scope.clone()).unwrap();
        let keys: Vec<_> = seeds.into_iter().map(key).collect();
        let publics: Vec<_> = keys.iter().map(|key| key.public().clone()).collect();

        let mut rng = Fixed(draws);
        let pending = Pending::blind(&scope, &persons, &mut rng).unwrap();
        let mut evaluated = keys[0].evaluate(pending.blinded().clone(), &mut rng).unwrap();
        for key in &keys[1..] {
            evaluated = key.evaluate_next(evaluated, &mut rng).unwrap();
        }
        let chain = Chain::new(&publics).unwrap();
        let ids = pending.finalize(&persons, &evaluated, &chain).unwrap();

        let unblinded = product(&keys).output(&persons[0].input(&scope)).unwrap();
        prop_assert_eq!(ids[0].value.as_slice(), &unblinded[..32]);
        // Each key alone gives another id, when there are several.
        for key in &keys {
            let alone = key.function().output(&persons[0].input(&scope)).unwrap();
            prop_assert_eq!(alone == unblinded, keys.len() == 1);
        }
    }
}
