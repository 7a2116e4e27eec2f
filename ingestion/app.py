"""The only place of the stage that builds things and passes them in."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from ingestion.contracts.raw import EVENTS_TOPIC, RAW_TOPICS
from ingestion.database import open_database
from ingestion.gate import BatchGate
from ingestion.identity import IdentityStore
from ingestion.kafka import AlignedConsumer, DurableProducer, partition_count
from ingestion.kafka.record import Partition
from ingestion.lake import EventsTable
from ingestion.lake_writer import LakeWriter
from ingestion.memory import settle_memory
from ingestion.metrics import IngestionMetrics, ReceiverMetrics, serve_metrics
from ingestion.pipeline import Pipeline
from ingestion.privacy import Vault
from ingestion.settings import PlatformSettings
from ingestion.worker import CrashPoint, IngestionWorker, never, publish_verdicts

INGESTION_GROUP = "leadline-ingestion"
LAKE_GROUP = "leadline-lake"


def run_ingestion(settings: PlatformSettings, stop: threading.Event, crash_point: CrashPoint = never) -> None:
    """Run one ingestion worker until `stop` is set. Raises what `IngestionWorker.run` raises."""
    serve_metrics(settings.metrics_port)
    bootstrap = settings.kafka_bootstrap_servers
    engine = open_database(settings.database_url)
    producer = DurableProducer(bootstrap)
    gate = BatchGate(publish_verdicts(producer), lambda: datetime.now(UTC))
    gate.preload()
    identity = IdentityStore(engine, settings.identity_key_bytes)

    def revoked(_: list[Partition]) -> None:
        worker.settle()  # so that their next owner need not repeat it

    consumer = AlignedConsumer(
        bootstrap,
        INGESTION_GROUP,
        list(RAW_TOPICS),
        on_revoked=revoked,
        client_config=settings.membership(INGESTION_GROUP),
    )
    worker = IngestionWorker(
        consumer,
        producer,
        Pipeline(engine, identity, Vault(engine, settings.master_key_bytes), settings.tenant),
        settings.as_tenant(),
        gate,
        IngestionMetrics(),
        events_partitions=partition_count(bootstrap, EVENTS_TOPIC),
        crash_point=crash_point,
    )
    settle_memory()
    try:
        worker.run(stop)
    finally:
        consumer.close()
        producer.close()
        engine.dispose()


def run_lake(settings: PlatformSettings, stop: threading.Event) -> None:
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
        writer.run(consumer, stop)
    finally:
        consumer.close()


def run_receiver(settings: PlatformSettings, *, host: str, port: int) -> None:
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
    receiver = Receiver(connections, outlet, ReceiverMetrics(), base_url=settings.receiver_url, trusted_proxies=proxies)
    try:
        server_of(receiver, host=host, port=port).run()
    finally:
        outlet.close()
