"""A feature that tells the outcome stops the training, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from quality.verdict import Action
from registry.errors import TrainingStopped
from registry.frame import TrainingFrame
from registry.gate import examine, require
from registry.leakage import leaks

Make = Callable[..., TrainingFrame]
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def with_feature(frame: TrainingFrame, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> TrainingFrame:
    return replace(
        frame,
        feature_names=(*frame.feature_names, "suspect"),
        values=np.column_stack([frame.values, values]),
        known_at={**frame.known_at, "suspect": frame.snapshot_at},
    )


def test_honest_features_do_not_leak(make_frame: Make) -> None:
    assert leaks(make_frame()) == ()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_feature_that_alone_ranks_almost_perfectly_leaks_in_either_direction(make_frame: Make, sign: float) -> None:
    frame = make_frame()
    noise = np.random.default_rng(0).normal(0, 0.3, frame.rows)
    (leak,) = leaks(with_feature(frame, sign * (frame.labels + noise)))
    assert leak.feature == "suspect"
    assert "its value alone has AUROC" in leak.why


def test_a_feature_that_is_filled_in_only_after_a_win_leaks_by_being_there(make_frame: Make) -> None:
    frame = make_frame()
    (leak,) = leaks(with_feature(frame, np.where(frame.labels, 1.0, np.nan)))
    assert leak.feature == "suspect"
    assert "whether it is known" in leak.why


def test_a_good_but_not_perfect_feature_does_not_leak(make_frame: Make) -> None:
    frame = make_frame()
    noise = np.random.default_rng(0).normal(0, 1.0, frame.rows)
    assert leaks(with_feature(frame, frame.labels + noise)) == ()


def test_a_value_that_was_known_one_second_after_the_snapshot_leaks(make_frame: Make) -> None:
    frame = make_frame()
    late = frame.snapshot_at.copy()
    late[5] += np.timedelta64(1, "s")
    (leak,) = leaks(replace(frame, known_at={**frame.known_at, "f2": late}))
    assert leak.feature == "f2"
    assert "in 1 of 4,000 rows" in leak.why


def test_a_missing_value_has_no_time_and_is_not_late(make_frame: Make) -> None:
    frame = make_frame()
    never = np.full(frame.rows, np.datetime64("NaT"), dtype="datetime64[us]")
    assert leaks(replace(frame, known_at={**frame.known_at, "f2": never})) == ()


def test_a_sound_training_set_passes_the_gate(make_frame: Make) -> None:
    verdict = examine(make_frame(), NOW)
    assert verdict.action is Action.PASS, verdict.findings
    require(verdict)


def test_a_leak_stops_the_training_and_is_named(make_frame: Make) -> None:
    frame = make_frame()
    verdict = examine(with_feature(frame, frame.labels.astype(float)), NOW)
    with pytest.raises(TrainingStopped, match="suspect: does not tell the outcome"):
        require(verdict)


def test_too_few_rows_and_no_wins_stop_the_training(make_frame: Make) -> None:
    verdict = examine(make_frame(rows=100, base_rate=0.0), NOW)
    with pytest.raises(TrainingStopped, match=r"row count.*label: "):
        require(verdict)


def test_features_that_say_the_same_of_everybody_stop_the_training(make_frame: Make) -> None:
    frame = make_frame()
    empty = replace(frame, values=np.where(np.arange(8) < 6, 0.0, frame.values))
    with pytest.raises(TrainingStopped, match="2 of 8 have more than one value"):
        require(examine(empty, NOW))


def test_a_feature_that_is_always_missing_is_a_warning(make_frame: Make) -> None:
    frame = make_frame()
    verdict = examine(with_feature(frame, np.full(frame.rows, np.nan)), NOW)
    assert verdict.action is Action.WARN
    assert [finding.column for finding in verdict.findings] == ["suspect"]
    require(verdict)
