"""How benchmarks judge and keep what they measured."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.home import borrowed
from benchmarks.machine import LoadMeter, own_environment
from benchmarks.result import Goal, Result, Spread, machine, now, versions
from leadline.errors import NotSetUp


@pytest.mark.parametrize(
    ("measured", "higher_is_better", "verdict"),
    [
        (9.0, True, "floor missed"),
        (10.0, True, "floor reached"),
        (20.0, True, "aim reached"),
        (21.0, False, "floor missed"),
        (20.0, False, "floor reached"),
        (10.0, False, "aim reached"),
    ],
)
def test_goal_says_which_mark_was_reached(measured: float, higher_is_better: bool, verdict: str) -> None:
    floor, aim = (10.0, 20.0) if higher_is_better else (20.0, 10.0)
    goal = Goal(name="g", measured=measured, floor=floor, aim=aim, higher_is_better=higher_is_better)
    assert goal.verdict == verdict


def test_spread_encloses_its_median() -> None:
    spread = Spread.of([3.0, 1.0, 2.0, 5.0, 4.0])
    assert spread.low <= spread.median == 3.0 <= spread.high
    assert spread.low >= 1.0
    assert spread.high <= 5.0


def test_spread_of_equal_values_is_a_point() -> None:
    spread = Spread.of([2.0, 2.0])
    assert (spread.low, spread.median, spread.high) == (2.0, 2.0, 2.0)


def test_written_result_holds_versions_and_raw_figures(tmp_path: Path) -> None:
    meter = LoadMeter()
    result = Result(
        benchmark="example",
        made_at=now(),
        machine=machine(),
        load={"run": meter.read()},
        versions=versions(),
        goals=[],
        figures={"spread": Spread.of([1.0])},
        notes=[],
    )
    read = msgspec.json.decode(result.write(tmp_path / "new").read_bytes())
    assert read["versions"]["feast"].startswith("0.67")
    assert read["figures"]["spread"]["values"] == [1.0]


def test_what_a_process_of_ours_did_before_it_ended_is_no_load_of_others() -> None:
    meter = LoadMeter()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert meter.read().ours > 0


def test_benchmark_runs_without_the_callers_platform_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "elsewhere:9092")
    with own_environment():
        assert "KAFKA_BOOTSTRAP_SERVERS" not in os.environ
        os.environ["LEADLINE_HOME"] = "somewhere"
    assert os.environ["KAFKA_BOOTSTRAP_SERVERS"] == "elsewhere:9092"
    assert os.environ.get("LEADLINE_HOME") != "somewhere"


def test_home_without_a_champion_says_to_run_the_demo_first(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp, match="run `make demo` first"), borrowed(tmp_path, tmp_path / "copy"):
        pass


def test_borrowed_home_leaves_the_demo_and_its_broker_alone(tmp_path: Path) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    for name in ("champion/last-good.json", "kafka/data", "leadline.db"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("as it was")
    with borrowed(home, copy):
        assert not (copy / "kafka").exists()
        (copy / "leadline.db").write_text("changed")
    assert (home / "leadline.db").read_text() == "as it was"
