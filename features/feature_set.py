"""A feature set: the declarations that are folded, served and trained on together, as one versioned service.

Invariant: the fold keeps exactly what the declarations read, and the hash changes with any of them, so that a model
never meets features that it was not trained on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from features.activity import NOTHING, Facts, facts_of
from features.clock import SECOND
from features.declarations import Feature
from features.language import Act, Entity, Kept, Property, Reading, Said, reading_at
from features.state import AccountState, LeadState
from ingestion.contracts.event import Event, EventType
from ingestion.errors import SettingsError

SHARED = "leadline"  # instead of a service, where something is of no set: readings of the free text


class Keeping(NamedTuple):
    """What the states of a lead and of an account keep."""

    lead: Kept
    account: Kept


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """Named like the Feast feature service that serves it."""

    service: str
    features: tuple[Feature, ...]
    revision: int  # raised when code changes what the declarations mean, which the hash cannot see
    tables: tuple[ModuleType, ...] = ()  # whose constants in capitals decide values too

    def __post_init__(self) -> None:
        """Raises `ValueError` where two declarations have one name or keep different things in one place."""
        places = [str(slot) for slot in Counter(said.slot for said in self._said).elements()]
        for what, found in (("name", self.names), ("slot", places)):
            twice = [each for each, times in Counter(found).items() if times > 1]
            if twice:
                raise ValueError(f"{self.service}: two declarations share the {what} {twice[0]}; say one differently")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def _said(self) -> tuple[Said, ...]:
        """Everything that any of them looks at."""
        return tuple(dict.fromkeys(said for feature in self.features for said in feature.expression.over))

    @cached_property
    def kept(self) -> Keeping:
        """What the fold must keep, which follows from what is declared."""

        def keeps(*wanted: Entity) -> Kept:
            chosen = (feature.expression for feature in self.features if feature.expression.of in wanted)
            return Kept.of(keep for expression in chosen for keep in expression.keeps())

        return Keeping(keeps(Entity.LEAD, Entity.COMPANY), keeps(Entity.ACCOUNT, Entity.COMPANY))

    @cached_property
    def _declared(self) -> dict[EventType, list[Act | Property]]:
        """Beyond the vocabulary, by the type of event that says it."""
        found: dict[EventType, list[Act | Property]] = defaultdict(list)
        for said in self._said:
            if isinstance(said, Act | Property):
                found[said.event].append(said)
        return dict(found)

    def facts_of(self, event: Event) -> Facts:
        """Everything `event` says, as far as anything is declared over it."""
        facts = facts_of(event)
        declared = self._declared.get(event.type)
        if declared is None or facts is NOTHING:
            return facts
        told = [(said, value) for said in declared if (value := said.said_by(event)) is not None]
        return facts._replace(
            kinds=facts.kinds + tuple(said.slot for said, _ in told if isinstance(said, Act)),
            values=facts.values + tuple((said.slot, value) for said, value in told if isinstance(said, Property)),
        )

    @cached_property
    def _readers(self) -> list[tuple[str, Callable[[Reading], float | None]]]:
        return [(feature.name, feature.expression.value) for feature in self.features]

    @cached_property
    def _without_account(self) -> dict[str, float | None]:
        """The features that a lead without an account lacks."""
        return dict.fromkeys((feature.name for feature in self.features if feature.of_account), None)

    def features_at(
        self, lead: LeadState | None, account: AccountState | None, as_of: datetime
    ) -> dict[str, float | None]:
        """Every feature by name as of an aware moment, in whole seconds. Less than a microsecond each."""
        at = reading_at(lead, account, as_of)
        values = {name: read(at) for name, read in self._readers}
        return values if account is not None else values | self._without_account

    def ages_at(
        self,
        lead: LeadState | None,
        account: AccountState | None,
        as_of: datetime,
        features: Iterable[Feature] | None = None,
    ) -> dict[str, float | None]:
        """Seconds since the event that last moved each feature, or each of some; None where none did."""
        at = reading_at(lead, account, as_of)
        touched = {feature.name: feature.touched(at) for feature in features or self.features}
        return {name: max(0, at.moment - moment) / SECOND if moment else None for name, moment in touched.items()}

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what decides the values (ADR 20): names, versions, expressions, tables and revision.

        Code has no hash that survives a reformatting: who changes what the code means raises `revision`.
        """
        words = [str(self.revision)]
        words += [f"{feature.name} v{feature.version} = {feature.definition}" for feature in self.features]
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


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return repr(sorted((str(key), item) for key, item in value.items()))
    if isinstance(value, frozenset):
        return repr(sorted(map(str, value)))
    return str(getattr(value, "__qualname__", None) or repr(value))
