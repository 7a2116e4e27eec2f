"""Events that were refused, mended and replayed leave the features and the lake as if they had been good at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka.admin import AdminClient
from prometheus_client import CollectorRegistry

from features.app import features_group, run_features
from features.definitions import LEAD_SCORING
from features.recompute import batch_recompute, compare
from features.store import OnlineStore
from ingestion.app import LAKE_GROUP, run_lake
from ingestion.contracts.forwards import Forwards
from ingestion.contracts.raw import CHANGES_TOPIC, EVENTS_TOPIC
from ingestion.kafka import create_topics, group_lag
from ingestion.lake import read_events, read_forwardings
from ingestion.refused_query import Totals
from ingestion.settings import PlatformSettings
from leadline.questions import newest_leads
from tests.conftest import _sweep, wait_until
from tests.features.platforms import applied
from tests.ingestion.rawstream import START
from tests.ingestion.test_replay import Titleless, knowing, replay_all, totals
from tests.ingestion.test_worker import Stage

AS_OF = START + timedelta(days=2)
SEED, PEOPLE = 11, 25


@dataclass(frozen=True)
class Outcome:
    """What a platform has come to."""

    totals: Totals
    lake: dict[str, Any]  # events by id, without where and when they were read
    features: dict[str, dict[str, float | None]]


@pytest.fixture
def reference(empty_kafka: str, tmp_path: Path) -> Outcome:
    """The same messages with nothing broken."""
    platform = Platform(empty_kafka, tmp_path / "good")
    platform.publish_and_read()
    outcome = platform.outcome()
    platform.close()
    admin = AdminClient({"bootstrap.servers": empty_kafka})
    wait_until(lambda: _sweep(admin), "Kafka to forget the reference's topics and groups")
    return outcome


class Platform:
    """Ingestion, lake and features of one home."""

    def __init__(self, bootstrap: str, home: Path) -> None:
        self.settings: PlatformSettings = applied(home, bootstrap=bootstrap)
        self.stage = Stage(bootstrap, self.settings.database_url)
        create_topics(bootstrap, {CHANGES_TOPIC: 1})

    def publish_and_read(self) -> None:
        self.stage.raw.mixed(seed=SEED, people=PEOPLE)
        self.follow()

    def follow(self) -> None:
        """Read what lies on the raw topics, and everything that follows from it."""
        self.stage.work()
        _until_drained(self.settings, LAKE_GROUP, lambda stop: _run_lake(self.settings, stop))
        _until_drained(self.settings, features_group(self.settings), lambda stop: _run_features(self.settings, stop))

    def outcome(self) -> Outcome:
        online = OnlineStore.open(self.settings)
        leads = newest_leads(self.settings)
        rows = online.read([lead for lead, *_ in leads])
        accounts = online.read_accounts([account or "" for _, account, _ in leads])
        features = {
            lead: LEAD_SCORING.features_at(row.state, account.state if account else None, AS_OF)
            for (lead, *_), row, account in zip(leads, rows, accounts, strict=True)
            if row is not None
        }
        forwards = Forwards(read_forwardings(self.settings.lake))
        lake = {event.id: _timeless(event, forwards.of(event)) for event in read_events(self.settings.lake)}
        assert len(lake) == len(read_events(self.settings.lake)), "an event is in the lake twice"
        recomputed = batch_recompute(self.settings.lake, AS_OF, LEAD_SCORING)
        assert compare(features, recomputed) == []
        return Outcome(totals(self.stage), lake, features)

    def close(self) -> None:
        self.stage.close()


def _timeless(event: Any, lead: str) -> Any:
    """An event without what depends on when and where it was read; with the lead that it belongs to in the end."""
    nowhere = msgspec.structs.replace(event.raw, offset=0)
    return msgspec.structs.replace(
        event, raw=nowhere, receivedtime=START, lead=lead, partitionkey="", account=None, private=None
    )


def _run_lake(settings: PlatformSettings, stop: threading.Event) -> None:
    run_lake(settings, stop, CollectorRegistry())


def _run_features(settings: PlatformSettings, stop: threading.Event) -> None:
    run_features(settings, stop, registry=CollectorRegistry())


def _until_drained(settings: PlatformSettings, group: str, run: Callable[[threading.Event], None]) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop,))
    thread.start()
    try:
        wait_until(
            lambda: group_lag(settings.kafka_bootstrap_servers, group, [EVENTS_TOPIC]) == 0, f"{group} to follow", 60
        )
    finally:
        stop.set()
        thread.join()


def test_features_and_lake_are_as_if_nothing_had_been_broken(
    reference: Outcome, empty_kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Platform(empty_kafka, tmp_path / "broken")
    knowing(monkeypatch, segment=None, hubspot=Titleless())  # one adapter is missing, one refuses what is good
    platform.publish_and_read()
    broken = platform.outcome()
    assert broken.totals.accepted == reference.totals.accepted
    assert broken.totals.quarantined > reference.totals.quarantined
    assert len(broken.lake) < len(reference.lake)
    knowing(monkeypatch)
    replay_all(platform.stage)
    platform.follow()
    mended = platform.outcome()
    platform.close()
    assert mended.totals == reference.totals
    assert mended.lake == reference.lake
    assert mended.features == reference.features
