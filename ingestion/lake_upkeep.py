"""Keeps a Delta table that is appended to every second quick to read: small files are merged, old ones deleted.

Invariant: upkeep changes no row and no application version. A merge of files is one commit, there or not there; what
it replaced stays on disk for `KEPT`, so that whoever opened the table before goes on reading it. One process at a time
merges: delta-rs lets two merges of the same files commit, and every row is there twice
(https://github.com/delta-io/delta-rs/pull/3982 took the check out).
"""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from deltalake import DeltaTable, WriterProperties
from deltalake.exceptions import CommitFailedError

log = logging.getLogger(__name__)

LOOK_EVERY = 32  # versions of the table
KEPT = timedelta(days=1)  # the longest that a reader may hold on to what it opened
SWEEP_EVERY = timedelta(hours=1)


class Tier(NamedTuple):
    """Once there are more than `left_alone` files of a size, in bytes, they are merged to larger ones."""

    at_least: int
    less_than: int
    left_alone: int
    merged_to: int


MB = 1 << 20
TIERS = (Tier(0, 4 * MB, 64, 8 * MB), Tier(4 * MB, 32 * MB, 8, 64 * MB))  # two: a row is rewritten twice in its life

# The table's own word to other tools that read or vacuum it.
PROPERTIES = {
    "delta.deletedFileRetentionDuration": f"interval {KEPT.days} days",
    "delta.logRetentionDuration": f"interval {KEPT.days} days",
}
# Row groups of this size keep a merge below 300 MB of memory.
_WRITER = WriterProperties(max_row_group_size=32_768, compression="ZSTD", compression_level=3)


class Upkeep:
    """Upkeep of the table in `folder` by one of its writers; each of them may have one."""

    def __init__(self, table: DeltaTable, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._lock = folder / "_upkeep.lock"
        self._clock = clock
        self._looked = table.version()
        self._swept: float | None = None

    def after_commit(self) -> None:
        """Every `LOOK_EVERY` versions: merge files if too many are small, and once an hour delete what was replaced.

        Mostly there is nothing to merge. Else it blocks for about a second: 50 MB take one.
        """
        looked, self._looked = self._looked, self._table.version()
        if looked // LOOK_EVERY == self._looked // LOOK_EVERY:
            return
        with _alone(self._lock) as alone, suppress(CommitFailedError):  # rows were deleted meanwhile: another time
            if alone:
                self._merge()
                self._sweep()

    def _merge(self) -> None:
        for tier in TIERS:
            self._table.update_incremental()  # else what another process merged would be merged again
            sizes = self._table.get_add_actions()["size_bytes"].to_pylist()
            if sum(tier.at_least <= size < tier.less_than for size in sizes) > tier.left_alone:
                done = self._table.optimize.compact(
                    target_size=tier.merged_to, max_concurrent_tasks=1, writer_properties=_WRITER
                )
                log.info("%s: %s files became %s", self._lock.parent, done["numFilesRemoved"], done["numFilesAdded"])

    def _sweep(self) -> None:
        """Delete the files that no version since `KEPT` ago needs, and what a killed writer left half-done."""
        now = self._clock()
        if self._swept is None or now - self._swept >= SWEEP_EVERY.total_seconds():
            self._swept = now
            # full: a plain vacuum goes by the log, and the log's checkpoints forget what was removed long ago.
            self._table.vacuum(retention_hours=KEPT // timedelta(hours=1), dry_run=False, full=True)


@contextmanager
def _alone(lock: Path) -> Iterator[bool]:
    """Whether nobody else holds `lock`; held until left. The kernel releases it when the process is killed."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
