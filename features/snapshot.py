"""A snapshot: what is served of a fair sample of the leads that a model would score now.

Invariant: its cost has a bound. It finds its leads in two columns of 60 days of the history, and reads so many rows
online, however many leads there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from features.feature_set import FeatureSet
from features.rows import AccountRow, LeadRow
from features.sampling import active_leads
from features.store import OnlineStore
from quality.drift import Groups, Values

LEADS = 2_000  # of whom the rows are read
AT_ONCE = 500  # rows in one read


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Leads as they are served, each with its account's row; no lead that ended."""

    at: datetime
    rows: tuple[tuple[LeadRow, AccountRow | None], ...]

    def values(self, features: FeatureSet) -> dict[str, Values]:
        """Every feature's values, NaN where one is missing."""
        found = [
            features.features_at(lead.state, account.state if account else None, self.at) for lead, account in self.rows
        ]
        return {name: np.array([values[name] for values in found], dtype=np.float64) for name in features.names}

    @property
    def accounts(self) -> Groups:
        """A number for each row, the same for leads of one account; a lead without one has its own."""
        named = [lead.account or str(place) for place, (lead, _) in enumerate(self.rows)]
        return np.unique(named, return_inverse=True)[1].astype(np.int64)


def take_snapshot(history: Path, online: OnlineStore, at: datetime, leads: int = LEADS) -> Snapshot:
    """The snapshot of now, `at`, of at most so many leads. Raises what `OnlineStore.read` raises."""
    keys = active_leads(history, at, leads)
    parts = (keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE))
    return Snapshot(at, tuple(row for part in parts for row in _served(online, part)))


def _served(online: OnlineStore, leads: list[str]) -> Iterator[tuple[LeadRow, AccountRow | None]]:
    rows = [row for row in online.read(leads) if row is not None and row.forward is None]
    named = list(dict.fromkeys(row.account for row in rows if row.account))
    accounts = dict(zip(named, online.read_accounts(named), strict=True))
    for row in rows:
        yield row, accounts.get(row.account or "")
