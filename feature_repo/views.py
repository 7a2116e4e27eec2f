"""Feature views: the states as they were served, and the features computed from them when they are read.

The on-demand view runs the same `features_at` for `get_online_features` and `get_historical_features`, so online and
offline cannot differ in arithmetic (ADR 2).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from feast import Entity, FeatureView, Field, FileSource, OnDemandFeatureView, RequestSource
from feast.data_format import DeltaFormat
from feast.transformation.python_transformation import PythonTransformation
from feast.types import Bytes, Float64, String, UnixTimestamp

from feature_repo.entities import account, lead
from features.feature_set import named
from features.history import ACCOUNT, ENRICHMENT, LEAD, readings_beside
from features.offline_store import ROWS
from features.on_demand import features_of
from features.settings import FeaturePaths

FOREVER = timedelta(0)  # a state never expires: its windows are computed when it is read


def state_views(paths: FeaturePaths) -> list[FeatureView]:
    """Lead state and account state, one blob each."""
    return [
        _blob("lead_state", lead, LEAD, paths.history, "Tiles, last values and marks of a lead."),
        _blob("account_state", account, ACCOUNT, paths.history, "Tiles, people, marks of an account."),
    ]


def readings_view(paths: FeaturePaths) -> FeatureView:
    """The readings of the free text, which every feature set shares."""
    about = "A language model's reading of a lead's free text."
    return _blob("enrichment", lead, ENRICHMENT, readings_beside(paths.history), about)


def _blob(name: str, entity: Entity, rows: str, history: Path, description: str) -> FeatureView:
    return FeatureView(
        name=name,
        entities=[entity],
        ttl=FOREVER,
        schema=[Field(name=entity.name, dtype=String), Field(name=f"{rows}_row", dtype=Bytes)],
        source=_history(rows, entity, history),
        description=description,
    )


def _history(rows: str, about: Entity, history: Path) -> FileSource:
    """Such rows of a history, as they were served."""
    return FileSource(
        name=f"{rows}_history",
        path=str(history),
        file_format=DeltaFormat(),
        timestamp_field="known_at",
        field_mapping={"key": about.name, "row": f"{rows}_row"},
        tags={ROWS: f"entity = '{rows}'"},
    )


# Feast stores this text and runs it on its own, so it must import what it calls.
_COMPUTED = """\
def lead_features(inputs):
    from features.on_demand import features_of

    return features_of(inputs, {feature_set!r})
"""


def feature_view(states: list[FeatureView], feature_set: str) -> OnDemandFeatureView:
    """Every feature of the set at `module:name`, computed as of a moment."""

    def lead_features(inputs: dict[str, Any]) -> dict[str, Any]:
        return features_of(inputs, feature_set)

    as_of = RequestSource(name="as_of", schema=[Field(name="as_of", dtype=UnixTimestamp)])
    return OnDemandFeatureView(
        name=lead_features.__name__,
        # No descriptions: Feast compares these fields with the ones it infers, which have none.
        schema=[Field(name=each.name, dtype=Float64) for each in named(feature_set).features],
        sources=[*states, as_of],
        feature_transformation=PythonTransformation(lead_features, _COMPUTED.format(feature_set=feature_set)),
        mode="python",
    )
