"""What the lake's events say, as rows that SQL is asked over: who, about what, how much, when.

Invariant: an event's rows follow from the event and the ends of leads alone, so events are told in any order, in
batches, by any process of any machine (`Telling`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from features.activity import Facts, Item
from features.clock import DAY, HOUR, SECOND, micros
from features.feature_set import FeatureSet
from features.language.keep import hashed, scaled
from features.priority import rank_of
from features.sources import system_of
from features.state import tie
from ingestion.contracts.event import Event, LeadMerged, decode_event
from ingestion.contracts.forwards import Forwarding, Forwards

FACTS = pa.schema(
    [
        ("lead", pa.string()),  # whom the event's lead has become
        ("home", pa.string()),  # that lead's account
        ("account", pa.string()),  # that the event was sent for
        ("person", pa.string()),  # whom the account knows the lead as
        ("company", pa.bool_()),  # said of the company
        ("code", pa.int64()),  # slot; none of an event that says nothing
        ("thing", pa.string()),  # of an item: the ticket or deal
        ("number", pa.float64()),
        ("word", pa.string()),
        ("scaled", pa.int64()),  # the number in thousandths
        ("hash", pa.int64()),  # of number or word
        ("rank", pa.int64()),  # how far its source is believed
        ("id", pa.int64()),  # `tie` of the event's id
        ("t", pa.int64()),  # µs; the rest are whole units of it, for integers are divided differently everywhere
        ("second", pa.int64()),
        ("hour", pa.int64()),
        ("day", pa.int64()),
    ]
)
_SILENCE = (False, None, None, None, None, None, None)


class Told(NamedTuple):
    """An event, and whose features it moves."""

    event: Event
    lead: str | None
    home: str | None  # the lead's account
    account: str | None  # None: the event was sent for none, and what it says of a company is the lead's own
    person: str  # whom the account knows the lead as


@dataclass(frozen=True)
class Telling:
    """Makes facts of events' bodies. It is sent to wherever the bodies are, so it holds what it needs, and no store."""

    features: FeatureSet
    forwardings: Sequence[Forwarding]

    def __call__(self, bodies: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The facts of each batch, whose only column is the events' JSON."""
        forwards, accounts = Forwards(self.forwardings), _accounts(self.forwardings)
        for batch in bodies:
            events = (decode_event(body) for body in batch.column(0).cast(pa.binary()).to_pylist())
            yield from facts_of((_told(event, forwards, accounts) for event in events), self.features).to_batches()


def facts_of(told: Iterable[Told], features: FeatureSet) -> pa.Table:
    """The facts of some events."""
    rows: list[tuple[object, ...]] = []
    for event, *who in told:
        t = micros(event.time)
        when = tie(event.id), t, t // SECOND, t // HOUR, t // DAY
        system = system_of(event.source)
        rows += [(*who, *said, rank_of(said[1], system), *when) for said in _said(features.facts_of(event))]
    return table(FACTS, rows)


def table(schema: pa.Schema, rows: Sequence[tuple[object, ...]]) -> pa.Table:
    """Rows as a table."""
    columns: Iterable[Iterable[object]] = zip(*rows, strict=True) if rows else [[] for _ in schema]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _said(facts: Facts) -> Iterator[tuple[bool, int | None, *tuple[object, ...]]]:
    """Company, code, thing, number, word, scaled and hash of each fact; a row without any keeps the lead in sight."""
    if not any(facts):
        yield _SILENCE
    for kind in facts.kinds:
        yield False, kind, None, None, None, None, None
    for company, values in ((False, facts.values), (True, facts.company)):
        for slot, value in values:
            told = (None, value) if isinstance(value, str) else (value, None)
            yield company, slot, None, *told, scaled(value), hashed(value)
    for item, thing, number in facts.items:
        yield False, item, f"{Item(item).thing} {thing}", number, None, scaled(number), None


def _accounts(forwardings: Iterable[Forwarding]) -> dict[str, str | None]:
    """The account of each lead that others became. Of any other its events know it: an id has one for ever (ADR 4)."""
    accounts: dict[str, str | None] = {}
    for forwarding in forwardings:
        if isinstance(forwarding, LeadMerged):
            accounts[forwarding.survivor] = forwarding.survivor_account
        else:
            accounts |= {part.lead: part.account for part in forwarding.parts}
    return accounts


def _told(event: Event, forwards: Forwards, accounts: dict[str, str | None]) -> Told:
    """Whom an event is about, and who that is to its account: followed until it leaves for another account."""
    person, stays = event.lead, True
    for lead, _ in forwards.way(event):
        home = accounts.get(lead, event.account)
        if stays:
            person, stays = lead, home == event.account
    return Told(event, lead, home, event.account, person)
