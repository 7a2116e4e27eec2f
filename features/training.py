"""Features as they were known at past moments: Feast's point-in-time join over the exported history."""

from __future__ import annotations

import warnings

import pandas as pd

from features.definitions import FEATURE_NAMES, FEATURE_SERVICE
from features.history import export_offline
from features.settings import open_feast
from ingestion.settings import PlatformSettings


def point_in_time(settings: PlatformSettings, entities: pd.DataFrame, *, export: bool = True) -> pd.DataFrame:
    """Every feature as of each row's `event_timestamp`, from what was known by then.

    Args:
        entities: columns lead, account (may be missing in a row) and event_timestamp (aware), one row per example.
        export: bring the offline files up to date first.

    Returns:
        `entities` in their order with a float64 column per feature, NaN where it is missing.
    """
    if export:
        export_offline(settings.lake.absolute())
    asked = entities[["lead", "account", "event_timestamp"]].reset_index(drop=True)
    asked["account"] = asked["account"].fillna("")
    asked["as_of"] = asked["event_timestamp"]
    asked["example"] = asked.index
    feast = open_feast(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Feast's own, about pandas and its on-demand views
        joined = feast.get_historical_features(asked, feast.get_feature_service(FEATURE_SERVICE)).to_df()
    joined = joined.sort_values("example").reset_index(drop=True)
    features = joined[list(FEATURE_NAMES)].astype("float64")
    frame: pd.DataFrame = pd.concat([entities.reset_index(drop=True), features], axis=1)
    return frame
