"""Register the declarations in Feast and make the online tables.

Invariant: of several that apply to one registry in Postgres at once, each finds it as the one before left it.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from feast import FeatureStore
from sqlalchemy import NullPool, create_engine, text

from feature_repo.entities import account, lead
from feature_repo.permissions import permissions
from feature_repo.services import scoring_service
from feature_repo.views import feature_view, state_views
from features.history import count_history, ensure_history
from features.lineage.registry import tell_of_registry
from features.settings import PROJECT, FeaturePaths, feature_set, open_feast
from features.store import OnlineStore
from ingestion.settings import PlatformSettings

_LOCK = 0xFEA5  # of the advisory lock: any number that nobody else takes


def apply(settings: PlatformSettings) -> None:
    """Make Feast's registry and online tables match the declarations. Safe to repeat."""
    paths = FeaturePaths.of(settings)
    paths.registry.parent.mkdir(parents=True, exist_ok=True)
    ensure_history(paths.lake)
    with warnings.catch_warnings(), _alone(settings) as feast:
        warnings.simplefilter("ignore", RuntimeWarning)  # "experimental": the on-demand view is tested by us
        states = state_views(paths)
        view = feature_view(states, settings.feature_set)
        declared = [lead, account, *states, view, scoring_service(view, feature_set(settings)), *permissions]
        feast.apply(declared)
        for name in {each.name for each in feast.list_permissions()} - {each.name for each in permissions}:
            feast.registry.delete_permission(name, PROJECT)  # what was once allowed is not for ever
        tell_of_registry(settings, declared)
    if paths.online is not None:
        connection = sqlite3.connect(paths.online)
        connection.execute("PRAGMA journal_mode=WAL")  # stays with the file: readers never wait for the writer
        connection.close()
    if not count_history(paths.lake):  # else only who has gone through the history may say so
        OnlineStore.open(settings).declare_whole()


@contextmanager
def _alone(settings: PlatformSettings) -> Iterator[FeatureStore]:
    """Feast, with others who apply waiting. A registry in a file is written whole, and has no need of that."""
    if not settings.feast_registry:
        yield open_feast(settings)
        return
    with create_engine(settings.feast_registry, poolclass=NullPool).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})  # until the connection ends
        feast = open_feast(settings, applies=True)
        try:
            yield feast
        finally:
            feast.registry.write_engine.dispose()
