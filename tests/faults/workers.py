"""Workers as processes that can be killed: forked from a server that has imported everything already."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess

from features.app import run_features
from ingestion.app import run_ingestion, run_lake
from ingestion.settings import PlatformSettings
from tests.processes import processes

RUNNERS: dict[str, Callable[[PlatformSettings, threading.Event], None]] = {
    "ingest": run_ingestion,
    "features": run_features,
    "lake": run_lake,
}


def _run(name: str, settings: PlatformSettings, parent: int) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    RUNNERS[name](settings, stop)


def _die_with(parent: int) -> None:
    """A killed test run leaves no worker behind."""
    while True:
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os._exit(1)
        threading.Event().wait(1)


class Workers:
    """Named workers; a killed one can be started again."""

    def __init__(self, settings: PlatformSettings) -> None:
        self._settings = settings
        self._processes: dict[str, BaseProcess] = {}

    def start(self, name: str) -> None:
        """Start it; returns at once."""
        process = processes.Process(target=_run, args=(name, self._settings, os.getpid()), daemon=True)
        process.start()
        self._processes[name] = process

    def kill(self, name: str) -> None:
        """`kill -9`, and wait until it is gone."""
        self._processes[name].kill()
        self._processes[name].join()

    def require_alive(self) -> None:
        """Fail if a worker has ended by itself."""
        for name, process in self._processes.items():
            assert process.is_alive(), f"worker {name} ended with status {process.exitcode}"

    def stop(self) -> None:
        """SIGTERM to all, and wait."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.join(30)
            if process.is_alive():
                process.kill()
                process.join()
