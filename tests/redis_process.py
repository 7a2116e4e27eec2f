"""A Redis server of a test's own, to be killed, paused and emptied. It persists nothing unless it is told to."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis

from tests.conftest import answers, free_port, missing, wait_until


class RedisProcess:
    """Runs while the `with` block does."""

    def __init__(self, folder: Path, *options: str) -> None:
        if shutil.which("redis-server") is None:
            missing("Redis", "install Debian's redis-server")
        self._folder = folder
        self._options = options or ("--save", "", "--appendonly", "no")
        self.port = free_port()
        self.client = Redis(port=self.port)

    @property
    def address(self) -> str:
        """As `LEADLINE_ONLINE_STORE` has it."""
        return f"127.0.0.1:{self.port},db=0"

    def start(self) -> None:
        """Start it, also again after it was killed."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        self._process = subprocess.Popen([*command, *self._options], stdout=subprocess.DEVNULL)
        wait_until(lambda: answers(self.port), "Redis to listen")

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """It neither answers nor refuses from now on."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        os.kill(self._process.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.kill()
