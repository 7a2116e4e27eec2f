"""Which leads the standing monitors watch: those whose ids come first.

An id is a keyed hash itself (ADR 4), so the ids below a bound are a fair sample that nobody can choose to be in, and
tables can be asked for them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from ingestion.lake import events_path

SYMBOLS = "234567abcdefghijklmnopqrstuvwxyz"  # of ids, in the order of text
PREFIX = "ld_"
DIGITS = 8
ACTIVE = timedelta(days=60)  # a lead of whom nothing was heard for longer is neither trained on nor in a snapshot


def bound(share: float) -> str | None:
    """The id below which this share (0–1) of all leads lies; None where it is all of them."""
    if share >= 1.0:
        return None
    place, digits = int(share * len(SYMBOLS) ** DIGITS), ""
    for _ in range(DIGITS):
        place, digit = divmod(place, len(SYMBOLS))
        digits = SYMBOLS[digit] + digits
    return PREFIX + digits


def sampled_leads(lake: Path, history: Path, share: float, after: str = "", limit: int | None = None) -> list[str]:
    """The first `limit` ids of the sample behind `after`, or all, in order: leads with events and leads with features.

    Reads one column of either table.
    """
    tables = {
        "events": ("lead", "lead IS NOT NULL", events_path(lake)),
        "history": ("key", "entity = 'lead'", history),
    }
    query, parts, below = QueryBuilder(), [], bound(share)
    for name, (column, condition, path) in tables.items():
        if DeltaTable.is_deltatable(str(path)):
            query.register(name, DeltaTable(str(path)))
            within = f"{condition} AND {column} > '{after}'" + (f" AND {column} < '{below}'" if below else "")
            parts.append(f"SELECT {column} AS lead FROM {name} WHERE {within}")  # noqa: S608
    if not parts:
        return []
    most = "" if limit is None else f" LIMIT {limit}"
    found = query.execute(f"SELECT lead FROM ({' UNION '.join(parts)}) ORDER BY lead{most}")  # noqa: S608
    return [str(lead) for lead in pa.table(found)["lead"].to_pylist()]


def active_leads(history: Path, at: datetime, limit: int) -> list[str]:
    """The first `limit` ids, in order, of leads of whom something became known in the 60 days before `at`.

    Reads two columns of the history's files of that time.
    """
    if not DeltaTable.is_deltatable(str(history)):
        return []
    query = QueryBuilder().register("history", DeltaTable(str(history)))
    within = f"entity = 'lead' AND known_at > '{(at - ACTIVE).isoformat()}' AND known_at <= '{at.isoformat()}'"
    found = query.execute(f"SELECT DISTINCT key FROM history WHERE {within} ORDER BY key LIMIT {limit}")  # noqa: S608
    return [str(lead) for lead in pa.table(found)["key"].to_pylist()]
