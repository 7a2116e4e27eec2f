"""The bank's telephone calls, one a row of `bank-full.csv` (Moro, Cortez and Rita 2014), placed in time.

The file is in date order but names only day and month: the year turns where the month falls back. Calls of one day are
a minute apart from nine o'clock on, which keeps the file's order and claims no more.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

FIRST_YEAR = 2008
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PROFILE_COLUMNS = (
    *("age", "job", "marital", "education", "default", "balance", "housing", "loan"),
    *("contact", "day", "month", "campaign"),
)
COLUMNS = (*PROFILE_COLUMNS[:11], "duration", "campaign", "pdays", "previous", "poutcome", "y")
NUMBERS = frozenset({"age", "balance", "day", "duration", "campaign", "pdays", "previous"})

Value = float | str


@dataclass(frozen=True, slots=True)
class EarlierCampaign:
    """The person's last contact in an earlier campaign."""

    at: datetime
    contacts: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the present campaign."""

    number: int  # the row, from 0
    profile: dict[str, Value]  # what the dialling list of the morning says
    earlier: EarlierCampaign | None
    dialled_at: datetime
    duration: timedelta  # known when the call ends
    won: bool  # likewise

    @property
    def ended_at(self) -> datetime:
        """When duration and outcome became known."""
        return self.dialled_at + self.duration + timedelta(seconds=1)  # the record is written after hanging up


def read_calls(path: Path, rows: int | None = None) -> list[Call]:
    """The calls, oldest first; only the first `rows` if given.

    Raises:
        ValueError: the file's columns are not those of `bank-full.csv`.
    """
    with path.open(newline="", encoding="utf-8") as file:
        sample = file.readline()
        file.seek(0)
        reader = csv.DictReader(file, delimiter=";" if ";" in sample else ",")
        if set(reader.fieldnames or ()) != set(COLUMNS):
            raise ValueError(f"{path} has the columns {reader.fieldnames}; bank-full.csv with {COLUMNS} was expected")
        clock = _Clock()
        calls = []
        for number, row in enumerate(reader):
            if number == rows:
                break
            calls.append(_call(number, row, clock.next(MONTHS.index(row["month"]) + 1, int(row["day"]))))
    return calls


def _call(number: int, row: dict[str, str], dialled_at: datetime) -> Call:
    days_since = int(row["pdays"])
    earlier = EarlierCampaign(dialled_at - timedelta(days=days_since), int(row["previous"]), row["poutcome"])
    return Call(
        number=number,
        profile={name: float(row[name]) if name in NUMBERS else row[name] for name in PROFILE_COLUMNS},
        earlier=earlier if days_since >= 0 else None,
        dialled_at=dialled_at,
        duration=timedelta(seconds=int(row["duration"])),
        won=row["y"] == "yes",
    )


class _Clock:
    """Days and months in file order to moments, a minute apart within a day."""

    def __init__(self) -> None:
        self._year, self._month, self._day, self._minute = FIRST_YEAR, 0, 0, 0

    def next(self, month: int, day: int) -> datetime:
        """The moment of the next row."""
        self._minute = self._minute + 1 if (month, day) == (self._month, self._day) else 0
        self._year += month < self._month
        self._month, self._day = month, day
        return datetime(self._year, month, day, 9, tzinfo=UTC) + timedelta(minutes=self._minute)
