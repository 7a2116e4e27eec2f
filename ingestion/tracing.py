"""W3C trace context: one trace from the receiver's request to the canonical event and beyond.

The context travels in the Kafka header `traceparent` and in the event itself, so that it outlives every process.
"""

from __future__ import annotations

import random
import re

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")

_ids = random.Random()  # noqa: S311  # ids are to differ, not to be secret; the system's source costs 3 µs a call


def continued(traceparent: str) -> str:
    """The sender's trace with a span of our own, or a new trace if the sender has none that is valid."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None:
        ids = f"{_ids.getrandbits(192):048x}"
        return f"00-{ids[:32]}-{ids[32:]}-01"
    return f"00-{found[1]}-{_ids.getrandbits(64):016x}-{found[2]}"
