"""What was served under live traffic is what training is given for that moment: late events, merges and all."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.definitions import LEAD_SCORING
from features.history import ACCOUNT, LEAD, read_history
from features.parity import online_features
from features.refold import origins
from features.rows import AccountRow, LeadRow, decode_account_row, decode_lead_row
from features.settings import history_of
from features.store import OnlineStore
from features.training import point_in_time
from ingestion.lake import read_events
from tests.conftest import tries
from tests.faults.plant import EVERYTHING, TIMEOUT, Plant
from tests.features.members import Features

pytestmark = TIMEOUT

SAMPLED = 300
AT_ONCE = 10


@dataclass(frozen=True)
class Vector:
    """What Feast served of a lead at a moment, and the rows that it read."""

    lead: LeadRow
    account: AccountRow | None
    key: str
    at: datetime
    features: Features


def sampled(plant: Plant) -> list[Vector]:
    """Vectors that Feast serves while the traffic flows."""
    online, chance = OnlineStore.open(plant.settings), random.Random(plant.seed)
    vectors: list[Vector] = []
    while len(vectors) < SAMPLED:
        known = sorted(set(read_history(history_of(plant.settings), LEAD, ["key"])["key"].to_pylist()))
        leads = chance.sample(known, min(AT_ONCE, len(known)))
        before, at = _rows(online, leads), datetime.now(UTC)
        keys = [(lead, row.account) for lead, (row, _) in before.items()]
        served = online_features(plant.settings, keys, at) if keys else {}
        after = _rows(online, leads)
        vectors += [
            Vector(*rows, lead, at, dict(served[lead])) for lead, rows in before.items() if after.get(lead) == rows
        ]
    return vectors


def _rows(online: OnlineStore, leads: list[str]) -> dict[str, tuple[LeadRow, AccountRow | None]]:
    """The rows of those that live, by lead."""
    live = {lead: row for lead, row in zip(leads, online.read(leads), strict=True) if row and not row.forward}
    accounts = online.read_accounts([row.account or "" for row in live.values()])
    return {lead: (row, account) for (lead, row), account in zip(live.items(), accounts, strict=True)}


class Known:
    """The feature history, by key."""

    def __init__(self, history: Path, entity: str) -> None:
        self._rows: dict[str, list[Mapping[str, Any]]] = {}
        for row in read_history(history, entity, ("key", "sequence", "known_at", "row")).to_pylist():
            self._rows.setdefault(row["key"], []).append(row)

    def row(self, key: str, sequence: int) -> bytes:
        """The row of that sequence."""
        (found,) = (row["row"] for row in self._rows[key] if row["sequence"] == sequence)
        return bytes(found)

    def newest(self, key: str | None, moment: datetime) -> int:
        """The sequence of the newest row known by a moment; 0 if there was none."""
        return max((row["sequence"] for row in self._rows.get(key or "", ()) if row["known_at"] <= moment), default=0)


@pytest.mark.parametrize("seed", range(tries(1)))
def test_training_gets_bit_for_bit_what_was_served_at_that_moment(seed: int, empty_kafka: str, tmp_path: Path) -> None:
    vectors: list[Vector] = []
    plant = Plant(empty_kafka, tmp_path, EVERYTHING, seed, seconds=6, end=datetime.now(UTC), live=True)
    plant.endure(lambda plant: vectors.extend(sampled(plant)))
    lake, history = plant.settings.lake, history_of(plant.settings)
    leads, accounts = Known(history, LEAD), Known(history, ACCOUNT)
    for vector in vectors:
        lead = decode_lead_row(leads.row(vector.key, vector.lead.sequence))
        account = vector.account
        if account is not None:
            account = decode_account_row(accounts.row(vector.lead.account or "", account.sequence))
        assert (lead, account) == (vector.lead, vector.account), "a row was served that the history does not have"
        assert LEAD_SCORING.features_at(lead.state, account.state if account else None, vector.at) == vector.features
    # For some milliseconds, from its commit to the history until it is online, a row is known and not yet served.
    settled = [
        vector
        for vector in vectors
        if leads.newest(vector.key, vector.at) == vector.lead.sequence
        and accounts.newest(vector.lead.account, vector.at) == (vector.account.sequence if vector.account else 0)
    ]
    assert len(settled) >= len(vectors) * 2 // 3
    assert _training(plant, settled) == [vector.features for vector in settled]
    assert any(len(origins(vector.lead.state.marks)) > 1 for vector in settled), "nobody had become somebody else"
    assert any((event.receivedtime - event.time).days > 30 for event in read_events(lake)), "nothing came late"


def _training(plant: Plant, vectors: list[Vector]) -> list[Features]:
    """What training is given for the moments at which these were served."""
    asked = pd.DataFrame(
        {
            "lead": [vector.key for vector in vectors],
            "account": [vector.lead.account for vector in vectors],
            "event_timestamp": [pd.Timestamp(vector.at) for vector in vectors],
        }
    )
    values = point_in_time(plant.settings, asked)[list(LEAD_SCORING.names)].astype(object)
    return [dict(row) for row in values.where(values.notna(), None).to_dict("records")]  # type: ignore[arg-type]
