//! The blind question: "is this person on your list?"
//!
//! The list's owner hands out a [`TagSet`]: for each person the first [`TAG_BYTES`] bytes of a
//! function whose key it alone has, filled up to a size class with tags of nobody. The asker has
//! the function evaluated of one person, blinded, and looks whether the tag is there.
//!
//! The owner learns who asked, when, and about how many persons. The asker learns yes or no of
//! those it asked about, and the size class. Without an evaluation no guess can be tried.

use std::collections::BTreeSet;

use chaincity_crypto::cipher::{self, Secret};
use chaincity_types::{Digest, Timestamp, cbor};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::key::Scoped;
use crate::{Blinded, Chain, Evaluated, Pending, Person, PublicKey, Purpose, Scope, SectorError};

/// Size of a tag, in bytes. A person who is not on a list of n tags is taken for one who is with
/// probability n · 2^-80: 2^-58 for the longest list.
pub const TAG_BYTES: usize = 10;
/// The smallest size class; each next one is four times as large.
pub const CLASS_MIN: usize = 1024;
/// The largest size class, and so the longest list.
pub const CLASS_MAX: usize = 1 << 22;
/// Largest tag set, in bytes.
pub const TAGS_BYTES_MAX: usize = 48 << 20;

/// Purpose of the key that the tags of nobody are made with.
const PADDING: &str = "chaincity/list/padding/1";

type Tag = [u8; TAG_BYTES];

/// The owner's key of one list and epoch. Wiped from memory when dropped, and never printed.
#[derive(Debug)]
pub struct ListKey(Scoped);

impl ListKey {
    /// The key from a seed that the caller drew, or keeps.
    ///
    /// # Errors
    /// [`SectorError::PurposeDiffers`] for the scope of a sector.
    pub fn new(seed: Secret, scope: Scope) -> Result<Self, SectorError> {
        Scoped::new(seed, scope, Purpose::List).map(Self)
    }

    /// The public part.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.0.public
    }

    /// The seed, to keep the key.
    #[must_use]
    pub const fn seed(&self) -> &Secret {
        &self.0.seed
    }

    /// The tags of a list as it stood at a time. Who stands on it twice counts once.
    ///
    /// The tags of nobody are derived from the key: random ones would differ from one set to the
    /// next, and what two sets have in common would be the list.
    ///
    /// # Errors
    /// [`SectorError::ListTooLong`].
    pub fn tags(&self, persons: &[Person], made: Timestamp) -> Result<TagSet, SectorError> {
        // Before any is computed; it may hold doubles.
        class_of(persons.len())?;
        let mut tags = BTreeSet::new();
        for person in persons {
            let output = self.0.key.output(&person.input(self.public().scope()))?;
            tags.insert(tag(&*output)?);
        }
        let class = class_of(tags.len())?;
        let padding = cipher::derive(&self.0.seed, PADDING);
        let scope = cbor::encode(self.public().scope());
        for number in 0_u64.. {
            if tags.len() >= class {
                break;
            }
            tags.insert(tag(&*cipher::keyed_digest(&padding, &[&scope, &number.to_be_bytes()]))?);
        }
        Ok(TagSet { key: self.public().clone(), made, tags: tags.into_iter().collect() })
    }

    /// Answers a question without learning whom it is about.
    ///
    /// # Errors
    /// [`SectorError::ScopeDiffers`], [`SectorError::PurposeDiffers`], [`SectorError::Batch`].
    pub fn answer(
        &self,
        question: Blinded,
        rng: &mut impl CryptoRng,
    ) -> Result<Evaluated, SectorError> {
        self.0.evaluate(question, rng)
    }
}

/// The smallest class that holds so many.
fn class_of(count: usize) -> Result<usize, SectorError> {
    let mut class = CLASS_MIN;
    while class < count {
        class = class.saturating_mul(4);
    }
    if class > CLASS_MAX { Err(SectorError::ListTooLong) } else { Ok(class) }
}

fn tag(output: &[u8]) -> Result<Tag, SectorError> {
    output.first_chunk().copied().ok_or(SectorError::Malformed("a tag"))
}

/// The tags of a list, as its owner hands them out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagSet {
    key: PublicKey,
    made: Timestamp,
    /// Ascending, each once; as many as a size class has.
    tags: Vec<Tag>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Published {
    #[n(1)]
    key: PublicKey,
    #[n(2)]
    made: Timestamp,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    tags: Vec<u8>,
}

impl TagSet {
    /// The owner's public key: what an answer is checked against.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// As of when the list is.
    #[must_use]
    pub const fn made(&self) -> Timestamp {
        self.made
    }

    /// The size class: how many tags there are, persons and nobodies.
    #[must_use]
    pub const fn class(&self) -> usize {
        self.tags.len()
    }

    /// The bytes that are handed out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let tags = self.tags.concat();
        cbor::encode(&Published { key: self.key.clone(), made: self.made, tags })
    }

    /// The digest of the bytes: askers that compare it know that they were handed the same list.
    #[must_use]
    pub fn digest(&self) -> Digest {
        chaincity_crypto::suite::digest(&[&self.to_bytes()])
    }

    /// A tag set from its bytes.
    ///
    /// # Errors
    /// [`SectorError::Malformed`]; [`SectorError::PurposeDiffers`] when its key is of a sector.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SectorError> {
        let malformed = SectorError::Malformed("a list's tags");
        let published: Published = cbor::decode(bytes, TAGS_BYTES_MAX).map_err(|_any| malformed)?;
        let Published { key, made, tags } = published;
        if key.scope().purpose != Purpose::List {
            return Err(SectorError::PurposeDiffers);
        }
        let (tags, rest) = tags.as_chunks::<TAG_BYTES>();
        let ascending = tags.iter().zip(tags.iter().skip(1)).all(|(one, next)| one < next);
        let whole = rest.is_empty() && class_of(tags.len()) == Ok(tags.len());
        if ascending && whole {
            Ok(Self { key, made, tags: tags.to_vec() })
        } else {
            Err(malformed)
        }
    }
}

/// A question to a list's owner that waits for its answer.
#[derive(Debug)]
pub struct Question(Pending);

impl Question {
    /// Asks about persons, 1 to [`crate::BATCH_MAX`].
    ///
    /// # Errors
    /// [`SectorError::Batch`].
    pub fn ask(
        tags: &TagSet,
        persons: &[Person],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, SectorError> {
        Pending::blind(tags.key.scope(), persons, rng).map(Self)
    }

    /// What is sent.
    #[must_use]
    pub const fn blinded(&self) -> &Blinded {
        self.0.blinded()
    }

    /// Who of the persons is on the list, in their order.
    ///
    /// # Errors
    /// Those of [`Pending::finalize`].
    pub fn verdict(
        &self,
        tags: &TagSet,
        persons: &[Person],
        answer: &Evaluated,
    ) -> Result<Vec<bool>, SectorError> {
        let owner = Chain::new(std::slice::from_ref(&tags.key))?;
        let outputs = self.0.outputs(persons, answer, &owner)?;
        let listed = |output: &Zeroizing<[u8; 64]>| {
            tag(&**output).map(|tag| tags.tags.binary_search(&tag).is_ok())
        };
        outputs.iter().map(listed).collect()
    }

    /// The bytes to keep, and to keep secret: see [`Pending`].
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.0.to_bytes()
    }

    /// A question from what was kept.
    ///
    /// # Errors
    /// [`SectorError::Malformed`], [`SectorError::Batch`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SectorError> {
        Pending::from_bytes(bytes).map(Self)
    }
}
