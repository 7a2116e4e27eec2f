"""The catalogue: one page of all features, made of their declarations."""

from __future__ import annotations

from collections.abc import Iterator

from features.declarations import Feature, Privacy
from features.feature_set import FeatureSet
from features.language import Entity

_HEAD = """# Features

<!-- Written by `leadline features catalogue --out docs/features.md` from the declarations. Edit those. -->

The {count} features of the feature service `{service}`, revision {revision}, each declared once in
[`features/definitions.py`](../features/definitions.py). [How to add one](how-to-add-a-feature.md) says what the words
mean, [ADR 2](adr/0002-tiles-and-read-time-windows.md) how windows are read. `leadline features catalogue --html FILE`
draws how the values are distributed among your leads.

*Fresh within*: what was said longer ago should be said again; windows and counts do not age.
A range is what the feature gate allows; *or missing* that a lead may have no value.
"""
_TITLES = {
    Privacy.BEHAVIOURAL: "What people did",
    Privacy.PROFILE: "What was said of people",
    Privacy.CONSENT: "What people allowed",
    Privacy.FIRMOGRAPHIC: "What was said of companies",
}
_COLUMNS = ("feature", "meaning", "of", "looks at", "type, unit", "range", "fresh within", "owner", "version")


def page(features: FeatureSet) -> str:
    """The page, in Markdown, by class of privacy."""
    head = _HEAD.format(count=len(features.features), service=features.service, revision=features.revision)
    return head + "".join(_section(features, privacy) for privacy in Privacy)


def _section(features: FeatureSet, privacy: Privacy) -> str:
    chosen = [feature for feature in features.features if feature.privacy is privacy]
    if not chosen:
        return ""
    rows = (_COLUMNS, ("---",) * len(_COLUMNS), *(tuple(_row(feature)) for feature in chosen))
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"\n## {_TITLES[privacy]} ({privacy})\n\n{table}"


def _row(feature: Feature) -> Iterator[str]:
    yield f"`{feature.name}`"
    yield feature.description
    yield Entity(feature.expression.of).name.lower()
    yield feature.expression.edges
    yield f"{feature.type}, {feature.unit}"
    yield range_of(feature)
    yield f"{feature.fresh_within.days} d" if feature.fresh_within else ""
    yield feature.owner
    yield str(feature.version)


def range_of(feature: Feature) -> str:
    """The values allowed, in words."""
    low, high = feature.range
    if low is None and high is None:
        words = "any number"
    elif high is None:
        words = f"{low:g} or more"
    elif low is None:
        words = f"{high:g} or less"
    else:
        words = f"{low:g} to {high:g}"
    return f"{words}, or missing" if feature.nullable else words
