"""Serve again what the online store has lost: the newest row of every lead, account and reading, from the history
(ADR 6).

Invariant: a row is written only where it is newer than what is served, so workers go on meanwhile and a rebuild that
was cut short is simply run again. The store counts as whole only if nothing was lost from the first row to the last.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from threading import Event
from typing import NamedTuple
from uuid import uuid4

from features.errors import RebuildOvertaken
from features.history import (
    ACCOUNT,
    ENRICHMENT,
    LEAD,
    HistoryRow,
    count_history,
    newest_first,
    read_rows,
    readings_beside,
)
from features.rows import EncodedRow, decode_account_row, decode_enrichment_row, decode_lead_row
from features.store import OnlineStore
from ingestion.errors import Retry

log = logging.getLogger(__name__)

AT_ONCE = 2_000  # rows of the history, about 1 KB each
LOOK_EVERY_SECONDS = 5.0
REBUILDING = "rebuilding"  # begins the store's mark meanwhile; behind it who does, and how far they are
_OVERTAKEN = (
    "the online store was lost once more while it was rebuilt, or somebody else rebuilds it: see that no other "
    "`leadline features rebuild` runs, then run this one again"
)


class Progress(NamedTuple):
    """Rows of the history: all, those looked at, and those that are served since."""

    total: int
    read: int = 0
    restored: int = 0


def rebuild(history: Path, online: OnlineStore, watch: Callable[[Progress], None] = lambda _: None) -> Progress:
    """Go through the whole history, then declare the store whole. Blocks: about a second for 20,000 rows.

    Raises:
        RebuildOvertaken: the store was lost once more, or somebody else has begun to rebuild it; run it again.
        OnlineStoreUnavailable: the store did not answer; run it again.
    """
    incarnation, mark = online.incarnation(), f"{REBUILDING} {uuid4().hex} 0"
    online.set_mark(mark)
    histories = (history, readings_beside(history))
    progress = Progress(sum(map(count_history, histories)))
    watch(progress)
    for rows in chain.from_iterable(newest_first(each, AT_ONCE) for each in histories):
        progress = Progress(progress.total, progress.read + len(rows), progress.restored + restore(online, rows))
        before, mark = mark, f"{mark.rpartition(' ')[0]} {progress.read}"
        _say(online, mark, before)
        watch(progress)
    _say(online, incarnation, mark)
    if not online.is_whole():
        raise RebuildOvertaken(_OVERTAKEN)
    return progress


def keep_whole(history: Path, online: OnlineStore, stop: Event, look_every: float = LOOK_EVERY_SECONDS) -> None:
    """Until `stop` is set, rebuild the store whenever it is not whole and nobody else is seen to rebuild it. Blocks."""
    seen: str | None = None
    while not stop.wait(look_every):
        try:
            if online.is_whole():
                continue
            before, seen = seen, online.mark()
            if seen is not None and seen.startswith(REBUILDING) and seen != before:
                continue  # somebody gets on with it
            log.warning("the online store has lost rows: they are written again from the history")
            done = rebuild(history, online)
            log.warning("the online store is whole again: %d rows of %d came back", done.restored, done.total)
        except Retry as error:
            log.warning("%s", error)


def _say(online: OnlineStore, mark: str, if_still: str) -> None:
    if not online.set_mark(mark, if_still):
        raise RebuildOvertaken(_OVERTAKEN)


def rebuild_leads(history: Path, online: OnlineStore, leads: Sequence[str]) -> Progress:
    """Serve the newest rows of these leads, of their accounts, and their readings."""
    of_leads = _newest(history, LEAD, leads)
    rows = {lead: decode_lead_row(row) for lead, row in of_leads.items()}
    of_accounts = _newest(history, ACCOUNT, sorted({row.account for row in rows.values() if row.account}))
    restored = online.write(EncodedRow(lead, row.known_at, of_leads[lead]) for lead, row in rows.items())
    restored += online.write_accounts(
        EncodedRow(account, decode_account_row(row).known_at, row) for account, row in of_accounts.items()
    )
    readings = _newest(readings_beside(history), ENRICHMENT, leads)
    restored += online.write_enrichment(
        EncodedRow(lead, decode_enrichment_row(row).known_at, row) for lead, row in readings.items()
    )
    total = len(of_leads) + len(of_accounts) + len(readings)
    return Progress(total, total, restored)


def restore(online: OnlineStore, rows: Iterable[HistoryRow]) -> int:
    """Serve the newest of these rows for each key, unless a newer one is served; how many those were."""
    newest: dict[tuple[str, str], HistoryRow] = {}
    for row in rows:
        if (known := newest.get((row.entity, row.key))) is None or known.sequence < row.sequence:
            newest[row.entity, row.key] = row
    of: dict[str, list[EncodedRow]] = defaultdict(list)
    for (entity, key), row in newest.items():
        of[entity].append(EncodedRow(key, row.known_at, row.row))
    restored = online.write(of[LEAD]) + online.write_accounts(of[ACCOUNT])
    return restored + online.write_enrichment(of[ENRICHMENT])


def _newest(history: Path, entity: str, keys: Sequence[str]) -> dict[str, bytes]:
    return {key: rows[max(rows)] for key, rows in read_rows(history, entity, keys, ()).items()}
