"""Stops asking an online store that does not answer: the first to ask waits, those after it are told at once.

Invariant: while the store is silent one caller in `rest` seconds waits for it, and no answer takes longer than the
store's patience.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from features.errors import OnlineStoreUnavailable
from features.rows import AccountRow, EnrichmentRow, LeadRow
from scoring.errors import StoreUnavailable
from scoring.ports import Rows

REST_SECONDS = 1.0
_T = TypeVar("_T")


class Breaker:
    """`Rows` over `Rows`. Not thread-safe."""

    def __init__(self, rows: Rows, rest: float = REST_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._rows = rows
        self._rest = rest
        self._clock = clock
        self._failed: tuple[float, str] | None = None  # when, and how

    def read(self, leads: Sequence[str]) -> Sequence[LeadRow | None]:
        """As `Rows.read`; raises `StoreUnavailable`, as do the others."""
        return self._asked(lambda: self._rows.read(leads))

    def read_accounts(self, accounts: Sequence[str]) -> Sequence[AccountRow | None]:
        """As `Rows.read_accounts`."""
        return self._asked(lambda: self._rows.read_accounts(accounts))

    def read_enrichment(self, leads: Sequence[str]) -> Sequence[EnrichmentRow | None]:
        """As `Rows.read_enrichment`."""
        return self._asked(lambda: self._rows.read_enrichment(leads))

    def is_whole(self) -> bool:
        """As `Rows.is_whole`."""
        return self._asked(self._rows.is_whole)

    def _asked(self, ask: Callable[[], _T]) -> _T:
        if self._failed is not None and self._clock() - self._failed[0] < self._rest:
            raise StoreUnavailable(self._failed[1])
        try:
            answer = ask()
        except OnlineStoreUnavailable as error:
            self._failed = self._clock(), str(error)
            raise StoreUnavailable(str(error)) from error
        self._failed = None
        return answer
