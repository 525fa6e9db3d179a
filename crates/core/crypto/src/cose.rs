//! Signed messages: COSE_Sign1 (RFC 9052, tag 18) in one strict form.
//!
//! A signed transaction has the protected header `{1: algorithm, 4: key}` and the canonical CBOR
//! of a transaction as payload. A signed *statement* (a login challenge, say) has a content type
//! besides, `{1: algorithm, 3: content type, 4: key}`, so that neither passes for the other.
//! The key identifier is the public key itself. The unprotected header and the external data are
//! empty. There is one encoding of each message, and only that one is accepted: a message's
//! bytes cannot be changed without the signer.

use chaincity_types::cbor::{self, CborError};
use chaincity_types::wire::{CALLS_MAX, TRANSACTION_BYTES_MAX, Transaction};
use chaincity_types::{Digest, Reject, Str};
use minicbor::data::{Tag, Type};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use crate::suite::{self, Claim, PublicKey, SecretKey, Signature, Suite};

/// RFC 9052, table 1: COSE_Sign1.
const TAG_SIGN1: u64 = 18;
/// RFC 9052, table 3: labels of common header parameters.
const LABEL_ALGORITHM: u8 = 1;
const LABEL_CONTENT_TYPE: u8 = 3;
const LABEL_KEY: u8 = 4;
/// The longest intent key, case or task, in characters.
const NAME_CHARS_MAX: usize = 64;

/// A transaction whose form is valid and whose signature is still to be verified: see
/// [`SignedTransaction::verify`] and [`verify_transactions`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTransaction {
    /// What was signed.
    pub transaction: Transaction,
    /// Its id: digest of the Sig_structure.
    pub id: Digest,
    /// Public key of the operator.
    pub operator: PublicKey,
    /// The signature.
    pub signature: Signature,
    /// The Sig_structure (RFC 9052, 4.4): the bytes that were signed.
    pub to_be_signed: Vec<u8>,
}

impl SignedTransaction {
    /// Verifies the signature.
    ///
    /// # Errors
    /// [`Reject::BadSignature`].
    pub fn verify(&self) -> Result<(), Reject> {
        if self.operator.verify(&self.to_be_signed, &self.signature) {
            Ok(())
        } else {
            Err(Reject::BadSignature)
        }
    }

    /// The signature to verify, for [`suite::verify_batch`].
    #[must_use]
    pub fn claim(&self) -> Claim<'_> {
        Claim { key: &self.operator, message: &self.to_be_signed, signature: &self.signature }
    }
}

/// Verifies the signatures of many transactions together.
///
/// # Errors
/// The positions of those whose signature does not verify, ascending.
pub fn verify_transactions(transactions: &[&SignedTransaction]) -> Result<(), Vec<usize>> {
    let claims: Vec<_> = transactions.iter().map(|signed| signed.claim()).collect();
    suite::verify_batch(&claims)
}

/// Signs a transaction: the bytes to submit.
#[must_use]
pub fn sign_transaction(transaction: &Transaction, key: &SecretKey) -> Vec<u8> {
    sign(None, cbor::encode(transaction), key)
}

/// The id that a transaction has when `operator` signs it.
#[must_use]
pub fn transaction_id(transaction: &Transaction, operator: &PublicKey) -> Digest {
    let protected = Protected { content_type: None, key: *operator };
    suite::digest(&[&sig_structure(&protected, &cbor::encode(transaction))])
}

/// Reads a signed transaction, strictly: size, form, canonical encoding, number of calls. The
/// signature is not verified.
///
/// # Errors
/// [`Reject::TooLarge`], [`Reject::TooDeep`], [`Reject::CallCount`] or [`Reject::Malformed`].
pub fn decode_transaction(bytes: &[u8]) -> Result<SignedTransaction, Reject> {
    let message: Sign1 = cbor::decode(bytes, TRANSACTION_BYTES_MAX).map_err(reject)?;
    if message.protected.content_type.is_some() {
        return Err(Reject::Malformed);
    }
    let transaction: Transaction =
        cbor::decode(&message.payload, TRANSACTION_BYTES_MAX).map_err(reject)?;
    if transaction.calls.is_empty() || transaction.calls.len() > CALLS_MAX {
        return Err(Reject::CallCount);
    }
    if !names_of(&transaction).all(|name| (1..=NAME_CHARS_MAX).contains(&name.chars().count())) {
        return Err(Reject::Malformed);
    }
    let to_be_signed = sig_structure(&message.protected, &message.payload);
    Ok(SignedTransaction {
        transaction,
        id: suite::digest(&[&to_be_signed]),
        operator: message.protected.key,
        signature: message.signature,
        to_be_signed,
    })
}

/// Intent key, cases and tasks: names of bounded length.
fn names_of(transaction: &Transaction) -> impl Iterator<Item = &Str> {
    let of_calls = transaction.calls.iter().flat_map(|call| [&call.case, &call.task]);
    of_calls.chain([&transaction.intent]).flatten()
}

#[expect(clippy::needless_pass_by_value, reason = "it is a `map_err` function")]
fn reject(error: CborError) -> Reject {
    match error {
        CborError::TooLong { .. } => Reject::TooLarge,
        CborError::TooDeep => Reject::TooDeep,
        CborError::Malformed(_) | CborError::NotCanonical => Reject::Malformed,
    }
}

/// A verified statement: who signed what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Who signed.
    pub key: PublicKey,
    /// What was signed.
    pub payload: Vec<u8>,
}

/// Why a signed statement is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not a COSE_Sign1 message of this form.
    #[error("not a signed statement")]
    Form(#[from] CborError),
    /// A statement about something else.
    #[error("the statement's content type is not `{wanted}`")]
    ContentType {
        /// The content type asked for.
        wanted: String,
    },
    /// The signature does not verify.
    #[error("the statement's signature is not valid")]
    Signature,
}

/// Signs `payload` as a statement of `content_type`, such as `application/chaincity-login`.
#[must_use]
pub fn sign_statement(content_type: &str, payload: &[u8], key: &SecretKey) -> Vec<u8> {
    sign(Some(content_type.to_owned()), payload.to_vec(), key)
}

/// Reads and verifies a signed statement of `content_type`, of at most `max` bytes.
///
/// # Errors
/// See [`StatementError`].
pub fn verify_statement(
    bytes: &[u8],
    content_type: &str,
    max: usize,
) -> Result<Statement, StatementError> {
    let message: Sign1 = cbor::decode(bytes, max)?;
    if message.protected.content_type.as_deref() != Some(content_type) {
        return Err(StatementError::ContentType { wanted: content_type.to_owned() });
    }
    let key = message.protected.key;
    if !key.verify(&sig_structure(&message.protected, &message.payload), &message.signature) {
        return Err(StatementError::Signature);
    }
    Ok(Statement { key, payload: message.payload })
}

fn sign(content_type: Option<String>, payload: Vec<u8>, key: &SecretKey) -> Vec<u8> {
    let protected = Protected { content_type, key: key.public_key() };
    let signature = key.sign(&sig_structure(&protected, &payload));
    cbor::encode(&Sign1 { protected, payload, signature })
}

/// RFC 9052, 4.4: `["Signature1", protected, external_aad, payload]`.
fn sig_structure(protected: &Protected, payload: &[u8]) -> Vec<u8> {
    struct SigStructure<'a>(&'a Protected, &'a [u8]);
    impl<C> Encode<C> for SigStructure<'_> {
        fn encode<W: encode::Write>(
            &self,
            e: &mut Encoder<W>,
            _: &mut C,
        ) -> Result<(), encode::Error<W::Error>> {
            e.array(4)?.str("Signature1")?.bytes(&cbor::encode(self.0))?;
            e.bytes(&[])?.bytes(self.1)?.ok()
        }
    }
    cbor::encode(&SigStructure(protected, payload))
}

/// The protected header.
struct Protected {
    content_type: Option<String>,
    key: PublicKey,
}

impl<C> Encode<C> for Protected {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.map(if self.content_type.is_some() { 3 } else { 2 })?;
        e.u8(LABEL_ALGORITHM)?.i64(Suite::International.cose_algorithm())?;
        if let Some(content_type) = &self.content_type {
            e.u8(LABEL_CONTENT_TYPE)?.str(content_type)?;
        }
        e.u8(LABEL_KEY)?.bytes(self.key.as_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Protected {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let entries = d.map()?;
        let content_type = entries == Some(3);
        if !content_type && entries != Some(2) {
            return Err(decode::Error::message("a protected header of other than 2 or 3 entries"));
        }
        expect_label(d, LABEL_ALGORITHM)?;
        if d.i64()? != Suite::International.cose_algorithm() {
            return Err(decode::Error::message("unknown algorithm"));
        }
        let content_type = if content_type {
            expect_label(d, LABEL_CONTENT_TYPE)?;
            Some(d.str()?.to_owned())
        } else {
            None
        };
        expect_label(d, LABEL_KEY)?;
        let key = PublicKey::from_slice(d.bytes()?)
            .ok_or_else(|| decode::Error::message("key identifier of a wrong length"))?;
        Ok(Self { content_type, key })
    }
}

fn expect_label(d: &mut Decoder<'_>, label: u8) -> Result<(), decode::Error> {
    if d.u8()? == label { Ok(()) } else { Err(decode::Error::message("unexpected header label")) }
}

/// A COSE_Sign1 message: tag 18, `[protected, {}, payload, signature]`.
struct Sign1 {
    protected: Protected,
    payload: Vec<u8>,
    signature: Signature,
}

impl<C> Encode<C> for Sign1 {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.tag(Tag::new(TAG_SIGN1))?.array(4)?;
        e.bytes(&cbor::encode(&self.protected))?.map(0)?;
        e.bytes(&self.payload)?.bytes(self.signature.as_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Sign1 {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if d.tag()?.as_u64() != TAG_SIGN1 || d.array()? != Some(4) {
            return Err(decode::Error::message("not a COSE_Sign1 message"));
        }
        let protected = d.bytes()?;
        // Two levels of a fixed shape: nothing here can nest.
        let protected = minicbor::decode(protected)?;
        if d.datatype()? != Type::Map || d.map()? != Some(0) {
            return Err(decode::Error::message("the unprotected header must be empty"));
        }
        let payload = d.bytes()?.to_vec();
        let signature = Signature::from_slice(d.bytes()?)
            .ok_or_else(|| decode::Error::message("signature of a wrong length"))?;
        Ok(Self { protected, payload, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincity_types::wire::{Call, Mode, PROTOCOL};
    use chaincity_types::{Timestamp, Value};
    use coset::{CborSerializable as _, CoseSign1, RegisteredLabel, TaggedCborSerializable as _};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn key() -> SecretKey {
        SecretKey::from_seed(&[9; 32])
    }

    fn transaction() -> Transaction {
        Transaction {
            ledger: Digest([5; 32]),
            protocol: PROTOCOL,
            expiry: Timestamp(1_790_000_000_000),
            mode: Mode::Atomic,
            calls: vec![Call {
                package: "real-estate".into(),
                action: "transfer".into(),
                input: BTreeMap::from([("unit".into(), Value::from("测试单元"))]),
                case: None,
                task: None,
                mandates: Some(vec!["m-1".into()]),
            }],
            intent: Some("bundle-7/row-3".into()),
        }
    }

    #[test]
    fn a_signed_transaction_round_trips() {
        let bytes = sign_transaction(&transaction(), &key());
        let signed = decode_transaction(&bytes).unwrap();
        assert_eq!(signed.transaction, transaction());
        assert_eq!(signed.operator, key().public_key());
        assert_eq!(signed.id, transaction_id(&transaction(), &key().public_key()));
        assert_eq!(signed.verify(), Ok(()));
        assert_eq!(verify_transactions(&[&signed, &signed]), Ok(()));
    }

    #[test]
    fn an_independent_cose_implementation_agrees() {
        let bytes = sign_transaction(&transaction(), &key());
        let theirs = CoseSign1::from_tagged_slice(&bytes).unwrap();
        let algorithm = theirs.protected.header.alg.clone().unwrap();
        assert_eq!(algorithm, RegisteredLabel::Assigned(coset::iana::Algorithm::EdDSA).into_alg());
        assert_eq!(theirs.protected.header.key_id, key().public_key().as_bytes());
        assert!(theirs.unprotected.is_empty());
        assert_eq!(theirs.payload.clone().unwrap(), cbor::encode(&transaction()));
        let ours = decode_transaction(&bytes).unwrap();
        assert_eq!(theirs.tbs_data(b""), ours.to_be_signed);
        // And the other way round: what they build is byte for byte what we build.
        let header = coset::HeaderBuilder::new()
            .algorithm(coset::iana::Algorithm::EdDSA)
            .key_id(key().public_key().as_bytes().to_vec())
            .build();
        let built = coset::CoseSign1Builder::new()
            .protected(header)
            .payload(cbor::encode(&transaction()))
            .create_signature(b"", |message| key().sign(message).as_bytes().to_vec())
            .build();
        assert_eq!(built.to_tagged_vec().unwrap(), bytes);
    }

    trait IntoAlg {
        fn into_alg(self) -> coset::Algorithm;
    }
    impl IntoAlg for RegisteredLabel<coset::iana::Algorithm> {
        fn into_alg(self) -> coset::Algorithm {
            match self {
                Self::Assigned(a) => coset::Algorithm::Assigned(a),
                Self::Text(t) => coset::Algorithm::Text(t),
            }
        }
    }

    /// A signed transaction whose one call has this case and task.
    fn named(case: Option<String>, task: Option<String>) -> Vec<u8> {
        let mut transaction = transaction();
        transaction.calls[0].case = case.map(Into::into);
        transaction.calls[0].task = task.map(Into::into);
        sign_transaction(&transaction, &key())
    }

    #[test]
    fn case_and_task_have_up_to_64_characters() {
        let name = Some("题".repeat(64));
        assert!(decode_transaction(&named(name.clone(), name)).is_ok());
    }

    #[test]
    fn other_forms_are_refused() {
        let good = sign_transaction(&transaction(), &key());
        let theirs = || CoseSign1::from_tagged_slice(&good).unwrap();
        let mut unprotected = theirs();
        unprotected.unprotected.key_id = vec![1];
        let mut detached = theirs();
        detached.payload = None;
        let mut more = theirs();
        more.protected.original_data = None;
        more.protected.header.iv = vec![1];
        let mut long = theirs();
        long.payload = Some(vec![0; TRANSACTION_BYTES_MAX]);
        let mut deep = theirs();
        deep.payload = Some([vec![0x81; 40], vec![0]].concat());
        let cases = [
            (unprotected.to_tagged_vec().unwrap(), Reject::Malformed),
            (detached.to_tagged_vec().unwrap(), Reject::Malformed),
            (more.to_tagged_vec().unwrap(), Reject::Malformed),
            (theirs().to_vec().unwrap(), Reject::Malformed),
            (long.to_tagged_vec().unwrap(), Reject::TooLarge),
            (deep.to_tagged_vec().unwrap(), Reject::TooDeep),
            (sign_statement("a/b", &cbor::encode(&transaction()), &key()), Reject::Malformed),
            (
                sign_transaction(&Transaction { calls: vec![], ..transaction() }, &key()),
                Reject::CallCount,
            ),
            (
                sign_transaction(
                    &Transaction { intent: Some("x".repeat(65).into()), ..transaction() },
                    &key(),
                ),
                Reject::Malformed,
            ),
            (named(Some("x".repeat(65)), None), Reject::Malformed),
            (named(None, Some(String::new())), Reject::Malformed),
        ];
        for (i, (bytes, want)) in cases.into_iter().enumerate() {
            assert_eq!(decode_transaction(&bytes).unwrap_err(), want, "case {i}");
        }
    }

    #[test]
    fn no_byte_can_be_changed() {
        let good = sign_transaction(&transaction(), &key());
        for position in 0..good.len() {
            for bit in [0x01, 0x20, 0x80] {
                let mut bad = good.clone();
                bad[position] ^= bit;
                let result = decode_transaction(&bad).and_then(|signed| signed.verify());
                assert!(result.is_err(), "byte {position}");
            }
        }
    }

    #[test]
    fn a_statement_is_bound_to_its_content_type() {
        let bytes = sign_statement("application/chaincity-login", b"challenge", &key());
        let statement = verify_statement(&bytes, "application/chaincity-login", 1024).unwrap();
        assert_eq!((statement.key, &*statement.payload), (key().public_key(), &b"challenge"[..]));
        assert!(matches!(
            verify_statement(&bytes, "application/other", 1024),
            Err(StatementError::ContentType { .. })
        ));
        let mut bad = bytes.clone();
        *bad.last_mut().unwrap() ^= 1;
        assert_eq!(
            verify_statement(&bad, "application/chaincity-login", 1024),
            Err(StatementError::Signature)
        );
        let transaction = sign_transaction(&transaction(), &key());
        assert!(verify_statement(&transaction, "application/chaincity-login", 1024).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode_transaction(&bytes).is_err());
            prop_assert!(verify_statement(&bytes, "a/b", 200).is_err());
        }

        #[test]
        fn damaged_messages_never_panic(cut in 0_usize..300, at in 0_usize..300, byte: u8) {
            let mut bytes = sign_transaction(&transaction(), &key());
            let good = bytes.clone();
            if let Some(target) = bytes.get_mut(at) { *target = byte; }
            bytes.truncate(cut);
            let ok = decode_transaction(&bytes).is_ok_and(|signed| signed.verify().is_ok());
            prop_assert_eq!(ok, bytes == good);
        }
    }
}
