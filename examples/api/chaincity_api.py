#!/usr/bin/env python3
"""Speaks to a node with nothing of Chaincity's code: signs in, or makes a call.

    chaincity_api.py sign-in URL KEYFILE                        prints a session token
    chaincity_api.py call URL KEYFILE PACKAGE ACTION INPUT      INPUT is JSON; prints the receipt

For implementers in other languages: the formats are in docs/formats.md, the interface in
docs/api.md. It checks no proof; examples/verify/verify.py does.
"""

import datetime
import decimal
import json
import sys
import urllib.error
import urllib.request

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LOGIN = "application/chaincity-login"


class Key:
    """An operator's key, from a key file."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            lines = dict(line.split(" ", 1) for line in file.read().splitlines() if line)
        self.secret = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(lines["secret"]))
        self.public = self.secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign1(self, payload, content_type=None):
        """COSE_Sign1 (RFC 9052): a transaction, or a statement of a content type."""
        header = {1: -8, 4: self.public} if content_type is None else {1: -8, 3: content_type, 4: self.public}
        protected = dumps(header)
        signature = self.secret.sign(dumps(["Signature1", protected, b"", payload]))
        return dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))


def dumps(value):
    return cbor2.dumps(value, canonical=True)


def ask(url, body=None, media="application/json", token=None):
    """The JSON that a node answers; a refusal ends the program with its code."""
    headers = {"content-type": media} if body is not None else {}
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        sys.exit(f"{problem['code']}: {problem['zh']} / {problem['en']} ({problem.get('detail', '-')})")


def sign_in(url, key):
    asked = json.dumps({"key": key.public.hex()}).encode()
    challenge = ask(f"{url}/v1/session/challenge", asked)
    # The ledger id should be one that you know by another way; here the node's is taken.
    ledger = bytes.fromhex(challenge["ledger"])
    login = {1: ledger, 2: bytes.fromhex(challenge["challenge"]), 3: key.public}
    return ask(f"{url}/v1/session", key.sign1(dumps(login), LOGIN), "application/cose")["token"]


def milliseconds(text):
    time = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (time - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(milliseconds=1)


def value(field, given):
    """A JSON value as the ledger's, by the declared type of its field."""
    kind = field["type"]
    if kind == "date":
        return cbor2.CBORTag(100, datetime.date.fromisoformat(given).toordinal() - 719_163)
    if kind == "time":
        seconds, rest = divmod(milliseconds(given), 1000)
        return cbor2.CBORTag(1001, {1: seconds, -3: rest})
    if kind in ("area", "decimal"):
        scale = field.get("scale", 2)
        return cbor2.CBORTag(4, [-scale, int(decimal.Decimal(given).scaleb(scale))])
    if kind in ("bytes", "digest"):
        return bytes.fromhex(given)
    if kind == "list":
        return [value(field["of"], item) for item in given]
    if kind == "map":
        return fields(field["fields"], given)
    return given


def fields(declared, given):
    return {name: value(declared[name], item) for name, item in given.items()}


def call(url, key, package, action, given):
    status = ask(f"{url}/v1/status")
    declared = ask(f"{url}/v1/packages/{package}", token=sign_in(url, key))["actions"][action]["input"]
    transaction = {
        1: bytes.fromhex(status["ledger"]),
        2: status["protocol"],
        3: milliseconds(status["time"]) + 300_000,
        4: 0,
        5: [{1: package, 2: action, 3: fields(declared, given)}],
    }
    signed = key.sign1(dumps(transaction))
    return ask(f"{url}/v1/transactions?wait_ms=30000", signed, "application/cose")


def main():
    match sys.argv[1:]:
        case ["sign-in", url, keyfile]:
            print(sign_in(url, Key(keyfile)))
        case ["call", url, keyfile, package, action, given]:
            answer = call(url, Key(keyfile), package, action, json.loads(given))
            print(json.dumps(answer, ensure_ascii=False, indent=2))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
