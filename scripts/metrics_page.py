"""`docs/metrics.md`, made of the files in which the stages declare their metrics: `python -m scripts.metrics_page`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from features.metrics import DriftMetrics, FeatureMetrics, ParityMetrics
from ingestion.metrics import GateMetrics, HydrationMetrics, IngestionMetrics, LakeMetrics, ReceiverMetrics
from scoring.metrics import ScoringMetrics

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
DECLARED: dict[str, tuple[type[Any], ...]] = {
    "leadline receive": (ReceiverMetrics,),
    "leadline hydrate": (HydrationMetrics,),
    "leadline ingest": (IngestionMetrics, GateMetrics),
    "leadline lake": (LakeMetrics,),
    "leadline features": (FeatureMetrics, GateMetrics),
    "leadline features monitor": (ParityMetrics, DriftMetrics, GateMetrics),
    "leadline serve, stream, enrich, ledger": (ScoringMetrics,),
}
_UNITS = ("seconds", "bytes", "messages", "records", "rows")
_ENDINGS = {"counter": "_total", "info": "_info"}
_HEAD = """# Metrics

Every worker answers `/metrics` on `LEADLINE_METRICS_PORT`, in Prometheus' text format, beside Python's own and the
process's (`process_*`, `python_*`). The API answers it on its own port. Counters count since the process started.
Labels are closed sets: sources, connections, reasons; never a person.

[`deploy/prometheus/alerts.yml`](../deploy/prometheus/alerts.yml) has alert rules, and the
[runbook](runbook-quarantine-and-lag.md) says what to do about each. This page is made of the code by
`python -m scripts.metrics_page`.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


def page() -> str:
    """The page as it should be."""
    return _HEAD + "".join(f"\n## {service}\n\n{_table(kinds)}" for service, kinds in DECLARED.items())


def declared(kinds: tuple[type[Any], ...]) -> Iterator[MetricWrapperBase]:
    """The metrics that these classes declare."""
    for kind in kinds:
        registry = CollectorRegistry()
        kind(registry)
        yield from (one for one in registry._collector_to_names if isinstance(one, MetricWrapperBase))


def name_of(metric: MetricWrapperBase) -> str:
    """As it is scraped: a counter's ends with `_total`."""
    return f"{metric._name}{_ENDINGS.get(str(metric._type), '')}"


def _table(kinds: tuple[type[Any], ...]) -> str:
    rows = [
        f"| `{name_of(metric)}` | {metric._type} | {_unit(metric)} | {_labels(metric)} | {metric._documentation} |"
        for metric in declared(kinds)
    ]
    return "\n".join(["| metric | kind | unit | labels | meaning |", "|---|---|---|---|---|", *rows, ""])


def _labels(metric: MetricWrapperBase) -> str:
    return ", ".join(f"`{label}`" for label in metric._labelnames)


def _unit(metric: MetricWrapperBase) -> str:
    return next((unit for unit in _UNITS if re.search(rf"_{unit}(_|$)", metric._name)), "count")


if __name__ == "__main__":
    main()
