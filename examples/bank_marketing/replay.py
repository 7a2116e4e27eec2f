"""Send the calls through a platform of their own: Kafka, ingestion, identity, the feature worker, Feast, the lake."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from examples.bank_marketing.definitions import FEATURE_SET
from features.app import features_group
from ingestion.app import INGESTION_GROUP, LAKE_GROUP
from ingestion.contracts.event import Event
from ingestion.contracts.raw import EVENTS_TOPIC, QUARANTINE_TOPIC, RAW_TOPICS
from ingestion.kafka import group_lag
from ingestion.lake import read_events
from ingestion.settings import PlatformSettings
from leadline import environment
from leadline.broker import open_broker
from leadline.company import RawOut
from leadline.seed import Publisher, publish_all
from leadline.setup import prepare
from leadline.stack import Stack

PATIENCE_SECONDS = 150.0


@contextmanager
def platform(home: Path, say: Callable[[str], None]) -> Iterator[tuple[PlatformSettings, Stack]]:
    """A broker, empty stores under `home` and the workers that fold the bank's features; all end with the block."""
    os.environ["LEADLINE_HOME"] = str(home)
    os.environ["LEADLINE_FEATURE_SET"] = FEATURE_SET
    with open_broker(home / "kafka", say=say) as broker:
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = broker.bootstrap_servers
        settings = environment.settings(make_keys=True)
        prepare(settings)
        with Stack(dict(os.environ), home / "logs") as stack:
            for service in ("ingest", "features", "lake"):
                stack.start(service)
            yield settings, stack


def replay(settings: PlatformSettings, stack: Stack, messages: Sequence[RawOut]) -> list[Event]:
    """Publish the messages and wait until features are served and the lake is written; gives its canonical events.

    Raises:
        StackError: a service died or took too long.
        RuntimeError: an event was quarantined, dropped or doubled.
    """
    publisher = Publisher(settings)
    publish_all(publisher, messages)
    publisher.close()
    bootstrap = settings.kafka_bootstrap_servers

    def drained() -> bool:
        return (
            group_lag(bootstrap, INGESTION_GROUP, list(RAW_TOPICS)) == 0
            and group_lag(bootstrap, features_group(settings), [EVENTS_TOPIC]) == 0
            and group_lag(bootstrap, LAKE_GROUP, [EVENTS_TOPIC]) == 0
        )

    stack.wait_until(drained, "the replay's arrival in the lake", PATIENCE_SECONDS)
    events = read_events(settings.lake)
    if len({(event.source, event.id) for event in events}) != len(messages) or len(events) != len(messages):
        raise RuntimeError(
            f"{len(messages):,} events were published and {len(events):,} are in the lake; look at {QUARANTINE_TOPIC}"
        )
    return events
