"""The stream scorer speaks when a change matters, once, whatever is replayed. On real Kafka."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import msgspec
import pytest

from ingestion.kafka import AlignedConsumer, DurableProducer, create_topics
from scoring.decision import Decision, Trigger, decode_decision
from scoring.errors import LeadNotServed
from scoring.ledger import Entry, Ledger
from scoring.metrics import ScoringMetrics
from scoring.scorer import Scorer
from scoring.stream import StreamScorer, decide
from tests.conftest import wait_until
from tests.scoring.leads import ADA, BOB, MemoryRows, enrichment_row, lead_row, lead_state, served
from tests.scoring.moments import registry

_numbers = itertools.count()


class Stream:
    """One stream scorer on topics of its own."""

    def __init__(self, kafka: str, scorer: Scorer, ledger: Ledger) -> None:
        number = next(_numbers)
        self.changes, self.decisions = f"stream-changes-{number}", f"stream-decisions-{number}"
        create_topics(kafka, {self.changes: 1, self.decisions: 1})
        self.kafka, self.ledger, self.scorer = kafka, ledger, scorer
        self.rows = MemoryRows()
        self.metrics = ScoringMetrics(registry())
        self.producer = DurableProducer(kafka)
        self.reader = AlignedConsumer(kafka, f"{self.decisions}-test", [self.decisions])
        self.said: list[Decision] = []
        self.sent = self.read = 0
        self.start("group")

    def start(self, group: str) -> None:
        """A fresh member, without memory, of that group."""
        self.consumer = AlignedConsumer(self.kafka, f"{self.changes}-{group}", [self.changes])
        self.worker = StreamScorer(
            self.consumer,
            lambda _: self.rows,
            lambda: self.scorer,
            self.producer,
            self.ledger,
            self.metrics,
            material_change=1.0,
            topic=self.decisions,
        )

    def change(self, *leads: str, imported: bool = False) -> None:
        """Announce changes."""
        for lead in leads:
            body = {"lead": lead, "account": None, "sequence": 1, "known_at": "2026-03-02T12:00:00Z"}
            self.producer.send(self.changes, key=lead, value=json.dumps(body | {"imported": imported}).encode())
        self.producer.flush()
        self.sent += len(leads)

    def settle(self) -> list[Decision]:
        """Score everything announced; the new decisions, which then are in the ledger."""

        def done() -> bool:
            self.read += self.worker.step(0.1)
            return self.read >= self.sent

        wait_until(done, "the stream scorer to read its changes")
        new = [decode_decision(record.value) for record in self.reader.poll(10_000, 0.5)]
        self.ledger.add([Entry(each, msgspec.json.encode(each).decode(), self.decisions, 0, 0) for each in new])
        self.said += new
        return new

    def close(self) -> None:
        self.consumer.close()
        self.reader.close()
        self.producer.close()


@pytest.fixture
def stream(kafka: str, scorer: Scorer, ledger: Ledger) -> Iterator[Stream]:
    """A stream scorer over an empty ledger."""
    running = Stream(kafka, scorer, ledger)
    yield running
    running.close()


def test_a_first_score_is_said_and_an_unchanged_one_is_not(stream: Stream) -> None:
    stream.change(ADA)
    (first,) = stream.settle()
    assert (first.lead, first.trigger) == (ADA, Trigger.STREAM)
    stream.change(ADA, ADA, ADA)
    assert stream.settle() == []
    assert stream.metrics.registry.get_sample_value("leadline_stream_unchanged_total") == 1


def test_many_changes_of_a_lead_are_scored_once(stream: Stream) -> None:
    stream.change(*[ADA] * 50)
    assert len(stream.settle()) == 1


def test_a_move_of_the_score_by_a_point_is_said_and_less_is_not(stream: Stream) -> None:
    stream.change(ADA)
    (first,) = stream.settle()
    for points, said in ((0.5, 0), (2.0, 1)):
        near = first.ml_score + points / 0.4
        stream.rows.enrichment[ADA] = enrichment_row(score=near if near <= 100 else first.ml_score - points / 0.4)
        stream.change(ADA)
        assert len(stream.settle()) == said


def test_a_new_route_is_said_whatever_the_score(stream: Stream) -> None:
    stream.change(ADA)
    stream.settle()
    stream.rows.leads[ADA] = lead_row(lead_state(consent=0.0))
    stream.change(ADA)
    (decision,) = stream.settle()
    assert decision.route == "none"


def test_imported_history_and_unknown_leads_are_passed_over(stream: Stream) -> None:
    stream.rows.leads[BOB] = lead_row()
    stream.change(BOB, imported=True)
    stream.change("ld_nobody")
    assert stream.settle() == []


def test_what_is_no_change_is_counted_and_passed_over(stream: Stream) -> None:
    stream.producer.send(stream.changes, key="x", value=b"{")
    stream.sent += 1
    stream.change(ADA)
    assert len(stream.settle()) == 1
    assert stream.metrics.registry.get_sample_value("leadline_skipped_total", {"worker": "stream"}) == 1


def test_a_restart_knows_from_the_ledger_what_was_said(stream: Stream) -> None:
    stream.change(ADA)
    stream.settle()
    stream.consumer.close()
    stream.read, stream.sent = 0, 1
    stream.start("another group, so that everything is read again")
    assert stream.settle() == []


def test_a_replay_before_the_ledger_knew_says_the_same_under_the_same_id(stream: Stream, scorer: Scorer) -> None:
    rows = served(row=lead_row())
    assert decide(scorer, rows) == decide(scorer, rows)


@pytest.mark.parametrize(
    "other",
    [
        lambda row: msgspec.structs.replace(row, sequence=8),
        lambda row: msgspec.structs.replace(row, known_at=row.known_at + timedelta(seconds=1)),
    ],
)
def test_another_row_is_another_decision(other: Callable[..., object], scorer: Scorer) -> None:
    assert decide(scorer, served(row=lead_row())).id != decide(scorer, served(row=other(lead_row()))).id  # type: ignore[arg-type]


def test_an_absorbed_lead_s_change_scores_its_survivor(stream: Stream) -> None:
    stream.rows.leads["ld_old"] = lead_row(forward=f"{ADA}|k")
    stream.change("ld_old", ADA)
    (decision,) = stream.settle()
    assert decision.lead == ADA


def test_a_change_whose_row_the_store_has_lost_is_scored_once_it_is_back(stream: Stream) -> None:
    row = stream.rows.leads.pop(ADA)
    stream.rows.whole = False
    stream.change(ADA)
    with pytest.raises(LeadNotServed):
        stream.settle()
    stream.consumer.close()
    stream.rows.leads[ADA], stream.rows.whole = row, True
    stream.start("group")
    (decision,) = stream.settle()
    assert decision.lead == ADA
