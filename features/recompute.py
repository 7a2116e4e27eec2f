"""Every feature of every lead, computed by SQL over the lake's events: the second opinion on the stream's states.

Invariant: nothing here folds. It shares with the stream what an event says (`features.activity`) and which features are
declared (`features.feature_set`); windows, newest values and accounts are SQL. Equal results are therefore evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from features.activity import Facts, Item
from features.clock import DAY, HOUR, SECOND, micros
from features.feature_set import FeatureSet
from features.language import Entity, Reading, reading_at
from features.language.keep import hashed, scaled
from features.language.window import Hop
from features.state import ITEM_DAYS
from ingestion.contracts.event import Event, LeadMerged
from ingestion.contracts.forwards import Forwarding, Forwards
from ingestion.lake import read_forwardings, scan_events

FACTS = pa.schema(
    [
        ("lead", pa.string()),  # whom the event's lead has become
        ("account", pa.string()),  # that the event was sent for
        ("person", pa.string()),  # whom the account knows the lead as
        ("company", pa.bool_()),  # said of the company
        ("code", pa.int64()),  # slot
        ("thing", pa.string()),  # of an item: the ticket or deal
        ("number", pa.float64()),
        ("word", pa.string()),
        ("scaled", pa.int64()),  # the number in thousandths
        ("hash", pa.int64()),  # of number or word
        ("id", pa.string()),
        ("t", pa.int64()),  # µs; the rest are whole units of it, for integers are divided differently everywhere
        ("second", pa.int64()),
        ("hour", pa.int64()),
        ("day", pa.int64()),
    ]
)
LEADS = pa.schema([("lead", pa.string()), ("account", pa.string())])
ACCOUNTS = pa.schema([("account", pa.string())])

# Whose features they are, and the facts that are theirs.
_KEYS = {
    Entity.LEAD: "SELECT lead AS key FROM leads",
    Entity.ACCOUNT: "SELECT account AS key FROM accounts",
    Entity.COMPANY: "SELECT lead AS key FROM leads",
}
_THEIRS = {
    # A lead's company is what was said of its account and what was said of the lead while it had none.
    Entity.LEAD: "SELECT lead AS key, facts.* FROM facts WHERE NOT company OR account IS NULL",
    Entity.ACCOUNT: "SELECT account AS key, facts.* FROM facts WHERE account IS NOT NULL",
    Entity.COMPANY: """
        SELECT leads.lead AS key, facts.* FROM leads JOIN facts ON facts.account = leads.account WHERE company
        UNION ALL SELECT lead AS key, facts.* FROM facts WHERE company AND account IS NULL""",
}
_OPENS = ", ".join(str(item.slot) for item in Item if item.opens)


def _question(entity: Entity, columns: Sequence[str], at: Reading) -> str:
    """A row of aggregates for every key; standard SQL, of which DuckDB and Spark know each word."""
    kept = f"day >= {at.tiles[Hop.DAY] - ITEM_DAYS}"
    return f"""
        WITH theirs AS ({_THEIRS[entity]}),
        ordered AS (
            SELECT *,
                row_number() OVER (PARTITION BY key, code, thing ORDER BY t DESC, id DESC, number DESC, word DESC) = 1
                    AS newest,
                row_number() OVER (PARTITION BY key, code, thing ORDER BY t, id, number DESC, word DESC) = 1 AS oldest
            FROM theirs
        ),
        told AS (
            SELECT *, max(CASE WHEN code IN ({_OPENS}) AND newest AND number = 1 AND {kept} THEN 1 ELSE 0 END)
                OVER (PARTITION BY key, thing) = 1 AS open
            FROM ordered
        )
        SELECT keys.key, {", ".join(columns)}
        FROM ({_KEYS[entity]}) AS keys LEFT JOIN told ON told.key = keys.key GROUP BY keys.key"""  # noqa: S608


class Mismatch(NamedTuple):
    """A feature that the stream and the recompute disagree on."""

    lead: str
    feature: str
    served: float | None
    recomputed: float | None


class Told(NamedTuple):
    """An event, and whose features it moves."""

    event: Event
    lead: str | None
    account: str | None  # None: the event was sent for none, and what it says of a company is the lead's own
    person: str  # whom the account knows the lead as


def batch_recompute(lake: Path, as_of: datetime, features: FeatureSet) -> dict[str, dict[str, float | None]]:
    """Every lead's features as of an aware moment that is not before the newest event, by the id it has now."""
    events, forwardings = list(scan_events(lake)), read_forwardings(lake)
    forwards, accounts = Forwards(forwardings), _accounts(events, forwardings)
    told = [Told(event, forwards.of(event), event.account, _person(event, forwards, accounts)) for event in events]
    return recompute(told, {each.lead: accounts.get(each.lead) for each in told if each.lead}, as_of, features)


def recompute(
    told: Sequence[Told], accounts: Mapping[str, str | None], as_of: datetime, features: FeatureSet
) -> dict[str, dict[str, float | None]]:
    """The features of some leads as of an aware moment that is not before the newest event.

    Args:
        told: everything that these leads' and accounts' features rest on; what is of others is left out.
        accounts: the leads that are asked about, each with its account.
    """
    with duckdb.connect(":memory:", config={"threads": 2}) as database:
        database.register("facts", _facts(told, features))
        database.register("leads", _table(LEADS, list(accounts.items())))
        database.register("accounts", _table(ACCOUNTS, [(each,) for each in {each.account for each in told} - {None}]))
        values = _values(database, features, reading_at(None, None, as_of))
    return {
        lead: {
            feature.name: values[feature.name].get(account if feature.of_account else lead)
            for feature in features.features
        }
        for lead, account in accounts.items()
    }


def compare(
    served: Mapping[str, Mapping[str, float | None]], recomputed: Mapping[str, Mapping[str, float | None]]
) -> list[Mismatch]:
    """Every feature that is not exactly equal; a lead that one side lacks has no value there."""
    nothing: Mapping[str, float | None] = {}
    return [
        Mismatch(lead, name, ours.get(name), theirs.get(name))
        for lead in sorted({*served, *recomputed})
        for ours, theirs in [(served.get(lead, nothing), recomputed.get(lead, nothing))]
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    ]


def _values(database: Any, features: FeatureSet, at: Reading) -> dict[str, dict[str | None, float | None]]:
    """What SQL finds for each feature, by lead or account."""
    values: dict[str, dict[str | None, float | None]] = {}
    for entity in Entity:
        asked = [feature for feature in features.features if feature.expression.of is entity]
        if not asked:
            continue
        rows = database.execute(_question(entity, [each.expression.sql(at) for each in asked], at)).fetchall()
        for place, feature in enumerate(asked, start=1):
            values[feature.name] = {row[0]: feature.expression.finish(row[place]) for row in rows}
    return values


def _facts(told: Iterable[Told], features: FeatureSet) -> pa.Table:
    rows: list[tuple[object, ...]] = []
    for event, *who in told:
        t = micros(event.time)
        when = event.id, t, t // SECOND, t // HOUR, t // DAY
        rows += [(*who, *said, *when) for said in _said(features.facts_of(event))]
    return _table(FACTS, rows)


def _said(facts: Facts) -> Iterator[tuple[object, ...]]:
    """Company, code, thing, number, word, scaled and hash of each fact."""
    for kind in facts.kinds:
        yield False, kind, None, None, None, None, None
    for company, values in ((False, facts.values), (True, facts.company)):
        for slot, value in values:
            told = (None, value) if isinstance(value, str) else (value, None)
            yield company, slot, None, *told, scaled(value), hashed(value)
    for item, thing, number in facts.items:
        yield False, item, f"{Item(item).thing} {thing}", number, None, scaled(number), None


def _accounts(events: Iterable[Event], forwardings: Iterable[Forwarding]) -> dict[str, str | None]:
    """The account of each lead id; an id has one for ever (ADR 4)."""
    accounts = {event.lead: event.account for event in events}
    for forwarding in forwardings:
        if isinstance(forwarding, LeadMerged):
            accounts[forwarding.survivor] = forwarding.survivor_account
        else:
            accounts |= {part.lead: part.account for part in forwarding.parts}
    return accounts


def _person(event: Event, forwards: Forwards, accounts: Mapping[str, str | None]) -> str:
    """Who the event's lead is to its account, which sees it become others until it leaves for another account."""
    person = event.lead
    for step in forwards.way(event):
        person = step.lead
        if accounts.get(person) != event.account:
            break
    return person


def _table(schema: pa.Schema, rows: Sequence[tuple[object, ...]]) -> pa.Table:
    columns: Iterable[Iterable[object]] = zip(*rows, strict=True) if rows else [[] for _ in schema]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
