"""Keeps a Delta table that is appended to all the time quick: small files are merged, old ones and old log deleted.

Invariant: upkeep changes no row and no application version. A merge of files is one commit, there or not there; what
it replaced stays on disk for `KEPT`, so that whoever opened the table before goes on reading it. One process at a time
merges: delta-rs lets two merges of the same files commit, and every row is there twice
(https://github.com/delta-io/delta-rs/pull/3982 took the check out).
"""

from __future__ import annotations

import fcntl
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from deltalake import DeltaTable, WriterProperties
from deltalake.exceptions import CommitFailedError

log = logging.getLogger(__name__)

LOOK_EVERY = 8  # versions of the table
KEPT = timedelta(days=1)  # the longest that a reader may hold on to what it opened
SWEEP_EVERY = timedelta(hours=1)


class Tier(NamedTuple):
    """Once there are more than `left_alone` files of a size, in bytes, they are merged to larger ones."""

    at_least: int
    less_than: int
    left_alone: int
    merged_to: int


KB, MB = 1 << 10, 1 << 20
# A row is rewritten about once in each. Few are left alone, for with sixty files more a commit takes a third longer,
# and the smallest apart, for a merge holds its writer up.
TIERS = (
    Tier(0, 128 * KB, 16, 512 * KB),
    Tier(128 * KB, 4 * MB, 16, 8 * MB),
    Tier(4 * MB, 32 * MB, 8, 64 * MB),
)

# The table's own word to other tools that read or vacuum it.
PROPERTIES = {
    "delta.deletedFileRetentionDuration": f"interval {KEPT.days} days",
}
# Row groups of this size keep a merge below 300 MB of memory.
_WRITER = WriterProperties(max_row_group_size=32_768, compression="ZSTD", compression_level=3)


def kept_log(time: timedelta) -> dict[str, str]:
    """The property of a table that keeps its log for so long, which must be enough to open the table.

    Nobody can go back to a version before that. To open the table is to list its log, 1 ms for 1,000 entries; to commit
    to it is to list it three times.
    """
    return {"delta.logRetentionDuration": f"interval {int(time.total_seconds())} seconds"}


class Upkeep:
    """Upkeep of the table in `folder` by one of its writers; each of them may have one."""

    def __init__(self, table: DeltaTable, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._lock = folder / "_upkeep.lock"
        self._clock = clock
        self._looked = table.version()
        self._swept = -math.inf

    def after_commit(self) -> int:
        """Every `LOOK_EVERY` versions: merge files if too many are small, and once an hour delete what was replaced.

        Mostly there is nothing to merge. Else it blocks: some 30 ms for the smallest files, a second for 50 MB.

        Returns:
            How many commits were made by merging.
        """
        looked, self._looked = self._looked, self._table.version()
        if looked // LOOK_EVERY == self._looked // LOOK_EVERY:
            return 0
        merges = 0
        with _alone(self._lock) as alone, suppress(CommitFailedError):  # rows were deleted meanwhile: another time
            if alone:
                self._table.update_incremental()  # else what another process merged would be merged again
                for tier in TIERS:
                    merges += self._merge(tier)
                self._sweep()
        return merges

    def _merge(self, tier: Tier) -> bool:
        sizes = self._table.get_add_actions()["size_bytes"].to_pylist()
        if sum(tier.at_least <= size < tier.less_than for size in sizes) <= tier.left_alone:
            return False
        # Its commit deletes the log's entries that the table need not keep, before a checkpoint.
        done = self._table.optimize.compact(
            target_size=tier.merged_to, max_concurrent_tasks=1, writer_properties=_WRITER
        )
        log.info("%s: %s files became %s", self._lock.parent, done["numFilesRemoved"], done["numFilesAdded"])
        return bool(done["numFilesRemoved"])

    def _sweep(self) -> None:
        """Delete the files that no version since `KEPT` ago needs, and what a killed writer left half-done."""
        now = self._clock()
        if now - self._swept >= SWEEP_EVERY.total_seconds():
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
