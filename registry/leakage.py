"""Features that tell the outcome: known too late, or too good to be true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.evaluate import auroc
from registry.frame import TrainingFrame

HIGHEST_AUROC = 0.95  # of one feature alone, in either direction
FEWEST = 20  # won and not won rows that make an AUROC worth believing


@dataclass(frozen=True)
class Leak:
    """A feature that must not be trained on, and why."""

    feature: str
    why: str


def leaks(frame: TrainingFrame) -> tuple[Leak, ...]:
    """Every leaking feature, in the frame's order; one that is known late is not judged by its AUROC as well."""
    found = []
    for column, name in enumerate(frame.feature_names):
        why = _known_too_late(frame, name) or _too_good(frame.values[:, column], frame.labels)
        if why:
            found.append(Leak(name, why))
    return tuple(found)


def _known_too_late(frame: TrainingFrame, feature: str) -> str | None:
    delay = frame.known_at[feature] - frame.snapshot_at
    late = delay > np.timedelta64(0)  # NaT compares false
    if not late.any():
        return None
    worst = np.max(delay[late]) / np.timedelta64(1, "s")
    return (
        f"in {int(late.sum()):,} of {frame.rows:,} rows it was known only after the snapshot, by up to {worst:,.0f} s"
    )


def _too_good(values: NDArray[np.float64], labels: NDArray[np.bool_]) -> str | None:
    for what, score, rows in _views(values):
        won = int(labels[rows].sum())
        if min(won, int(rows.sum()) - won) < FEWEST:
            continue
        area = auroc(labels[rows], score[rows])
        if max(area, 1 - area) > HIGHEST_AUROC:
            return f"{what} alone has AUROC {area:.3f}, outside {1 - HIGHEST_AUROC:.2f}–{HIGHEST_AUROC:.2f}"
    return None


def _views(values: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.bool_]]]:
    """A feature may tell the outcome by its value, or by being there at all."""
    known = ~np.isnan(values)
    yield "its value", values, known
    yield "whether it is known", known.astype(np.float64), np.ones(len(values), dtype=np.bool_)
