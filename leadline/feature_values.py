"""One lead's or account's features and profile, as they are served: values, where each comes from, and the state
beneath them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from features.declarations import Feature
from features.feature_set import FeatureSet
from features.language import Entity
from features.profile import Belief, profile_of
from features.rows import AccountRow, LeadRow
from features.settings import feature_set
from features.state import AccountState, LeadState
from features.store import OnlineStore
from ingestion.settings import PlatformSettings
from leadline.errors import LeadlineError

Row = TypeVar("Row", LeadRow, AccountRow)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One feature."""

    name: str
    value: float | None
    age_seconds: float | None  # since the event that last moved it
    window: str
    definition: str
    version: int


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What is served of a lead or an account. States are named by their drawers; slots are numbers."""

    subject: str
    service: str
    feature_hash: str
    as_of: datetime
    known_at: datetime
    sequence: int
    account: str | None
    features: tuple[Shown, ...]
    profile: dict[str, Belief]
    states: dict[str, LeadState | AccountState]


def show_features(
    settings: PlatformSettings, subject: str, as_of: datetime, raw: bool, as_json: bool, out: Console
) -> None:
    """The features and the profile of a lead or account, as tables or as JSON.

    Raises:
        LeadlineError: nothing is served of it, or the lead has ended.
    """
    served = _served(OnlineStore.open(settings), feature_set(settings), subject, as_of)
    if as_json:
        states = {key: msgspec.structs.asdict(state) for key, state in served.states.items()}
        sys.stdout.write(msgspec.json.encode(msgspec.structs.asdict(served) | {"states": states}).decode() + "\n")
        return
    out.print(_table(served))
    if served.profile:
        out.print(_profile(served.profile))
    known = f"change {served.sequence}, known {served.known_at:%Y-%m-%d %H:%M:%S.%f} UTC"
    out.print(f"{served.service} ({served.feature_hash[:12]}…): {known}, account {served.account or 'none'}")
    if raw:
        for key, state in served.states.items():
            out.print(f"state of {key}:")
            out.print_json(msgspec.json.encode(msgspec.structs.asdict(state)).decode())


def _served(store: OnlineStore, features: FeatureSet, subject: str, as_of: datetime) -> Served:
    if subject.startswith("ac_"):
        account = _found(store.read_accounts([subject])[0], subject)
        chosen = [each for each in features.features if each.expression.of is Entity.ACCOUNT]
        return _told(features, chosen, subject, None, subject, account, as_of)
    lead = _found(store.read([subject])[0], subject)
    if lead.forward is not None:
        raise LeadlineError(f"lead {subject} has ended and is {lead.forward.partition('|')[0]} now: ask for that one")
    company = store.read_accounts([lead.account])[0] if lead.account else None
    return _told(features, features.features, subject, lead, lead.account, company, as_of)


def _found(row: Row | None, subject: str) -> Row:
    if row is None:
        raise LeadlineError(f"nothing is served of {subject}: no event about it was folded; see `leadline leads`")
    return row


def _told(
    features: FeatureSet,
    chosen: Iterable[Feature],
    subject: str,
    lead: LeadRow | None,
    account: str | None,
    company: AccountRow | None,
    as_of: datetime,
) -> Served:
    row = lead or company
    assert row is not None
    states = (lead.state if lead else None, company.state if company else None)
    values, ages = features.features_at(*states, as_of), features.ages_at(*states, as_of)
    return Served(
        subject=subject,
        service=features.service,
        feature_hash=features.hash,
        as_of=as_of,
        known_at=row.known_at,
        sequence=row.sequence,
        account=account,
        features=tuple(
            Shown(
                name=each.name,
                value=values[each.name],
                age_seconds=ages[each.name],
                window=each.expression.edges,
                definition=each.definition,
                version=each.version,
            )
            for each in chosen
        ),
        profile=profile_of(states[0] or LeadState(), states[1]),
        states={key: state for key, state in zip((subject, account), states, strict=True) if key and state},
    )


def _table(served: Served) -> Table:
    title = f"{served.subject} as of {served.as_of:%Y-%m-%d %H:%M:%S} UTC"
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("feature", no_wrap=True)
    table.add_column("value", justify="right")
    table.add_column("last moved", justify="right")
    table.add_column("window and definition", overflow="fold")
    for each in served.features:
        value = "missing" if each.value is None else f"{each.value:g}"
        age = "" if each.age_seconds is None else f"{each.age_seconds / 86_400:.1f} d ago"
        about = Text.assemble(each.window, "\n", (f"{each.definition}, version {each.version}", "dim"))
        table.add_row(each.name, value, age, about)
    return table


def _profile(profile: Mapping[str, Belief]) -> Table:
    table = Table(title="Profile", title_justify="left", header_style="bold")
    table.add_column("field", no_wrap=True)
    table.add_column("value", justify="right", overflow="fold")
    table.add_column("said by")
    table.add_column("said at, UTC", no_wrap=True)
    for name, belief in profile.items():
        value = belief.value if isinstance(belief.value, str) else f"{belief.value:g}"
        table.add_row(name, Text(value), belief.source, f"{belief.said_at:%Y-%m-%d %H:%M:%S}")
    return table
