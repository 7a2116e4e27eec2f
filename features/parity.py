"""Features as Feast itself serves them online: what every other way of reading them is held against."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime

from features.settings import feature_set, open_feast
from ingestion.settings import PlatformSettings

NO_ACCOUNT = ""  # a key that no account has


def online_features(
    settings: PlatformSettings, leads: Sequence[tuple[str, str | None]], as_of: datetime
) -> Mapping[str, Mapping[str, float | None]]:
    """`get_online_features` for (lead, account) pairs as of a moment, by lead."""
    feast, features = open_feast(settings), feature_set(settings)
    rows = [{"lead": lead, "account": account or NO_ACCOUNT, "as_of": as_of} for lead, account in leads]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Feast's own, about on-demand views
        answer = feast.get_online_features(feast.get_feature_service(features.service), entity_rows=rows).to_dict()
    return {lead: {name: answer[name][place] for name in features.names} for place, (lead, _) in enumerate(leads)}
