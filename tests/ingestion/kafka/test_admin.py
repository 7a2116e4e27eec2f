"""Questions to the broker from outside."""

from __future__ import annotations

import pytest

from ingestion.errors import Retry
from ingestion.kafka import admin, create_topics, group_lag
from tests.conftest import free_port


def test_the_lag_at_a_broker_that_is_away_is_to_be_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "PATIENCE_SECONDS", 0.5)
    with pytest.raises(Retry, match=r"lag of group workers on raw\.crm"):
        group_lag(f"127.0.0.1:{free_port()}", "workers", ["raw.crm"])


def test_who_makes_topics_where_no_broker_is_learns_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "PATIENCE_SECONDS", 0.5)
    with pytest.raises(Retry, match=r"no broker answers at .*KAFKA_BOOTSTRAP_SERVERS"):
        create_topics(f"127.0.0.1:{free_port()}", {"raw.crm": 1})
