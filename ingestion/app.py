"""The only place of the stage that builds things and passes them in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry

from ingestion.contracts.raw import EVENTS_TOPIC, RAW_TOPICS
from ingestion.database import open_database
from ingestion.framing import Resolve, unasked
from ingestion.gate import BatchGate
from ingestion.identity import IdentityStore
from ingestion.identity.lists import load_lists
from ingestion.kafka import AlignedConsumer, DurableProducer, partition_count
from ingestion.kafka.record import Partition
from ingestion.lake import EventsTable
from ingestion.lake_writer import LakeWriter
from ingestion.memory import settle_memory
from ingestion.metrics import (
    GateMetrics,
    HydrationMetrics,
    IngestionMetrics,
    LakeMetrics,
    ReceiverMetrics,
    serve_metrics,
)
from ingestion.pipeline import Pipeline
from ingestion.privacy import Vault
from ingestion.settings import HydrationSettings, PlatformSettings, ReceiverSettings
from ingestion.trace_export import tracer_of
from ingestion.worker import CrashPoint, IngestionWorker, never, publish_verdicts

if TYPE_CHECKING:
    from ingestion.hydration.apis import Api, Owner
    from ingestion.hydration.fetcher import Patience

INGESTION_GROUP = "leadline-ingestion"
LAKE_GROUP = "leadline-lake"
HYDRATION_GROUP = "leadline-hydration"


def run_ingestion(
    settings: PlatformSettings,
    stop: threading.Event,
    crash_point: CrashPoint = never,
    registry: CollectorRegistry = REGISTRY,
) -> None:
    """Run one ingestion worker until `stop` is set. Raises what `load_lists` and `IngestionWorker.run` raise."""
    lists = load_lists(settings.identity_lists)
    serve_metrics(settings.metrics_port)
    bootstrap = settings.kafka_bootstrap_servers
    engine = open_database(settings.database_url)
    producer = DurableProducer(bootstrap)
    alert = publish_verdicts(producer, GateMetrics(registry))
    gate = BatchGate(alert, lambda: datetime.now(UTC))
    gate.preload()
    identity = IdentityStore(engine, settings.identity_key_bytes, lists)
    pipeline = Pipeline(engine, identity, Vault(engine, settings.master_key_bytes), settings.tenant)
    metrics = IngestionMetrics(registry)
    metrics.lists.info({"digest": lists.digest})

    def revoked(_: list[Partition]) -> None:
        worker.settle()  # so that their next owner need not repeat it

    consumer = AlignedConsumer(
        bootstrap,
        INGESTION_GROUP,
        list(RAW_TOPICS),
        on_revoked=revoked,
        reached=pipeline.reached,
        client_config=settings.membership(INGESTION_GROUP),
    )
    worker = IngestionWorker(
        consumer,
        producer,
        pipeline,
        settings.as_tenant(),
        gate,
        metrics,
        events_partitions=partition_count(bootstrap, EVENTS_TOPIC),
        alert=alert,
        schemas=_schemas(settings),
        tracer=tracer_of(settings, "ingest"),
        crash_point=crash_point,
    )
    settle_memory()
    try:
        worker.run(stop)
    finally:
        consumer.close()
        producer.close()
        engine.dispose()


def _schemas(settings: PlatformSettings) -> Resolve:
    """Asks the schema registry, if the settings name one."""
    if not settings.schema_registry_url:
        return unasked
    from ingestion.schema_registry import SchemaRegistry  # an HTTP client, that few workers need

    subjects = [subject.strip() for subject in settings.schema_subjects.split(",") if subject.strip()]
    credentials = settings.schema_registry_key.get_secret_value()
    return SchemaRegistry(settings.schema_registry_url, subjects, credentials).resolve


def run_lake(settings: PlatformSettings, stop: threading.Event, registry: CollectorRegistry = REGISTRY) -> None:
    """Run one lake writer until `stop` is set. Raises what `LakeWriter.run` raises."""
    serve_metrics(settings.metrics_port)
    writer = LakeWriter(EventsTable(settings.lake))
    consumer = AlignedConsumer(
        settings.kafka_bootstrap_servers,
        LAKE_GROUP,
        [EVENTS_TOPIC],
        on_assigned=writer.assigned,
        client_config=settings.membership(LAKE_GROUP),
    )
    settle_memory()
    try:
        writer.run(consumer, stop, LakeMetrics(registry), tracer_of(settings, "lake"))
    finally:
        consumer.close()


def run_receiver(settings: ReceiverSettings, *, host: str, port: int) -> None:
    """Answer senders until told to stop. Raises `SettingsError` for a connections file that is not right."""
    # Imported here: workers need no HTTP server.
    from ingestion.receiver.asgi import Receiver
    from ingestion.receiver.connections import address_list, load_connections
    from ingestion.receiver.outlet import KafkaOutlet
    from ingestion.receiver.server import server_of

    connections = load_connections(settings.connections)
    proxies = address_list(filter(None, settings.trusted_proxies.split(",")))
    serve_metrics(settings.metrics_port)
    outlet = KafkaOutlet(settings.kafka_bootstrap_servers)
    settle_memory()
    receiver = Receiver(
        connections,
        outlet,
        ReceiverMetrics(),
        base_url=settings.receiver_url,
        trusted_proxies=proxies,
        tracer=tracer_of(settings, "receive"),
    )
    try:
        server_of(receiver, host=host, port=port).run()
    finally:
        outlet.close()


def run_hydration(
    settings: HydrationSettings,
    stop: threading.Event,
    patience: Patience | None = None,
    registry: CollectorRegistry = REGISTRY,
) -> None:
    """Fetch what raw messages only name, until `stop` is set. Raises what `HydrationWorker.run` raises."""
    from ingestion.hydration.apis import load_apis
    from ingestion.hydration.firmographics import api_of

    provider = api_of(settings)
    has_connections = provider is None or settings.connections.exists()
    apis = load_apis(settings.connections, required=provider is None) if has_connections else {}
    serve_metrics(settings.metrics_port)
    settle_memory()
    asyncio.run(_hydrate(settings, apis, provider, stop, patience, HydrationMetrics(registry)))


async def _hydrate(
    settings: HydrationSettings,
    apis: Mapping[Owner, Api],
    provider: Api | None,
    stop: threading.Event,
    patience: Patience | None,
    metrics: HydrationMetrics,
) -> None:
    # Imported here: other workers need no HTTP client.
    from ingestion.hydration.client import ask, client_for
    from ingestion.hydration.companies import Companies
    from ingestion.hydration.fetcher import IN_FLIGHT, Fetcher, Patience
    from ingestion.hydration.firmographics import provider_of
    from ingestion.hydration.table import Hydrations
    from ingestion.hydration.worker import HydrationWorker
    from ingestion.receiver.outlet import KafkaOutlet

    bootstrap, membership = settings.kafka_bootstrap_servers, settings.membership(HYDRATION_GROUP)
    async with AsyncExitStack() as opened:
        engine = open_database(settings.database_url)
        opened.callback(engine.dispose)
        outlet = KafkaOutlet(bootstrap)
        opened.callback(outlet.close)
        consumer = AlignedConsumer(bootstrap, HYDRATION_GROUP, list(RAW_TOPICS), client_config=membership)
        opened.callback(consumer.close)
        hydrations, fetchers, tracer = Hydrations(engine), {}, tracer_of(settings, "hydrate")
        patience = patience or Patience()
        for owner, api in [*apis.items(), *([] if provider is None else [(provider.owner, provider)])]:
            client = await opened.enter_async_context(client_for(IN_FLIGHT))
            by_http = partial(ask, client, api, seconds=patience.ask)
            asked = provider_of(settings, by_http, engine) if api is provider else by_http
            fetchers[owner] = Fetcher(api, asked, hydrations, outlet, metrics, patience=patience, tracer=tracer)
        companies = None if provider is None else Companies(provider, load_lists(settings.identity_lists))
        await HydrationWorker(consumer, fetchers, hydrations, metrics, companies=companies).run(stop)
