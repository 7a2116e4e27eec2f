"""The equation that every batch must hold: accepted + replayed = good + quarantined + duplicates + settled.

Settled elements were counted when they were read before: they are siblings of replayed ones, or were dropped, or have
passed since. What an operator sees of the quarantine now is in the ledger (`ingestion.refused`), where an element
counts once, in the state it is in.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence

from ingestion.contracts.raw import SOURCE_SYSTEM
from ingestion.element import Element
from ingestion.metrics import IngestionMetrics
from ingestion.pipeline import Outcome
from ingestion.sources import ADAPTERS

log = logging.getLogger(__name__)

UNKNOWN = "unknown"


def count(metrics: IngestionMetrics, elements: Sequence[Element], outcome: Outcome) -> None:
    """Count a batch's elements and what became of them, by source system; raise the alarm if some became nothing."""
    read, replayed = _by_source(elements), _by_source(each for each in elements if each.raw.replay is not None)
    fates = {
        metrics.good: _by_source(outcome.good),
        metrics.duplicates: _by_source(outcome.duplicates),
        metrics.settled: _by_source(outcome.settled),
        metrics.replayed: replayed,
        metrics.accepted: read - replayed,
    }
    for counter, sources in fates.items():
        for source, number in sources.items():
            counter.labels(source).inc(number)
    for (source, reason), number in _by_reason(outcome.quarantined).items():
        metrics.quarantined.labels(source, reason).inc(number)
    for source, difference in unaccounted(elements, outcome).items():
        metrics.unaccounted.inc(abs(difference))
        log.error(
            "%s: %d elements were read and %d accounted for. The equation is broken: stop the worker, keep the raw "
            "topics, and compare `leadline quarantine list` with them",
            source,
            read[source],
            read[source] - difference,
        )


def unaccounted(elements: Iterable[Element], outcome: Outcome) -> dict[str, int]:
    """By source system, how many more elements were read than became something; sources that add up are left out."""
    left = Counter(_by_source(elements))
    for became in (outcome.good, outcome.quarantined, outcome.duplicates, outcome.settled):
        left.subtract(_by_source(became))
    return {source: difference for source, difference in left.items() if difference}


def _by_source(elements: Iterable[Element]) -> Counter[str]:
    """How many there are of each source system; those without an adapter, of which there may be any, are one."""
    found = Counter([element.raw.headers.get(SOURCE_SYSTEM, "") for element in elements])
    for system in found.keys() - ADAPTERS.keys():
        found[UNKNOWN] += found.pop(system)
    return found


def _by_reason(quarantined: Iterable[Element]) -> Counter[tuple[str, str]]:
    reasons: dict[str, list[Element]] = {}
    for element in quarantined:
        reasons.setdefault(type(element.outcome).__name__, []).append(element)
    return Counter(
        {(source, reason): n for reason, refused in reasons.items() for source, n in _by_source(refused).items()}
    )
