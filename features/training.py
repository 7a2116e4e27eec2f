"""Features as they were known at past moments: Feast's point-in-time join over the feature history."""

from __future__ import annotations

import warnings

import pandas as pd

from features.settings import feature_set, open_feast
from ingestion.settings import PlatformSettings


def point_in_time(settings: PlatformSettings, entities: pd.DataFrame) -> pd.DataFrame:
    """Every feature as of each row's `event_timestamp`, from what was known by then.

    Args:
        entities: columns lead, account (may be missing in a row) and event_timestamp (aware), one row per example.

    Returns:
        `entities` in their order with a float64 column per feature, NaN where it is missing.
    """
    feast, features = open_feast(settings), feature_set(settings)
    asked = entities[["lead", "account", "event_timestamp"]].assign(as_of=entities["event_timestamp"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Feast's own, about pandas and its on-demand views
        joined: pd.DataFrame = feast.get_historical_features(asked, feast.get_feature_service(features.service)).to_df()
    values = joined[list(features.names)].astype("float64")  # a column without values has no type
    frame: pd.DataFrame = pd.concat([entities.reset_index(drop=True), values], axis=1)
    return frame
