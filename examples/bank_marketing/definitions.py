"""The bank's own features: what its dialling list says, for which Leadline's vocabulary has no words."""

from __future__ import annotations

from examples.bank_marketing.contacts import MONTHS
from features.activity import Kind
from features.declarations import Feature, Privacy, Type
from features.feature_set import FeatureSet
from features.language import Last, Property, Since
from ingestion.contracts.event import EventType

FEATURE_SET = f"{__name__}:BANK"  # as `LEADLINE_FEATURE_SET` names it

_JOBS = (
    *("admin.", "blue-collar", "entrepreneur", "housemaid", "management", "retired", "self-employed", "services"),
    *("student", "technician", "unemployed", "unknown"),
)
_YES_NO = ("no", "yes")


OWNER = "the bank's marketing"


def _profile(name: str, description: str, unit: str = "count", words: tuple[str, ...] = ()) -> Feature:
    """What the morning's list says; words in alphabetical order claim no more than that they differ."""
    return _said(Property(EventType.CONTACT_CHANGED, name, words), description, unit)


def _said(what: Property, description: str, unit: str = "count", otherwise: float | None = None) -> Feature:
    return Feature(
        what.key,
        Last(what, otherwise=otherwise),
        description=description,
        owner=OWNER,
        unit="word" if what.words else unit,
        type=Type.RANK if what.words else Type.NUMBER,
        maximum=len(what.words) - 1.0 if what.words else None,
        privacy=Privacy.PROFILE,
    )


BANK = FeatureSet(
    service="bank_marketing_v1",
    revision=2,
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
        Feature(
            "pdays",
            Since(Kind.CALL),
            description="Since the earlier campaign's call",
            owner=OWNER,
            unit="days",
            type=Type.DURATION,
        ),
        _said(Property(EventType.CALL_LOGGED, "previous"), "Calls in the earlier campaign", otherwise=0.0),
        _said(
            Property(EventType.CALL_LOGGED, "poutcome", ("failure", "other", "success", "unknown")),
            "Outcome of the earlier campaign",
            otherwise=3.0,
        ),
    ),
)
