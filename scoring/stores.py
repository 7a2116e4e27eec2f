"""The online rows of each feature set that a model may pin.

Invariant: a set's rows are opened before anything scores on them, so a model whose set is not served is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from features.errors import NotBackfilled
from features.settings import feature_set, with_service
from features.store import OnlineStore
from ingestion.settings import PlatformSettings
from registry.bundle import Bundle
from scoring.ports import Rows


class Stores:
    """Opened one by one, as models ask for them; kept, for the way back."""

    def __init__(
        self, settings: PlatformSettings, patience: float, guard: Callable[[OnlineStore], Rows] = lambda rows: rows
    ) -> None:
        """`patience` in seconds, as of `OnlineStore.open`; `guard` stands before each store."""
        self._settings = settings
        self._patience = patience
        self._guard = guard
        self._rows: dict[str, Rows] = {}

    def rows(self, service: str) -> Rows:
        """Of a set that was opened."""
        return self._rows[service]

    def open(self, bundle: Bundle | None) -> PlatformSettings:
        """See that the rows of a bundle's set can be read; the platform with that set as its own.

        A set that this platform does not know is left to whoever compares hashes.

        Raises:
            NotBackfilled: the set has no store, or is being filled.
        """
        settings = self._settings if bundle is None else with_service(self._settings, bundle.feature_service)
        service = feature_set(settings).service
        if service not in self._rows:
            store = OnlineStore.open(settings, self._patience)
            if not store.is_filled():
                raise NotBackfilled(service, "is only half filled")
            self._rows[service] = self._guard(store)
        return settings
