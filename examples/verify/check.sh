#!/usr/bin/env bash
# Reads the vectors with implementations that are not ours; damaged ones must be refused.
#
#   check.sh [FOLDER]     PYTHON=… names an interpreter with ../../scripts/requirements.txt
set -eu -o pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}
folder=${1:-vectors}
ledger=$(cat "$folder/ledger.txt")
damaged=$(mktemp)
trap 'rm -f "$damaged"' EXIT

verify() { "$python" verify.py "$1" "$2" --trust "$folder/trust.cbor" --ledger "$ledger"; }

# refuse KIND FILE : with one byte changed, at many places, the proof is not valid.
refuse() {
  local size at
  size=$(stat -c %s "$2")
  for ((at = 0; at < size; at += size / 24 + 1)); do
    "$python" - "$2" "$damaged" "$at" <<'PYTHON'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[int(sys.argv[3])] ^= 1
open(sys.argv[2], "wb").write(data)
PYTHON
    if verify "$1" "$damaged" >/dev/null; then
      echo "$2 was accepted with byte $at changed" >&2
      exit 1
    fi
  done
}

verify record "$folder/record.cbor"
verify record "$folder/absent.cbor"
verify receipt "$folder/receipt.cbor"
refuse record "$folder/record.cbor"
refuse record "$folder/absent.cbor"
refuse receipt "$folder/receipt.cbor"
if "$python" verify.py receipt "$folder/receipt.cbor" --trust "$folder/trust.cbor" \
  --ledger "${ledger//[0-9]/0}" >/dev/null; then
  echo "another ledger's id was accepted" >&2
  exit 1
fi
"$python" test_transaction.py "$folder/transaction.cbor"
"$python" test_group.py "$folder/envelope.cbor"
