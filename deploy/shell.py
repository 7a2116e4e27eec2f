"""Running a command, with its words in the error when it fails."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path


class CommandError(RuntimeError):
    """A command ended with a status other than 0; the end of what it wrote is in the message."""


def say(line: str) -> None:
    """One line of progress, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(
    *command: str | Path,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    stdin: str | None = None,
) -> str:
    """Run a command to its end and give back its standard output.

    Args:
        command: The program and its arguments; no shell is involved.
        timeout: Seconds before it is killed.
        environment: The whole environment, ours if not given.
        folder: Where it runs.
        stdin: What it reads.

    Raises:
        CommandError: it is not installed, took too long or ended with a status other than 0.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            env=environment,
            cwd=folder,
            input=stdin,
        )
    except FileNotFoundError as error:
        raise CommandError(f"`{words[0]}` is not installed: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"`{' '.join(words)}` did not end within {timeout:.0f} s") from error
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise CommandError(f"`{' '.join(words)}` ended with status {done.returncode}:\n{tail}")
    return done.stdout


def succeeds(*command: str | Path, timeout: float | None = 60) -> bool:
    """Whether a command ends with status 0."""
    try:
        run(*command, timeout=timeout)
    except CommandError:
        return False
    return True


def wait_until(what: str, holds: Callable[[], bool], *, seconds: float, pause: float = 0.5) -> float:
    """Ask again and again until something holds.

    Returns:
        The seconds it took.

    Raises:
        CommandError: it still did not hold when the time was over.
    """
    start = time.monotonic()
    while not holds():
        if time.monotonic() - start > seconds:
            raise CommandError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(pause)
    return time.monotonic() - start
