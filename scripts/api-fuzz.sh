#!/usr/bin/env bash
# Sends a running node what its own description allows, and what it forbids (schemathesis).
#
#   api-fuzz.sh URL KEYFILE [schemathesis options]
#
# PYTHON names an interpreter with cbor2, cryptography and schemathesis 4. The key is an
# operator's: the node must be one of a test city. The event stream never ends and is left out.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
url=${1:?address of a node} key=${2:?key file of an operator}
shift 2
python=${PYTHON:-python3}
token=$("$python" "$here/../examples/api/chaincity_api.py" sign-in "$url" "$key")
export SCHEMATHESIS_HOOKS=api_fuzz_hooks PYTHONPATH="$here"
run() {
  "$python" -m schemathesis.cli run "$url/openapi.json" \
    --header "Authorization: Bearer $token" --exclude-path /v1/events \
    --request-timeout 40 --suppress-health-check all --max-examples 25 "$@"
}

run --exclude-path /v1/transactions --exclude-path /v1/session "$@"
# Bytes at random are no signed message: they may be refused, but must be refused well.
run --include-path /v1/transactions --include-path /v1/session \
  --exclude-checks positive_data_acceptance "$@"
