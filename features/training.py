"""Features as they were known at past moments: Feast's point-in-time join over the feature history."""

from __future__ import annotations

import warnings

import pandas as pd

from features.history import export_offline
from features.settings import feature_set, open_feast
from ingestion.settings import PlatformSettings

NOBODY = ""  # a key that no lead and no account has


def point_in_time(settings: PlatformSettings, entities: pd.DataFrame) -> pd.DataFrame:
    """Every feature as of each row's `event_timestamp`, from what was known by then.

    Args:
        entities: columns lead, account (may be missing in a row) and event_timestamp (aware), one row per example.

    Returns:
        `entities` in their order with a float64 column per feature, NaN where it is missing.
    """
    export_offline(settings.lake.absolute(), entities)
    asked = entities[["lead", "account", "event_timestamp"]].reset_index(drop=True)
    asked["example"] = asked.index
    asked["as_of"] = asked["event_timestamp"]
    asked["account"] = asked["account"].astype("object").where(asked["account"].notna(), NOBODY)
    found: list[pd.DataFrame] = []
    # Feast leaves out an example whose key has values, but only later ones. It had none then: it is asked without.
    for unknown in ((), ("account",), ("lead",), ("account", "lead")):
        left = asked[~asked["example"].isin([number for part in found for number in part["example"]])]
        if len(left):
            found.append(_joined(settings, _apart(left.assign(**dict.fromkeys(unknown, NOBODY)))))
    features = pd.concat(found).set_index("example").sort_index()
    frame: pd.DataFrame = pd.concat([entities.reset_index(drop=True), features], axis=1)
    return frame


def _apart(asked: pd.DataFrame) -> pd.DataFrame:
    """The examples, no two of them alike in account and moment, nor in lead and moment.

    Feast's file store joins view after view, in an order of its own, and after each drops duplicates by the keys joined
    so far: of two people of one account asked about at one moment, one would vanish. So the second is asked about a
    microsecond earlier, the third two; who has no account gets a key of their own. The windows still end at `as_of`.
    """
    apart = asked.copy()
    for entity in ("account", "lead"):
        nobody = apart[entity] == NOBODY
        apart.loc[nobody, entity] = "-" + apart.loc[nobody, "example"].astype(str)
        place = apart.groupby([entity, "event_timestamp"]).cumcount()
        apart["event_timestamp"] -= pd.to_timedelta(place, unit="us")
    return apart


def _joined(settings: PlatformSettings, asked: pd.DataFrame) -> pd.DataFrame:
    feast, features = open_feast(settings), feature_set(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Feast's own, about pandas and its on-demand views
        joined: pd.DataFrame = feast.get_historical_features(asked, feast.get_feature_service(features.service)).to_df()
    # Feast gives a column without values another type, with which pandas would not concatenate.
    return joined[["example", *features.names]].astype(dict.fromkeys(features.names, "float64"))
