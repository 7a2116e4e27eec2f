"""The API over the real parts: Feast's online store, Kafka, the ledger, identity; and a lean import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Engine

from feature_repo.apply import apply
from features.rows import EncodedRow, encode_row
from features.store import OnlineStore
from ingestion.contracts.raw import DECISIONS_TOPIC
from ingestion.database import metadata, open_database
from ingestion.kafka import AlignedConsumer, DurableProducer, create_topics
from ingestion.settings import PlatformSettings
from scoring.app import build_api
from scoring.decision import decode_decision
from scoring.errors import NotRecorded
from scoring.ledger import Ledger
from scoring.ledger_writer import LedgerWriter
from scoring.metrics import ScoringMetrics
from scoring.records import KafkaRecorder
from scoring.settings import ScoringSettings
from tests.conftest import wait_until
from tests.scoring.http import KEY, Client, serving
from tests.scoring.leads import ACME, ADA, account_row, enrichment_row, lead_row
from tests.scoring.moments import registry


@pytest.fixture
def settings(kafka: str, tmp_path: Path) -> PlatformSettings:
    """An embedded platform in an empty home."""
    return PlatformSettings.model_validate(
        {"home": tmp_path, "kafka_bootstrap_servers": kafka, "identity_key": "00" * 32, "master_key": "11" * 32}
    )


@pytest.fixture
def database(settings: PlatformSettings) -> Engine:
    """Its database, with every table."""
    engine = open_database(settings.database_url)
    metadata.create_all(engine)
    return engine


@pytest.fixture
def client(settings: PlatformSettings, database: Engine) -> Iterator[Client]:
    """The running API, with Ada in the online store."""
    create_topics(settings.kafka_bootstrap_servers, {DECISIONS_TOPIC: 4})
    apply(settings)
    store = OnlineStore.open(settings)
    store.write([EncodedRow(ADA, lead_row().known_at, encode_row(lead_row()))])
    store.write_accounts([EncodedRow(ACME, account_row().known_at, encode_row(account_row()))])
    store.write_enrichment([EncodedRow(ADA, enrichment_row().known_at, encode_row(enrichment_row()))])
    producer = DurableProducer(settings.kafka_bootstrap_servers, linger_ms=0)
    keys = f"test:score+read+admin:{sha256(KEY.encode()).hexdigest()}"
    scoring = ScoringSettings.model_validate({"api_keys": keys})
    with serving(build_api(settings, scoring, database, producer, ScoringMetrics(registry()))) as running:
        yield running
    producer.close()


def test_a_score_reaches_the_topic_and_the_ledger_as_it_was_answered(
    client: Client, settings: PlatformSettings, database: Engine
) -> None:
    ready = client.get("/readyz")
    assert ready.json["not_ready"] == [], ready.body
    answer = client.post("/v1/scores", {"lead": ADA})
    assert answer.status == 200, answer.body
    decision = decode_decision(answer.body)
    assert decision.enrichment is not None
    assert "no_model" in decision.degraded

    consumer = AlignedConsumer(settings.kafka_bootstrap_servers, f"ledger of {settings.home}", [DECISIONS_TOPIC])
    writer, ledger = LedgerWriter(consumer, Ledger(database), ScoringMetrics(registry())), Ledger(database)
    wait_until(lambda: writer.step(0.2) >= 0 and decision.id in ledger.ids(), "the ledger to hold the decision")
    consumer.close()
    assert client.get(f"/v1/decisions/{decision.id}").body == answer.body
    assert client.get(f"/v1/leads/{ADA}").json["latest_decision"]["id"] == decision.id


def test_an_unknown_identifier_is_asked_of_identity_and_is_404(client: Client) -> None:
    body = {"identifier": {"type": "email", "value": "nobody@example.org"}}
    assert client.post("/v1/scores", body).status == 404


def test_a_decision_that_no_broker_acknowledges_is_not_answered() -> None:
    import asyncio

    producer = DurableProducer("127.0.0.1:1", linger_ms=0, client_config={"log_level": 0})
    with pytest.raises(NotRecorded, match="was not acknowledged"):
        asyncio.run(KafkaRecorder(producer, 0.2).record(ADA, b"{}"))
    producer.close()


def test_the_scoring_process_never_imports_the_heavy_parts() -> None:
    heavy = ("great_expectations", "pyspark", "sklearn", "shap", "matplotlib", "mlflow.server", "pydantic_ai", "openai")
    code = f"import sys, scoring.app; print([name for name in {heavy!r} if name in sys.modules])"
    seen = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]", seen.stdout
