"""`kill -9` of a worker at any moment changes no total, no identity and no served feature."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.definitions import LEAD_SCORING
from features.store import OnlineStore
from ingestion import duplicates
from ingestion.contracts.raw import EVENTS_TOPIC, QUARANTINE_TOPIC, RAW_TOPICS
from ingestion.database import open_database, reading
from ingestion.kafka import Lags, read_topic
from ingestion.lake import read_events
from ingestion.quarantine import failure_of
from ingestion.settings import PlatformSettings
from leadline.company import Company, firm, generate
from leadline.questions import newest_leads
from leadline.seed import Publisher, publish_all
from leadline.setup import prepare
from tests.conftest import tries
from tests.faults.workers import Workers

SEEDS = range(tries(20))
LEADS = 60
END = datetime(2026, 1, 1, tzinfo=UTC)
DRAINED_SECONDS = 240
KEY = "11" * 32

pytestmark = pytest.mark.timeout(2 * DRAINED_SECONDS + 60)


@dataclass(frozen=True)
class Totals:
    """Everything that a crash must not change."""

    canonical: int
    events: frozenset[tuple[str, int, int, int]]
    quarantined: frozenset[tuple[str, int, int, int]]
    duplicates: int
    features: dict[str, dict[str, float | None]]


@pytest.fixture(scope="module")
def company() -> Company:
    return generate(seed=3, leads=LEADS, end=END)


@pytest.fixture(scope="module")
def kept() -> dict[str, Totals]:
    """The undisturbed run's totals, once there are some."""
    return {}


@pytest.fixture
def undisturbed(company: Company, kept: dict[str, Totals], empty_kafka: str, tmp_path: Path) -> Totals:
    if not kept:
        kept["totals"] = _run(company, empty_kafka, tmp_path / "undisturbed", chaos=None)
    return kept["totals"]


def test_every_element_is_accounted_for(company: Company, undisturbed: Totals) -> None:
    totals = company.truth.totals
    assert undisturbed.canonical == len(undisturbed.events) == totals["good"]
    assert len(undisturbed.quarantined) == totals["quarantined"]
    assert undisturbed.duplicates == totals["duplicates"]


@pytest.mark.parametrize("seed", SEEDS)
def test_kill_nine_changes_no_total(
    seed: int, company: Company, undisturbed: Totals, empty_kafka: str, tmp_path: Path
) -> None:
    disturbed = _run(company, empty_kafka, tmp_path / "disturbed", chaos=random.Random(seed))
    assert disturbed.canonical == undisturbed.canonical
    assert disturbed.events == undisturbed.events
    assert disturbed.quarantined == undisturbed.quarantined
    assert disturbed.duplicates == undisturbed.duplicates
    # Which ids a person had on the way depends on how the raw topics interleave; who ends up as whom does not.
    assert disturbed.features == undisturbed.features


def _run(company: Company, bootstrap: str, home: Path, *, chaos: random.Random | None) -> Totals:
    settings = PlatformSettings.model_validate(
        {
            "home": home,
            "kafka_bootstrap_servers": bootstrap,
            "identity_key": KEY,
            "master_key": KEY,
            "staff_domains": firm.DOMAIN,
            "product_scope": firm.WORKSPACE,
            "instance": "test",
        }
    )
    prepare(settings)
    publisher = Publisher(settings)
    publish_all(publisher, company.messages)
    publisher.close()
    workers = Workers(settings)
    for name in ("ingest", "features", "lake"):
        workers.start(name)
    try:
        if chaos is not None:
            for _ in range(chaos.randint(2, 4)):
                time.sleep(chaos.uniform(0.05, 1.5))
                victim = chaos.choice(["ingest", "features"])
                workers.kill(victim)
                workers.start(victim)
        _wait_until_drained(bootstrap, workers)
    finally:
        workers.stop()
    return _totals(settings)


def _wait_until_drained(bootstrap: str, workers: Workers) -> None:
    lags = Lags(bootstrap)
    deadline = time.monotonic() + DRAINED_SECONDS
    while (
        lags.of("leadline-ingestion", RAW_TOPICS)
        or lags.of("leadline-features", [EVENTS_TOPIC])
        or lags.of("leadline-lake", [EVENTS_TOPIC])
    ):
        workers.require_alive()
        assert time.monotonic() < deadline, "the workers did not drain the topics"
        time.sleep(0.1)


def _totals(settings: PlatformSettings) -> Totals:
    events = read_events(settings.lake)
    online, as_of = OnlineStore.open(settings), END
    leads = newest_leads(settings)
    rows = online.read([lead for lead, *_ in leads])
    accounts = online.read_accounts([account or "" for _, account, _ in leads])
    engine = open_database(settings.database_url)
    with reading(engine) as connection:
        dropped = sum(duplicates.dropped_by_source(connection).values())
    engine.dispose()
    return Totals(
        canonical=len(events),
        events=frozenset((e.raw.topic, e.raw.partition, e.raw.offset, e.raw.index) for e in events),
        quarantined=frozenset(
            (failure.topic, failure.partition, failure.offset, failure.index)
            for failure in map(failure_of, read_topic(settings.kafka_bootstrap_servers, QUARANTINE_TOPIC))
        ),
        duplicates=dropped,
        features={
            lead: LEAD_SCORING.features_at(row.state, account.state if account else None, as_of)
            for (lead, *_), row, account in zip(leads, rows, accounts, strict=True)
            if row is not None
        },
    )
