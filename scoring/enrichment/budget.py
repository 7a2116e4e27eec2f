"""A day's money for readings, reserved before a call is made.

Invariant: the sum of what was spent and what is reserved never exceeds the cap, however many workers call at
once; a worker that dies in a call leaves its reservation standing, so an error is on the cheap side.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import BigInteger, Column, Engine, String, Table, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ingestion.database import metadata, reading
from scoring.errors import BudgetSpent

MICROS = 1_000_000

reading_budget = Table(
    "reading_budget",
    metadata,
    Column("day", String(10), primary_key=True),  # UTC, ISO
    Column("spent_micros", BigInteger, nullable=False),  # millionths of a dollar, reserved or paid
)


class Budget:
    """The daily cap, shared by every worker on the same database. Blocks for one short transaction a call."""

    def __init__(self, engine: Engine, daily_dollars: float, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._cap = round(daily_dollars * MICROS)
        self._clock = clock

    def reserve(self, dollars: float) -> None:
        """Set the dearest possible cost of a call aside.

        Raises:
            BudgetSpent: it would exceed today's cap.
        """
        day, micros = self._clock().date().isoformat(), _micros(dollars)
        self._open(day)
        spent = reading_budget.c.spent_micros
        with self._engine.begin() as connection:
            taken = connection.execute(
                update(reading_budget)
                .where(reading_budget.c.day == day, spent + micros <= self._cap)
                .values(spent_micros=spent + micros)
            ).rowcount
        if not taken:
            raise BudgetSpent(
                f"reading would cost up to ${dollars:.4f} more than today's cap of ${self._cap / MICROS:.2f} allows; "
                "raise LEADLINE_READER_DAILY_DOLLARS or wait until midnight UTC"
            )

    def settle(self, reserved: float, cost: float) -> None:
        """Give back what a finished call did not cost, dollars."""
        with self._engine.begin() as connection:
            connection.execute(
                update(reading_budget)
                .where(reading_budget.c.day == self._clock().date().isoformat())
                .values(spent_micros=reading_budget.c.spent_micros + _micros(cost) - _micros(reserved))
            )

    def spent(self) -> float:
        """Today's dollars, reserved or paid."""
        day = self._clock().date().isoformat()
        with reading(self._engine) as connection:
            micros = connection.scalar(
                select(func.sum(reading_budget.c.spent_micros)).where(reading_budget.c.day == day)
            )
        return float(micros or 0) / MICROS

    def _open(self, day: str) -> None:
        with reading(self._engine) as connection:
            if connection.scalar(select(reading_budget.c.day).where(reading_budget.c.day == day)):
                return
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(reading_budget).values(day=day, spent_micros=0))
        except IntegrityError:
            pass  # another worker opened the day


def _micros(dollars: float) -> int:
    return round(dollars * MICROS)
