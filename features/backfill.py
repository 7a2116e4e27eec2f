"""The backfill of a feature set: the lake's events folded into its own history and online store (ADR 26).

Invariant: what was folded is in the history together with how many records that were, so that whoever goes on after a
crash folds the rest. Workers begin where the lake had not yet read when the backfill began: what both fold counts once,
by its raw position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from features.clock import micros
from features.errors import AlreadyFolded
from features.feature_set import FeatureSet
from features.gate import FeatureGate
from features.history import BACKFILL_OF, BACKFILLED, HistoryTable, offset_of
from features.micro_batch import MicroBatch
from features.parting import HeldInLake
from features.rebuild import rebuild, restore
from features.store import BACKFILLING, OnlineStore
from features.stored import stored_entries
from features.told_in_order import count_records, is_readable, newest_version, told_in_order
from ingestion.kafka import Record
from ingestion.worker import CrashPoint, never

AT_ONCE = 10_000  # records
_FOLDED, _STAMP = "backfill/folded by kin", "backfill/stamp"  # so many records, in the order that they are told in


# Tells the offsets at which the lake's writer goes on, by partition of `events`.
Reached = Callable[[], Mapping[int, int]]


class Progress(NamedTuple):
    """Records of the lake: all, and those that are folded."""

    total: int
    folded: int


class Backfill:
    """One set's backfill. Its online store and history are nobody else's until it is done."""

    def __init__(
        self,
        lake: Path,
        history: Path,
        online: OnlineStore,
        features: FeatureSet,
        gate: FeatureGate,
        lake_reached: Reached,
        *,
        crash_point: CrashPoint = never,
    ) -> None:
        self._lake = lake
        self._path = history
        self._online = online
        self._features = features
        self._gate = gate
        self._lake_reached = lake_reached
        self._crash_point = crash_point
        self._history = HistoryTable(history)
        self._held = HeldInLake(lake)
        self._entries = stored_entries(online, self._history, self._is_believed)
        self._version = -1
        self._stamp = 0

    def run(self, watch: Callable[[Progress], None] = lambda _: None) -> Progress:
        """Fold what the lake holds, or the rest of it. Blocks: a minute and more for a million records.

        Raises:
            AlreadyFolded: workers have folded this set from the topic, without a backfill.
            Fenced: somebody else backfills it.
            GateStopped: states or values are not as declared.
            OnlineStoreUnavailable: it did not answer; run it again.
        """
        done = self._history.own(BACKFILLED)
        progress = self._begun() if done is None else Progress(done, done)
        watch(progress)
        if done is None:
            self._make_ready()
            for records in told_in_order(self._lake, self._version, after=progress.folded, at_once=AT_ONCE):
                progress = Progress(progress.total, progress.folded + len(records))
                self._fold(records, progress.folded)
                watch(progress)
            self._history.commit([], {BACKFILLED: progress.total}, self._stamp)
        if self._is_believed():
            self._online.declare_whole()
        elif not self._online.is_whole():
            rebuild(self._path, self._online)
        return progress

    def _begun(self) -> Progress:
        """Which version of the lake is read, and how far that is done; says where workers will begin."""
        version, folded = self._history.own(BACKFILL_OF), self._history.own(_FOLDED) or 0
        self._stamp = self._history.own(_STAMP) or 0
        if version is None:
            reached = self._lake_reached()  # before the version is asked for, which then has all up to there
            if any(self._history.own(offset_of(partition)) is not None for partition in reached):
                raise AlreadyFolded(self._features.service)
            starts = {offset_of(partition): offset - 1 for partition, offset in reached.items()}
        else:
            starts = {}
        if version is None or not is_readable(self._lake, version):
            # All is read again in order, and what was folded before changes nothing.
            version, folded = newest_version(self._lake), 0
            self._history.commit([], {BACKFILL_OF: version, _FOLDED: 0, **starts}, self._stamp)
        self._version = version
        return Progress(count_records(self._lake, version), folded)

    def _make_ready(self) -> None:
        """See that the online store has every row of the history, and mark that more are coming."""
        if self._is_believed():
            restore(self._online, self._history.rows_of(0, self._stamp))  # the last commit may not be there yet
            return
        if not self._online.is_whole():
            rebuild(self._path, self._online)
        self._online.set_mark(BACKFILLING + self._online.incarnation())

    def _is_believed(self) -> bool:
        return self._online.mark() == BACKFILLING + self._online.incarnation()

    def _fold(self, records: Sequence[Record], folded: int) -> None:
        self._entries.trim()
        now = datetime.now(UTC)
        batch = MicroBatch(self._entries, self._features, frozenset({0}), 1, now, self._held, as_received=True)
        batch.fold(records)
        self._gate.observe(batch, now)
        self._stamp = max(self._stamp + 1, micros(now))
        self._history.commit(batch.rows, {_FOLDED: folded, _STAMP: self._stamp}, self._stamp)
        self._crash_point("history")
        self._online.write(batch.leads.values())
        self._online.write_accounts(batch.accounts.values())
        self._crash_point("online")
