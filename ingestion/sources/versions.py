"""Which reader takes which version of a contract: old and new versions flow side by side.

A reader is for one MODEL-REVISION and all its additions, which by ADR 13 no reader minds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from ingestion.contracts.event import Draft
from ingestion.contracts.version import Version
from ingestion.errors import UnknownVersion
from ingestion.sources.adapter import SourceContext
from ingestion.sources.fields import named

Reader = Callable[[msgspec.Raw, SourceContext], Draft]


class Readers:
    """The readers of one contract, by MODEL and REVISION. Immutable, so that a replay meets the same ones."""

    def __init__(self, contract: str, readers: Mapping[tuple[int, int], Reader]) -> None:
        self._contract = contract
        self._readers = dict(readers)

    @property
    def versions(self) -> frozenset[tuple[int, int]]:
        """Each MODEL and REVISION that is read."""
        return frozenset(self._readers)

    def of(self, dataschema: str) -> Reader:
        """The reader of `contract/MODEL-REVISION-ADDITION`; raises `UnknownVersion` naming what is read."""
        contract, _, written = dataschema.partition("/")
        try:
            version = Version.parse(written)
        except ValueError:
            version = None
        reader = self._readers.get(version[:2]) if version is not None and contract == self._contract else None
        if reader is None:
            expected = ", ".join(f"{self._contract}/{model}-{revision}-x" for model, revision in sorted(self._readers))
            raise UnknownVersion(f"dataschema: got {named(dataschema)}, expected {expected}")
        return reader
