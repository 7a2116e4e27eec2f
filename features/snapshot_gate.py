"""The feature gate on a schedule: a snapshot of what is served is judged as a whole.

Where the gate of micro-batches looks at the leads that just changed, this one looks at all that a model would score:
states, ranges, missing values and freshness by the same suites, and every feature's drift from its reference.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from features.drift import DriftJudge
from features.feature_set import FeatureSet
from features.gate import STATES, ValueCheck, judged
from features.language import Entity
from features.metrics import DriftMetrics
from features.reference import Reference, store_reference, stored_reference
from features.settings import history_path
from features.snapshot import LEADS, Snapshot, take_snapshot
from features.sources import EXPECTED
from features.store import OnlineStore
from quality.drift import Groups, Shift, Values, shift_of
from quality.verdict import Verdict

if TYPE_CHECKING:
    from quality.gx import Runner

Trained = Callable[[FeatureSet], Reference | None]  # what the model in use was trained on; None without one
Publish = Callable[[Verdict], None]


def untrained(_: FeatureSet) -> None:
    """There is no model: the first snapshot is the reference."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A snapshot's values, how far they are from which reference, and what the suites say."""

    at: datetime
    leads: int
    columns: dict[str, Values]
    reference: Reference | None
    shifts: dict[str, Shift]
    verdicts: tuple[Verdict, ...]


class SnapshotGate:
    """Takes snapshots of one platform and judges them. Not safe for several threads."""

    def __init__(
        self,
        lake: Path,
        online: OnlineStore,
        features: FeatureSet,
        trained: Trained = untrained,
        *,
        expected: Mapping[str, timedelta] = EXPECTED,
        leads: int = LEADS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._lake = lake
        self._history = history_path(lake, features.service)
        self._online = online
        self._features = features
        self._trained = trained
        self._leads = leads
        self._clock = clock
        self._values = ValueCheck(features, expected)
        self._drift = DriftJudge()
        self._states: Runner | None = None

    def judge(self) -> Judged:
        """Take a snapshot and judge it. The first one may take half a minute, for imports.

        Raises:
            OnlineStoreUnavailable: the store refused; try again.
        """
        at = self._clock()
        snapshot = take_snapshot(self._history, self._online, at, self._leads)
        columns = snapshot.values(self._features)
        reference = self._trained(self._features) or stored_reference(self._lake, self._features)
        if reference is None:
            store_reference(self._lake, self._features, columns, at)
        shifts = self._shifts(reference, columns, snapshot.accounts) if reference else {}
        leads = len(snapshot.rows)
        verdicts = self._verdicts(snapshot) if leads else ()
        if shifts and leads:
            verdicts = (*verdicts, self._drift.verdict(shifts, leads, at))
        return Judged(at, leads, columns, reference, shifts, verdicts)

    def _shifts(self, reference: Reference, columns: dict[str, Values], accounts: Groups) -> dict[str, Shift]:
        """What is said of a company is one value, however many of its people are in the snapshot."""
        return {
            each.name: shift_of(
                reference.distributions[each.name],
                columns[each.name],
                None if each.expression.of is Entity.LEAD else accounts,
            )
            for each in self._features.features
            if each.name in reference.distributions
        }

    def _verdicts(self, snapshot: Snapshot) -> tuple[Verdict, ...]:
        """By the suites of micro-batches."""
        import pandas as pd

        from quality.gx import Runner

        self._states = self._states or Runner(STATES)
        for lead, account in snapshot.rows:
            self._values.note(lead, account.state if account else None, snapshot.at)
        kept = self._features.kept.lead
        states = pd.DataFrame([judged(lead, kept, snapshot.at, live=False) for lead, _ in snapshot.rows])
        return self._states.run(states, snapshot.at), self._values.verdict(snapshot.at)


class SnapshotWatch:
    """Tells of a snapshot every so many seconds: verdicts to whom they concern, figures to whoever scrapes."""

    def __init__(self, gate: SnapshotGate, publish: Publish, metrics: DriftMetrics, seconds: float) -> None:
        self._gate = gate
        self._publish = publish
        self._metrics = metrics
        self._seconds = seconds
        self._due = time.monotonic()

    def look_if_due(self) -> None:
        """Take a snapshot if its time has come. Raises what `SnapshotGate.judge` raises."""
        began = time.monotonic()
        if began < self._due:
            return
        found = self._gate.judge()
        for verdict in found.verdicts:
            self._publish(verdict)
        self._metrics.show(found.leads, found.shifts)
        self._metrics.snapshot_seconds.observe(time.monotonic() - began)
        self._due = began + self._seconds
