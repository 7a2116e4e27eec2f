"""The hold-out is the newest part, and nothing of it reaches training."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import TrainingStopped
from registry.frame import TrainingFrame
from registry.split import split_by_time

Make = Callable[..., TrainingFrame]


@given(rows=st.integers(100, 400), days=st.integers(20, 100), seed=st.integers(0, 100))
def test_each_part_is_wholly_older_than_the_next(make_frame: Make, rows: int, days: int, seed: int) -> None:
    frame = make_frame(rows=rows, days=days, seed=seed, base_rate=0.5)
    split = split_by_time(frame)
    assert split.fit.snapshot_at.max() < split.calibration.snapshot_at.min()
    assert split.calibration.snapshot_at.max() < split.holdout.snapshot_at.min()
    assert split.fit.rows + split.calibration.rows + split.holdout.rows == rows
    assert split.holdout.rows >= rows * 0.2 - rows / days * 3


def test_rows_whose_label_was_not_yet_known_at_the_holdouts_start_are_left_out(make_frame: Make) -> None:
    frame = make_frame(rows=2000, days=300, base_rate=0.4)
    split = split_by_time(frame, embargo=timedelta(days=90))
    last = max(split.fit.snapshot_at.max(), split.calibration.snapshot_at.max())
    assert last < split.holdout.snapshot_at.min() - np.timedelta64(90, "D")


@pytest.mark.parametrize("rows", [0, 3, 40])
def test_a_part_without_both_outcomes_stops_training_by_name(make_frame: Make, rows: int) -> None:
    with pytest.raises(TrainingStopped, match="both won and not won are needed"):
        split_by_time(make_frame(rows=rows, days=20, base_rate=0.0))
