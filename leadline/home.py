"""The home folder of the embedded platform: everything that demo and up keep lies in it."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leadline.errors import StackError

LOCK = "lock"


@contextmanager
def occupied(home: Path) -> Iterator[None]:
    """Hold the home for one stack at a time.

    Raises:
        StackError: another stack runs in it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"a stack already runs in {home}; stop it (Ctrl-C), or set LEADLINE_HOME to another folder"
            ) from None
        yield


def clear(home: Path) -> None:
    """Delete what the home holds.

    Raises:
        StackError: a stack runs in it.
    """
    if not home.exists():
        return
    with occupied(home):
        for entry in home.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()
