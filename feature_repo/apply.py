"""Register the declarations in Feast and make the online tables."""

from __future__ import annotations

import sqlite3
import warnings

from feature_repo.entities import account, lead
from feature_repo.services import scoring_service
from feature_repo.views import feature_view, state_views
from features.history import count_history, ensure_offline
from features.lineage.registry import tell_of_registry
from features.settings import FeaturePaths, feature_set, open_feast
from features.store import OnlineStore
from ingestion.settings import PlatformSettings


def apply(settings: PlatformSettings) -> None:
    """Make Feast's registry and online tables match the declarations. Safe to repeat."""
    paths = FeaturePaths.of(settings)
    paths.registry.parent.mkdir(parents=True, exist_ok=True)
    ensure_offline(paths.lake)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # "experimental": the on-demand view is tested by us
        states = state_views(paths)
        view = feature_view(states, settings.feature_set)
        declared = [lead, account, *states, view, scoring_service(view, feature_set(settings))]
        open_feast(settings).apply(declared)
        tell_of_registry(settings, declared)
    if paths.online is not None:
        connection = sqlite3.connect(paths.online)
        connection.execute("PRAGMA journal_mode=WAL")  # stays with the file: readers never wait for the writer
        connection.close()
    if not count_history(paths.lake):  # else only who has gone through the history may say so
        OnlineStore.open(settings).declare_whole()
