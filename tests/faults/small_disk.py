"""A file system of a test's own that can be full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from tests.conftest import missing

MB = 1024 * 1024


class SmallDisk:
    """A mounted folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Nobody can write any more; what was written stays."""
        with self._ballast.open("ab", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(MB))
        assert os.statvfs(self.folder).f_bavail == 0

    def make_room(self) -> None:
        """There is space again."""
        self._ballast.unlink()


@contextmanager
def small_disk(size: int) -> Iterator[SmallDisk]:
    """A disk of `size` bytes; skips where only root may mount one."""
    if os.geteuid() != 0:
        missing("A small disk", "mounting one takes root")
    # Not in pytest's own folder, which it could not clear if this process were killed.
    folder = Path(mkdtemp(prefix="leadline-disk-"))
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(["mount", *options], capture_output=True, text=True)
    if done.returncode != 0:
        missing("A small disk", done.stderr.strip())
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()
