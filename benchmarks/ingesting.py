"""Workers started and timed: those that take the same raw topic to canonical events, and the one that folds these.

Each runs on the first core. The clock starts at a worker's first commit, with what is left then, and stops when it has
committed everything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console

from benchmarks.draining import left_after_first_commit, until
from benchmarks.machine import Load, LoadMeter, cpu_seconds, on_core, own_environment
from benchmarks.traffic import TOPIC
from features.definitions import LEAD_SCORING
from ingestion.app import INGESTION_GROUP
from ingestion.contracts.raw import EVENTS_TOPIC
from ingestion.kafka import Lags, create_topics
from leadline.child import dying_with_us
from leadline.company import RawOut
from leadline.errors import StackError
from leadline.home import occupied
from leadline.platform import Platform
from leadline.seed import Publisher, publish_all
from leadline.setup import PARTITIONS

OURS, QUIX, FOLDING = "ingestion", "Quix Streams", "features"
OUTPUTS = {OURS: EVENTS_TOPIC, QUIX: "events.quix"}
_GROUPS = {OURS: INGESTION_GROUP, QUIX: "quix", FOLDING: f"leadline-features-{LEAD_SCORING.service}"}
_INPUTS = {OURS: TOPIC, QUIX: TOPIC, FOLDING: EVENTS_TOPIC}
_COMMANDS = {OURS: "ingest", FOLDING: "features"}
_HANDLER = Path(__file__).parent / "peers" / "quix" / "handler.py"


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How fast an arm was."""

    events_per_cpu_second: float  # of its process
    events_per_second: float  # by the wall clock
    load: Load


@dataclass(frozen=True)
class Worker:
    """A running arm."""

    arm: str
    process: subprocess.Popen[bytes]
    log: Path
    lags: Lags

    def drain(self) -> None:
        """Block until it has committed everything. Raises `StackError` if it dies before."""
        until(lambda: self.lags.of(_GROUPS[self.arm], [_INPUTS[self.arm]]) == 0, self.require_running)

    def timed(self, total: int) -> Speed:
        """Block as `drain` does; the speed of what it had not committed yet of `total` messages."""
        read = [_INPUTS[self.arm]]
        left = left_after_first_commit(self.lags, _GROUPS[self.arm], read, total, self.require_running)
        meter, cpu, began = LoadMeter(), cpu_seconds(self.process.pid), time.monotonic()
        self.drain()
        return Speed(
            events_per_cpu_second=left / (cpu_seconds(self.process.pid) - cpu),
            events_per_second=left / (time.monotonic() - began),
            load=meter.read(),
        )

    def require_running(self) -> None:
        """Raises `StackError` if it has ended."""
        if (status := self.process.poll()) is not None:
            tail = self.log.read_text(errors="replace")[-1_000:]
            raise StackError(f"{self.arm} ended with status {status}. The end of {self.log}:\n{tail}")


@contextmanager
def filled(home: Path, sent: Sequence[RawOut], console: Console) -> Iterator[tuple[Platform, Lags]]:
    """A new platform in `home` with these messages on its raw topic."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    with on_core(1), own_environment(), occupied(home), Platform(home, say=console.print) as platform:
        publisher = Publisher(platform.settings)
        publish_all(publisher, sent)
        publisher.close()
        with closing(Lags(platform.broker.bootstrap_servers)) as lags:
            yield platform, lags


@contextmanager
def running(arm: str, platform: Platform, peer: Path | None, lags: Lags) -> Iterator[Worker]:
    """The arm's worker on the first core, while the block lasts. `peer` is the `bin` folder of Quix's environment.

    Our own arms need none.
    """
    command, given = [sys.executable, "-m", "leadline", _COMMANDS.get(arm, "")], {}
    if arm == QUIX:
        assert peer is not None
        settings = platform.settings
        bootstrap, state = settings.kafka_bootstrap_servers, platform.home / "quix-state"
        create_topics(bootstrap, {OUTPUTS[QUIX]: PARTITIONS[EVENTS_TOPIC]})
        command = [str(peer / "python"), str(_HANDLER), bootstrap, _GROUPS[QUIX], TOPIC, OUTPUTS[QUIX], str(state)]
        keys = {"IDENTITY_KEY": settings.identity_key_bytes.hex(), "MASTER_KEY": settings.master_key_bytes.hex()}
        given = {**keys, "TENANT": settings.tenant}
    log = platform.home / "logs" / f"{_GROUPS[arm]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with on_core(0), log.open("ab") as output:
        process = subprocess.Popen(
            dying_with_us(command), env=os.environ | given, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield Worker(arm, process, log, lags)
    finally:
        process.terminate()
        process.wait()
