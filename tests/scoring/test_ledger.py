"""The ledger holds each decision once, finds it by id and by lead, and survives replays. On SQLite and Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from ingestion.contracts.raw import DECISIONS_TOPIC
from ingestion.database import metadata, open_database
from ingestion.kafka import AlignedConsumer, DurableProducer, create_topics
from scoring.decision import Decision, Trigger, encode_decision
from scoring.errors import DecisionUnknown
from scoring.ids import derived_id, new_id
from scoring.ledger import Entry, Ledger
from scoring.ledger_writer import LedgerWriter
from scoring.metrics import ScoringMetrics
from scoring.scorer import Scorer
from tests.conftest import wait_until
from tests.scoring.leads import ADA, BOB, account_row, served
from tests.scoring.moments import NOW, registry


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database with every table, on each backend."""
    url = f"sqlite:///{tmp_path}/l.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = open_database(url)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def decision(scorer: Scorer) -> Decision:
    """One decision about Ada."""
    return scorer.score(served(account=account_row()), Trigger.API, NOW, new_id(NOW))


def entry(decision: Decision, offset: int = 0) -> Entry:
    return Entry(decision, encode_decision(decision).decode(), DECISIONS_TOPIC, 0, offset)


def later(decision: Decision, seconds: int, lead: str = ADA) -> Decision:
    moment = NOW + timedelta(seconds=seconds)
    return msgspec.structs.replace(decision, id=new_id(moment), as_of=moment, lead=lead)


def test_a_decision_is_found_by_its_id_as_it_was_answered(ledger: Ledger, decision: Decision) -> None:
    assert ledger.add([entry(decision)]) == 1
    assert ledger.body(decision.id) == encode_decision(decision)
    assert ledger.get(decision.id) == decision
    with pytest.raises(DecisionUnknown, match="none is not in the ledger"):
        ledger.get("none")


def test_a_replay_writes_nothing(ledger: Ledger, decision: Decision) -> None:
    assert ledger.add([entry(decision), entry(decision, 5)]) == 1
    assert ledger.add([entry(decision, 9)]) == 0
    assert ledger.count() == 1
    assert ledger.add([]) == 0


def test_the_latest_is_by_moment_and_not_by_arrival(ledger: Ledger, decision: Decision) -> None:
    old, new, other = later(decision, 1), later(decision, 60), later(decision, 5, BOB)
    ledger.add([entry(new), entry(other)])
    ledger.add([entry(old)])
    assert ledger.latest([ADA, BOB, "ld_nobody"]) == {ADA: new, BOB: other}
    assert ledger.latest([]) == {}


def test_ids_are_paged_in_the_order_of_time(ledger: Ledger, decision: Decision) -> None:
    made = [later(decision, seconds) for seconds in range(5)]
    ledger.add([entry(each) for each in reversed(made)])
    first = ledger.ids(limit=3)
    assert first + ledger.ids(after=first[-1]) == [each.id for each in made]


def test_a_batch_takes_one_statement_however_large(ledger: Ledger, engine: Engine, decision: Decision) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    ledger.add([entry(later(decision, seconds), seconds) for seconds in range(1000)])
    assert sum(statement.startswith("INSERT") for statement in statements) == 1
    assert ledger.count() == 1000


def test_the_writer_copies_the_topic_once_and_passes_over_what_is_no_decision(
    ledger: Ledger, engine: Engine, decision: Decision, kafka: str, request: pytest.FixtureRequest
) -> None:
    topic = f"decisions-{engine.dialect.name}"
    create_topics(kafka, {topic: 2})
    producer = DurableProducer(kafka)
    made = [later(decision, seconds, f"ld_{seconds % 7}") for seconds in range(50)]
    for each in (*made, *made[:10]):
        producer.send(topic, key=each.lead, value=encode_decision(each))
    producer.send(topic, key="x", value=b"{not json")
    producer.send(topic, key="x", value=b"\xff")
    producer.flush()
    producer.close()
    for group in ("first", "replay"):
        consumer = AlignedConsumer(kafka, f"{topic}-{group}", [topic])
        metrics = ScoringMetrics(registry())
        writer, read = LedgerWriter(consumer, ledger, metrics), [0]

        def drained(writer: LedgerWriter = writer, read: list[int] = read) -> bool:
            read[0] += writer.step(0.2)
            return read[0] >= 62

        wait_until(drained, "the writer to read the topic")
        consumer.close()
        assert ledger.count() == 50
        assert metrics.registry.get_sample_value("leadline_skipped_total", {"worker": "ledger"}) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.datetimes(min_value=NOW.replace(tzinfo=None)), min_size=2, max_size=5))
def test_ids_sort_by_their_moment_and_derived_ones_repeat(moments: list[object]) -> None:
    aware = sorted(moment.replace(tzinfo=NOW.tzinfo) for moment in moments)  # type: ignore[attr-defined]
    ids = [new_id(moment) for moment in aware]
    stamps = [each[:13] for each in ids]
    assert stamps == sorted(stamps)
    assert derived_id(aware[0], "a", "b") == derived_id(aware[0], "a", "b") != derived_id(aware[0], "ab", "")
    assert ids[0][14] == "7"
