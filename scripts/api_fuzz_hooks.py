"""Lets schemathesis send bodies of COSE: whatever bytes it makes."""

import schemathesis


@schemathesis.serializer("application/cose")
def cose(_context, value):
    return value if isinstance(value, bytes) else str(value).encode()
