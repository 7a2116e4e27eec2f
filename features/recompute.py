"""Every feature of every lead, computed by SQL over the lake's events: the second opinion on the stream's states.

Invariant: nothing here folds. It shares with the stream what an event says (`features.activity`) and which features are
declared (`features.feature_set`); windows, newest values and accounts are SQL. Equal results are therefore evidence.
When a source last spoke is no feature, and a plain maximum here as there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from deltalake import DeltaTable

from features.activity import Item, is_heard
from features.clock import SECOND, micros
from features.duck import ONE_MACHINE
from features.engine import Database, Engine
from features.facts import FACTS, Telling, Told, facts_of
from features.feature_set import FeatureSet
from features.language import Entity, Reading, reading_at
from features.language.window import Hop
from features.sources import system_of
from features.state import ITEM_DAYS
from ingestion.contracts.event import RecordKind
from ingestion.lake import events_path, read_forwardings

Values = Mapping[str, float | None]

_KNOWN = """
    leads AS (SELECT DISTINCT lead, home AS account FROM facts WHERE lead IS NOT NULL),
    accounts AS (SELECT DISTINCT account FROM facts WHERE account IS NOT NULL)"""
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


def _question(features: FeatureSet, at: Reading) -> str:
    """A row for every lead, in standard SQL of which DuckDB and Spark know each word; features go by their places."""
    joined = ""
    for entity in Entity:
        columns = [
            f"{feature.expression.sql(at)} AS f{place}"
            for place, feature in enumerate(features.features)
            if feature.expression.of is entity
        ]
        of, key = entity.name.lower(), "account" if entity is Entity.ACCOUNT else "lead"
        joined += f" LEFT JOIN ({_aggregates(entity, columns, at)}) AS of_{of} ON of_{of}.key = leads.{key}"
    places = ", ".join(f"f{place}" for place in range(len(features.features)))
    return f"""
        WITH {_KNOWN}
        SELECT leads.lead, leads.account, of_account.key IS NOT NULL AS known, {places} FROM leads {joined}"""  # noqa: S608


def _aggregates(entity: Entity, columns: Sequence[str], at: Reading) -> str:
    """A row of aggregates for every key."""
    kept = f"day >= {at.tiles[Hop.DAY] - ITEM_DAYS}"
    return f"""
        WITH theirs AS ({_THEIRS[entity]}),
        ordered AS (
            SELECT *,
                row_number() OVER (
                    PARTITION BY key, code, thing ORDER BY rank DESC, t DESC, id DESC, number DESC, word DESC
                ) = 1 AS newest,
                row_number() OVER (PARTITION BY key, code, thing ORDER BY t, id, number DESC, word DESC) = 1 AS oldest
            FROM theirs
        ),
        told AS (
            SELECT *, max(CASE WHEN code IN ({_OPENS}) AND newest AND number = 1 AND {kept} THEN 1 ELSE 0 END)
                OVER (PARTITION BY key, thing) = 1 AS open
            FROM ordered
        )
        SELECT {", ".join(["keys.key", *columns])}
        FROM ({_KEYS[entity]}) AS keys LEFT JOIN told ON told.key = keys.key GROUP BY keys.key"""  # noqa: S608


class Mismatch(NamedTuple):
    """A feature that the stream and the recompute disagree on."""

    lead: str
    feature: str
    served: float | None
    recomputed: float | None


def batch_recompute(
    lake: Path, as_of: datetime, features: FeatureSet, engine: Engine = ONE_MACHINE
) -> dict[str, dict[str, float | None]]:
    """Every lead's features as of an aware moment that is not before the newest event, by the id it has now."""
    return _by_lead(features_table(lake, as_of, features, engine), features)


def features_table(lake: Path, as_of: datetime, features: FeatureSet, engine: Engine = ONE_MACHINE) -> pa.Table:
    """As `batch_recompute`: columns `lead`, `account` and one for each feature, in no order."""
    with engine.database() as database:
        if DeltaTable.is_deltatable(str(events_path(lake))):
            database.open("events", events_path(lake))
            bodies = f"SELECT body FROM events WHERE record = '{RecordKind.EVENT.value}'"  # noqa: S608
            database.derive("facts", bodies, Telling(features, read_forwardings(lake)), FACTS)
        else:
            database.put("facts", FACTS.empty_table())
        return _answered(database, as_of, features)


def recompute(
    told: Iterable[Told], as_of: datetime, features: FeatureSet, engine: Engine = ONE_MACHINE
) -> dict[str, dict[str, float | None]]:
    """The features of the leads that are told of, as of an aware moment that is not before the newest event.

    Args:
        told: everything that these leads' and their accounts' features rest on; what is of others is left out.
        as_of: the moment.
        features: the declarations.
        engine: what computes.
    """
    with engine.database() as database:
        database.put("facts", facts_of(told, features))
        return _by_lead(_answered(database, as_of, features), features)


def newest_told(told: Iterable[Told]) -> dict[str, dict[str, int]]:
    """The second of each source system's newest event about each lead, as `LeadState.sources` should have it."""
    sources: dict[str, dict[str, int]] = {}
    for each in told:
        if each.lead is not None and is_heard(each.event):
            newest, system = sources.setdefault(each.lead, {}), system_of(each.event.source)
            newest[system] = max(newest.get(system, 0), micros(each.event.time) // SECOND)
    return sources


def compare(served: Mapping[str, Values], recomputed: Mapping[str, Values]) -> list[Mismatch]:
    """Every feature that is not exactly equal; a lead that one side lacks has no value there."""
    nothing: Values = {}
    return [
        Mismatch(lead, name, ours.get(name), theirs.get(name))
        for lead in sorted({*served, *recomputed})
        for ours, theirs in [(served.get(lead, nothing), recomputed.get(lead, nothing))]
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    ]


def _answered(database: Database, as_of: datetime, features: FeatureSet) -> pa.Table:
    """The facts' answer, finished by the expressions; whoever has no account that is known lacks its features."""
    found = database.ask(_question(features, reading_at(None, None, as_of)))
    known = found["known"].to_pylist()
    table = found.select(["lead", "account"])
    for place, feature in enumerate(features.features):
        values = zip(found[f"f{place}"].to_pylist(), known, strict=True)
        finish, always = feature.expression.finish, not feature.of_account
        column = [finish(value) if always or is_known else None for value, is_known in values]
        table = table.append_column(feature.name, pa.array(column, pa.float64()))
    return table


def _by_lead(table: pa.Table, features: FeatureSet) -> dict[str, dict[str, float | None]]:
    rows = zip(*(table[name].to_pylist() for name in features.names), strict=True)
    return {
        lead: dict(zip(features.names, row, strict=True))
        for lead, row in zip(table["lead"].to_pylist(), rows, strict=True)
    }
