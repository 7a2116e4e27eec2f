"""The feature gate: invariants of states, judged on windows of the rows that are about to be served.

Counts are never negative, tiles lie inside their horizon and not in the future, rows are fresh. A verdict to stop
closes the stage before the next micro-batch; it moves no rows, so a replay comes out the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from features.clock import DAY, HOUR, micros
from features.micro_batch import MicroBatch
from features.rows import LeadRow, decode_lead_row
from features.state import DAYS_KEPT, HOURS_KEPT
from ingestion.errors import GateStopped
from quality.suite import Suite, between, not_null
from quality.verdict import Action, Verdict

if TYPE_CHECKING:
    from quality.gx import Runner

SAMPLE = 16  # of so many changed leads, one is looked at
WINDOW_ROWS = 1_000
WINDOW = timedelta(seconds=30)
FRESH_SECONDS = 60.0

STATES = Suite(
    "feature_states",
    "features",
    (
        not_null("sequence", Action.STOP),
        between("least_count", 0, None, Action.STOP),
        between("oldest_hour", 0, HOURS_KEPT, Action.STOP),  # hours before the newest event
        between("oldest_day", 0, DAYS_KEPT, Action.STOP),
        between("ahead_seconds", None, 1.0, mostly=0.99),  # newest event after the knowledge time
        between("behind_seconds", None, FRESH_SECONDS, mostly=0.9),  # live rows: from receipt to here
    ),
)


def judged(row: LeadRow, now: datetime, *, live: bool) -> dict[str, Any]:
    """What the gate looks at in a row."""
    state = row.state
    counts = [count for tiles in (state.hours, state.days) for by in tiles.values() for count in by.values()]
    hours = [tile for by in state.hours.values() for tile in by]
    days = [tile for by in state.days.values() for tile in by]
    return {
        "sequence": row.sequence,
        "least_count": min([*counts, *state.ever.values()], default=0),
        "oldest_hour": state.newest // HOUR - min(hours) if hours else 0,
        "oldest_day": state.newest // DAY - min(days) if days else 0,
        "ahead_seconds": max(0.0, (state.newest - micros(row.known_at)) / 1e6),
        "behind_seconds": (now - row.known_at).total_seconds() if live else 0.0,
    }


class FeatureGate:
    """Collects a sample of rows and judges it with Great Expectations. Not safe for several threads."""

    def __init__(self, publish: Callable[[Verdict], None], clock: Callable[[], datetime]) -> None:
        self._publish = publish
        self._clock = clock
        self._runner: Runner | None = None
        self._stopped: Verdict | None = None
        self._rows: list[dict[str, Any]] = []
        self._seen = 0
        self._since = clock()

    def preload(self) -> None:
        """Import Great Expectations and build the suite: some seconds, at the worker's start."""
        from quality.gx import Runner

        self._runner = self._runner or Runner(STATES)

    def observe(self, batch: MicroBatch, now: datetime) -> None:
        """Note a sample of the batch's changed leads; judge the window if it is due.

        Raises:
            GateStopped: an earlier window's verdict was to stop the stage.
        """
        live = set(batch.live_leads)
        for row in batch.leads.values():
            self._seen += 1
            if self._seen % SAMPLE == 0:
                self._rows.append(judged(decode_lead_row(row.encoded), now, live=row.key in live))
        self.judge_if_due()

    def judge_if_due(self) -> None:
        """Judge the window if its time has come. Raises `GateStopped` as `observe`."""
        if self._stopped is not None:
            broken = [finding for finding in self._stopped.findings if finding.action is Action.STOP]
            told = "; ".join(f"{finding.expectation}, got {finding.observed}" for finding in broken)
            raise GateStopped(f"{STATES.name}: {told}. Rebuild the leads at fault from the lake, then restart")
        if len(self._rows) >= WINDOW_ROWS or (self._rows and self._clock() - self._since >= WINDOW):
            self.judge()

    def judge(self) -> Verdict:
        """Judge what the window holds now and begin the next one."""
        import pandas as pd

        self.preload()
        assert self._runner is not None
        at = self._clock()
        verdict = self._runner.run(pd.DataFrame(self._rows), at)
        self._rows, self._since = [], at
        if verdict.action is Action.STOP:
            self._stopped = verdict
        self._publish(verdict)
        return verdict
