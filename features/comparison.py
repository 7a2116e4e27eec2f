"""Served vectors against the recompute: the features of leads as they are served, and when each source last spoke of
them, held to SQL over the lake's events.

Invariant: only what work in progress cannot explain is a difference: see `features.online_rows` for rows that are on
their way, `features.applied` for events that are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, TypeGuard

from features.applied import Applied
from features.duck import ONE_MACHINE
from features.engine import Engine
from features.facts import Told
from features.feature_set import FeatureSet
from features.history import ACCOUNT, LEAD
from features.online_rows import Fault, Key, OnlineRows
from features.recompute import newest_told, recompute
from features.rows import AccountRow, LeadRow, decode_account_row, decode_lead_row
from features.sampling import sampled_leads
from features.settings import history_path
from features.store import OnlineStore

Values = Mapping[str, float | None]
NOTHING: Values = {}


class Outcome(StrEnum):
    """In which way a served feature differs from the recomputed one."""

    MISMATCH = "mismatch"
    MISSING = "missing"
    EXTRA = "extra"


class Difference(NamedTuple):
    """A feature with two values."""

    feature: str
    served: float | None
    recomputed: float | None

    @property
    def outcome(self) -> Outcome:
        """In which way they differ."""
        if self.served is None:
            return Outcome.MISSING
        return Outcome.EXTRA if self.recomputed is None else Outcome.MISMATCH


@dataclass(frozen=True, slots=True)
class Compared:
    """One lead after a look."""

    lead: str
    account: str | None  # of the row that should be served
    faults: tuple[tuple[str, str, Fault], ...]  # entity, key and fault of its own row and of its account's
    differences: tuple[Difference, ...]
    known_at: datetime | None  # of the row that should be served
    unapplied_since: datetime | None  # when the oldest event that this row does not hold was received
    lives: bool  # it should be served under this id: it did not end
    waiting: bool  # nothing to compare with yet: no row was written, or the lake lacks what was applied

    @property
    def held(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults and not self.differences


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at some leads found, and which rows must be online by the next one: sequences of the history."""

    compared: tuple[Compared, ...]
    as_of: datetime
    due: Mapping[Key, int]

    @property
    def disorderly(self) -> list[Compared]:
        """The leads to look at again: something differs, waits or is on its way. What differs comes first."""
        keys = {key for _, key in self.due}
        found = [
            each
            for each in self.compared
            if each.waiting or not each.held or not keys.isdisjoint((each.lead, each.account))
        ]
        return sorted(found, key=lambda each: each.held)


class Comparison:
    """Compares leads of one platform. A look is a few reads of each store, at however many leads."""

    def __init__(
        self,
        lake: Path,
        online: OnlineStore,
        features: FeatureSet,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        engine: Engine = ONE_MACHINE,
    ) -> None:
        self._lake = lake
        self._history = history_path(lake, features.service)
        self._online = online
        self._features = features
        self._engine = engine
        self._clock = clock

    def sampled(self, share: float, after: str = "", limit: int | None = None) -> list[str]:
        """As `features.sampling.sampled_leads`."""
        return sampled_leads(self._lake, self._history, share, after, limit)

    def look(self, leads: Collection[str], due: Mapping[Key, int]) -> Look:
        """Compare these leads. `due` is what an earlier look, long enough ago, said would be online by now."""
        rows = OnlineRows.read(LEAD, list(leads), self._online.read, decode_lead_row, self._history, due)
        live = list(filter(_lives, (*rows.served.values(), *rows.right.values())))
        named = sorted({row.account for row in live if row.account is not None})
        accounts = OnlineRows.read(ACCOUNT, named, self._online.read_accounts, decode_account_row, self._history, due)
        as_of = self._moment([*live, *accounts.served.values(), *accounts.right.values()])
        applied = Applied(
            self._lake,
            {lead: row.state.marks if _lives(row) else {} for lead, row in rows.right.items()},
            {account: row.state.marks for account, row in accounts.right.items() if row},
        )
        recomputed = self._recomputed(applied, rows, accounts, as_of)
        compared = [self._compared(lead, rows, accounts, applied, recomputed, as_of) for lead in rows.served]
        return Look(tuple(compared), as_of, {**rows.due, **accounts.due})

    def _moment(self, rows: Iterable[LeadRow | AccountRow | None]) -> datetime:
        """A whole second that is not before any event in the rows, whoever's clock runs ahead."""
        latest = max([self._clock(), *(row.known_at for row in rows if row)])
        return latest.replace(microsecond=0) + timedelta(seconds=1)

    def _recomputed(
        self, applied: Applied, rows: OnlineRows[LeadRow], accounts: OnlineRows[AccountRow], as_of: datetime
    ) -> dict[str, dict[str, float | None]]:
        """The features of each lead that should be served, where the lake has all that was applied."""
        told: list[Told] = []
        heard = {account: applied.of_account(account) for account, row in accounts.right.items() if row}
        for lead, row in rows.right.items():
            if not _lives(row) or heard.get(row.account or "", ()) is None:
                continue
            told += applied.of_lead(lead, row.account) or ()
        if not told:
            return {}
        for events in heard.values():
            told += events or ()
        newest = newest_told(told)
        features = recompute(told, as_of, self._features, self._engine)
        return {lead: values | _heard(newest.get(lead, {})) for lead, values in features.items()}

    def _compared(
        self,
        lead: str,
        rows: OnlineRows[LeadRow],
        accounts: OnlineRows[AccountRow],
        applied: Applied,
        recomputed: Mapping[str, Values],
        as_of: datetime,
    ) -> Compared:
        row, right = rows.served[lead], rows.right[lead]
        waiting = lead not in recomputed if _lives(right) else row is right is None
        served = NOTHING
        if _lives(row):
            account = accounts.served[row.account] if row.account else None
            served = self._features.features_at(row.state, account.state if account else None, as_of)
            served |= _heard(row.state.sources)
        keys = {each.account for each in (row, right) if each is not None}
        return Compared(
            lead,
            right.account if right else None,
            (*rows.faults_of({lead}), *accounts.faults_of(keys)),
            () if waiting else _differences(served, recomputed.get(lead, NOTHING)),
            right.known_at if right else None,
            applied.unapplied_since(lead) if right is None or _lives(right) else None,
            _lives(right),
            waiting,
        )


def _lives(row: LeadRow | None) -> TypeGuard[LeadRow]:
    """Whether a lead is served under this id: it has a row, and did not end."""
    return row is not None and row.forward is None


def _heard(sources: Mapping[str, int]) -> dict[str, float | None]:
    """The second of each source system's newest event, compared as features are."""
    return {f"source {system}": float(second) for system, second in sources.items()}


def _differences(served: Values, recomputed: Values) -> tuple[Difference, ...]:
    """Every feature that is not exactly equal."""
    names = dict.fromkeys([*served, *recomputed])
    found = (Difference(name, served.get(name), recomputed.get(name)) for name in names)
    return tuple(each for each in found if each.served != each.recomputed)
