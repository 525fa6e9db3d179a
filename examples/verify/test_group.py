#!/usr/bin/env python3
"""Opens the vector of a released field group with HPKE (RFC 9180) written out from its parts: an
implementation that is not ours.

    test_group.py FILE
"""

import hashlib
import hmac
import sys

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# DHKEM(X25519, HKDF-SHA256); with HKDF-SHA256 and AES-256-GCM.
KEM = b"KEM" + (0x20).to_bytes(2, "big")
SUITE = b"HPKE" + bytes.fromhex("002000010002")
INFO = b"chaincity/release/1"
# What the vector was made from: docs/formats.md, section 12.
READER_SEED = bytes([4]) * 32


def extract(suite, salt, label, ikm):
    return hmac.digest(salt, b"HPKE-v1" + suite + label + ikm, "sha256")


def expand(suite, prk, label, info, length):
    # At most one block of HKDF: nothing here is longer than 32 bytes.
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(prk, info + b"\x01", "sha256")[:length]


def derive_key(seed):
    """DeriveKeyPair of RFC 9180, 7.1.3."""
    prk = extract(KEM, b"", b"dkp_prk", seed)
    return X25519PrivateKey.from_private_bytes(expand(KEM, prk, b"sk", b"", 32))


def open_base(key, encapsulated, info, associated, ciphertext):
    """OpenBase of RFC 9180, 6.1: the first message of a context."""
    shared = key.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    context = encapsulated + key.public_key().public_bytes_raw()
    prk = extract(KEM, b"", b"eae_prk", shared)
    shared = expand(KEM, prk, b"shared_secret", context, 32)
    schedule = b"\x00" + extract(SUITE, b"", b"psk_id_hash", b"")
    schedule += extract(SUITE, b"", b"info_hash", info)
    secret = extract(SUITE, shared, b"secret", b"")
    nonce = expand(SUITE, secret, b"base_nonce", schedule, 12)
    return AESGCM(expand(SUITE, secret, b"key", schedule, 32)).decrypt(
        nonce, ciphertext, associated
    )


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    envelope = cbor2.loads(data)
    assert cbor2.dumps(envelope, canonical=True) == data, "not canonical"
    (sealed,) = envelope[1]
    context, encapsulated, ciphertext = sealed[1], sealed[2], sealed[3]
    key = derive_key(READER_SEED)
    associated = cbor2.dumps(context, canonical=True)
    opened = open_base(key, encapsulated, INFO, associated, ciphertext)
    commitment = hashlib.sha256(b"chaincity/group/1" + opened).digest()
    assert commitment == context[8], "the commitment differs"

    # In another context it does not open.
    other = cbor2.dumps({**context, 2: "court/right/13"}, canonical=True)
    try:
        open_base(key, encapsulated, INFO, other, ciphertext)
        raise AssertionError("opened in another context")
    except InvalidTag:
        pass

    digest = hashlib.sha256(data).hexdigest()
    print(f"VALID: envelope {digest}, commitment {commitment.hex()}, {cbor2.loads(opened[32:])}")


if __name__ == "__main__":
    main()
