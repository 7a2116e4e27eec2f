"""Decision ids: UUIDs that sort by time (RFC 9562, version 7 by layout)."""

from __future__ import annotations

import os
from datetime import datetime
from hashlib import sha256
from uuid import UUID

_VERSION = 7 << 76
_VARIANT = 2 << 62


def new_id(moment: datetime) -> str:
    """A fresh id for an answer given at `moment`."""
    return _layout(moment, int.from_bytes(os.urandom(10)))


def derived_id(moment: datetime, *parts: str) -> str:
    """The same id for the same moment and parts: a replay names its decision as the first run did."""
    return _layout(moment, int.from_bytes(sha256("\n".join(parts).encode()).digest()[:10]))


def _layout(moment: datetime, random: int) -> str:
    """48 bits of milliseconds, then 74 of the 80 given bits around version and variant."""
    high = (random >> 68) & 0xFFF
    low = random & 0x3FFF_FFFF_FFFF_FFFF
    milliseconds = int(moment.timestamp() * 1000) & 0xFFFF_FFFF_FFFF
    return str(UUID(int=(milliseconds << 80) | _VERSION | (high << 64) | _VARIANT | low))
