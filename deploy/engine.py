"""A Docker Engine with Compose, for the length of one test run.

The invariant: an engine that was running before is only used; one that we started is stopped again.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.shell import CommandError, run, say, succeeds, wait_until

COMPOSE_VERSION = "2.40.3"
_COMPOSE_MODULE = "github.com/docker/compose/v2"


@contextmanager
def docker_engine(logs: Path) -> Iterator[tuple[str, ...]]:
    """Docker and Compose for the length of the block; an engine that was missing is started, and stopped at the end.

    Args:
        logs: A folder for the log of an engine that we start.

    Yields:
        The words that run Compose: `docker compose`, or the path of the one that was built.

    Raises:
        CommandError: there is no engine and none can be started here, or Compose cannot be built.
    """
    ours = None if succeeds("docker", "info") else _start_engine(logs / "dockerd.log")
    try:
        yield ("docker", "compose") if succeeds("docker", "compose", "version") else (str(_built_compose()),)
    finally:
        if ours is not None:
            _stop(ours)


def _start_engine(log: Path) -> subprocess.Popen[bytes]:
    """Start `dockerd` by hand, as a machine without systemd needs it."""
    dockerd = shutil.which("dockerd")
    if dockerd is None or sys.platform != "linux" or os.geteuid() != 0:
        raise CommandError(
            "Docker is not running (`docker info` fails) and cannot be started from here, which takes `dockerd` on "
            "PATH and root on Linux. Start Docker and run this again."
        )
    say("· Docker is not running: starting dockerd")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen([dockerd], stdout=output, stderr=subprocess.STDOUT, start_new_session=True)

    def answers() -> bool:
        if process.poll() is not None:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise CommandError(f"dockerd ended with status {process.returncode}; the end of {log}:\n{tail}")
        return succeeds("docker", "info")

    wait_until("`docker info` answers", answers, seconds=60)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _built_compose() -> Path:
    """Compose built from its published Go module, once a machine: for a Docker that came without it."""
    built = cache_folder() / f"docker-compose-{COMPOSE_VERSION}"
    if built.exists():
        return built
    if shutil.which("go") is None:
        raise CommandError(
            "`docker compose` is not installed, and neither is `go`, which could build it. "
            "Install Docker's Compose plugin (version 2) and run this again."
        )
    say(f"· `docker compose` is missing: building {COMPOSE_VERSION} (about 2 minutes, once)")
    with tempfile.TemporaryDirectory() as name:
        module = Path(name)
        (module / "main.go").write_text(f'package main\n\nimport _ "{_COMPOSE_MODULE}/cmd"\n')
        version = f"-X {_COMPOSE_MODULE}/internal.Version=v{COMPOSE_VERSION}"
        run("go", "mod", "init", "leadline/compose", folder=module)
        run("go", "get", f"{_COMPOSE_MODULE}/cmd@v{COMPOSE_VERSION}", folder=module, timeout=600)
        run("go", "build", "-ldflags", version, "-o", "docker-compose", f"{_COMPOSE_MODULE}/cmd", folder=module)
        built.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(module / "docker-compose", built)
    return built


def cache_folder() -> Path:
    """Where downloads and builds that are good for every run are kept, outside the checkout."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "leadline"
