"""The ingestion gate: each event against its contract's limits, each window of events against its own recent past.

Invariant: what happens to an event depends on the event alone (`RowGate`, pure), never on the window it fell into, so
that a replay comes out the same. A window's verdict (`BatchGate`) warns, or stops the stage; it moves no rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from ingestion.contracts.catalog import interaction
from ingestion.contracts.event import Draft
from ingestion.contracts.raw import SOURCE_SYSTEM, RawMessage
from ingestion.contracts.row_suite import row_suite
from ingestion.decode import field_types
from ingestion.errors import GateRefused, GateStopped, Quarantine
from quality.compiled import RowCheck
from quality.suite import COLUMN_SET, Expectation, Suite, between
from quality.traffic import Past, Window
from quality.verdict import Action, Finding, Verdict

if TYPE_CHECKING:
    from quality.gx import Runner

ROW_COLUMNS = ["type", "time", "lag_seconds", "properties_bytes", "text_chars", "claims"]
_in_order = itemgetter(*ROW_COLUMNS)

# One declaration, two executions: `RowGate` compiles what quarantines, `BatchGate` runs all of it on a window.
ROWS = row_suite(interaction(), "ingestion_rows", ROW_COLUMNS)

# The table of `quality.traffic.Past.profile`: a row a source system and a row each of its fields; a column for every
# field that the bodies had, and for every type that one had anew.
SOURCES = Suite(
    "ingestion_sources",
    "ingestion",
    (
        between("volume", 0.1, 10.0),  # rows per second of received time, relative to the recent past
        between("refused_share", None, 0.05),
        between("null_change", -0.2, 0.2),  # of the share of bodies in which a field says nothing
        between("stage_refused_share", None, 0.5, Action.STOP),
        Expectation(COLUMN_SET, {"column_set": {"$PARAMETER": "columns"}, "exact_match": True}),
    ),
)

Row = Mapping[str, Any]
_encode = msgspec.json.Encoder().encode


def row_of(draft: Draft, received: datetime) -> dict[str, Any]:
    """What the gate judges of a draft: sizes, times and counts; no content."""
    occurred = draft.time.timestamp()
    return {
        "type": str(draft.type),
        "time": occurred,
        "lag_seconds": received.timestamp() - occurred,
        "properties_bytes": len(_encode(draft.properties)) if draft.properties else 2,
        "text_chars": len(draft.text) if draft.text else 0,
        "claims": len(draft.claims) or None,
    }


class RowGate:
    """Judges events one by one."""

    def __init__(self) -> None:
        self._broken = RowCheck(ROWS, Action.QUARANTINE)

    def refusal(self, row: Row) -> GateRefused | None:
        """Why the event of this row must be set aside, or `None`."""
        broken = self._broken(row)
        if not broken:
            return None
        observed = ", ".join(f"{name} is {row[name]}" for name in dict.fromkeys(b.partition(":")[0] for b in broken))
        return GateRefused(f"{observed}; expected {'; '.join(broken)}")


class BatchGate:
    """Collects windows of events and judges each with Great Expectations, against the windows before it.

    Not safe for several threads.
    """

    SAMPLE = 16  # of so many messages of a source, one is looked at for its fields, once enough were

    def __init__(
        self,
        publish: Callable[[Verdict], None],
        clock: Callable[[], datetime],
        *,
        rows: int = 5_000,
        every: timedelta = timedelta(seconds=30),
        at_most_every: timedelta = timedelta(seconds=10),
    ) -> None:
        """A window is due with `rows` events, but not before `at_most_every`; and after `every`, if it holds any.

        Args:
            publish: is handed each verdict; must not block for long.
            clock: the time, aware.
        """
        self._publish, self._clock = publish, clock
        self._rows, self._every, self._at_most_every = rows, every, at_most_every
        self._runners: tuple[Runner, Runner] | None = None
        self._stopped: Verdict | None = None
        self._past = Past()
        self._window, self._frame, self._since = Window(), list[Row](), clock()

    def preload(self) -> None:
        """Imports Great Expectations and builds the suites: some seconds, at the worker's start."""
        from quality.gx import Runner

        self._runners = self._runners or (Runner(ROWS), Runner(SOURCES))

    def observe(self, raw: RawMessage, elements: int, refused: int, rows: Sequence[Row]) -> None:
        """Takes note of one message. Does not block.

        Args:
            elements: how many it has.
            refused: how many of them were, by their reader or by the row gate.
            rows: `row_of` each element that could be read, refused or not.

        Raises:
            GateStopped: an earlier window's verdict was to stop the stage.
        """
        self._require_open_stage()
        system = raw.headers.get(SOURCE_SYSTEM) or "(none)"
        source = self._window.note(system, raw.received.timestamp(), elements, refused)
        if (source.messages % self.SAMPLE == 0 or not source.tells) and (types := field_types(raw)):
            source.sample(types)
        source.messages += 1
        self._frame += rows

    def judge_if_due(self) -> None:
        """Judges the window if its time has come, which blocks for about 0.1 s. Raises `GateStopped` as `observe`."""
        self._require_open_stage()
        age = self._clock() - self._since
        if age >= self._every or (self._window.rows >= self._rows and age >= self._at_most_every):
            self.judge()

    def judge(self) -> tuple[Verdict, ...]:
        """Judges what the window holds now, hands the verdicts on, and begins the next window."""
        at, window, frame = self._clock(), self._window, self._frame
        self._window, self._frame, self._since = window.next(), [], at
        if not window.rows:
            return ()
        self.preload()
        assert self._runners is not None
        import pandas as pd

        table, columns = self._past.profile(window)
        verdicts = (
            self._runners[0].run(pd.DataFrame.from_records(list(map(_in_order, frame)), columns=ROW_COLUMNS), at),
            self._runners[1].run(pd.DataFrame(table), at, {"columns": columns}, names="source"),
        )
        self._past.remember(window)
        for verdict in verdicts:
            if verdict.action is Action.STOP:
                self._stopped = verdict
            self._publish(verdict)
        return verdicts

    def _require_open_stage(self) -> None:
        if self._stopped is not None:
            found = "; ".join(_words(one) for one in self._stopped.findings if one.action is Action.STOP)
            raise GateStopped(
                f"{self._stopped.suite}: {found}. Look at events.quarantine, mend the cause, then restart"
            )


def _words(finding: Finding) -> str:
    return f"{finding.expectation}, got {finding.observed}"


def admit(
    raw: RawMessage, outcomes: Sequence[Draft | Quarantine], gate: RowGate, window: BatchGate | None = None
) -> list[Draft | Quarantine]:
    """The outcomes of reading `raw` with every draft that the row gate refuses turned into its reason.

    The window, if there is one, takes note of them; raises `GateStopped` if it has stopped the stage.
    """
    admitted: list[Draft | Quarantine] = []
    rows: list[Row] = []
    refused = 0
    for outcome in outcomes:
        if isinstance(outcome, Draft):
            row = row_of(outcome, raw.received)
            rows.append(row)
            outcome = gate.refusal(row) or outcome
        admitted.append(outcome)
        refused += isinstance(outcome, Quarantine)
    if window is not None:
        window.observe(raw, len(admitted), refused, rows)
    return admitted
