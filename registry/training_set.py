"""The training set of lead scoring: past snapshots, what was known at each, what came of it.

Invariant: a row holds what serving would have seen at its snapshot, under the lead id that was live then, and never
anything that became known later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from features.history import ACCOUNT, LEAD, read_history
from features.settings import feature_set, history_of
from features.training import point_in_time
from ingestion.contracts.event import EventType, decode_event
from ingestion.contracts.forwards import Forwards
from ingestion.lake import read_forwardings, scan
from ingestion.settings import PlatformSettings
from registry.errors import TrainingStopped
from registry.frame import Times, TrainingFrame
from registry.labels import HORIZON, Outcome, label_at, outcomes_of
from registry.served import require_exact, served
from registry.snapshots import EVERY, Known, Snapshot, grid, snapshots

if TYPE_CHECKING:
    import pandas as pd

Labelled = list[tuple[Snapshot, bool]]


def build_training_set(
    settings: PlatformSettings, *, every: timedelta = EVERY, progress: Callable[[str], None]
) -> TrainingFrame:
    """Snapshots of every active lead, every so often, as far back as the feature history goes.

    Raises:
        TrainingStopped: no snapshot is old enough to have a label.
    """
    progress("reading outcomes and the feature history")
    labelled = _labelled(settings.lake, history_of(settings), every)
    progress(f"joining features as they were known at {len(labelled):,} snapshots")
    return frame_of(settings, labelled)


def frame_of(settings: PlatformSettings, labelled: Labelled) -> TrainingFrame:
    """The platform's features as they were known at snapshots, oldest first, each with whether it was won.

    Raises:
        TrainingStopped: Feast's join differs from what was served.
    """
    features = feature_set(settings)
    values = point_in_time(settings, _entities(labelled))[list(features.names)].to_numpy(dtype=np.float64)
    taken, moments = [snapshot for snapshot, _ in labelled], [snapshot.at for snapshot, _ in labelled]
    history = history_of(settings)
    leads = served([snapshot.lead for snapshot in taken], moments, history, LEAD)
    accounts = served([snapshot.account for snapshot in taken], moments, history, ACCOUNT)
    require_exact(values, leads, accounts, moments, settings.feature_set)
    # A feature may read both states, so it is as young as the younger one.
    known = np.fmax(_stamps([row.known_at for row in leads]), _stamps([row.known_at for row in accounts]))
    missing = np.isnan(values)
    return TrainingFrame(
        feature_names=features.names,
        values=values,
        labels=np.array([won for _, won in labelled], dtype=np.bool_),
        leads=np.array([snapshot.lead for snapshot in taken], dtype=np.str_),
        snapshot_at=_stamps(moments),
        known_at={
            name: np.where(missing[:, column], np.datetime64("NaT"), known)
            for column, name in enumerate(features.names)
        },
    )


def _labelled(lake: Path, history: Path, every: timedelta) -> Labelled:
    forwards = Forwards(read_forwardings(lake))
    outcomes, data_end = _outcomes(lake, forwards)
    rows = read_history(history, LEAD, ("key", "account", "known_at", "forward")).to_pylist()
    if not rows or data_end is None:
        raise TrainingStopped(f"{history} holds no feature history; run ingestion and features first")
    known = [Known(row["key"], row["account"], row["known_at"], row["forward"] is not None) for row in rows]
    moments = grid(known[0].known_at, data_end - HORIZON, every)
    labelled = [
        (snapshot, label)
        for snapshot in snapshots(known, forwards, moments)
        if (label := label_at(outcomes.get(snapshot.person, ()), snapshot.at, data_end)) is not None
    ]
    if not labelled:
        raise TrainingStopped(
            f"no snapshot has a label: the history begins {known[0].known_at:%Y-%m-%d} and the data end "
            f"{data_end:%Y-%m-%d}, and outcomes are judged after {HORIZON.days} days; train when there is more history"
        )
    return labelled


def _outcomes(lake: Path, forwards: Forwards) -> tuple[dict[str, tuple[Outcome, ...]], datetime | None]:
    """Outcomes by person, and the newest moment that the lake knows of."""
    import pyarrow.compute as pc

    events = scan(lake, columns=("type", "receivedtime", "body"))
    told = events.filter(pc.equal(events["type"], EventType.CRM_OUTCOME.value))
    outcomes = outcomes_of((decode_event(body.as_py().encode()) for body in told["body"]), forwards)
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


def _stamps(moments: Sequence[datetime | None]) -> Times:
    plain = [None if moment is None else moment.replace(tzinfo=None) for moment in moments]
    return np.array(plain, dtype="datetime64[us]")
