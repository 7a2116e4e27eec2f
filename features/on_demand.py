"""The body of Feast's on-demand view: rows in, features as of a moment out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from features.feature_set import FeatureSet, named
from features.rows import decode_account_row, decode_lead_row

# `feast apply` runs the view once on made-up values to learn its types; this is what it passes for bytes.
FEAST_PROBE = b"hello world"


def features_of(inputs: dict[str, Any], feature_set: str) -> dict[str, list[float | None]]:
    """Columns of every feature of the set at `module:name`, for columns of `lead_row`, `account_row` and `as_of`.

    `as_of` counts in whole seconds, because Feast's online request data does.
    """
    features = named(feature_set)
    columns: dict[str, list[float | None]] = {name: [] for name in features.names}
    for lead_row, account_row, as_of in zip(inputs["lead_row"], inputs["account_row"], inputs["as_of"], strict=True):
        values = _features(features, lead_row, account_row, as_of)
        for name, column in columns.items():
            column.append(values[name])
    return columns


def _features(features: FeatureSet, lead_row: Any, account_row: Any, as_of: Any) -> dict[str, float | None]:
    if FEAST_PROBE in (lead_row, account_row):
        return dict.fromkeys(features.names, 0.0)
    lead = decode_lead_row(lead_row).state if isinstance(lead_row, bytes) else None
    account = decode_account_row(account_row).state if isinstance(account_row, bytes) else None
    return features.features_at(lead, account, moment_of(as_of))


def moment_of(as_of: Any) -> datetime:
    """Feast's spellings of a moment (datetime, pandas Timestamp, seconds) as an aware datetime in whole seconds."""
    if isinstance(as_of, int | float):
        return datetime.fromtimestamp(int(as_of), UTC)
    moment: datetime = as_of.to_pydatetime() if hasattr(as_of, "to_pydatetime") else as_of
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)).replace(microsecond=0)
