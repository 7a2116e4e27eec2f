"""What the feature stage counts."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from quality.drift import Shift

ROW_AGES = (60.0, 3600.0, 86_400.0, 7 * 86_400.0, 30 * 86_400.0, 90 * 86_400.0)
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


class ParityMetrics:
    """What the consistency monitor found. The gauges are of now: what was mended is gone from them."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.leads = Counter(
            "leadline_parity_leads_total",
            "Leads looked at: held, differs, or waiting for the lake or the feature worker",
            ["outcome"],
            registry=registry,
        )
        self.features = Gauge(
            "leadline_parity_differing_leads",
            "Leads whose served feature differs from the recompute: mismatch, missing or extra",
            ["feature", "outcome"],
            registry=registry,
        )
        self.rows = Gauge(
            "leadline_parity_faulty_rows",
            "Online rows that are not as the history has them: lost, behind, altered or unrecorded",
            ["entity", "fault"],
            registry=registry,
        )
        self.waiting = Gauge(
            "leadline_parity_waiting_leads", "Leads whose last look had nothing to compare with yet", registry=registry
        )
        self.behind_seconds = Gauge(
            "leadline_parity_behind_seconds",
            "Age of the oldest event in the lake that a lead of the last round does not know of",
            registry=registry,
        )
        self.row_age_seconds = Histogram(
            "leadline_parity_row_age_seconds",
            "From a row's knowledge time to the look at it",
            buckets=ROW_AGES,
            registry=registry,
        )
        self.round_seconds = Histogram(
            "leadline_parity_round_seconds", "Time of a round", buckets=SECONDS, registry=registry
        )


class DriftMetrics:
    """What the newest snapshot found. The figures of a feature with too few values to judge are NaN."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.leads = Gauge("leadline_drift_leads", "Leads in the newest snapshot", registry=registry)
        self.psi = Gauge(
            "leadline_drift_psi",
            "Population stability index of a feature against its reference; a major shift from 0.25 on",
            ["feature"],
            registry=registry,
        )
        self.beyond_critical = Gauge(
            "leadline_drift_ks_beyond_critical",
            "By how much the Kolmogorov-Smirnov distance of a feature from its reference exceeds the critical one, 0-1",
            ["feature"],
            registry=registry,
        )
        self.missing_change = Gauge(
            "leadline_drift_missing_change",
            "By how much the share of leads without the feature has moved beyond chance, 0-1",
            ["feature"],
            registry=registry,
        )
        self.snapshot_seconds = Histogram(
            "leadline_drift_snapshot_seconds", "Time of a snapshot and its verdicts", buckets=SECONDS, registry=registry
        )

    def show(self, leads: int, shifts: Mapping[str, Shift]) -> None:
        """These are the newest figures; NaN where there is none."""
        self.leads.set(leads)
        for name, shift in shifts.items():
            for gauge, value in (
                (self.psi, shift.psi),
                (self.beyond_critical, shift.beyond_critical),
                (self.missing_change, shift.missing_change),
            ):
                gauge.labels(name).set(nan if value is None else value)
