"""What was served at past moments, straight from the feature history: the yardstick for the point-in-time join."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.history import read_history
from features.on_demand import features_of
from registry.errors import TrainingStopped

SAMPLE = 200  # rows of each join that are held to the history


class Served(NamedTuple):
    """A row of the feature history; None where nothing was known yet."""

    known_at: datetime | None
    row: bytes | None


def served(keys: Sequence[str | None], moments: Sequence[datetime], history: Path, entity: str) -> list[Served]:
    """The row of a lead's or account's history that was served at each moment: the newest one that is not younger."""
    table = read_history(history, entity, ("key", "known_at", "row"))
    histories: dict[str, tuple[list[datetime], list[bytes]]] = defaultdict(lambda: ([], []))
    for key, known_at, row in zip(*(table[name].to_pylist() for name in ("key", "known_at", "row")), strict=True):
        histories[key][0].append(known_at)
        histories[key][1].append(row)
    found = []
    for key, moment in zip(keys, moments, strict=True):
        known, rows = histories.get(key or "", ([], []))
        newest = bisect_right(known, moment) - 1
        found.append(Served(known[newest], rows[newest]) if newest >= 0 else Served(None, None))
    return found


def require_exact(
    values: NDArray[np.float64],
    leads: Sequence[Served],
    accounts: Sequence[Served],
    moments: Sequence[datetime],
    feature_set: str,
) -> None:
    """Hold a sample of Feast's join to the rows that were served.

    Raises:
        TrainingStopped: a row differs. Feast has misplaced rows without a word (its file store drops duplicates by the
            join keys of the views joined so far, in an order of its own).
    """
    sample = np.linspace(0, len(values) - 1, min(len(values), SAMPLE)).astype(int)
    columns = features_of(
        {
            "lead_row": [leads[row].row for row in sample],
            "account_row": [accounts[row].row for row in sample],
            "as_of": [moments[row] for row in sample],
        },
        feature_set,
    )
    expected = np.array(list(columns.values()), dtype=np.float64).T
    wrong = ~((values[sample] == expected) | (np.isnan(values[sample]) & np.isnan(expected))).all(axis=1)
    if wrong.any():
        raise TrainingStopped(
            f"the point-in-time join differs from what was served in {int(wrong.sum())} of {len(sample)} sampled rows, "
            f"first at {moments[sample[int(np.argmax(wrong))]]}; look at features.training.point_in_time"
        )
