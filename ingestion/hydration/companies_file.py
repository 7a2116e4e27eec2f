"""A provider of firmographics that is a file of companies: CSV, JSON or Parquet, packed or not, as imports read them.

All of its rows are in memory, by domain; it is read again when it has changed.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from ingestion.errors import FetchDelayed, FileUnreadable
from ingestion.hydration.vendor import Wanted
from ingestion.identity.domains import registrable_domain
from ingestion.importer.formats import rows
from ingestion.importer.inputs import Input, Stamp
from ingestion.importer.row import TooLarge
from ingestion.importer.unpack import parts
from ingestion.sources.fields import host_of


class _Row(msgspec.Struct):
    domain: str = ""
    website: str = ""


_decode = msgspec.json.Decoder(_Row).decode


class CompaniesFile:
    """Looks companies up. One event loop only."""

    def __init__(self, path: Path) -> None:
        self._input = Input(str(path), path)
        self._read: Stamp | None = None
        self._rows: dict[str, bytes] = {}
        self._reading = asyncio.Lock()

    async def __call__(self, about: Wanted) -> bytes | None:
        """The company's row as a JSON object; None if there is none.

        Raises:
            FetchDelayed: the file cannot be read now.
        """
        try:
            async with self._reading:
                if self._input.stamp != self._read:
                    await asyncio.to_thread(self._load)
        except (FileUnreadable, OSError) as error:
            raise FetchDelayed(f"the file of companies cannot be read: {type(error).__name__}") from None
        return self._rows.get(about.id)

    def _load(self) -> None:
        stamp, found = self._input.stamp, {}
        with TemporaryDirectory() as spool:
            for part in parts(self._input, Path(spool), lambda _: None):
                for row in rows(part.name, part.stream, Path(spool)):
                    if not isinstance(row, TooLarge) and (domain := _domain(row.body)):
                        found[domain] = row.body
        self._rows, self._read = found, stamp


def _domain(row: bytes) -> str | None:
    """Whose row it is; None if it does not say, or is no JSON."""
    try:
        said = _decode(row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return registrable_domain(host_of(said.domain or said.website) or "")
