#!/usr/bin/env python3
"""Verifies a signed transaction with pycose: an implementation of COSE that is not ours.

    test_transaction.py FILE
"""

import hashlib
import sys

import cbor2
from pycose.headers import KID, Algorithm
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    # What CoseMessage.decode does, but cbor2 6 gives a tag's content as immutable kinds.
    tag = cbor2.loads(data)
    assert tag.tag == 18, "not a COSE_Sign1 message"
    protected, unprotected, payload, signature = tag.value
    message = Sign1Message.from_cose_obj([protected, dict(unprotected), payload, signature], True)
    assert message.phdr[Algorithm].identifier == -8  # EdDSA
    assert not message.uhdr
    message.key = OKPKey(crv=Ed25519, x=message.phdr[KID])
    assert message.verify_signature(), "the signature is not valid"

    # One changed byte of what was signed, and it is not valid any more.
    message.payload = message.payload[:-1] + bytes([message.payload[-1] ^ 1])
    assert not message.verify_signature()
    message.payload = message.payload[:-1] + bytes([message.payload[-1] ^ 1])

    transaction = hashlib.sha256(message._create_sig_structure()).hexdigest()
    print(f"VALID: transaction {transaction}, operator {message.phdr[KID].hex()}")


if __name__ == "__main__":
    main()
