"""Versions of the platform's features."""

from __future__ import annotations

from dataclasses import replace

from features.activity import Kind
from features.definitions import LEAD_SCORING
from features.language import Count
from features.settings import with_set
from ingestion.settings import PlatformSettings

# The same definitions under another name, and with one of them changed.
SAME = replace(LEAD_SCORING, service="lead_scoring_same")
SECOND = replace(
    LEAD_SCORING,
    service="lead_scoring_v2",
    features=tuple(
        replace(each, expression=Count(Kind.PAGE_VIEW, days=2), version=2) if each.name == "page_views_7d" else each
        for each in LEAD_SCORING.features
    ),
)

UNNAMED = replace(SECOND, service=LEAD_SCORING.service)  # changed, and its service is not


def beside(settings: PlatformSettings, name: str = "SECOND") -> PlatformSettings:
    """The same platform, with one of these sets as its own."""
    return with_set(settings, f"{__name__}:{name}")
