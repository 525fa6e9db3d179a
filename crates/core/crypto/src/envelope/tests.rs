use super::*;

/// `{"holder": "张三"}`.
const BYTES: &[u8] = b"\xa1\x66holder\x66\xe5\xbc\xa0\xe4\xb8\x89";

fn group() -> Group {
    Group::new(Secret::from_bytes([7; 32]), BYTES).unwrap()
}

fn context() -> ReleaseContext {
    ReleaseContext {
        ledger: Digest([9; 32]),
        access: "court/right/12".into(),
        package: "real-estate".into(),
        register: "right".into(),
        record: "r-1".into(),
        version: 3,
        group: "holder".into(),
        commitment: group().commitment(),
        claim: None,
    }
}

fn key() -> ReaderKey {
    ReaderKey::from_seed(&Secret::from_bytes([4; 32]))
}

fn sealed() -> SealedGroup {
    seal(&key().public_key(), context(), &group(), &Secret::from_bytes([3; 32])).unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::from_slice(&bytes(text)).unwrap()
}

#[test]
fn the_suite_gives_the_published_vector_of_rfc_9180() {
    // Mode 0, KEM 0x0020, KDF 0x0001, AEAD 0x0002 of the RFC's test vectors, sequence number 0.
    let reader = ReaderKey::from_seed(&secret(
        "dac33b0e9db1b59dbbea58d59a14e7b5896e9bdf98fad6891e99d1686492b9ee",
    ));
    let public = reader.public_key();
    assert_eq!(
        hex::encode(public),
        "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c"
    );
    let entropy = secret("2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9");
    let info = bytes("4f6465206f6e2061204772656369616e2055726e");
    let associated = bytes("436f756e742d30");
    let plaintext = bytes("4265617574792069732074727574682c20747275746820626561757479");
    let (encapsulated, ciphertext) =
        seal_bytes(&public, &info, &associated, &plaintext, &entropy).unwrap();
    assert_eq!(
        hex::encode(encapsulated),
        "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256"
    );
    assert_eq!(
        hex::encode(&ciphertext),
        "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a"
    );
    let opened = open_bytes(&reader, &encapsulated, &info, &associated, &ciphertext).unwrap();
    assert_eq!(opened.as_slice(), plaintext);
}

#[test]
fn an_envelope_opens_for_its_reader() {
    let envelope = Envelope { groups: vec![sealed()] };
    let read = Envelope::from_bytes(&envelope.to_bytes()).unwrap();
    assert_eq!(read, envelope);
    let opened = open(&key(), &read.groups[0], &context()).unwrap();
    assert_eq!(opened, group());
}

#[test]
fn an_envelope_is_pinned() {
    // The vector of docs/formats.md, section 12, which examples/verify/test_group.py opens.
    let vector = include_bytes!("../../../../../examples/verify/vectors/envelope.cbor");
    let envelope = Envelope { groups: vec![sealed()] };
    assert_eq!(hex::encode(envelope.to_bytes()), hex::encode(vector));
    assert_eq!(
        hex::encode(key().public_key()),
        "008d4fd6c00663955bf73dc152fe43bcf13c97453924872458a229f46c808012"
    );
    assert_eq!(
        envelope.digest().to_string(),
        "c52f341c455a85486d807828993a4b9fe1fd95dd52af360bef429911aa1bf412"
    );
}

#[test]
fn no_other_key_opens_it() {
    let other = ReaderKey::from_seed(&Secret::from_bytes([5; 32]));
    assert_eq!(open(&other, &sealed(), &context()), Err(GroupError::NotOpened));
}

#[test]
fn every_altered_byte_is_refused() {
    let sealed = sealed();
    for at in 0..sealed.ciphertext.len() {
        let mut altered = sealed.clone();
        altered.ciphertext[at] ^= 1;
        assert_eq!(open(&key(), &altered, &context()), Err(GroupError::NotOpened), "{at}");
    }
    for at in 0..sealed.encapsulated.len() {
        let mut altered = sealed.clone();
        altered.encapsulated[at] ^= 1;
        assert_eq!(open(&key(), &altered, &context()), Err(GroupError::NotOpened), "{at}");
    }
    let mut short = sealed;
    short.encapsulated.pop();
    assert_eq!(open(&key(), &short, &context()), Err(GroupError::NotOpened));
}

#[test]
fn an_envelope_of_another_release_is_refused_even_when_it_claims_to_be_this_one() {
    let contexts = [
        ReleaseContext { ledger: Digest([1; 32]), ..context() },
        ReleaseContext { access: "court/right/13".into(), ..context() },
        ReleaseContext { package: "identity".into(), ..context() },
        ReleaseContext { register: "unit".into(), ..context() },
        ReleaseContext { record: "r-2".into(), ..context() },
        ReleaseContext { version: 2, ..context() },
        ReleaseContext { group: "price".into(), ..context() },
        ReleaseContext { commitment: Digest([1; 32]), ..context() },
    ];
    for other in contexts {
        assert_eq!(open(&key(), &sealed(), &other), Err(GroupError::ContextDiffers), "{other:?}");
        let renamed = SealedGroup { context: other.clone(), ..sealed() };
        assert_eq!(open(&key(), &renamed, &other), Err(GroupError::NotOpened), "{other:?}");
    }
}

#[test]
fn a_group_of_another_commitment_is_neither_sealed_nor_opened() {
    let other = ReleaseContext { commitment: Digest([1; 32]), ..context() };
    let reader = key().public_key();
    let refused = seal(&reader, other.clone(), &group(), &Secret::from_bytes([3; 32]));
    assert_eq!(refused, Err(GroupError::CommitmentDiffers));
    // A steward that hands over other values than were committed to.
    let associated = cbor::encode(&other);
    let (encapsulated, ciphertext) = seal_bytes(
        &reader,
        RELEASE.as_bytes(),
        &associated,
        &group().plaintext(),
        &Secret::from_bytes([3; 32]),
    )
    .unwrap();
    let sealed =
        SealedGroup { context: other.clone(), encapsulated: encapsulated.to_vec(), ciphertext };
    assert_eq!(open(&key(), &sealed, &other), Err(GroupError::CommitmentDiffers));
}

#[test]
fn a_reader_key_of_low_order_is_refused() {
    for low in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let refused = seal(&low, context(), &group(), &Secret::from_bytes([3; 32]));
        assert_eq!(refused, Err(GroupError::ReaderKey));
    }
}

#[test]
fn bytes_that_are_no_envelope_are_refused() {
    let bytes = Envelope { groups: vec![sealed()] }.to_bytes();
    assert_eq!(Envelope::from_bytes(&bytes[..bytes.len() - 1]), Err(GroupError::Envelope));
    assert_eq!(Envelope::from_bytes(&[&bytes[..], &[0]].concat()), Err(GroupError::Envelope));
    let empty = Envelope { groups: Vec::new() };
    assert_eq!(Envelope::from_bytes(&empty.to_bytes()), Err(GroupError::Envelope));
    let many = Envelope { groups: vec![sealed(); GROUPS_MAX + 1] };
    assert_eq!(Envelope::from_bytes(&many.to_bytes()), Err(GroupError::Envelope));
}

#[test]
fn two_entropies_give_two_envelopes_and_no_key_is_printed() {
    let reader = key().public_key();
    let other = seal(&reader, context(), &group(), &Secret::from_bytes([2; 32])).unwrap();
    assert_ne!(other.encapsulated, sealed().encapsulated);
    assert_ne!(other.ciphertext, sealed().ciphertext);
    assert_eq!(format!("{:?}", key()), "ReaderKey(redacted)");
}

#[test]
fn a_claim_and_a_group_never_pass_for_each_other() {
    let entropy = Secret::from_bytes([3; 32]);
    let of_claim = ReleaseContext { claim: Some("masked".into()), ..context() };
    let claim = seal_claim(&key().public_key(), of_claim.clone(), b"signed", &entropy).unwrap();
    assert_eq!(**open_claim(&key(), &claim, &of_claim).unwrap(), *b"signed");
    assert_eq!(open(&key(), &claim, &of_claim), Err(GroupError::ContextDiffers));
    let differs = |opened: Result<Zeroizing<Vec<u8>>, GroupError>| {
        assert_eq!(opened.unwrap_err(), GroupError::ContextDiffers);
    };
    differs(open_claim(&key(), &sealed(), &context()));
    let another = ReleaseContext { claim: Some("adult".into()), ..context() };
    differs(open_claim(&key(), &claim, &another));
    let sealed = seal(&key().public_key(), of_claim, &group(), &entropy);
    assert_eq!(sealed, Err(GroupError::ContextDiffers));
    let sealed = seal_claim(&key().public_key(), context(), b"signed", &entropy);
    assert_eq!(sealed, Err(GroupError::ContextDiffers));
}
