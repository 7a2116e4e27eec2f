"""The training set of lead scoring: past snapshots, what was known at each, what came of it.

Invariant: a row holds what serving would have seen at its snapshot, under the lead id that was live then, and never
anything that became known later.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.definitions import FEATURE_NAMES
from features.history import ACCOUNT, LEAD, read_history
from features.on_demand import features_of
from features.training import point_in_time
from ingestion.contracts.event import EventType, decode_event
from ingestion.lake import read_merges, scan
from ingestion.settings import PlatformSettings
from registry.errors import TrainingStopped
from registry.frame import Times, TrainingFrame
from registry.labels import HORIZON, Outcome, label_at, outcomes_of, survivors_of
from registry.snapshots import EVERY, Known, Snapshot, grid, snapshots

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = 200  # rows of each join that are held to the history
Labelled = list[tuple[Snapshot, bool]]


class Served(NamedTuple):
    """A row of the feature history; None where nothing was known yet."""

    known_at: datetime | None
    row: bytes | None


def build_training_set(
    settings: PlatformSettings, *, every: timedelta = EVERY, progress: Callable[[str], None]
) -> TrainingFrame:
    """Snapshots of every active lead, every so often, as far back as the feature history goes.

    Raises:
        TrainingStopped: no snapshot is old enough to have a label.
    """
    progress("reading outcomes and the feature history")
    labelled = _labelled(settings.lake, every)
    progress(f"joining features as they were known at {len(labelled):,} snapshots")
    values = point_in_time(settings, _entities(labelled))[list(FEATURE_NAMES)].to_numpy(dtype=np.float64)
    taken, moments = [snapshot for snapshot, _ in labelled], [snapshot.at for snapshot, _ in labelled]
    leads = _served([snapshot.lead for snapshot in taken], moments, settings.lake, LEAD)
    accounts = _served([snapshot.account for snapshot in taken], moments, settings.lake, ACCOUNT)
    _require_exact(values, leads, accounts, moments)
    # A feature may read both states, so it is as young as the younger one.
    known = np.fmax(_stamps([row.known_at for row in leads]), _stamps([row.known_at for row in accounts]))
    missing = np.isnan(values)
    return TrainingFrame(
        feature_names=FEATURE_NAMES,
        values=values,
        labels=np.array([won for _, won in labelled], dtype=np.bool_),
        leads=np.array([snapshot.lead for snapshot in taken], dtype=np.str_),
        snapshot_at=_stamps(moments),
        known_at={
            name: np.where(missing[:, column], np.datetime64("NaT"), known) for column, name in enumerate(FEATURE_NAMES)
        },
    )


def _labelled(lake: Path, every: timedelta) -> Labelled:
    survivors = survivors_of(read_merges(lake))
    outcomes, data_end = _outcomes(lake, survivors)
    rows = read_history(lake, LEAD, ("key", "account", "known_at", "forward")).to_pylist()
    if not rows or data_end is None:
        raise TrainingStopped(f"the lake at {lake} holds no feature history; run ingestion and features first")
    history = [Known(row["key"], row["account"], row["known_at"], row["forward"] is not None) for row in rows]
    moments = grid(history[0].known_at, data_end - HORIZON, every)
    labelled = [
        (snapshot, label)
        for snapshot in snapshots(history, survivors, moments)
        if (label := label_at(outcomes.get(snapshot.person, ()), snapshot.at, data_end)) is not None
    ]
    if not labelled:
        raise TrainingStopped(
            f"no snapshot has a label: the history begins {history[0].known_at:%Y-%m-%d} and the data end "
            f"{data_end:%Y-%m-%d}, and outcomes are judged after {HORIZON.days} days; train when there is more history"
        )
    return labelled


def _outcomes(lake: Path, survivors: dict[str, str]) -> tuple[dict[str, tuple[Outcome, ...]], datetime | None]:
    """Outcomes by person, and the newest moment that the lake knows of."""
    import pyarrow.compute as pc

    events = scan(lake, columns=("type", "receivedtime", "body"))
    told = events.filter(pc.equal(events["type"], EventType.CRM_OUTCOME.value))
    outcomes = outcomes_of((decode_event(body.as_py().encode()) for body in told["body"]), survivors)
    return outcomes, pc.max(events["receivedtime"]).as_py()


def _entities(labelled: Labelled) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "lead": [snapshot.lead for snapshot, _ in labelled],
            "account": [snapshot.account for snapshot, _ in labelled],
            "event_timestamp": pd.to_datetime([snapshot.at for snapshot, _ in labelled], utc=True),
        }
    )


def _served(keys: Sequence[str | None], moments: Sequence[datetime], lake: Path, entity: str) -> list[Served]:
    """The history row that was served at each moment: the newest one that is not younger."""
    table = read_history(lake, entity, ("key", "known_at", "row"))
    histories: dict[str, tuple[list[datetime], list[bytes]]] = defaultdict(lambda: ([], []))
    for key, known_at, row in zip(*(table[name].to_pylist() for name in ("key", "known_at", "row")), strict=True):
        histories[key][0].append(known_at)
        histories[key][1].append(row)
    found = []
    for key, moment in zip(keys, moments, strict=True):
        known, rows = histories[key] if key in histories else ([], [])
        newest = bisect_right(known, moment) - 1
        found.append(Served(known[newest], rows[newest]) if newest >= 0 else Served(None, None))
    return found


def _require_exact(
    values: NDArray[np.float64], leads: Sequence[Served], accounts: Sequence[Served], moments: Sequence[datetime]
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
        }
    )
    expected = np.array([columns[name] for name in FEATURE_NAMES], dtype=np.float64).T
    wrong = ~((values[sample] == expected) | (np.isnan(values[sample]) & np.isnan(expected))).all(axis=1)
    if wrong.any():
        raise TrainingStopped(
            f"the point-in-time join differs from what was served in {int(wrong.sum())} of {len(sample)} sampled rows, "
            f"first at {moments[sample[int(np.argmax(wrong))]]}; look at features.training.point_in_time"
        )


def _stamps(moments: Sequence[datetime | None]) -> Times:
    plain = [None if moment is None else moment.replace(tzinfo=None) for moment in moments]
    return np.array(plain, dtype="datetime64[us]")
