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

from features.activity import Facts, Item, Kind, Slot
from features.clock import DAY, HOUR, SECOND, micros
from features.declarations import (
    Company,
    Days,
    DaysSince,
    DistinctDays,
    Ever,
    Feature,
    Highest,
    Hours,
    Newest,
    OfAccount,
    OpenTickets,
    Property,
    Trial,
    WorstPriority,
)
from features.feature_set import FeatureSet
from features.state import ITEM_DAYS
from ingestion.contracts.event import Event, LeadMerged
from ingestion.contracts.forwards import Forwarding, Forwards
from ingestion.lake import read_forwardings, scan_events

FACTS = pa.schema(
    [
        ("lead", pa.string()),  # whom the event's lead has become
        ("account", pa.string()),  # that the event was sent for
        ("person", pa.string()),  # whom the account knows the lead as
        ("about", pa.string()),  # act, value, company, best or item
        ("code", pa.int32()),  # Kind, Slot, Best or Item
        ("thing", pa.string()),  # of an item: the ticket or deal
        ("number", pa.float64()),
        ("word", pa.string()),
        ("t", pa.int64()),  # µs
        ("id", pa.string()),
    ]
)
LEADS = pa.schema([("lead", pa.string()), ("account", pa.string())])

_NEWEST_FIRST = "t DESC, id DESC, number DESC, word DESC"


def _newest(source: str, by: str) -> str:
    """The newest row of `source` for each `by`; ties go by event id."""
    return f"FROM ({source}) QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY {_NEWEST_FIRST}) = 1"


def _sources() -> dict[str, str]:
    """What features are read from: rows of acts or of newest statements under the lead or the account, `key`."""
    of_lead = "FROM facts SELECT lead AS key, * WHERE about = '{}'"
    of_account = "FROM facts SELECT account AS key, * WHERE account IS NOT NULL AND about = '{}'"
    # A lead's company is what was said of its account and what was said of the lead while it had none.
    company = f"""
        SELECT leads.lead AS key, said.* EXCLUDE (key)
        FROM leads JOIN ({_newest(of_account.format("company"), "key, code")}) AS said ON said.key = leads.account
        UNION ALL
        {of_lead.format("company")} AND account IS NULL"""  # noqa: S608
    return {
        "acts": of_lead.format("act"),
        "values": _newest(of_lead.format("value"), "key, code"),
        "company": _newest(company, "key, code"),
        "best": of_lead.format("best"),
        "items": _newest(of_lead.format("item"), "key, code, thing"),
        "account acts": of_account.format("act"),
        "account items": _newest(of_account.format("item"), "key, code, thing"),
    }


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
        values = _values(database, features, micros(as_of) // SECOND * SECOND)
    heard_of = {each.account for each in told} - {None}
    return {
        lead: {
            feature.name: _number(feature, values[feature.name].get(account if feature.of_account else lead))
            if account in heard_of or not feature.of_account
            else None
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


def _values(database: Any, features: FeatureSet, at: int) -> dict[str, dict[str | None, Any]]:
    """What SQL finds for each feature, by lead or account; `at` in µs."""
    expressions: dict[str, dict[str, str]] = {}
    for feature in features.features:
        source, expression = _expression(feature, at)
        expressions.setdefault(source, {})[feature.name] = expression
    values: dict[str, dict[str | None, Any]] = {}
    sources = _sources()
    for source, found in expressions.items():
        columns = ", ".join(found.values())
        rows = database.execute(f"SELECT key, {columns} FROM ({sources[source]}) GROUP BY key").fetchall()  # noqa: S608
        for number, name in enumerate(found, start=1):
            values[name] = {row[0]: row[number] for row in rows}
    return values


def _expression(feature: Feature, at: int) -> tuple[str, str]:
    """Where a feature is read from, and the aggregate that reads it."""
    kept = f"t // {DAY} >= {at // DAY - ITEM_DAYS}"
    match feature:
        case Hours(kind=kind, days=days):
            return "acts", f"count(*) FILTER (code = {kind:d} AND {_within(HOUR, days, at)})"
        case Days(kind=kind, days=days):
            return "acts", f"count(*) FILTER (code = {kind:d} AND {_within(DAY, days, at)})"
        case Ever(kind=kind):
            return "acts", f"count(*) FILTER (code = {kind:d})"
        case DistinctDays(kind=kind, days=days):  # today is one of them
            return "acts", f"count(DISTINCT t // {DAY}) FILTER (code = {kind:d} AND {_within(DAY, days - 1, at)})"
        case DaysSince(kind=kind):
            newest = f"max(t // {SECOND} * {SECOND}) FILTER (code = {kind:d})"
            return "acts", f"if({newest} IS NULL, NULL, greatest({at} - {newest}, 0) / {DAY})"
        case Trial():
            tried, known = f"bool_or(code = {Kind.TRIAL:d})", f"bool_or(code = {Kind.SIGN_UP:d})"
            return "acts", f"CASE WHEN {tried} THEN 2 WHEN {known} THEN 1 ELSE 0 END"
        case Newest(slot=slot):
            return "values", f"max(number) FILTER (code = {slot:d})"
        case Property(slot=slot, words=words):
            return "values", f"max({'word' if words else 'number'}) FILTER (code = {slot:d})"
        case Company(slot=slot):
            column = "number" if slot is Slot.COMPANY_SIZE else "word"
            return "company", f"max({column}) FILTER (code = {slot:d})"
        case Highest(of=best):
            return "best", f"max(number) FILTER (code = {best:d})"
        case OpenTickets():
            return "items", f"count(*) FILTER (code = {Item.TICKET_OPEN:d} AND number = 1 AND {kept})"
        case WorstPriority():
            tickets = f"list(thing) FILTER (code = {Item.TICKET_OPEN:d} AND number = 1 AND {kept})"
            rated = f"list({{'thing': thing, 'number': number}}) FILTER (code = {Item.TICKET_PRIORITY:d} AND {kept})"
            return "items", f"list_max([each.number FOR each IN {rated} IF list_contains({tickets}, each.thing)])"
        case OfAccount(name="account_active_people_30d"):
            return "account acts", f"count(DISTINCT person) FILTER (code = {Kind.ACTIVE:d} AND {_within(DAY, 30, at)})"
        case OfAccount(name="account_page_views_7d"):
            return "account acts", f"count(*) FILTER (code = {Kind.PAGE_VIEW:d} AND {_within(HOUR, 7, at)})"
        case OfAccount(name="account_open_opportunities"):
            return "account items", f"count(*) FILTER (code = {Item.DEAL_OPEN:d} AND number = 1 AND {kept})"
    raise TypeError(f"feature {feature.name} ({type(feature).__name__}) has no SQL; add its case to features.recompute")


def _within(tile: int, days: int, at: int) -> str:
    """Whether `t` lies in the window's tiles: from floor(at, tile) − `days` to the end of `at`'s own tile."""
    start = at // tile * tile
    return f"t >= {start - days * DAY} AND t < {start + tile}"


def _number(feature: Feature, value: Any) -> float | None:
    if isinstance(feature, Property):
        return feature.otherwise if value is None else feature.number(value)
    if value is None:
        return None if feature.nullable and not feature.of_account else 0.0
    return feature.number(str(value)) if isinstance(feature, Company) else float(value)


def _facts(told: Iterable[Told], features: FeatureSet) -> pa.Table:
    rows: list[tuple[object, ...]] = []
    for event, *who in told:
        when = micros(event.time), event.id
        rows += [(*who, *said, *when) for said in _said(features.facts_of(event))]
    return _table(FACTS, rows)


def _said(facts: Facts) -> Iterator[tuple[object, ...]]:
    """About, code, thing, number and word of each fact."""
    for kind in facts.kinds:
        yield "act", kind, None, None, None
    for about, values in (("value", facts.values), ("company", facts.company), ("best", facts.best)):
        for code, value in values:
            yield about, code, None, *((None, value) if isinstance(value, str) else (value, None))
    for item, thing, state in facts.items:
        yield "item", item, thing, state, None


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
