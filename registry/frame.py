"""The training frame: one row per snapshot of a lead, oldest first."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.datetime64]  # microseconds, UTC


@dataclass(frozen=True)
class TrainingFrame:
    """What was known of each lead at its snapshot, and what came of it."""

    feature_names: tuple[str, ...]
    values: NDArray[np.float64]  # (rows, features), NaN = missing
    labels: NDArray[np.bool_]  # (rows,)
    leads: NDArray[np.str_]  # (rows,) the lead id that was live at the snapshot
    snapshot_at: Times  # (rows,) not decreasing
    known_at: Mapping[str, Times]  # per feature, when each row's value was known; NaT where it is missing

    @property
    def rows(self) -> int:
        """How many snapshots."""
        return len(self.labels)

    def take(self, which: NDArray[np.bool_]) -> TrainingFrame:
        """The marked rows, in their order."""
        return TrainingFrame(
            feature_names=self.feature_names,
            values=self.values[which],
            labels=self.labels[which],
            leads=self.leads[which],
            snapshot_at=self.snapshot_at[which],
            known_at={name: times[which] for name, times in self.known_at.items()},
        )

    def digest(self) -> str:
        """sha256 of everything a model can learn from: names, values, labels, leads and snapshots."""
        digest = hashlib.sha256("\x1f".join([*self.feature_names, *self.leads.tolist()]).encode())
        digest.update(np.ascontiguousarray(self.values + 0.0, dtype="<f8").tobytes())  # + 0.0: one zero, not two
        digest.update(self.labels.tobytes())
        digest.update(self.snapshot_at.astype("datetime64[us]").astype("<i8").tobytes())
        return digest.hexdigest()
