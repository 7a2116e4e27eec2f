"""The local stack: every service of the platform as a process of its own on this machine.

Invariant: what a service writes survives its `kill -9`; the stack only starts, watches and stops them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from leadline.child import dying_with_us
from leadline.errors import StackError

STOP_SECONDS = 30
TAIL_CHARACTERS = 2_000


class Service:
    """One `leadline …` process."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], logs: Path) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self._arguments = list(arguments)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns at once. Its output is appended to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = dying_with_us([sys.executable, "-m", "leadline", *self._arguments])
        environment = {**os.environ, **self._environment}
        # Feast's import sets it in our own environment; a service's metrics would go to files instead of its port.
        environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches the stack, which stops its services in order
            )

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def require_running(self) -> None:
        """Raise `StackError` with the log's end if the process has died."""
        if not self.running:
            code = None if self._process is None else self._process.returncode
            tail = self.log.read_text(errors="replace")[-TAIL_CHARACTERS:] if self.log.exists() else ""
            raise StackError(f"service {self.name} ended with status {code}. The end of {self.log}:\n{tail}")

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, then `kill -9` after `STOP_SECONDS`."""
        self._end(signal.SIGTERM)

    def signal_stop(self) -> None:
        """Ask it to stop and return at once."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Stack(AbstractContextManager["Stack"]):
    """The services that this process started."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self._environment = dict(environment)
        self._logs = logs
        self.services: dict[str, Service] = {}

    def start(self, name: str, *arguments: str) -> Service:
        """Start `leadline ARGUMENTS…` as the service `name`."""
        service = Service(name, arguments or (name,), self._environment, self._logs)
        service.start()
        self.services[name] = service
        return service

    def require_running(self) -> None:
        """Raise `StackError` naming the first service that died."""
        for service in self.services.values():
            service.require_running()

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """Block until `condition` holds.

        Raises:
            StackError: a service died, or `what` did not happen within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            self.require_running()
            if time.monotonic() > deadline:
                raise StackError(f"{what} did not happen within {seconds:.0f} s; the logs are in {self._logs}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop every service: all are asked, then each is awaited."""
        for service in self.services.values():
            service.signal_stop()
        for service in self.services.values():
            service.stop()
        self.services.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
