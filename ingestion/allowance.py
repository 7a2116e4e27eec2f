"""What may be spent in a day, taken before it is spent.

Invariant: the sum of what was taken never exceeds the day's allowance, however many processes take at once; one that
dies leaves what it took standing, so an error is on the cheap side.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import BigInteger, Column, ColumnElement, Engine, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from ingestion.database import metadata, reading

allowances = Table(
    "allowances",
    metadata,
    Column("purpose", String(40), primary_key=True),
    Column("day", String(10), primary_key=True),  # UTC, ISO
    Column("spent", BigInteger, nullable=False),  # in the purpose's own units
)


class Allowance:
    """A daily cap, shared by everybody on the same database. Blocks for one short transaction a call."""

    def __init__(self, engine: Engine, purpose: str, daily: int, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._purpose = purpose
        self.daily = daily
        self._clock = clock

    def take(self, amount: int = 1) -> bool:
        """Set so much aside; False if that would exceed today's cap."""
        spent = allowances.c.spent
        self._open()
        with self._engine.begin() as connection:
            taken = connection.execute(
                update(allowances).where(*self._today(), spent + amount <= self.daily).values(spent=spent + amount)
            )
        return taken.rowcount == 1

    def give_back(self, amount: int) -> None:
        """Return what was taken and not spent; less than nothing takes more."""
        with self._engine.begin() as connection:
            connection.execute(update(allowances).where(*self._today()).values(spent=allowances.c.spent - amount))

    def spent(self) -> int:
        """What was taken today."""
        with reading(self._engine) as connection:
            return connection.scalar(select(allowances.c.spent).where(*self._today())) or 0

    def _today(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return allowances.c.purpose == self._purpose, allowances.c.day == self._clock().date().isoformat()

    def _open(self) -> None:
        day = self._clock().date().isoformat()
        with reading(self._engine) as connection:
            if connection.scalar(select(allowances.c.day).where(*self._today())):
                return
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(allowances).values(purpose=self._purpose, day=day, spent=0))
        except IntegrityError:
            pass  # another process opened the day
