"""A time-ordered split: the oldest part, a middle one to calibrate on, the newest held out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from registry.errors import TrainingStopped
from registry.frame import TrainingFrame


@dataclass(frozen=True)
class Split:
    """Three parts of a frame, each wholly older than the next; `development` is the two older ones together."""

    fit: TrainingFrame
    calibration: TrainingFrame
    holdout: TrainingFrame
    development: TrainingFrame


def split_by_time(
    frame: TrainingFrame, *, holdout: float = 0.2, calibration: float = 0.2, embargo: timedelta = timedelta(0)
) -> Split:
    """Split at moments, so that the snapshots of one moment stay together.

    `holdout` and `calibration` are shares of the rows, 0–1. Rows less than `embargo` older than the hold-out are left
    out: at the hold-out's start their labels would not have been known yet.

    Raises:
        TrainingStopped: a part is empty or has only one kind of outcome.
    """
    times = frame.snapshot_at
    newest = times[_edge(frame.rows, 1 - holdout)] if frame.rows else np.datetime64("NaT")
    held_out = times >= newest
    earlier = np.flatnonzero(times < newest - np.timedelta64(embargo))
    middle = times[earlier[_edge(len(earlier), 1 - calibration / (1 - holdout))]] if len(earlier) else newest
    usable = np.zeros(frame.rows, dtype=np.bool_)
    usable[earlier] = True
    parts = {
        "fit": frame.take(usable & (times < middle)),
        "calibration": frame.take(usable & (times >= middle)),
        "hold-out": frame.take(held_out),
    }
    for name, part in parts.items():
        if len(np.unique(part.labels)) < 2:
            raise TrainingStopped(
                f"the {name} part has {part.rows} rows with {int(part.labels.sum())} won; "
                "both won and not won are needed in each part: train on a longer history"
            )
    return Split(parts["fit"], parts["calibration"], parts["hold-out"], frame.take(usable))


def _edge(rows: int, share: float) -> int:
    return min(round(rows * share), rows - 1)
