"""A day's money for readings, reserved before a call is made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine

from ingestion.allowance import Allowance
from scoring.errors import BudgetSpent

MICROS = 1_000_000  # of a dollar


class Budget:
    """The daily cap, shared by every worker on the same database. Blocks for one short transaction a call."""

    def __init__(self, engine: Engine, daily_dollars: float, clock: Callable[[], datetime]) -> None:
        self._allowance = Allowance(engine, "readings", _micros(daily_dollars), clock)

    def reserve(self, dollars: float) -> None:
        """Set the dearest possible cost of a call aside.

        Raises:
            BudgetSpent: it would exceed today's cap.
        """
        if not self._allowance.take(_micros(dollars)):
            raise BudgetSpent(
                f"reading would cost up to ${dollars:.4f} more than today's cap of "
                f"${self._allowance.daily / MICROS:.2f} allows; raise LEADLINE_READER_DAILY_DOLLARS or wait until "
                "midnight UTC"
            )

    def settle(self, reserved: float, cost: float) -> None:
        """Give back what a finished call did not cost, dollars."""
        self._allowance.give_back(_micros(reserved) - _micros(cost))

    def spent(self) -> float:
        """Today's dollars, reserved or paid."""
        return self._allowance.spent() / MICROS


def _micros(dollars: float) -> int:
    return round(dollars * MICROS)
