"""The benchmark folds what the feature worker would fold."""

from __future__ import annotations

from benchmarks.fold import cpu_seconds_of_folding
from ingestion.contracts.event import encode_json
from ingestion.contracts.raw import EVENTS_TOPIC
from ingestion.kafka import Record
from tests.features.conftest import NOW, event_of, page


def test_folding_takes_time_in_proportion_to_the_events_and_needs_no_store() -> None:
    records = [
        Record(EVENTS_TOPIC, 0, n, b"ld_0", encode_json(event_of(page(), at=NOW, lead=f"ld_{n % 50}", offset=n)), {}, 0)
        for n in range(4_000)
    ]
    few, many = (min(cpu_seconds_of_folding(records[:count], 500) for _ in range(3)) for count in (400, 4_000))
    assert 0 < few < many
