"""Every metric of the scoring processes, with kind and unit."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from scoring.decision import Decision

_SECONDS = (0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class ScoringMetrics:
    """The metrics of one process. Labels are closed sets: no lead, no client's words."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry
        self.requests = Counter(
            "leadline_api_requests_total", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "leadline_api_request_seconds",
            "From the request's head to its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.decisions = Counter(
            "leadline_decisions_total", "Decisions recorded.", ["trigger", "tier", "route"], registry=self.registry
        )
        self.degraded = Counter(
            "leadline_decisions_degraded_total", "Decisions that lacked something.", ["what"], registry=self.registry
        )
        self.gate = Counter("leadline_model_input_gate_total", "Gate results.", ["result"], registry=self.registry)
        self.model = Gauge(
            "leadline_model_info", "1 for the model that scores.", ["version", "kind"], registry=self.registry
        )
        self.unchanged = Counter(
            "leadline_stream_unchanged_total", "Stream scores without material change.", registry=self.registry
        )
        self.skipped = Counter(
            "leadline_skipped_total", "Messages that a worker could not use.", ["worker"], registry=self.registry
        )
        self.readings = Counter(
            "leadline_readings_total", "Texts read.", ["provider", "result"], registry=self.registry
        )


def count_decision(metrics: ScoringMetrics, decision: Decision) -> None:
    """Count one decision."""
    metrics.decisions.labels(decision.trigger.value, decision.tier.value, decision.route.value).inc()
    metrics.gate.labels(decision.gate).inc()
    for what in decision.degraded:
        metrics.degraded.labels(what).inc()
