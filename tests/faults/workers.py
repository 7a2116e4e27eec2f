"""Workers as processes that can be killed, stopped and paused: forked from a server that has imported everything."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from multiprocessing.process import BaseProcess
from typing import Protocol

import features.app
import features.store
import features.worker
import ingestion.app
import ingestion.lake_writer
import ingestion.worker
from features.app import run_features
from ingestion.app import run_ingestion, run_lake
from ingestion.settings import PlatformSettings
from ingestion.worker import CrashPoint, never
from tests.conftest import wait_until
from tests.features.versions import beside
from tests.processes import processes

CLOCK_IS_SET = 1.0  # seconds after a worker's start
FALLS = 20  # a worker that ends by itself more often will not come back
AT_ONCE = 100  # messages a batch: many batches, so that faults meet workers between and within them


class Runner(Protocol):
    """A stage's `run_…`."""

    def __call__(self, settings: PlatformSettings, stop: threading.Event, crash_point: CrashPoint) -> None: ...


def _run_lake(settings: PlatformSettings, stop: threading.Event, crash_point: CrashPoint) -> None:
    run_lake(settings, stop)


def _run_second(settings: PlatformSettings, stop: threading.Event, crash_point: CrashPoint) -> None:
    run_features(beside(settings), stop, crash_point)


RUNNERS: dict[str, Runner] = {
    "ingest": run_ingestion,
    "features": run_features,
    "second": _run_second,  # folds another version of the features
    "lake": _run_lake,
}


@dataclass
class KilledAt:
    """A crash point that is a `kill -9`, at the `visit`-th time that the worker comes by."""

    point: str
    visit: int

    def __call__(self, point: str) -> None:
        if point == self.point:
            self.visit -= 1
            if self.visit == 0:
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Clock:
    """How far a worker's clock is off at its start, and how far after `CLOCK_IS_SET`."""

    first: timedelta
    then: timedelta

    def wrong(self, began: float) -> type[datetime]:
        """`datetime` as a process has it that looks at such a clock."""
        clock = self

        class Wrong(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # encoders know no other
                return datetime.now(tz) + (clock.first if time.monotonic() - began < CLOCK_IS_SET else clock.then)

        return Wrong


RIGHT = Clock(timedelta(), timedelta())


def _run(role: str, settings: PlatformSettings, crash_point: CrashPoint, clock: Clock, parent: int) -> None:
    if clock != RIGHT:
        wrong = clock.wrong(time.monotonic())
        for module in (ingestion.app, features.app, features.store, features.worker):
            vars(module)["datetime"] = wrong
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    ingestion.worker.BATCH_MESSAGES = features.worker.BATCH_RECORDS = ingestion.lake_writer.BATCH_RECORDS = AT_ONCE
    RUNNERS[role](settings, stop, crash_point)


def _die_with(parent: int) -> None:
    """A killed test run leaves no worker behind."""
    while True:
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os._exit(1)
        threading.Event().wait(1)


class Workers:
    """Named workers, `{role}-{number}`; each is a static member of its group under its name."""

    def __init__(self, settings: PlatformSettings) -> None:
        self._settings = settings
        self._processes: dict[str, BaseProcess] = {}
        self._zombies: list[BaseProcess] = []
        self.clocks: dict[str, Clock] = {}  # by name, of workers whose clock is not right
        self.fallen: list[str] = []  # names of those that ended by themselves and were started again

    def start(self, name: str, crash_point: CrashPoint = never) -> None:
        """Start it; returns at once. A predecessor of the same name that still lives is left alone."""
        if name in self._processes and self._processes[name].is_alive():
            self._zombies.append(self._processes[name])
        settings = self._settings.model_copy(update={"instance": name})
        role, clock = name.split("-")[0], self.clocks.get(name, RIGHT)
        process = processes.Process(target=_run, args=(role, settings, crash_point, clock, os.getpid()))
        process.start()
        self._processes[name] = process

    def kill(self, name: str) -> None:
        """`kill -9`, and wait until it is gone."""
        self._processes[name].kill()
        self._processes[name].join()

    def wait_killed(self, name: str) -> None:
        """Wait until a crash point has killed it."""
        process = self._processes[name]
        wait_until(lambda: not process.is_alive(), f"{name} to come by its crash point")
        assert process.exitcode == -signal.SIGKILL, f"{name} ended with status {process.exitcode}"

    def stop_one(self, name: str) -> None:
        """SIGTERM; it must end in order, unless it has not begun."""
        self._processes[name].terminate()
        self._processes[name].join(120)
        status = self._processes[name].exitcode
        assert status in (0, -signal.SIGTERM), f"{name} ended with status {status}"

    def send(self, name: str, what: signal.Signals) -> None:
        """Any signal; to a zombie of the name if there is one."""
        process = next((each for each in self._zombies if each.is_alive()), self._processes[name])
        assert process.pid is not None
        os.kill(process.pid, what)

    def names(self) -> list[str]:
        return list(self._processes)

    def ended(self) -> list[str]:
        """The names of those that do not live."""
        return [name for name, process in self._processes.items() if not process.is_alive()]

    def tend(self) -> None:
        """Start again what has ended by itself, as a supervisor does."""
        for name in self.ended():
            self.fallen.append(f"{name} (status {self._processes[name].exitcode})")
            assert len(self.fallen) < FALLS, f"workers do not come back: {self.fallen}"
            self.start(name)

    def stop(self) -> None:
        """SIGTERM to all, and wait."""
        processes = [*self._zombies, *self._processes.values()]
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(30)
            if process.is_alive():
                process.kill()
                process.join()
