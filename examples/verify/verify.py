#!/usr/bin/env python3
"""Verifies what a Chaincity node hands out, with nothing of Chaincity's own code.

    verify.py record  FILE --trust TRUST [--ledger HEX]
    verify.py receipt FILE --trust TRUST [--ledger HEX]

It is the reference for other implementers: one file, three libraries (cbor2, cryptography,
hashlib), in the order in which trust is built. The byte formats are in docs/formats.md.
"""

import argparse
import hashlib
import sys

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class NotValid(Exception):
    """The proof does not show what it should."""


def check(condition, why):
    if not condition:
        raise NotValid(why)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# Dates and decimals stay what they are on the wire, so that they can be encoded again.
AS_ON_THE_WIRE = {
    tag: lambda value, *_, tag=tag: cbor2.CBORTag(tag, value) for tag in (4, 100)
}


def canonical(data, what):
    """Decodes CBOR and refuses every encoding but the canonical one (RFC 8949, 4.2.1)."""
    try:
        value = cbor2.loads(
            data,
            semantic_decoders=AS_ON_THE_WIRE,
            max_depth=20,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
        again = cbor2.dumps(value, canonical=True)
    except Exception as error:
        raise NotValid(f"the {what} is not CBOR: {error}") from error
    check(again == data, f"the {what} is not in canonical form")
    return value


# --- Finality: who decides, and that a block is decided --------------------------------------

# Header: integer keys of its map.
LEDGER, HEIGHT, PARENT, TIME, STATE_ROOT, EFFECTS_ROOT, COMMITTEE, NEXT = 1, 3, 4, 6, 8, 12, 13, 14


def committee_digest(committee):
    return sha256(b"chaincity/committee/1", cbor2.dumps(committee, canonical=True))


class Reader:
    """The engine's plain binary encoding: fixed fields and LEB128 integers."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        check(self.at + n <= len(self.data), "a proof ends too early")
        self.at += n
        return self.data[self.at - n : self.at]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                # The shortest form only, of at most 64 bits.
                check((byte or shift == 0) and value < 1 << 64, "a number is not in its one form")
                return value
            shift += 7

    def optional(self, size):
        flag = self.take(1)[0]
        check(flag < 2, "an optional field is neither there nor not there")
        return self.take(size) if flag else None

    def end(self):
        check(self.at == len(self.data), "bytes after the end of a proof")


def verify_certificate(certificate, block, committee):
    """A quorum of the committee signed `block`, the digest of a header."""
    reader = Reader(certificate)
    epoch = reader.varint()
    reader.varint()  # view
    reader.varint()  # view of the parent
    check(reader.take(32) == block, "the certificate is for another block")
    proposal = certificate[: reader.at]

    epoch_wanted, validators = committee[1], committee[2]
    n = len(validators)
    check(epoch == epoch_wanted, "the certificate is of another epoch")
    check(int.from_bytes(reader.take(8), "big") == n, "the certificate is of another committee")
    bitmap = int.from_bytes(reader.take((n + 7) // 8), "little")
    check(bitmap >> n == 0, "a signer outside the committee")
    signers = [i for i in range(n) if bitmap >> i & 1]
    check(reader.varint() == len(signers), "signers and signatures differ in number")
    quorum = n - (n - 1) // 3
    check(len(signers) >= quorum, f"{len(signers)} signers where {quorum} are needed")

    namespace = b"chaincity/1_FINALIZE"
    message = bytes([len(namespace)]) + namespace + proposal
    for i in signers:
        key = Ed25519PublicKey.from_public_bytes(validators[i][1])
        try:
            key.verify(reader.take(64), message)
        except InvalidSignature as error:
            raise NotValid("a validator's signature is not valid") from error
    reader.end()
    return len(signers)


def verify_finality(proof, ledger, epoch_blocks, committees):
    """Returns the first header of the proof, which is shown to be final."""
    encoded = proof[1]
    check(1 <= len(encoded) <= 1024, "a finality proof has 1 to 1,024 headers")
    headers = [canonical(data, "header") for data in encoded]
    for header in headers:
        check(header[LEDGER] == ledger, "a header of another ledger")
    for i in range(1, len(headers)):
        check(headers[i][PARENT] == sha256(encoded[i - 1]), "a header does not follow its parent")
        check(headers[i][HEIGHT] == headers[i - 1][HEIGHT] + 1, "a height is left out")
    last = headers[-1]
    epoch = last[HEIGHT] // epoch_blocks
    check(epoch < len(committees), f"the committee of epoch {epoch} is not known")
    check(last[COMMITTEE] == committee_digest(committees[epoch]), "another committee")
    verify_certificate(proof[2], sha256(encoded[-1]), committees[epoch])
    return headers[0]


def walk(bundle, wanted):
    """From genesis through all epochs: returns ledger, blocks in an epoch, committees."""
    genesis = bundle[1]
    ledger = sha256(cbor2.dumps(genesis, canonical=True))
    check(wanted is None or ledger == wanted, "the trust bundle is for another ledger")
    epoch_blocks = genesis[5]
    check(epoch_blocks > 0, "epochs without blocks")
    committees = []
    first = {1: 0, 2: [node[1] for node in genesis[8] if node[2]]}
    for committee, handover in [(first, None), *bundle[2]]:
        epoch, keys = len(committees), [validator[1] for validator in committee[2]]
        check(committee[1] == epoch, "an epoch is left out")
        check(1 <= len(keys) <= 64 and keys == sorted(set(keys)), "not a committee")
        if handover is not None:
            # The last block of the epoch before names the committee that takes over.
            header = verify_finality(handover, ledger, epoch_blocks, committees)
            check(header[HEIGHT] == epoch * epoch_blocks - 1, "not the last block of an epoch")
            check(header[NEXT] == committee_digest(committee), "another committee takes over")
        committees.append(committee)
    return ledger, epoch_blocks, committees


# --- Receipts: RFC 9162 tree under the effects root --------------------------------------------


def verify_inclusion(leaf, proof, root):
    """RFC 9162, 2.1.3.2."""
    size, index, path = proof
    check(index < size, "a leaf beyond the tree")
    at, last, digest = index, size - 1, sha256(b"\x00", leaf)
    for sibling in path:
        check(last > 0, "the path is too long")
        if at & 1 or at == last:
            digest = sha256(b"\x01", sibling, digest)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            digest = sha256(b"\x01", digest, sibling)
        at, last = at >> 1, last >> 1
    check(last == 0 and digest == root, "the receipt is not part of the block")


# --- Records: a Merkle mountain range of operations with a bitmap of the active ones ------------


def position(first, height):
    """Number of the subtree of `height` over the leaves from `first`, in order of creation."""
    return 2 * first - first.bit_count() + (2 << height) - 2


def verify_operation(reader, finish, root):
    """An active operation of the log under `root`; `finish(location)` gives its bytes."""
    location, chunk, leaves = reader.varint(), reader.take(32), reader.varint()
    inactive = reader.varint()
    digests = [reader.take(32) for _ in range(reader.varint())]
    last_chunk, operations_root = reader.optional(32), reader.take(32)
    operation = finish(location)
    reader.end()
    check(location < leaves, "an operation beyond the log")
    check(chunk[location % 256 // 8] >> location % 8 & 1, "the entry is superseded")
    check((last_chunk is not None) == (leaves % 256 != 0), "the last chunk is there or not")
    if location // 256 == leaves // 256:
        check(sha256(chunk) == last_chunk, "another last chunk")

    # One mountain for each bit of the number of leaves, the highest first.
    mountains, begin = [], 0
    for height in reversed(range(leaves.bit_length())):
        if leaves >> height & 1:
            mountains.append((begin, height))
            begin += 1 << height
    own = max(i for i, (begin, _) in enumerate(mountains) if begin <= location)
    height = mountains[own][1]
    after = len(mountains) - own - 1
    check(inactive <= len(mountains), "more inactive mountains than there are")

    # What the digests are, in order.
    folded = min(inactive, own)
    after_inactive = min(max(inactive - own - 1, 0), after)
    counts = [folded > 0, own - folded, after_inactive, after > after_inactive, height]
    check(len(digests) == sum(counts), "a wrong number of digests")
    parts, rest = [], list(digests)
    for count in counts:
        parts.append(rest[: int(count)])
        rest = rest[int(count) :]
    siblings = parts[4]

    # Up the location's mountain. Left siblings stand first, from the top down; then right ones.
    lefts = siblings[: sum(location >> level & 1 for level in range(height))]
    rights = siblings[len(lefts) :]
    digest = sha256(position(location, 0).to_bytes(8, "big"), operation)
    for level in range(height):
        at = position(location >> level + 1 << level + 1, level + 1).to_bytes(8, "big")
        if location >> level & 1:
            digest = sha256(at, lefts.pop(), digest)
        else:
            digest = sha256(at, digest, rights.pop(0))
        if level + 1 == 8:  # this subtree is what the chunk covers
            digest = sha256(chunk, digest)

    # Inactive mountains fold forward, the others backward.
    peaks = [*parts[0], *parts[1], digest, *parts[2], *parts[3]]
    forward = max(inactive - max(folded - 1, 0), 1)
    accumulator = peaks[0]
    for peak in peaks[1:forward]:
        accumulator = sha256(accumulator, peak)
    if peaks[forward:]:
        back = peaks[-1]
        for peak in reversed(peaks[forward:-1]):
            back = sha256(peak, back)
        accumulator = sha256(accumulator, back)
    count = inactive.to_bytes(8, "big") if inactive else b""
    grafted = sha256(b"\x00\x01", leaves.to_bytes(8, "big"), count, accumulator)
    tail = (leaves % 256).to_bytes(8, "big") + last_chunk if last_chunk is not None else b""
    check(sha256(operations_root, grafted, tail) == root, "the state proof leads elsewhere")


def verify_present(proof, key, head, root):
    reader = Reader(proof)
    verify_operation(reader, lambda _: b"\xd2" + key + head + reader.take(32), root)


def verify_absent(proof, key, root):
    reader = Reader(proof)
    kind = reader.take(1)[0]
    check(kind < 2, "neither kind of absence")

    def put(_):
        before, head, after = reader.take(32), reader.take(48), reader.take(32)
        inside = before < key < after if before < after else key > before or key < after
        check(inside, "the proof does not cover the key")
        return b"\xd2" + before + head + after

    def commit(location):
        metadata = reader.optional(48)
        flag = b"\x00" if metadata is None else b"\x01"
        operation = b"\xd3" + flag + (metadata or bytes(48)) + location.to_bytes(8, "big")
        return operation.ljust(113, b"\x00")

    verify_operation(reader, commit if kind else put, root)


# --- The two documents ---------------------------------------------------------------------------


def record(proof, trust):
    check(proof[1] == "chaincity/state-proof/1", "an unknown format of state proof")
    header = verify_finality(proof[5], *trust)
    state_key = sha256(b"chaincity/state/1", proof[2])
    versions = [canonical(data, "version") for data in proof[3]]
    for i, version in enumerate(versions):
        check(cbor2.dumps(version[1], canonical=True) == proof[2], "a version of another record")
        check((version[2] == 1) == (version[3] == bytes(32)), "a chain without a beginning")
        if i:
            body = sha256(b"chaincity/body/1", proof[3][i])
            newer = versions[i - 1]
            check(newer[3] == body and newer[2] == version[2] + 1, "the chain is broken")
    if not versions:
        verify_absent(proof[4], state_key, header[STATE_ROOT])
        return f"VALID: no such record at height {header[HEIGHT]}"
    current = versions[0]
    head = (
        sha256(b"chaincity/body/1", proof[3][0])
        + current[2].to_bytes(8, "big")
        + current[7][9].to_bytes(8, "big")
    )
    verify_present(proof[4], state_key, head, header[STATE_ROOT])
    status = "in force" if current[5] == 0 else "closed"
    return f"VALID: version {current[2]}, {status}, at height {header[HEIGHT]}: {current[6]}"


def receipt(proof, trust):
    header = verify_finality(proof[3], *trust)
    verify_inclusion(proof[1], proof[2], header[EFFECTS_ROOT])
    document = canonical(proof[1], "receipt")
    place = (document[2], document[3], document[4])
    check(place == (header[HEIGHT], proof[2][1], header[TIME]), "the receipt speaks of elsewhere")
    # Applied is [0]; rejected is [1, {code, call, detail}].
    outcomes = ["applied" if entry[1][0] == 0 else "rejected" for entry in document[6]]
    return f"VALID: transaction {document[1].hex()} at height {header[HEIGHT]}: {outcomes}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["record", "receipt"])
    parser.add_argument("file")
    parser.add_argument("--trust", required=True)
    parser.add_argument("--ledger", type=bytes.fromhex)
    arguments = parser.parse_args()
    try:
        with open(arguments.trust, "rb") as file:
            bundle = canonical(file.read(), "trust bundle")
        with open(arguments.file, "rb") as file:
            proof = canonical(file.read(), "proof")
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    except NotValid as error:
        print(f"NOT VALID: {error}")
        return 1
    try:
        trust = walk(bundle, arguments.ledger)
        print((record if arguments.kind == "record" else receipt)(proof, trust))
    except NotValid as error:
        print(f"NOT VALID: {error}")
        return 1
    except (AttributeError, KeyError, IndexError, OverflowError, TypeError, ValueError) as error:
        # A field is missing or of another kind.
        print(f"NOT VALID: not of the format: {error!r}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
