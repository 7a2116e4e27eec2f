"""A copy of a finished demo's stores, so that a benchmark leaves the demo as it was."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leadline.errors import NotSetUp
from leadline.home import LOCK, occupied
from registry.champion import LAST_GOOD_FILE

CHAMPION = Path("champion") / LAST_GOOD_FILE
# The broker starts empty. MLflow's database names its artefacts by their place in the demo's home: read there.
LEFT_OUT = ("kafka", "logs", "bench", "broker", "mlflow-artifacts", LOCK)


@contextmanager
def borrowed(home: Path, copy: Path) -> Iterator[Path]:
    """`copy` with the stores of `home`; nobody else may use `home` meanwhile.

    Raises:
        NotSetUp: `home` holds no trained champion.
        StackError: a stack runs in `home`.
    """
    if not (home / CHAMPION).exists():
        raise NotSetUp(f"{home} holds no trained champion: run `make demo` first, or name another folder by --home")
    with occupied(home):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(home, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
        with occupied(copy):
            yield copy
