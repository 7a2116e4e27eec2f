"""The embedded platform of a home folder: broker, stores and the services that run on them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self

from features.app import features_group
from ingestion.app import INGESTION_GROUP, LAKE_GROUP
from ingestion.contracts.raw import CHANGES_TOPIC, DECISIONS_TOPIC, EVENTS_TOPIC, RAW_TOPICS
from ingestion.kafka import Lags
from leadline import environment, keys
from leadline.broker import Broker, open_broker
from leadline.client import ScoringClient
from leadline.company import firm
from leadline.setup import prepare
from leadline.stack import Stack
from scoring.ledger_writer import GROUP as LEDGER_GROUP
from scoring.stream import GROUP as STREAM_GROUP

PATIENCE_SECONDS = 150
START_SECONDS = 180  # a service that dies is noticed at once; one that starts on busy cores is waited for
LOOK_EVERY_SECONDS = 0.25
# The demo company is the firm whose platform this is.
FIRM = {
    "LEADLINE_INSTANCE": "local",
    "LEADLINE_STAFF_DOMAINS": firm.DOMAIN,
    "LEADLINE_PRODUCT_SCOPE": firm.WORKSPACE,
    "LEADLINE_PARITY_SHARE": "1",  # it is small
}


class Platform:
    """Broker and stores of `home`, made ready; services are started by name. Leaving stops everything."""

    def __init__(self, home: Path, *, say: Callable[[str], None]) -> None:
        self.home = home
        self._exits = ExitStack()
        os.environ["LEADLINE_HOME"] = str(home)
        for name, value in FIRM.items():
            os.environ.setdefault(name, value)
        try:
            self.broker: Broker = self._exits.enter_context(open_broker(home / "kafka", say=say))
            os.environ["KAFKA_BOOTSTRAP_SERVERS"] = self.broker.bootstrap_servers
            (home / environment.BROKER_FILE).write_text(self.broker.bootstrap_servers)
            self._exits.callback((home / environment.BROKER_FILE).unlink, missing_ok=True)
            self.settings = environment.settings(make_keys=True)
            prepare(self.settings)
            self.stack = self._exits.enter_context(Stack(dict(os.environ), home / "logs"))
            self._lags = self._exits.enter_context(closing(Lags(self.broker.bootstrap_servers)))
        except BaseException:
            self._exits.close()
            raise

    def start(self, *services: str) -> None:
        """Start services by their command's name."""
        for service in services:
            self.stack.start(service)

    def start_api(self, port: int) -> ScoringClient:
        """Start the API and wait until it is ready."""
        self.stack.start("api", "serve", "--port", str(port))
        client = ScoringClient(f"http://127.0.0.1:{port}", keys.ensure(self.home)[keys.CLIENT_KEY])
        self.wait_until(client.is_ready, "the API's readiness", START_SECONDS)
        return client

    def wait_for_workers(self) -> None:
        """Block until ingestion and features have joined their groups; the in-process cluster cannot say, nor waits."""
        if not self.broker.keeps_everything:
            return
        groups = (INGESTION_GROUP, features_group(self.settings), LAKE_GROUP)
        self.wait_until(
            lambda: all(self._lags.has_members(group) for group in groups), "the workers' start", START_SECONDS
        )

    def wait_until_drained(self, tell: Callable[[int, int], None] | None = None) -> None:
        """Block until everything on the raw topics is served; `tell` is given raw messages left and in all."""
        total = 0
        while True:
            left = self._lags.of(INGESTION_GROUP, RAW_TOPICS)
            total = max(total, left)
            if tell is not None:
                tell(left, max(total, 1))
            after = (features_group(self.settings), LAKE_GROUP)
            if left == 0 and not any(self._lags.of(group, [EVENTS_TOPIC]) for group in after):
                return
            self.stack.require_running()
            time.sleep(LOOK_EVERY_SECONDS)

    def wait_for_decisions(self) -> None:
        """Block until the stream scorer and the ledger have nothing left to do."""
        self.wait_until(
            lambda: (
                not self._lags.of(STREAM_GROUP, [CHANGES_TOPIC]) and not self._lags.of(LEDGER_GROUP, [DECISIONS_TOPIC])
            ),
            "the decisions' arrival in the ledger",
            PATIENCE_SECONDS,
        )

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """As `Stack.wait_until`."""
        self.stack.wait_until(condition, what, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()
