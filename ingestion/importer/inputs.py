"""What a person names on the command line, as the files that are meant."""

from __future__ import annotations

import glob
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from ingestion.errors import FileUnreadable

STDIN = "-"
Stamp = tuple[str, int, int]  # absolute path, size, time of the last change in nanoseconds


@dataclass(frozen=True, slots=True)
class Input:
    """One file, or standard input."""

    name: str  # as it was given
    path: Path | None  # None: standard input

    @property
    def stamp(self) -> Stamp | None:
        """What tells this very content from another; None for what can be read only once (a pipe)."""
        if self.path is None:
            return None
        found = self.path.stat()
        if not stat.S_ISREG(found.st_mode):
            return None
        return str(self.path.absolute()), found.st_size, found.st_mtime_ns


def find_inputs(arguments: Iterable[str]) -> list[Input]:
    """Files, folders (with everything below them), patterns such as `2025-*.jsonl.gz`, and `-`; each file once.

    In a folder, names that begin with `.` or `_` are left out: other programs keep their notes there.

    Raises:
        FileUnreadable: an argument matches no file.
    """
    found: dict[str, Input] = {}
    for argument in arguments:
        inputs = [Input("standard input", None)] if argument == STDIN else [Input(str(p), p) for p in _paths(argument)]
        if not inputs:
            raise FileUnreadable(f"{argument}: no such file")
        found |= {str(each.path): each for each in inputs}
    return list(found.values())


def _paths(argument: str) -> Iterator[Path]:
    named = Path(argument)
    for path in [named] if named.exists() else sorted(map(Path, glob.glob(argument, recursive=True))):
        if not path.is_dir():
            yield path
            continue
        for inner in sorted(path.rglob("*")):
            if inner.is_file() and not is_note(inner.relative_to(path)):
                yield inner


def is_note(path: PurePath) -> bool:
    """Whether a path below a folder, or in a zip, is some program's own: `_SUCCESS`, `.DS_Store`, `__MACOSX/…`."""
    return any(part.startswith((".", "_")) and part != ".." for part in path.parts)
