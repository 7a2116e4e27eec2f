"""What the feature stage counts."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 30.0)


class FeatureMetrics:
    """Counters of one worker since it started."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.records = Counter("leadline_feature_records_total", "Records of `events` folded", registry=registry)
        self.rows = Counter("leadline_feature_rows_total", "History rows written", ["entity"], registry=registry)
        self.batch_seconds = Histogram(
            "leadline_feature_batch_seconds", "Time of a micro-batch", buckets=SECONDS, registry=registry
        )
        self.freshness_seconds = Histogram(
            "leadline_feature_freshness_seconds",
            "From receipt of a live event to its features being readable",
            buckets=SECONDS,
            registry=registry,
        )
        self.lag = Gauge("leadline_feature_lag_records", "Records of `events` not read yet", registry=registry)
