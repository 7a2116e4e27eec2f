"""The bank's own features: what its dialling list says, for which Leadline's vocabulary has no words."""

from __future__ import annotations

from examples.bank_marketing.contacts import MONTHS
from features.activity import Kind
from features.declarations import DaysSince, Property
from features.feature_set import FeatureSet
from ingestion.contracts.event import EventType

FEATURE_SET = f"{__name__}:BANK"  # as `LEADLINE_FEATURE_SET` names it

_JOBS = (
    *("admin.", "blue-collar", "entrepreneur", "housemaid", "management", "retired", "self-employed", "services"),
    *("student", "technician", "unemployed", "unknown"),
)
_YES_NO = ("no", "yes")


def _profile(name: str, description: str, unit: str = "count", words: tuple[str, ...] = ()) -> Property:
    """What the morning's list says; words in alphabetical order claim no more than that they differ."""
    return Property(
        name=name,
        description=description,
        unit="word" if words else unit,
        event=EventType.CONTACT_CHANGED,
        key=name,
        words=words,
        nullable=True,
    )


BANK = FeatureSet(
    service="bank_marketing_v1",
    revision=1,
    features=(
        _profile("age", "Age", "years"),
        _profile("job", "Kind of job", words=_JOBS),
        _profile("marital", "Marital status", words=("divorced", "married", "single")),
        _profile("education", "Highest education", words=("primary", "secondary", "tertiary", "unknown")),
        _profile("default", "Has credit in default", words=_YES_NO),
        _profile("balance", "Yearly balance", "euros"),
        _profile("housing", "Has a housing loan", words=_YES_NO),
        _profile("loan", "Has a personal loan", words=_YES_NO),
        _profile("contact", "How the person is reached", words=("cellular", "telephone", "unknown")),
        _profile("day", "Day of the month of the call", "day"),
        _profile("month", "Month of the call", words=tuple(sorted(MONTHS))),
        _profile("campaign", "Calls in this campaign, this one included"),
        DaysSince(
            name="pdays", description="Since the earlier campaign's call", unit="days", kind=Kind.CALL, nullable=True
        ),
        Property(
            name="previous",
            description="Calls in the earlier campaign",
            event=EventType.CALL_LOGGED,
            key="previous",
            otherwise=0.0,
        ),
        Property(
            name="poutcome",
            description="Outcome of the earlier campaign",
            unit="word",
            event=EventType.CALL_LOGGED,
            key="poutcome",
            words=("failure", "other", "success", "unknown"),
            otherwise=3.0,
        ),
    ),
)
