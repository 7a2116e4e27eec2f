"""Prepare the stores: topics, schema, Feast declarations. Everything here is safe to repeat."""

from __future__ import annotations

from feature_repo.apply import apply
from ingestion.contracts.raw import (
    ALERTS_TOPIC,
    CHANGES_TOPIC,
    DECISIONS_TOPIC,
    EVENTS_TOPIC,
    IDENTITY_TOPIC,
    QUARANTINE_TOPIC,
    RAW_TOPICS,
)
from ingestion.database import open_database
from ingestion.kafka import create_topics
from ingestion.settings import PlatformSettings
from leadline.migrations import upgrade

# A partition is the unit of parallel work; `events` has one writer per partition for its leads and accounts.
PARTITIONS = {
    **dict.fromkeys(RAW_TOPICS, 4),
    EVENTS_TOPIC: 8,
    QUARANTINE_TOPIC: 4,
    IDENTITY_TOPIC: 4,
    CHANGES_TOPIC: 8,
    DECISIONS_TOPIC: 4,
    ALERTS_TOPIC: 1,
}


def prepare(settings: PlatformSettings) -> None:
    """Make what is missing of topics, tables and Feast's registry."""
    lineage = {settings.lineage_topic: 1} if settings.lineage_topic else {}
    create_topics(settings.kafka_bootstrap_servers, PARTITIONS | lineage)
    engine = open_database(settings.database_url)
    upgrade(engine)
    engine.dispose()
    apply(settings)
