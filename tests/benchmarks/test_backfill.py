"""The benchmark of the backfill, small: what it measures is right."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from benchmarks import backfill


def test_it_fills_what_happened_and_holds_it_to_the_recompute(tmp_path: Path) -> None:
    result = backfill.run(tmp_path, events=3_000, console=Console(quiet=True))
    assert result.figures["run"].records == 3_000
    assert [goal.name for goal in result.goals] == ["events a minute", "memory, GiB"]
