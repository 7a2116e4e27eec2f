"""Suggestions from sealed events in a real lake to the review queue, and what an operator's ruling does to them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import select

from ingestion.contracts.event import Channel, Claim, Draft, EventType, Identifier, IdentifierType, RawPointer
from ingestion.contracts.raw import RawMessage
from ingestion.database import metadata, open_database
from ingestion.element import Element
from ingestion.identity import IdentityStore
from ingestion.identity.review import Item, ReviewQueue, State
from ingestion.identity.tables import suggestions
from ingestion.kafka import Record
from ingestion.lake import EventsTable
from ingestion.lake_writer import LakeWriter
from ingestion.pipeline import Pipeline
from ingestion.privacy import Vault
from leadline.suggest import suggest
from tests.conftest import missing
from tests.features.platforms import settings_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = Claim(IdentifierType.CRM, "7", True, "hubspot:1:contact")
LADY = Claim(IdentifierType.USER_ID, "ada-1", True, "app")


class Firm:
    """Ingestion's own pipeline and lake writer, without a broker."""

    def __init__(self, home: Path) -> None:
        self.settings = settings_of(home)
        self.engine = open_database(self.settings.database_url)
        metadata.create_all(self.engine)
        self.identity = IdentityStore(self.engine, self.settings.identity_key_bytes)
        self.vault = Vault(self.engine, self.settings.master_key_bytes)
        self.queue = ReviewQueue(self.engine)
        self._pipeline = Pipeline(self.engine, self.identity, self.vault, "demo")
        self._lake = LakeWriter(EventsTable(self.settings.lake))
        self._sent = 0

    def tell(self, claim: Claim, **private: str) -> None:
        self.take(Draft(**self._envelope(EventType.CONTACT_CHANGED), claims=(claim,), private=private))  # type: ignore[arg-type]

    def dismiss(self, a: str, b: str) -> None:
        kind = EventType.IDENTITY_UNLINK
        self.take(Draft(**self._envelope(kind), parted=((a, b),), dismissed=True))  # type: ignore[arg-type]

    def link(self, one: Identifier, other: Identifier) -> None:
        self.take(Draft(**self._envelope(EventType.IDENTITY_LINK), linked=(one, other)))  # type: ignore[arg-type]

    def _envelope(self, kind: EventType) -> dict[str, object]:
        return {"id": f"e{self._sent}", "source": "/t/demo/x", "type": kind, "time": NOON, "channel": Channel.CRM}

    def take(self, draft: Draft) -> None:
        offset = self._sent
        self._sent += 1
        raw = RawMessage("raw.crm", 0, offset, None, b"{}", {}, NOON + timedelta(seconds=offset))
        outcome = self._pipeline.resolve([Element(raw, RawPointer("raw.crm", 0, offset, 0, "0" * 64), draft)])
        for emission in outcome.emissions:
            headers = {"record": emission.kind.value}
            self._lake.append([Record("events", 0, offset, None, emission.value, headers, 0)])

    def suggest(self) -> str:
        out = Console(file=io.StringIO(), width=200)
        suggest(self.settings, 0.8, out)
        assert isinstance(out.file, io.StringIO)
        return out.file.getvalue()

    def suggested(self, every: bool = False) -> list[Item]:
        return [item for item in self.queue.items(100, every=every) if item.probability is not None]

    def identifier(self, claim: Claim) -> Identifier:
        return self.identity.identifiers_of((claim,))[0]


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    """Forty people who are nobody else, and one who is there twice."""
    try:
        import splink  # noqa: F401
    except ImportError:
        missing("Splink", "run `make setup`")
    firm = Firm(tmp_path)
    for number in range(40):
        contact = Claim(IdentifierType.CRM, str(100 + number), True, "hubspot:1:contact")
        first, last = f"First{chr(97 + number % 26)}", f"{chr(97 + number % 20) * 3}name{number}"
        firm.tell(contact, first_name=first, last_name=last, phone=f"+49 40 {7_000_000 + 104_729 * number}")
    firm.tell(ADA, first_name="Ada", last_name="Lovelace", phone="+49 30 1234567")
    firm.tell(LADY, name="Ada Lovelaec", phone="030/1234567")
    yield firm
    firm.engine.dispose()


def test_who_is_probably_one_person_is_for_somebody_to_judge(firm: Firm) -> None:
    assert "probably one person: 1;" in firm.suggest()
    [item] = firm.suggested()
    assert {item.a, item.b} == {firm.identifier(ADA).hash, firm.identifier(LADY).hash}
    assert "first, last nearly, phone" in item.reason
    assert firm.identity.resolve(ADA) != firm.identity.resolve(LADY), "nothing is joined by itself"
    with firm.engine.connect() as connection:
        stored = str(connection.execute(select(suggestions)).all()).lower()
    assert "ada" not in stored
    assert "1234567" not in stored


def test_a_suggestion_that_was_dismissed_does_not_come_back(firm: Firm) -> None:
    firm.suggest()
    [item] = firm.suggested()
    firm.dismiss(item.a, item.b)
    assert firm.suggested() == []
    assert [item.state for item in firm.suggested(every=True)] == [State.DISMISSED]
    # The two are known by other identifiers now, and the dismissal is theirs still.
    first = Claim(IdentifierType.CRM, "3", True, "close:1:contact")
    firm.link(firm.identifier(ADA), Identifier(first.type, firm.identifier(first).hash, True, first.scope))
    assert "somebody to judge: 0" in firm.suggest()
    assert firm.suggested(every=True) == []


def test_a_suggestion_that_is_accepted_is_done(firm: Firm) -> None:
    firm.suggest()
    firm.link(firm.identifier(ADA), firm.identifier(LADY))
    assert firm.identity.resolve(ADA) == firm.identity.resolve(LADY)
    assert [item.state for item in firm.suggested(every=True)] == [State.JOINED]
    assert "probably one person: 0;" in firm.suggest()


def test_whoever_was_erased_is_compared_with_nobody(firm: Firm) -> None:
    lady = firm.identity.resolve(LADY)
    assert lady is not None
    firm.vault.erase(lady.lead)
    assert "41 people" in firm.suggest()
    assert firm.suggested() == []
