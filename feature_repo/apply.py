"""Register the declarations in Feast and make the online tables.

Invariant: of several that apply to one registry in Postgres at once, each finds it as the one before left it.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from feast import FeatureStore
from sqlalchemy import NullPool, create_engine, text

from feature_repo.entities import account, lead
from feature_repo.permissions import permissions
from feature_repo.services import scoring_service
from feature_repo.views import feature_view, readings_view, state_views
from features.feature_set import SHARED
from features.history import count_history, ensure_history, readings_beside
from features.lineage.registry import tell_of_registry
from features.settings import FeaturePaths, feature_set, open_feast
from features.store import OnlineStore
from ingestion.settings import PlatformSettings

_LOCK = 0xFEA5  # of the advisory lock: any number that nobody else takes


def apply(settings: PlatformSettings) -> None:
    """Make Feast's registry and online tables match the declarations. Safe to repeat.

    Raises:
        DefinitionsChanged: the feature set's history was folded with other definitions.
    """
    paths = FeaturePaths.of(settings)
    paths.registry.parent.mkdir(parents=True, exist_ok=True)
    ensure_history(paths.history, feature_set(settings))
    with warnings.catch_warnings(), _alone(settings) as opened:
        warnings.simplefilter("ignore", RuntimeWarning)  # "experimental": the on-demand view is tested by us
        states = state_views(paths)
        view = feature_view(states, settings.feature_set)
        declared = [lead, account, *states, view, scoring_service(view, feature_set(settings))]
        _apply(opened(None), declared)
        _apply(opened(SHARED), [lead, readings_view(paths)])
        tell_of_registry(settings, declared)
    if paths.online is not None:
        connection = sqlite3.connect(paths.online)
        connection.execute("PRAGMA journal_mode=WAL")  # stays with the file: readers never wait for the writer
        connection.close()
    # Where there is a history, only who has gone through it may say so.
    if not any(map(count_history, (paths.history, readings_beside(paths.history)))):
        OnlineStore.open(settings).declare_whole()


def _apply(feast: FeatureStore, declared: list[Any]) -> None:
    feast.apply([*declared, *permissions])
    for name in {each.name for each in feast.list_permissions()} - {each.name for each in permissions}:
        feast.registry.delete_permission(name, feast.project)  # what was once allowed is not for ever


@contextmanager
def _alone(settings: PlatformSettings) -> Iterator[Callable[[str | None], FeatureStore]]:
    """Opens Feast by project, with others who apply waiting. A registry in a file is written whole: no need to wait."""
    if not settings.feast_registry:
        yield lambda project: open_feast(settings, project=project)
        return
    with create_engine(settings.feast_registry, poolclass=NullPool).connect() as connection, ExitStack() as exits:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})  # until the connection ends

        def opened(project: str | None) -> FeatureStore:
            feast = open_feast(settings, project=project, applies=True)
            exits.callback(feast.registry.write_engine.dispose)
            return feast

        yield opened
