"""What the ingestion stage counts, and the small HTTP server on which every worker shows its counts."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server

BATCH_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class IngestionMetrics:
    """Counters of one worker since it started. Elements are entries of raw messages."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.raw_accepted = Counter("leadline_raw_messages_total", "Raw messages read", ["topic"], registry=registry)
        self.canonical = Counter("leadline_events_total", "Canonical events sent", registry=registry)
        self.quarantined = Counter(
            "leadline_quarantined_total", "Elements set aside, by reason", ["reason"], registry=registry
        )
        self.duplicates = Counter(
            "leadline_duplicates_total", "Duplicate deliveries dropped", ["source"], registry=registry
        )
        self.test_or_bot = Counter(
            "leadline_test_or_bot_total",
            "Canonical events of tests and bots, never counted as engagement",
            registry=registry,
        )
        self.merges = Counter("leadline_merges_total", "Lead ids forwarded", ["joined"], registry=registry)
        self.batch_seconds = Histogram(
            "leadline_ingestion_batch_seconds", "Time of a micro-batch", buckets=BATCH_SECONDS, registry=registry
        )
        self.lag = Gauge("leadline_ingestion_lag_messages", "Raw messages not read yet", registry=registry)


def serve_metrics(port: int | None) -> None:
    """Answer `/metrics` on all addresses at `port` from a thread of its own; nothing if there is no port.

    A process that answers is alive: health checks ask the same address.
    """
    if port is not None:
        start_http_server(port)
