"""The scoring stage's processes: the only place that builds their parts and passes them in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Event

import prometheus_client  # noqa: F401  # before Feast, whose import would move its values into files
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, text

from features.history import HistoryTable, readings_beside
from features.readings import Readings
from features.settings import feature_set, history_of
from features.sources import expected
from features.store import WORKERS_PATIENCE, OnlineStore
from ingestion.contracts.raw import CHANGES_TOPIC, DECISIONS_TOPIC, EVENTS_TOPIC
from ingestion.database import open_database, reading
from ingestion.identity import IdentityStore
from ingestion.kafka import AlignedConsumer, DurableProducer, partition_count
from ingestion.metrics import serve_metrics
from ingestion.privacy import Vault
from ingestion.rulings import RulingMessage
from ingestion.settings import PlatformSettings
from registry import champion as registered
from registry.bundle import Bundle
from scoring import access, ledger_writer, policy, stream
from scoring.api import Deps, create_app
from scoring.breaker import Breaker
from scoring.champion import Champion
from scoring.enrichment import worker as enrichment_worker
from scoring.enrichment.build import build_reader
from scoring.enrichment.worker import EnrichmentWorker
from scoring.ledger import Ledger
from scoring.ledger_writer import LedgerWriter
from scoring.metrics import ScoringMetrics
from scoring.records import KafkaRecorder
from scoring.scorer import Scorer
from scoring.service import ScoreService
from scoring.settings import ScoringSettings
from scoring.settings import load as load_scoring
from scoring.stores import Stores
from scoring.stream import StreamScorer

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5


def run_api(settings: PlatformSettings, *, host: str | None = None, port: int | None = None) -> None:
    """Serve the API in this process until SIGTERM or Ctrl-C; in-flight requests are finished first."""
    scoring = load_scoring()
    producer = DurableProducer(settings.kafka_bootstrap_servers, linger_ms=0)
    engine = open_database(settings.database_url)
    try:
        uvicorn.run(
            build_api(settings, scoring, engine, producer, ScoringMetrics()),
            host=host or scoring.api_host,
            port=scoring.api_port if port is None else port,
            loop="uvloop",
            http="httptools",
            access_log=False,  # /metrics counts; a log line a request costs more than the score
            log_level="warning",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=10,
        )
    finally:
        producer.close()
        engine.dispose()


def build_api(
    settings: PlatformSettings,
    scoring: ScoringSettings,
    engine: Engine,
    producer: DurableProducer,
    metrics: ScoringMetrics,
) -> FastAPI:
    """The application over the real parts.

    Raises:
        SettingsError: the API keys are malformed.
        PolicyError: the policy is faulty or does not exist.
    """
    patience = scoring.store_timeout_seconds
    stores = Stores(settings, patience, Breaker)
    champion = _champion(settings, scoring, metrics, stores)
    probed = OnlineStore.open(settings, patience)  # checks run on other threads

    @asynccontextmanager
    async def background() -> AsyncIterator[None]:
        await asyncio.to_thread(champion.refresh)
        watch = asyncio.create_task(champion.watch(scoring.champion_poll_seconds))
        yield
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch

    def database() -> None:
        with reading(engine) as connection:
            connection.execute(text("SELECT 1"))

    async def publish(ruling: RulingMessage) -> None:
        await producer.send_acknowledged(ruling.topic, key=ruling.key, value=ruling.value, headers=ruling.headers)

    return create_app(
        Deps(
            service=ScoreService(
                stores.rows,
                champion.current,
                KafkaRecorder(producer, scoring.record_timeout_seconds),
                metrics,
                _now,
            ),
            identities=IdentityStore(engine, settings.identity_key_bytes),
            ledger=Ledger(engine),
            access=access.parse(scoring.api_keys.get_secret_value()),
            metrics=metrics,
            publish=publish,
            checks={
                "online_store": lambda: probed.read(["-"]),
                "database": database,
                "kafka": lambda: partition_count(settings.kafka_bootstrap_servers, DECISIONS_TOPIC),
                "champion": champion.require_served,
            },
            background=background,
        )
    )


def run_stream(settings: PlatformSettings, stop: Event) -> None:
    """Run one stream scorer until `stop` is set. Raises what `StreamScorer.step` raises."""
    scoring = load_scoring()
    serve_metrics(settings.metrics_port)
    metrics = ScoringMetrics()
    stores = Stores(settings, WORKERS_PATIENCE)
    champion = _champion(settings, scoring, metrics, stores)
    champion.refresh()
    producer = DurableProducer(settings.kafka_bootstrap_servers)
    engine = open_database(settings.database_url)
    consumer = AlignedConsumer(
        settings.kafka_bootstrap_servers, stream.GROUP, [CHANGES_TOPIC], client_config=settings.membership(stream.GROUP)
    )
    worker = StreamScorer(
        consumer,
        stores.rows,
        champion.current,
        producer,
        Ledger(engine),
        metrics,
        scoring.material_change,
    )
    refresh = _every(scoring.champion_poll_seconds, champion.refresh)
    try:
        while not stop.is_set():
            refresh()
            worker.step(_POLL_SECONDS)
    finally:
        consumer.close()
        producer.close()
        engine.dispose()


def run_ledger(settings: PlatformSettings, stop: Event) -> None:
    """Run one ledger writer until `stop` is set. Raises what `LedgerWriter.step` raises."""
    serve_metrics(settings.metrics_port)
    engine = open_database(settings.database_url)
    consumer = AlignedConsumer(
        settings.kafka_bootstrap_servers,
        ledger_writer.GROUP,
        [DECISIONS_TOPIC],
        client_config=settings.membership(ledger_writer.GROUP),
    )
    worker = LedgerWriter(consumer, Ledger(engine), ScoringMetrics())
    try:
        while not stop.is_set():
            worker.step(_POLL_SECONDS)
    finally:
        consumer.close()
        engine.dispose()


def run_enrichment(settings: PlatformSettings, stop: Event) -> None:
    """Run one enrichment worker until `stop` is set. Raises what `EnrichmentWorker.step` raises."""
    scoring = load_scoring()
    serve_metrics(settings.metrics_port)
    engine = open_database(settings.database_url)
    producer = DurableProducer(settings.kafka_bootstrap_servers)
    consumer = AlignedConsumer(
        settings.kafka_bootstrap_servers,
        enrichment_worker.GROUP,
        [EVENTS_TOPIC],
        # Readers that answer late may take minutes over a batch.
        client_config={**settings.membership(enrichment_worker.GROUP), "max.poll.interval.ms": 600_000},
    )
    worker = EnrichmentWorker(
        consumer,
        Readings(OnlineStore.open(settings), HistoryTable(readings_beside(history_of(settings)))),
        Vault(engine, settings.master_key_bytes),
        build_reader(scoring, engine, _now),
        producer,
        ScoringMetrics(),
        _now,
    )

    async def run() -> None:
        while not stop.is_set():
            await worker.step(_POLL_SECONDS)

    try:
        asyncio.run(run())
    finally:
        consumer.close()
        producer.close()
        engine.dispose()


def build_scorer(bundle: Bundle | None, settings: PlatformSettings, scoring: ScoringSettings) -> Scorer:
    """The scorer of a bundle (None: the open rules) under the configured policy."""
    return Scorer(
        bundle,
        feature_set(settings),
        policy.load(scoring.policy_version),
        settings.tenant,
        timedelta(days=scoring.reading_max_age_days),
        expected(settings.source_freshness),
    )


def _champion(
    settings: PlatformSettings, scoring: ScoringSettings, metrics: ScoringMetrics, stores: Stores
) -> Champion:
    return Champion(
        lambda: registered.current(settings.mlflow_tracking_uri, settings.home / "champion"),
        lambda bundle: build_scorer(bundle, stores.open(bundle), scoring),
        metrics,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _every(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
    """`action`, at most once in `seconds`."""
    due = _now() + timedelta(seconds=seconds)

    def maybe() -> None:
        nonlocal due
        if _now() >= due:
            action()
            due = _now() + timedelta(seconds=seconds)

    return maybe
