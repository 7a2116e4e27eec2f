"""Versions of contracts: MODEL-REVISION-ADDITION, Snowplow's SchemaVer.

Reference: docs.snowplow.io/docs/api-reference/iglu/common-architecture/schemaver. ADR 13 says which change asks for
what.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple, Self

_WRITTEN = re.compile(r"(0|[1-9][0-9]{0,5})-(0|[1-9][0-9]{0,5})-(0|[1-9][0-9]{0,5})", re.ASCII)


class Level(IntEnum):
    """What a change asks of a version, mildest first."""

    NONE = 0
    ADDITION = 1  # nobody is hurt: every document and every reader goes on
    REVISION = 2  # old documents stay valid; a reader of the old may meet what it does not know
    MODEL = 3  # breaking: an old document is refused, or what a reader relies on is gone


class Version(NamedTuple):
    """A version; versions are ordered."""

    model: int
    revision: int
    addition: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version that `text` writes; raises `ValueError` for anything else."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no version, expected MODEL-REVISION-ADDITION such as 1-0-0")
        return cls(*map(int, found.groups()))

    def __str__(self) -> str:
        return "-".join(map(str, self))

    def after(self, level: Level) -> Version:
        """The smallest version that a change of that level may have."""
        if level is Level.MODEL:
            return Version(self.model + 1, 0, 0)
        if level is Level.REVISION:
            return Version(self.model, self.revision + 1, 0)
        return Version(self.model, self.revision, self.addition + (level is Level.ADDITION))
