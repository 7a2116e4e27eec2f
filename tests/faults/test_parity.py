"""The consistency monitor over real workers: silent whatever happens to them, and right about what is really wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from features.app import comparison_of, run_monitor
from features.comparison import Compared
from features.definitions import LEAD_SCORING
from features.history import LEAD, read_history
from features.monitor import SUITE
from features.online_rows import Fault
from features.rows import decode_lead_row
from features.settings import history_of
from features.state import LeadState
from features.store import OnlineStore
from ingestion.contracts.event import Event, LeadSplit
from ingestion.contracts.raw import ALERTS_TOPIC
from ingestion.kafka import DurableProducer, read_topic
from ingestion.lake import read_events, read_forwardings
from ingestion.rulings import unmerge_message
from quality.verdict import Verdict
from tests.conftest import tries, wait_until
from tests.faults.plant import EVERYTHING, TIMEOUT, Plant, pause
from tests.features.platforms import overwrite

pytestmark = TIMEOUT

decode_verdict = msgspec.json.Decoder(Verdict).decode
PARTED = 3  # leads that an operator parts while traffic flows


def watched(disturb: Callable[[Plant], None]) -> Callable[[Plant], None]:
    """The fault, looked at all the while: whatever is on its way, nothing may seem wrong."""

    def fault(plant: Plant) -> None:
        over, looks = threading.Event(), list[Compared]()

        def look() -> None:
            comparison = comparison_of(plant.settings)
            while not over.wait(0.2):
                looks.extend(comparison.look(comparison.sampled(1.0, "", 1_000), {}).compared)

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            disturb(plant)
        finally:
            over.set()
            watcher.join()
        assert [each for each in looks if not each.held] == []
        assert any(not each.waiting for each in looks)

    return fault


def workers_killed(plant: Plant) -> None:
    wait_until(lambda: len(comparison_of(plant.settings).sampled(1.0, "", 100)) >= 20, "the first leads")
    for victim in ("features-1", "lake-1", "features-1", "ingest-1"):
        pause(plant.chance.uniform(0.5, 2.0))
        plant.workers.kill(victim)
        plant.workers.start(victim)
    pause(2.0)


def people_parted(plant: Plant) -> None:
    """An operator rules that what was one lead is two persons."""
    producer = DurableProducer(plant.bootstrap)
    for number in range(PARTED):
        wait_until(lambda: len(_known_as_one(plant)) > PARTED, "identifiers that are known as one person's")
        one, other = _known_as_one(plant)[number]
        ruling = unmerge_message(one, other, by="an operator", reason="two people", now=datetime.now(UTC))
        producer.send(ruling.topic, key=ruling.key, value=ruling.value, headers=ruling.headers)
        producer.flush()
        pause(1.5)
    producer.close()


def _known_as_one(plant: Plant) -> list[tuple[str, str]]:
    """Identifiers that one event names together."""
    events: list[Event] = read_events(plant.settings.lake)
    named = ([each.hash for each in event.data.identifiers] for event in events)
    return sorted({(hashes[0], hashes[1]) for hashes in named if len(hashes) > 1})


@pytest.mark.parametrize("seed", range(tries(1)))
@pytest.mark.parametrize("disturb", [workers_killed, people_parted])
def test_late_events_merges_partings_and_crashes_are_no_false_alarm(
    disturb: Callable[[Plant], None], seed: int, empty_kafka: str, tmp_path: Path
) -> None:
    plant = Plant(empty_kafka, tmp_path, EVERYTHING, seed, seconds=8, end=datetime.now(UTC), live=True)
    plant.endure(watched(disturb))
    plant.require_parity()
    ended = read_forwardings(plant.settings.lake)
    assert len(ended) > 10
    assert disturb is not people_parted or any(isinstance(each, LeadSplit) for each in ended)


def active_leads(plant: Plant) -> list[str]:
    """Leads that did something and are still there."""
    rows = {row["key"]: row for row in read_history(history_of(plant.settings), LEAD).to_pylist()}
    live = {key: decode_lead_row(row["row"]) for key, row in rows.items() if row["forward"] is None}
    at = datetime.now(UTC)
    return [
        key
        for key, row in live.items()
        if LEAD_SCORING.features_at(row.state, None, at)["days_since_last_activity"] is not None
    ]


def test_what_is_wrong_is_on_the_topic_alerts_and_nothing_else(empty_kafka: str, tmp_path: Path) -> None:
    plant = Plant(empty_kafka, tmp_path, EVERYTHING, end=datetime.now(UTC), live=True)
    plant.endure(lambda _: None)
    settings, online = plant.settings, OnlineStore.open(plant.settings)
    stop = threading.Event()
    # A second between two looks instead of ten: nothing is on its way here.
    quick = settings.model_copy(update={"parity_share": 1.0, "parity_seconds": 1.0})
    monitor = threading.Thread(target=run_monitor, args=(quick, stop, CollectorRegistry()))
    monitor.start()
    try:
        altered, unrecorded = active_leads(plant)[:2]
        for lead, more in ((altered, 0), (unrecorded, 1)):
            (row,) = online.read([lead])
            assert row is not None
            overwrite(settings, lead, msgspec.structs.replace(row, state=LeadState(), sequence=row.sequence + more))

        def told() -> list[Verdict]:
            alerts = [decode_verdict(record.value) for record in read_topic(plant.bootstrap, ALERTS_TOPIC)]
            return [verdict for verdict in alerts if verdict.suite == SUITE]

        wait_until(lambda: any(len(verdict.findings) > 2 for verdict in told()), "the alert")
    finally:
        stop.set()
        monitor.join()
    rows = {(each.observed, each.unexpected) for verdict in told() for each in verdict.findings if not each.column}
    assert rows == {(Fault.ALTERED, 1), (Fault.UNRECORDED, 1)}
    told_of = {each.column for verdict in told() for each in verdict.findings if each.column}
    columns = {column for column in told_of if not column.startswith("source ")}
    assert columns < told_of, "when each source last spoke is compared as well"
    assert columns <= {feature.name for feature in LEAD_SCORING.features if not feature.of_account}
    assert "days_since_last_activity" in columns
