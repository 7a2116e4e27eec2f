"""Questions to the broker from outside."""

from __future__ import annotations

import pytest

from ingestion.errors import Retry
from ingestion.kafka import DurableProducer, admin, create_topics, group_lag, read_topic
from tests.conftest import free_port
from tests.ingestion.kafka.proxies import electing_proxy


def test_the_lag_at_a_broker_that_is_away_is_to_be_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "PATIENCE_SECONDS", 0.5)
    with pytest.raises(Retry, match=r"lag of group workers on raw\.crm"):
        group_lag(f"127.0.0.1:{free_port()}", "workers", ["raw.crm"])


def test_who_makes_topics_where_no_broker_is_learns_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "PATIENCE_SECONDS", 0.5)
    with pytest.raises(Retry, match=r"no broker answers at .*KAFKA_BOOTSTRAP_SERVERS"):
        create_topics(f"127.0.0.1:{free_port()}", {"raw.crm": 1})


def test_a_partition_whose_leader_is_being_elected_is_asked_about_again(kafka: str, topic: str) -> None:
    create_topics(kafka, {topic: 1})
    producer = DurableProducer(kafka)
    producer.send(topic, key="a", value=b"one")
    producer.flush()
    producer.close()
    with electing_proxy(kafka, topic) as bootstrap:
        assert group_lag(bootstrap, "workers", [topic]) == 1
    with electing_proxy(kafka, topic) as bootstrap:
        assert [record.value for record in read_topic(bootstrap, topic)] == [b"one"]
