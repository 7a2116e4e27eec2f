"""The scorer of this moment: follows the registry's champion without a restart.

Invariant: a request uses one scorer from its first read to its last. A champion that cannot be served leaves the last
good one in place, and readiness says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from features.errors import NotBackfilled
from registry.bundle import Bundle
from registry.errors import RegistryError
from scoring.metrics import ScoringMetrics
from scoring.scorer import Scorer

log = logging.getLogger(__name__)


class Champion:
    """Holds the current scorer and swaps it in one assignment."""

    def __init__(
        self, fetch: Callable[[], Bundle | None], build: Callable[[Bundle | None], Scorer], metrics: ScoringMetrics
    ) -> None:
        """Start with the open rules; `refresh` brings the champion. `fetch` may block for seconds."""
        self._fetch = fetch
        self._build = build
        self._metrics = metrics
        self._scorer = build(None)
        self._digest: str | None = None
        self._refused: str | None = None
        self._shown: tuple[str, str] | None = None
        self._show()

    def current(self) -> Scorer:
        """The scorer of this moment."""
        return self._scorer

    def refresh(self) -> None:
        """Look the champion up and serve it if it is another one. Blocks; call it off the event loop."""
        try:
            bundle = self._fetch()
            digest = None if bundle is None else f"{bundle.version} {bundle.digest}"
            if digest != self._digest:
                self._scorer = self._build(bundle)
                self._digest = digest
                self._show()
                log.info("scoring with %s %s", self._scorer.model.ref.name, self._scorer.model.ref.version)
            self._refused = None
        except (RegistryError, NotBackfilled) as error:
            self._refused = str(error)
            log.error("the champion is not served, %s stays: %s", self._scorer.model.ref.version, error)

    def require_served(self) -> None:
        """Raises `RuntimeError` while the registry's champion is refused."""
        if self._refused is not None:
            raise RuntimeError(f"the registered champion is refused: {self._refused}")

    async def watch(self, every_seconds: float) -> None:
        """Refresh for ever; ends when it is cancelled."""
        while True:
            await asyncio.sleep(every_seconds)
            await asyncio.to_thread(self.refresh)

    def _show(self) -> None:
        """Feast puts prometheus_client into a mode without removal of labels: what was served goes to zero."""
        ref = self._scorer.model.ref
        if self._shown is not None:
            self._metrics.model.labels(*self._shown).set(0)
        self._shown = ref.version, ref.kind
        self._metrics.model.labels(*self._shown).set(1)
