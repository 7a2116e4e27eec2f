"""Ingestion's own pipeline and the lake's own writer over the topic `events` in memory."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine

from features.definitions import LEAD_SCORING
from features.parity import online_features
from features.recompute import batch_recompute, compare
from features.refold import refold_lead
from features.store import OnlineStore
from ingestion.contracts.event import Channel, Claim, Draft, EventType, IdentifierType, RawPointer
from ingestion.contracts.forwards import Forwards
from ingestion.contracts.raw import RawMessage
from ingestion.database import metadata, open_database
from ingestion.element import Element
from ingestion.identity import IdentityStore
from ingestion.kafka import Record, partition_for
from ingestion.lake import EventsTable, read_events, read_forwardings, read_splits
from ingestion.lake_writer import LakeWriter
from ingestion.pipeline import Emission, Pipeline
from ingestion.privacy import Vault
from ingestion.settings import PlatformSettings
from tests.features.conftest import NOW
from tests.features.members import PARTITIONS, Log

KEY = bytes(range(32))
PEOPLE = [
    Claim(IdentifierType.CRM, "7", True, "hubspot:1:contact"),
    Claim(IdentifierType.USER_ID, "jo-7", True, "app"),
    Claim(IdentifierType.EMAIL, "jo@acme.com", True),
    Claim(IdentifierType.EMAIL, "al@globex.com", True),
    Claim(IdentifierType.ANONYMOUS_ID, "cookie-1", False, "web"),
    Claim(IdentifierType.ANONYMOUS_ID, "cookie-2", False, "web"),
]
CRM, USER, JO, AL, COOKIE, OTHER_COOKIE = PEOPLE
TYPES = [EventType.WEB_PAGE_VIEWED, EventType.PRODUCT_FEATURE_USED, EventType.EMAIL_CLICKED, EventType.MEETING_BOOKED]


@dataclass
class World:
    """Ingestion's own pipeline, the lake's own writer and the topic `events`, without a broker."""

    settings: PlatformSettings
    engine: Engine = field(default_factory=lambda: open_database("sqlite://"))
    log: Log = field(default_factory=Log)
    sent: int = 0
    emitted: list[Emission] = field(default_factory=list)

    def __post_init__(self) -> None:
        metadata.create_all(self.engine)
        self.identity = IdentityStore(self.engine, KEY)
        self.pipeline = Pipeline(self.engine, self.identity, Vault(self.engine, KEY), "demo")
        self.lake = LakeWriter(EventsTable(self.settings.lake))

    def happen(self, step: tuple[object, ...], rng: random.Random) -> None:
        """A step of a generated history; now and then some of what was ingested comes once more."""
        kind, claims, type_, days = step
        if kind == "tell":
            self.tell(*claims, type_=type_, days_ago=days)  # type: ignore[misc, arg-type]
        else:
            self.part(*claims)  # type: ignore[misc]
        if rng.random() < 0.2:
            self.ingest_again(rng.randint(1, 8))

    def tell(self, *claims: Claim, type_: EventType = EventType.WEB_PAGE_VIEWED, days_ago: float = 0.0) -> None:
        self._take(Draft(
            id=f"e{self.sent}", source="/t/demo/test", type=type_, time=NOW - timedelta(days=days_ago),
            channel=Channel.WEB, claims=claims, properties={"path": "/pricing"},
        ))  # fmt: skip

    def part(self, one: Claim, other: Claim) -> None:
        (a,), (b,) = self.identity.identifiers_of((one,)), self.identity.identifiers_of((other,))
        self._take(Draft(
            id=f"e{self.sent}", source="/t/demo/leadline", type=EventType.IDENTITY_UNLINK, time=NOW,
            channel=Channel.CRM, parted=((a.hash, b.hash),),
        ))  # fmt: skip

    def _take(self, draft: Draft) -> None:
        offset = self.sent
        self.sent += 1
        received = NOW + timedelta(milliseconds=offset)
        topic, partition = "raw.crm", offset // 12 % 2
        raw = RawMessage(topic, partition, offset, None, b"{}", {}, received)
        outcome = self.pipeline.resolve([Element(raw, RawPointer(topic, partition, offset, 0, "0" * 64), draft)])
        for emission in outcome.emissions:
            self.emitted.append(emission)
            self._send(emission)
            partition = partition_for(emission.key, PARTITIONS)
            headers = {"record": emission.kind.value}
            self.lake.append([Record("events", partition, offset, None, emission.value, headers, 0)])

    def ingest_again(self, last: int) -> None:
        """An ingestion worker that crashed sends its last emissions once more, in order."""
        for emission in self.emitted[-last:]:
            self._send(emission)

    def _send(self, emission: Emission) -> None:
        self.log.add(emission.kind.value, emission.key, emission.value, emission.timestamp_ms)

    def recomputed(self) -> dict[str, dict[str, float | None]]:
        return batch_recompute(self.settings.lake, self.as_of, LEAD_SCORING)

    def served(self) -> Mapping[str, Mapping[str, float | None]]:
        forwards = Forwards(read_forwardings(self.settings.lake))
        leads = sorted({forwards.of(event) for event in read_events(self.settings.lake)})
        rows = OnlineStore.open(self.settings).read(leads)
        accounts = [(lead, None if row is None else row.account) for lead, row in zip(leads, rows, strict=True)]
        return online_features(self.settings, accounts, self.as_of)

    @property
    def as_of(self) -> datetime:
        return NOW + timedelta(minutes=1)

    def assert_parity(self) -> None:
        assert compare(self.served(), self.recomputed()) == []

    def assert_every_row_can_be_folded_again(self) -> None:
        events, splits = read_events(self.settings.lake), read_splits(self.settings.lake)
        leads = {step.lead for event in events for step in Forwards(read_forwardings(self.settings.lake)).way(event)}
        for row in OnlineStore.open(self.settings).read(sorted(leads)):
            if row is not None and row.forward is None:
                assert refold_lead(events, row.state.marks, LEAD_SCORING, splits) == row.state
