"""Free text becomes a feature of its lead, follows it through merges, and holds up nobody. On real Kafka."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace
from pydantic import SecretStr
from sqlalchemy import Engine

from features.records import Change, decode_change
from ingestion.contracts.event import (
    Channel,
    Event,
    EventData,
    EventType,
    LeadMerged,
    RawPointer,
    RecordKind,
    encode_json,
)
from ingestion.contracts.raw import CHANGES_TOPIC
from ingestion.kafka import AlignedConsumer, DurableProducer, create_topics
from ingestion.pipeline import TEXT
from ingestion.privacy import Vault
from scoring.enrichment import prompt
from scoring.enrichment.budget import Budget
from scoring.enrichment.cache import ReadingCache
from scoring.enrichment.chain import Chain
from scoring.enrichment.openai_compatible import Endpoint, OpenAICompatible
from scoring.enrichment.provider import Provider
from scoring.enrichment.reader import Reader
from scoring.enrichment.rubric import Rubric
from scoring.enrichment.worker import EnrichmentWorker
from scoring.metrics import ScoringMetrics
from tests.conftest import wait_until
from tests.scoring.enrichment.openai_server import OpenAIServer, failing, openai_server, saying
from tests.scoring.leads import ADA, BOB, MemoryRows, enrichment_row
from tests.scoring.moments import NOW, Ticking, registry

_numbers = itertools.count()


class Desk:
    """One enrichment worker on a topic of its own, with the stores around it."""

    def __init__(self, kafka: str, engine: Engine) -> None:
        number = next(_numbers)
        self.topic = f"enrichment-events-{number}"
        create_topics(kafka, {self.topic: 1, CHANGES_TOPIC: 1})
        self.engine = engine
        self.rows = MemoryRows()
        self.vault = Vault(engine, b"m" * 32)
        self.producer = DurableProducer(kafka)
        self.consumer = AlignedConsumer(kafka, f"{self.topic}-group", [self.topic])
        self.changes = AlignedConsumer(kafka, f"{self.topic}-changes", [CHANGES_TOPIC])
        self.metrics = ScoringMetrics(registry())
        self.clock = Ticking()
        self.offset = self.read = 0
        self.use(Rubric())

    def use(self, *providers: Provider) -> None:
        """Read with these."""
        reader = Reader(Chain(providers, ReadingCache(self.engine, self.clock), 0.5))
        self.worker = EnrichmentWorker(
            self.consumer, self.rows, self.vault, reader, self.producer, self.metrics, self.clock
        )

    def use_server(self, server: OpenAIServer) -> None:
        """Read with a model behind HTTP."""
        endpoint = Endpoint("e", server.url, "m", SecretStr(""), 5.0, 1.0, 4.0)
        self.use(OpenAICompatible(endpoint, prompt.load(), Budget(self.engine, 5.0, self.clock)))

    def say(self, lead: str, text: str | None, imported: bool = False, test: bool = False) -> None:
        """An event of the lead, with free text or without."""
        self.offset += 1
        raw = RawPointer("raw.marketing", 0, self.offset, 0, "00")
        private = None
        if text is not None:
            with self.engine.begin() as connection:
                key = self.vault.keys_for(connection, [lead])[lead]
            private = key.seal({TEXT: text, "name": "Ada Lovelace", "email": "ada@example.com"}, raw)
        event = Event(
            id=str(self.offset),
            source="/t/demo/web",
            type=EventType.LEAD_FORM_SUBMITTED,
            time=NOW,
            receivedtime=NOW,
            tenant="demo",
            lead=lead,
            partitionkey=lead,
            data=EventData(channel=Channel.WEB, text_hash=None if text is None else f"hash of {text}", test=test),
            raw=raw,
            private=private,
            imported=imported,
        )
        self._send(RecordKind.EVENT, encode_json(event))

    def merge(self, absorbed: str, survivor: str) -> None:
        """The absorbed lead's merge record."""
        merge = LeadMerged(
            absorbed=absorbed,
            survivor=survivor,
            survivor_key=survivor,
            survivor_account=None,
            joined=True,
            rule="email",
            receivedtime=NOW,
            imported=False,
            raw=RawPointer("raw.crm", 0, 1, 0, "00"),
        )
        self._send(RecordKind.MERGE, encode_json(merge))

    def _send(self, kind: RecordKind, value: bytes) -> None:
        self.producer.send(self.topic, key="k", value=value, headers={"record": kind.value})
        self.sent = getattr(self, "sent", 0) + 1

    def settle(self) -> None:
        """Work through everything said."""
        self.producer.flush()

        async def work() -> None:
            while self.read < self.sent:
                self.read += await self.worker.step(0.2)

        asyncio.run(asyncio.wait_for(work(), 30))

    def announced(self) -> list[str]:
        """Leads of the changes announced since the last question; `features.changed` is shared by the tests here."""
        seen: list[Change] = []
        self.producer.send(CHANGES_TOPIC, key="end", value=encode_json(Change(f"end {self.topic}", NOW)))
        self.producer.flush()

        def all_there() -> bool:
            seen.extend(decode_change(record.value) for record in self.changes.poll(1000, 0.2))
            return any(change.lead == f"end {self.topic}" for change in seen)

        wait_until(all_there, "the announced changes")
        return [change.lead for change in seen if not change.lead.startswith("end ")]

    def close(self) -> None:
        self.consumer.close()
        self.changes.close()
        self.producer.close()


@pytest.fixture
def desk(kafka: str, engine: Engine) -> Iterator[Desk]:
    """A worker with the local rubric."""
    running = Desk(kafka, engine)
    running.announced()
    yield running
    running.close()


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A model behind HTTP."""
    with openai_server() as running:
        yield running


def test_a_text_becomes_a_labelled_reading_and_its_lead_is_scored_again(desk: Desk) -> None:
    desk.say(ADA, "We are ready to buy, please send a quote.")
    desk.settle()
    row = desk.rows.enrichment[ADA]
    assert (row.status, row.intent, row.provider) == ("fresh", "ready_to_buy", "local-rubric")
    assert row.content_hash == "hash of We are ready to buy, please send a quote."
    assert desk.announced() == [ADA]


def test_only_the_newest_text_of_a_lead_is_read(desk: Desk, server: OpenAIServer) -> None:
    desk.use_server(server)
    for text in ("first", "second", "third"):
        desk.say(ADA, text)
    desk.settle()
    assert len(server.requests) == 1
    assert "third" in server.sent


def test_events_without_text_and_tests_are_not_read(desk: Desk) -> None:
    desk.say(ADA, None)
    desk.say(BOB, "We are ready to buy.", test=True)
    desk.settle()
    assert desk.rows.enrichment == {}


def test_imported_history_is_read_and_scores_nobody(desk: Desk) -> None:
    desk.say(ADA, "pricing?", imported=True)
    desk.settle()
    assert desk.rows.enrichment[ADA].known_at == NOW, "it was known when it was received"
    assert desk.announced() == []


def test_the_model_never_sees_the_writer_s_name(desk: Desk, server: OpenAIServer) -> None:
    desk.use_server(server)
    desk.say(ADA, "Ada Lovelace here, mail ada@example.com about pricing")
    desk.settle()
    assert "Lovelace" not in server.sent
    assert "ada@" not in server.sent


def test_a_merge_takes_the_newer_reading_to_the_survivor(desk: Desk) -> None:
    desk.say(BOB, "We are ready to buy.")
    desk.merge(BOB, ADA)
    desk.settle()
    moved, left = desk.rows.enrichment[ADA], desk.rows.enrichment[BOB]
    assert replace(moved, known_at=left.known_at) == left
    assert moved.known_at > left.known_at, "the survivor did not know of it before"
    assert ADA in desk.announced()


def test_a_merge_leaves_a_newer_reading_of_the_survivor(desk: Desk) -> None:
    desk.say(BOB, "We are ready to buy.")
    desk.settle()
    newer = enrichment_row(read_at=NOW + timedelta(days=1))
    desk.rows.enrichment[ADA] = newer
    desk.merge(BOB, ADA)
    desk.settle()
    assert desk.rows.enrichment[ADA] == newer


def test_with_every_reader_down_the_lead_says_unavailable_and_the_next_text_goes_on(
    desk: Desk, server: OpenAIServer
) -> None:
    desk.use_server(server)
    server.reply = failing(503)
    desk.say(ADA, "pricing?")
    desk.settle()
    assert (desk.rows.enrichment[ADA].status, desk.rows.enrichment[ADA].score) == ("unavailable", None)
    server.reply = saying()
    desk.say(ADA, "pricing, again?")
    desk.settle()
    assert desk.rows.enrichment[ADA].status == "fresh"


def test_an_older_reading_stays_under_a_status_that_says_so(desk: Desk, server: OpenAIServer) -> None:
    desk.rows.enrichment[ADA] = enrichment_row(score=66.0)
    desk.use_server(server)
    server.reply = failing(503)
    desk.say(ADA, "new text")
    desk.settle()
    row = desk.rows.enrichment[ADA]
    assert (row.status, row.score) == ("unavailable", 66.0)
    assert row.read_at == enrichment_row().read_at
    assert row.known_at > enrichment_row().known_at


def test_an_erased_person_s_text_is_not_read_and_nothing_stops(desk: Desk) -> None:
    desk.say(ADA, "We are ready to buy.")
    desk.vault.erase(ADA)
    desk.say(BOB, "pricing?")
    desk.settle()
    assert ADA not in desk.rows.enrichment
    assert desk.rows.enrichment[BOB].status == "fresh"
