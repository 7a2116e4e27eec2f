"""W3C trace context: one trace from the receiver's request to the canonical event and beyond.

The context travels in the Kafka header `traceparent` and in the event itself, so that it outlives every process.
"""

from __future__ import annotations

import re
import secrets

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


def continued(traceparent: str) -> str:
    """The sender's trace with a span of our own, or a new trace if the sender has none that is valid."""
    found = _TRACEPARENT.fullmatch(traceparent)
    trace, flags = (found[1], found[2]) if found else (secrets.token_hex(16), "01")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"
