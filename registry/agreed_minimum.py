"""What the business and the modellers agreed a model must reach: `agreed_minimum.json`, versioned with the code."""

from __future__ import annotations

from pathlib import Path

import msgspec

from registry.bundle import AgreedMinimum

AGREED_MINIMUM_FILE = Path(__file__).with_suffix(".json")


def agreed_minimum(file: Path = AGREED_MINIMUM_FILE) -> AgreedMinimum:
    """The agreement in force; a bundle carries the one it was judged by."""
    return msgspec.json.decode(file.read_bytes(), type=AgreedMinimum)
