"""A feature set: the declarations that are folded, served and trained on together, as one versioned service.

Invariant: the fold keeps exactly what the declarations read, and the hash changes with any of them, so that a model
never meets features that it was not trained on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from features.activity import NOTHING, Facts, Kind, facts_of
from features.clock import SECOND
from features.declarations import Days, DistinctDays, Ever, Feature, Hours, Property, reading_at
from features.state import AccountState, LeadState
from ingestion.contracts.event import Event, EventType
from ingestion.errors import SettingsError


class Kept(NamedTuple):
    """The kinds of acts that a state counts, by hour, by day and for ever."""

    hours: frozenset[int]
    days: frozenset[int]
    ever: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """Named like the Feast feature service that serves it."""

    service: str
    features: tuple[Feature, ...]
    revision: int  # raised when code changes what the declarations mean, which the hash cannot see
    tables: tuple[ModuleType, ...] = ()  # whose constants in capitals decide values too

    def __post_init__(self) -> None:
        """Raises `ValueError` where two declarations have one name or keep their values in one place."""
        slots = [str(feature.slot) for feature in self.features if isinstance(feature, Property)]
        for what, found in (("name", self.names), ("property's slot", slots)):
            twice = [each for each, times in Counter(found).items() if times > 1]
            if twice:
                raise ValueError(f"{self.service}: two features share the {what} {twice[0]}; declare it once")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def kept(self) -> Kept:
        """What the fold must keep, which follows from what is declared."""
        hours = {int(each.kind) for each in self.features if isinstance(each, Hours)}
        ever = {int(each.kind) for each in self.features if isinstance(each, Ever)}
        return Kept(
            hours=frozenset(hours | {int(Kind.PAGE_VIEW)}),  # accounts read it
            days=frozenset(int(each.kind) for each in self.features if isinstance(each, Days | DistinctDays)),
            ever=frozenset(ever | {int(Kind.TRIAL), int(Kind.SIGN_UP)}),
        )

    @cached_property
    def _properties(self) -> dict[EventType, list[Property]]:
        found: dict[EventType, list[Property]] = defaultdict(list)
        for feature in self.features:
            if isinstance(feature, Property):
                found[feature.event].append(feature)
        return dict(found)

    def facts_of(self, event: Event) -> Facts:
        """Everything `event` says, as far as anything is declared over it."""
        facts = facts_of(event)
        declared = self._properties.get(event.type)
        if declared is None or facts is NOTHING:
            return facts
        said = ((each.slot, each.said_by(event)) for each in declared)
        return facts._replace(values=facts.values + tuple((slot, value) for slot, value in said if value is not None))

    def features_at(
        self, lead: LeadState | None, account: AccountState | None, as_of: datetime
    ) -> dict[str, float | None]:
        """Every feature by name as of an aware moment, in whole seconds. About 20 µs."""
        at = reading_at(lead, account, as_of)
        return {feature.name: feature.value(at) for feature in self.features}

    def ages_at(self, lead: LeadState | None, account: AccountState | None, as_of: datetime) -> dict[str, float | None]:
        """Seconds since the event that last moved each feature; None where none did."""
        at = reading_at(lead, account, as_of)
        touched = {feature.name: feature.touched(at) for feature in self.features}
        return {name: max(0, at.moment - moment) / SECOND if moment else None for name, moment in touched.items()}

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what decides the values: declarations, tables and revision.

        Code has no hash that survives a reformatting: who changes what the code means raises `revision`.
        """
        words = [str(self.revision)]
        for feature in self.features:
            words.append(f"{type(feature).__name__}:{_declared(feature)}")
        for module in self.tables:
            words += [f"{name}={_plain(table)}" for name, table in sorted(vars(module).items()) if name.isupper()]
        return sha256("\n".join(words).encode()).hexdigest()


@lru_cache(maxsize=16)
def named(path: str) -> FeatureSet:
    """The feature set at `module:name`.

    Raises:
        SettingsError: there is none.
    """
    module, _, name = path.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"LEADLINE_FEATURE_SET={path}: {error}; name a FeatureSet as module:name") from error
    if not isinstance(found, FeatureSet):
        raise SettingsError(
            f"LEADLINE_FEATURE_SET={path} is a {type(found).__name__}; name a FeatureSet as module:name"
        )
    return found


def _declared(feature: Feature) -> str:
    return repr([(name, _plain(getattr(feature, name))) for name in feature.__dataclass_fields__])


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return repr(sorted((str(key), item) for key, item in value.items()))
    if isinstance(value, frozenset):
        return repr(sorted(map(str, value)))
    return str(getattr(value, "__qualname__", None) or repr(value))
