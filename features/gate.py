"""The feature gate: invariants of states and declared ranges of values, judged on windows of rows about to be served.

Sums of acts are never negative, tiles lie inside their horizon and not in the future, rows are fresh; a value that may
not be missing is there, in its range, and what was said is not too old. A verdict to stop closes the stage before the
next micro-batch; it moves no rows, so a replay comes out the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from features.clock import micros
from features.feature_set import FeatureSet
from features.language import Kept
from features.language.window import tiles_at
from features.micro_batch import MicroBatch
from features.rows import LeadRow, decode_account_row, decode_lead_row
from features.sources import EXPECTED, ages
from features.state import AccountState
from ingestion.errors import GateStopped
from quality.compiled import compile_rows
from quality.suite import Suite, between, not_null
from quality.verdict import Action, Finding, Verdict

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
        between("tiles_beyond", None, 0, Action.STOP),  # the horizon of their series
        between("ahead_seconds", None, 1.0, mostly=0.99),  # newest event after the knowledge time
        between("behind_seconds", None, FRESH_SECONDS, mostly=0.9),  # live rows: from receipt to here
    ),
)
MOSTLY_FRESH = 0.5  # of the leads of whom something was said; what is older should be asked for again
AGE = " age, days"


def suite_of(features: FeatureSet, expected: Mapping[str, timedelta]) -> Suite:
    """What is expected of every lead's values, and of the systems that speak of it.

    A value that is missing and may not be is our own mistake and stops the stage. One outside its range may be a
    sender's, who must not be able to stop it.
    """
    needed = [not_null(each.name, Action.STOP) for each in features.features if not each.nullable]
    ranges = [between(each.name, *each.range) for each in features.features if each.range != (None, None)]
    fresh = [
        between(each.name + AGE, 0, each.fresh_within / timedelta(days=1), mostly=MOSTLY_FRESH)
        for each in features.features
        if each.fresh_within is not None
    ]
    heard = [
        between(f"source {system}{AGE}", 0, within / timedelta(days=1), mostly=MOSTLY_FRESH)
        for system, within in expected.items()
    ]
    return Suite("feature_values", "features", (*needed, *ranges, *fresh, *heard), version=features.hash[:12])


def judged(row: LeadRow, kept: Kept, now: datetime, *, live: bool) -> dict[str, Any]:
    """What the gate looks at in a row's state."""
    state = row.state
    newest = tiles_at(state.newest)
    counts = (count for series in kept.counts for count in state.sums.get(series, {}).values())
    beyond = (
        newest[series & 3] - min(tiles) - kept.horizons.get(series, -1)
        for drawer in (state.sums, state.peaks)
        for series, tiles in drawer.items()
    )
    return {
        "sequence": row.sequence,
        "least_count": min(counts, default=0),
        "tiles_beyond": max(beyond, default=0),
        "ahead_seconds": max(0.0, (state.newest - micros(row.known_at)) / 1e6),
        "behind_seconds": (now - row.known_at).total_seconds() if live else 0.0,
    }


class ValueCheck:
    """Counts what the values of sampled leads break. The suite is compiled (ADR 9): it has an entry for each feature,
    and Great Expectations takes 5 ms for each."""

    def __init__(self, features: FeatureSet, expected: Mapping[str, timedelta] = EXPECTED) -> None:
        self._features = features
        self._expected = expected
        self._aging = [each for each in features.features if each.fresh_within is not None]
        self.suite = suite_of(features, expected)
        self._check = compile_rows(self.suite)
        self._broken: Counter[str] = Counter()
        self._known: Counter[str] = Counter()
        self._rows = 0

    def note(self, row: LeadRow, account: AccountState | None, now: datetime) -> None:
        """Judge a lead's values as of now."""
        self.note_values(self._features.features_at(row.state, account, now) | self._ages(row, account, now))

    def note_values(self, values: Mapping[str, float | None]) -> None:
        """Judge values by name."""
        self._rows += 1
        self._known.update(name for name, value in values.items() if value is not None)
        self._broken.update(self._check(values))

    def _ages(self, row: LeadRow, account: AccountState | None, now: datetime) -> dict[str, float | None]:
        seconds = self._features.ages_at(row.state, account, now, self._aging)
        heard = ages(row.state.sources, now)
        seconds |= {f"source {system}": heard.get(system) for system in self._expected}
        return {name + AGE: None if age is None else age / 86_400 for name, age in seconds.items()}

    def verdict(self, at: datetime) -> Verdict:
        """What was found since the last verdict."""
        found = []
        for expectation in self.suite.expectations:
            broken, known = self._broken[expectation.label], self._known[str(expectation.column)] or self._rows
            if broken > (1 - expectation.mostly) * known:
                observed = f"{broken} of {known} rows"
                found.append(
                    Finding(
                        expectation=expectation.label,
                        column=expectation.column,
                        action=expectation.action,
                        observed=observed,
                        unexpected=broken,
                    )
                )
        action = self._check.action(tuple(finding.expectation for finding in found))
        rows, self._rows, self._broken, self._known = self._rows, 0, Counter(), Counter()
        name = f"{self.suite.name}@{self.suite.version}"
        return Verdict(suite=name, stage=self.suite.stage, at=at, rows=rows, action=action, findings=tuple(found))


class FeatureGate:
    """Collects a sample of rows and judges it. Not safe for several threads."""

    def __init__(
        self,
        features: FeatureSet,
        publish: Callable[[Verdict], None],
        clock: Callable[[], datetime],
        expected: Mapping[str, timedelta] = EXPECTED,
    ) -> None:
        self._kept = features.kept
        self._values = ValueCheck(features, expected)
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
        for encoded in batch.leads.values():
            self._seen += 1
            if self._seen % SAMPLE == 0:
                row = decode_lead_row(encoded.encoded)
                account = batch.accounts.get(row.account or "")
                self._rows.append(judged(row, self._kept.lead, now, live=encoded.key in live))
                self._values.note(row, decode_account_row(account.encoded).state if account else None, now)
        self.judge_if_due()

    def judge_if_due(self) -> None:
        """Judge the window if its time has come. Raises `GateStopped` as `observe`."""
        if self._stopped is not None:
            broken = [finding for finding in self._stopped.findings if finding.action is Action.STOP]
            told = "; ".join(f"{finding.expectation}, got {finding.observed}" for finding in broken)
            raise GateStopped(f"{self._stopped.suite}: {told}. Rebuild the leads at fault from the lake, then restart")
        if len(self._rows) >= WINDOW_ROWS or (self._rows and self._clock() - self._since >= WINDOW):
            self.judge()

    def judge(self) -> tuple[Verdict, Verdict]:
        """Judge what the window holds now, states and values, and begin the next one."""
        import pandas as pd

        self.preload()
        assert self._runner is not None
        at = self._clock()
        verdicts = self._runner.run(pd.DataFrame(self._rows), at), self._values.verdict(at)
        self._rows, self._since = [], at
        for verdict in verdicts:
            if verdict.action is Action.STOP:
                self._stopped = verdict
            self._publish(verdict)
        return verdicts
