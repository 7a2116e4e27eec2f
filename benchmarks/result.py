"""What a benchmark found: JSON with all raw figures, and how a goal is judged and shown."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import Load

RESAMPLES = 2_000
DISTRIBUTIONS = (
    "leadline",
    "confluent-kafka",
    "feast",
    "mlflow",
    "scikit-learn",
    "fastapi",
    "uvicorn",
    "deltalake",
    "orjson",
    "msgspec",
)


class Spread(msgspec.Struct, frozen=True):
    """A median with its 95 % bootstrap interval (percentile method, Efron 1979), and what it is the median of."""

    median: float
    low: float
    high: float
    values: list[float]

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        drawn = np.random.default_rng(7).choice(np.asarray(values, dtype=float), (RESAMPLES, len(values)))
        low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
        return Spread(median(values), float(low), float(high), list(values))

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g}–{self.high:.3g})"


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """A floor and an aim, held to the bad end of what was measured."""

    name: str
    measured: float  # the interval's bad end where there is an interval
    floor: float
    aim: float
    higher_is_better: bool

    @property
    def verdict(self) -> str:
        """`aim reached`, `floor reached` or `floor missed`."""
        if self._reaches(self.aim):
            return "aim reached"
        return "floor reached" if self._reaches(self.floor) else "floor missed"

    def _reaches(self, mark: float) -> bool:
        return self.measured >= mark if self.higher_is_better else self.measured <= mark


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One benchmark's outcome. Times in the unit of their name."""

    benchmark: str
    made_at: datetime
    machine: str
    load: dict[str, Load]  # by what was measured meanwhile
    versions: dict[str, str]
    goals: list[Goal]
    figures: dict[str, Any]  # everything that was measured, raw
    notes: list[str]  # how it was measured, where that is not evident

    def write(self, folder: Path) -> Path:
        """Write it as `BENCHMARK.json` into `folder`, which is made if missing."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.benchmark}.json"
        file.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))
        return file

    def show(self, console: Console) -> None:
        """Goals, load, notes and versions."""
        table = Table("goal", "measured", "floor", "aim", "", title=self.benchmark, title_justify="left")
        for goal in self.goals:
            colour = "red" if goal.verdict == "floor missed" else "green"
            table.add_row(
                goal.name,
                *(
                    f"{figure:.3g}" if figure < 100 else f"{figure:,.0f}"
                    for figure in (goal.measured, goal.floor, goal.aim)
                ),
                f"[{colour}]{goal.verdict}[/]",
            )
        if self.goals:
            console.print(table)
        for name, load in self.load.items():
            console.print(f"machine during {name}: {load}")
        for note in self.notes:
            console.print(f"[dim]· {note}[/]")
        console.print("[dim]" + ", ".join(f"{name} {found}" for name, found in self.versions.items()) + "[/]")


def versions(**further: str) -> dict[str, str]:
    """Versions of Python, of what is measured and of what it is measured against."""
    return {"python": platform.python_version(), **{name: version(name) for name in DISTRIBUTIONS}, **further}


def machine() -> str:
    """Operating system and architecture; no names."""
    return f"{platform.system()} {platform.release()}, {platform.machine()}"


def now() -> datetime:
    """The moment of a result."""
    return datetime.now(UTC)
