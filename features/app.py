"""The only place of the stage that builds things and passes them in."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

from prometheus_client import REGISTRY, CollectorRegistry

from features.backfill import Backfill, Reached
from features.comparison import Comparison
from features.gate import FeatureGate
from features.history import HistoryTable, require_definitions
from features.lineage.jobs import FoldLineage, open_outlet
from features.metrics import DriftMetrics, FeatureMetrics, ParityMetrics
from features.monitor import Monitor
from features.parting import HeldInLake
from features.rebuild import keep_whole
from features.settings import feature_set, history_of, offline_engine
from features.snapshot_gate import SnapshotGate, SnapshotWatch, Trained, untrained
from features.sources import expected
from features.store import OnlineStore
from features.worker import FeatureWorker
from ingestion.contracts.raw import EVENTS_TOPIC
from ingestion.kafka import AlignedConsumer, DurableProducer, partition_count
from ingestion.memory import settle_memory
from ingestion.metrics import GateMetrics, serve_metrics
from ingestion.settings import PlatformSettings
from ingestion.worker import CrashPoint, never, publish_verdicts
from quality.verdict import Action, Verdict

log = logging.getLogger(__name__)


def features_group(settings: PlatformSettings) -> str:
    """The consumer group of the workers that fold this platform's feature set."""
    return f"leadline-features-{feature_set(settings).service}"


def comparison_of(settings: PlatformSettings) -> Comparison:
    """What compares this platform's served features with the recompute."""
    lake, engine = settings.lake.absolute(), offline_engine(settings.offline_engine)
    return Comparison(lake, OnlineStore.open(settings), feature_set(settings), engine=engine)


def snapshot_gate(settings: PlatformSettings, trained: Trained = untrained) -> SnapshotGate:
    """What judges snapshots of this platform, against what its model was `trained` on."""
    lake, online, within = settings.lake.absolute(), OnlineStore.open(settings), expected(settings.source_freshness)
    return SnapshotGate(lake, online, feature_set(settings), trained, expected=within)


def backfill_of(settings: PlatformSettings, lake_reached: Reached, crash_point: CrashPoint = never) -> Backfill:
    """The backfill of this platform's feature set; its declarations must have been applied."""
    features, told = feature_set(settings), set[str]()

    def tell(verdict: Verdict) -> None:
        found = f"{verdict.suite}: {'; '.join(each.expectation for each in verdict.findings)}"
        if verdict.action is not Action.PASS and found not in told:  # a window is as the one before
            told.add(found)
            log.warning(found)

    settle_memory()
    return Backfill(
        settings.lake.absolute(),
        history_of(settings),
        OnlineStore.open(settings),
        features,
        FeatureGate(features, tell, lambda: datetime.now(UTC)),
        lake_reached,
        crash_point=crash_point,
    )


def run_monitor(
    settings: PlatformSettings,
    stop: threading.Event,
    registry: CollectorRegistry = REGISTRY,
    *,
    trained: Trained = untrained,
) -> None:
    """Watch the sampled leads until `stop` is set. Raises what `Monitor.round` raises."""
    serve_metrics(settings.metrics_port)
    producer = DurableProducer(settings.kafka_bootstrap_servers)
    publish = publish_verdicts(producer, GateMetrics(registry))
    monitor = Monitor(comparison_of(settings), ParityMetrics(registry), publish, share=settings.parity_share)
    gate = snapshot_gate(settings, trained)
    snapshots = SnapshotWatch(gate, publish, DriftMetrics(registry), settings.drift_seconds)
    settle_memory()
    try:
        while not stop.wait(settings.parity_seconds):
            monitor.round()
            snapshots.look_if_due()
    finally:
        producer.close()


def run_features(
    settings: PlatformSettings,
    stop: threading.Event,
    crash_point: CrashPoint = never,
    registry: CollectorRegistry = REGISTRY,
) -> None:
    """Run one feature worker until `stop` is set.

    Raises what `FeatureWorker.run` raises, and `DefinitionsChanged` before anything is read.
    """
    history, features = history_of(settings), feature_set(settings)
    require_definitions(history, features)
    serve_metrics(settings.metrics_port)
    bootstrap, group = settings.kafka_bootstrap_servers, features_group(settings)
    producer = DurableProducer(bootstrap)
    alert, lineage = publish_verdicts(producer, GateMetrics(registry)), FoldLineage(open_outlet(settings), features)

    def publish(verdict: Verdict) -> None:
        alert(verdict)
        lineage.judged(verdict)

    gate = FeatureGate(features, publish, lambda: datetime.now(UTC), expected(settings.source_freshness))
    gate.preload()
    worker = FeatureWorker(
        producer,
        OnlineStore.open(settings),
        HistoryTable(history),
        features,
        gate,
        FeatureMetrics(registry),
        HeldInLake(settings.lake),
        partitions=partition_count(bootstrap, EVENTS_TOPIC),
        crash_point=crash_point,
        folded=lineage.folded,
    )
    mending = OnlineStore.open(settings)  # a store of its own: it is another thread's
    threading.Thread(target=keep_whole, args=(history, mending, stop), daemon=True).start()
    consumer: AlignedConsumer | None = None

    def assigned(partitions: list[tuple[str, int]]) -> None:
        assert consumer is not None
        worker.assigned(partitions, consumer)

    consumer = AlignedConsumer(
        bootstrap,
        group,
        [EVENTS_TOPIC],
        on_assigned=assigned,
        on_revoked=worker.revoked,
        client_config=settings.membership(group),
    )
    settle_memory()
    try:
        worker.run(consumer, stop)
    finally:
        consumer.close()
        producer.close()
        lineage.close()
