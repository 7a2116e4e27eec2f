"""What a score is made from, apart from the model and the policy: the features as served, and what was not there."""

from __future__ import annotations

import msgspec

from features.sources import SILENT
from scoring.decision import Decision, EnrichmentRef, EnrichmentStatus

NO_ACCOUNT = "no_account"  # the lead belongs to no known company
ACCOUNT_MISSING = "account_state_missing"  # it belongs to one of which nothing is stored
NOT_WHOLE = "online_store_rebuilding"  # what is absent may have been lost, and is not back yet
_ABSENCES = frozenset({NO_ACCOUNT, ACCOUNT_MISSING, NOT_WHOLE})


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Ages are seconds since the event that last moved the feature's state; None where there was none.

    `absent` names what is not there: the company, what a store lost, a source that fell silent.
    """

    features: dict[str, float | None]
    ages: dict[str, float | None]
    source_ages: dict[str, int]
    stale: tuple[str, ...]
    absent: tuple[str, ...]
    enrichment_status: EnrichmentStatus
    enrichment: EnrichmentRef | None


def evidence_of(decision: Decision) -> Evidence:
    """The evidence that a recorded decision was made from; `verify` puts recomputed features in."""
    return Evidence(
        features=decision.features,
        ages=decision.ages,
        source_ages=decision.source_ages,
        stale=decision.stale,
        absent=tuple(what for what in decision.degraded if what in _ABSENCES or what.startswith(SILENT)),
        enrichment_status=decision.enrichment_status,
        enrichment=decision.enrichment,
    )
