"""A row as the raw message that it becomes, as the receiver would have stored it.

Invariant: a message is a function of the file, the import's beginning and the row's place alone. A row that is sent
again after a crash is thus the same message, even one without an id or a time of its own, and is dropped as a
duplicate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from ingestion.contracts.event import Draft
from ingestion.contracts.raw import CONTENT_TYPE, IMPORTED, RECEIVED_TIME, SOURCE_ACCOUNT, SOURCE_SYSTEM, RawMessage
from ingestion.decode import read, subject
from ingestion.errors import ContractBroken, Quarantine
from ingestion.importer.known_at import KnownAt
from ingestion.importer.row import Row
from ingestion.sources.adapter import Adapter, Tenant

# The reader's words for a text cell where the adapter wants a number, a truth value, an object or an array.
_TEXT_UNWANTED = re.compile(r"^Expected `[^`]+`, got `str` - at `\$\.([^`]+)`$")
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One raw message, and the number of the file it comes from."""

    file: int
    received: datetime  # aware, UTC
    imported: bool
    key: str | None
    media: str
    value: bytes

    @property
    def headers(self) -> dict[str, str]:
        """Those of this message alone."""
        own = {CONTENT_TYPE: self.media, RECEIVED_TIME: self.received.isoformat()}
        return own | {IMPORTED: "true"} if self.imported else own


class Made(NamedTuple):
    """A message, and what ingestion will object to."""

    message: Message
    reason: Quarantine | None


@dataclass(frozen=True)
class MessageMaker:
    """Makes rows of one source into messages."""

    adapter: Adapter
    account: str
    tenant: Tenant
    known_at: KnownAt
    began: datetime  # aware, UTC: the import's first run

    @property
    def headers(self) -> dict[str, str]:
        """Those of every message."""
        return {SOURCE_SYSTEM: self.adapter.SOURCE.system, SOURCE_ACCOUNT: self.account}

    def make(self, row: Row, *, file: int, number: int, before: datetime) -> Made:
        """The message of a row.

        Args:
            number: the row's among all of the import.
            before: when the row before it was known, which stands in for a time that the row does not have.
        """
        history = self.known_at is KnownAt.EVENT_TIME or self._says_history(row)
        # A microsecond each, so that equal rows without id and time stay as many as they are.
        received = before if history else self.began + timedelta(microseconds=number)
        row, outcomes = self._read(row, received)
        if history:
            times = [outcome.time for outcome in outcomes if isinstance(outcome, Draft)]
            # Of several events the newest: nothing is known before it happened, nor after the import.
            received = min(max(times, default=before), self.began)
        reason = next((outcome for outcome in outcomes if isinstance(outcome, Quarantine)), None)
        return Made(Message(file, received, history, self._key(row), row.media, row.body), reason)

    def _read(self, row: Row, received: datetime) -> tuple[Row, Sequence[Draft | Quarantine]]:
        """What ingestion will make of the row, its texts read as JSON where the adapter wants no text."""
        while True:
            outcomes = self._outcomes(row, received)
            column = _unwanted_text(outcomes[0])
            cells = row.cells.reading_json(column) if row.cells and column else None
            again = cells and cells.row(row.place)
            if not isinstance(again, Row):
                return row, outcomes
            row = again

    def _outcomes(self, row: Row, received: datetime) -> Sequence[Draft | Quarantine]:
        headers = self.headers | {CONTENT_TYPE: row.media}
        return read(RawMessage(self.adapter.SOURCE.topic, 0, 0, None, row.body, headers, received), self.tenant)

    def _key(self, row: Row) -> str | None:
        try:
            return subject(row.body, {CONTENT_TYPE: row.media}, self.adapter)
        except RecursionError:
            return None

    def _says_history(self, row: Row) -> bool:
        flag = self.adapter.SOURCE.history
        if flag is None or flag.encode() not in row.body:
            return False
        try:
            return bytes(_decode_fields(row.body).get(flag, b"")) == b"true"
        except (msgspec.DecodeError, RecursionError):
            return False


def _unwanted_text(outcome: Draft | Quarantine) -> str | None:
    """The column whose text the adapter does not want as such."""
    found = _TEXT_UNWANTED.match(str(outcome)) if isinstance(outcome, ContractBroken) else None
    return found and found[1]
