"""The readings of leads' free text: in the history first, then online, like every other row (ADR 6).

Invariant: `sequence` and `known_at` grow with every row of a lead. Nothing is fenced: a worker that has been
replaced and does not know it writes a reading that is as good as its successor's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from features.clock import after, micros
from features.history import ENRICHMENT, HistoryRow, HistoryTable
from features.rows import EncodedRow, EnrichmentRow, decode_enrichment_row, encode_row
from features.store import OnlineStore

NOBODYS = -1  # instead of an events partition: no feature worker repeats these rows


class Readings:
    """What the enrichment worker reads and writes. Every call blocks for a round trip to the online store."""

    def __init__(
        self, online: OnlineStore, history: HistoryTable, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._online = online
        self._history = history
        self._clock = clock

    def read_enrichment(self, leads: Sequence[str]) -> list[EnrichmentRow | None]:
        """The newest readings, in the order of the leads; from the history where the online store has lost rows."""
        rows = self._online.read_enrichment(leads)
        if self._online.is_whole():
            return rows
        held = self._history.newest(ENRICHMENT, leads)
        return [decode_enrichment_row(held[lead]) if lead in held else None for lead in leads]

    def write_enrichment(self, rows: Mapping[str, EnrichmentRow]) -> None:
        """Serve these readings from now on, each as of its `known_at` or just after the one before it.

        Raises:
            LakeUnwritable: the history cannot be written; nothing is served.
            OnlineStoreUnavailable: it is in the history, and not served yet.
        """
        if not rows:
            return
        before = zip(rows, self.read_enrichment(list(rows)), strict=True)
        stamped = [
            HistoryRow(ENRICHMENT, lead, None, row.known_at, row.sequence, encode_row(row), None, NOBODYS)
            for lead, row in ((lead, _next(rows[lead], known)) for lead, known in before)
        ]
        self._history.add(stamped, micros(self._clock()))
        self._online.write_enrichment(EncodedRow(row.key, row.known_at, row.row) for row in stamped)


def _next(row: EnrichmentRow, known: EnrichmentRow | None) -> EnrichmentRow:
    if known is None:
        return replace(row, sequence=1)
    return replace(row, known_at=after(known.known_at, row.known_at), sequence=known.sequence + 1)
