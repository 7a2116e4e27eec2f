"""The bank's own features over Leadline's lead state, whose own declarations say nothing of a balance.

What an event says becomes values of the state, the newest of which counts; a feature reads one of them. The moment of
that value is the feature's knowledge time, which is all that the leakage check needs to find `duration` out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from examples.bank_marketing.contacts import MONTHS
from features.activity import Facts
from features.state import LeadState, Stamped
from ingestion.contracts.event import Event, EventType

SERVICE = "bank_marketing_v1"
FIRST_SLOT = 1000  # of a lead's values; Leadline's own are far below
MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True)
class LastValue:
    """A property of the newest event of a kind; words become their place in `words`, any other word is missing."""

    name: str
    kind: EventType
    words: tuple[str, ...] = ()
    otherwise: float | None = None  # where nobody ever said it

    def said_by(self, event: Event) -> float | None:
        """The number that an event says."""
        value = event.data.properties.get(self.name)
        if self.words:
            return float(self.words.index(value)) if value in self.words else None
        return None if value is None else float(value)

    def read(self, stamped: Stamped, moment: int) -> float:  # noqa: ARG002  # the same shape for every declaration
        """The value itself."""
        return float(stamped[2])


@dataclass(frozen=True)
class DaysSince:
    """Whole days since the newest event of a kind."""

    name: str
    kind: EventType
    otherwise: float | None = None

    def said_by(self, event: Event) -> float | None:  # noqa: ARG002
        """That it happened."""
        return 1.0

    def read(self, stamped: Stamped, moment: int) -> float:
        """The days up to `moment` (µs)."""
        return float((moment - stamped[0]) // MICROSECONDS_A_DAY)


Definition = LastValue | DaysSince
Definitions = tuple[Definition, ...]

_PROFILE, _EARLIER, _OUTCOME = EventType.CONTACT_CHANGED, EventType.CALL_LOGGED, EventType.CRM_OUTCOME
_YES_NO = ("no", "yes")
_JOBS = (
    *("admin.", "blue-collar", "entrepreneur", "housemaid", "management", "retired", "self-employed", "services"),
    *("student", "technician", "unemployed", "unknown"),
)

# Words in alphabetical order: the numbers claim no more than that the words differ.
FEATURES: Definitions = (
    LastValue("age", _PROFILE),
    LastValue("job", _PROFILE, _JOBS),
    LastValue("marital", _PROFILE, ("divorced", "married", "single")),
    LastValue("education", _PROFILE, ("primary", "secondary", "tertiary", "unknown")),
    LastValue("default", _PROFILE, _YES_NO),
    LastValue("balance", _PROFILE),
    LastValue("housing", _PROFILE, _YES_NO),
    LastValue("loan", _PROFILE, _YES_NO),
    LastValue("contact", _PROFILE, ("cellular", "telephone", "unknown")),
    LastValue("day", _PROFILE),
    LastValue("month", _PROFILE, tuple(sorted(MONTHS))),
    LastValue("campaign", _PROFILE),
    DaysSince("pdays", _EARLIER, otherwise=-1.0),  # as the file spells it
    LastValue("previous", _EARLIER, otherwise=0.0),
    LastValue("poutcome", _EARLIER, ("failure", "other", "success", "unknown"), otherwise=3.0),
)
DURATION = LastValue("duration", _OUTCOME)  # the leak: joined only to show that the gate stops it


def facts_of(event: Event, definitions: Definitions) -> Facts:
    """What an event says, for `features.fold.fold_lead`."""
    said = (
        (FIRST_SLOT + place, definition.said_by(event))
        for place, definition in enumerate(definitions)
        if definition.kind is event.type
    )
    return Facts(values=tuple((slot, value) for slot, value in said if value is not None))


def features_at(state: LeadState, as_of: datetime, definitions: Definitions) -> list[tuple[float | None, int | None]]:
    """Each feature's value as of `as_of` and the moment (µs) it was known at, None where nobody ever said it."""
    moment = int(as_of.timestamp()) * 1_000_000
    found = (state.values.get(FIRST_SLOT + place) for place in range(len(definitions)))
    return [
        (definition.otherwise, None) if stamped is None else (definition.read(stamped, moment), stamped[0])
        for definition, stamped in zip(definitions, found, strict=True)
    ]


def feature_hash(definitions: Definitions = FEATURES) -> str:
    """sha256 of the declarations."""
    return hashlib.sha256("\n".join(map(repr, definitions)).encode()).hexdigest()
