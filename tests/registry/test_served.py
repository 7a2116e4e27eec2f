"""A point-in-time join that gives a lead another one's features is found out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from features.definitions import LEAD_SCORING
from features.on_demand import features_of
from features.rows import LeadRow, encode_row
from features.state import LeadState
from registry.errors import TrainingStopped
from registry.served import Served, require_exact

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = [T0 + timedelta(days=day) for day in range(50)]
NOBODY = [Served(None, None)] * 50
FEATURE_SET = "features.definitions:LEAD_SCORING"


@pytest.fixture
def leads() -> list[Served]:
    """Fifty leads, each with as many forms as its number."""
    return [
        Served(moment, encode_row(LeadRow(LeadState(last=dict.fromkeys(range(20), number)), moment, 1)))
        for number, moment in enumerate(MOMENTS)
    ]


def joined(leads: list[Served]) -> NDArray[np.float64]:
    columns = features_of(
        {"lead_row": [lead.row for lead in leads], "account_row": [None] * len(leads), "as_of": MOMENTS},
        FEATURE_SET,
    )
    return np.array([columns[name] for name in LEAD_SCORING.names], dtype=np.float64).T


def test_the_features_that_were_served_pass(leads: list[Served]) -> None:
    require_exact(joined(leads), leads, NOBODY, MOMENTS, FEATURE_SET)


def test_two_leads_features_exchanged_stop_the_training(leads: list[Served]) -> None:
    values = joined(leads)
    values[[20, 30]] = values[[30, 20]]
    with pytest.raises(
        TrainingStopped, match="differs from what was served in 2 of 50 sampled rows, first at 2026-01-21"
    ):
        require_exact(values, leads, NOBODY, MOMENTS, FEATURE_SET)


def test_a_row_that_the_join_lost_stops_the_training(leads: list[Served]) -> None:
    values = joined(leads)
    values[7] = np.nan
    with pytest.raises(TrainingStopped, match="in 1 of 50 sampled rows"):
        require_exact(values, leads, NOBODY, MOMENTS, FEATURE_SET)
