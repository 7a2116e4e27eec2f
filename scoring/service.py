"""Scoring as the API offers it: look up, judge, record, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from scoring.decision import Decision, Trigger, encode_decision
from scoring.errors import LeadNotServed, LeadUnknown
from scoring.evidence import Evidence
from scoring.ids import new_id
from scoring.lookup import Absent, Served, look_up
from scoring.metrics import ScoringMetrics, count_decision
from scoring.ports import Recorder, Rows
from scoring.scorer import Scorer

_SLICE = 25  # leads judged before other requests get their turn: about 10 ms

Outcome = bytes | LeadUnknown | LeadNotServed


class ScoreService:
    """Scores leads with whatever scorer is current. One a process; its methods run on the event loop."""

    def __init__(
        self,
        rows: Callable[[str], Rows],
        current: Callable[[], Scorer],
        recorder: Recorder,
        metrics: ScoringMetrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._rows = rows  # of a feature set, by its service
        self._current = current
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock

    @property
    def scorer(self) -> Scorer:
        """The scorer of this moment."""
        return self._current()

    async def score(self, lead: str, trigger: Trigger) -> bytes:
        """The decision as JSON, once it is durable.

        Raises:
            LeadUnknown: nothing is stored about the lead.
            LeadNotServed: nor is the store whole.
            NotRecorded: the decision could not be made durable.
            StoreUnavailable: the store did not answer.
        """
        (outcome,) = await self.score_many([lead], trigger)
        if not isinstance(outcome, bytes):
            raise outcome
        return outcome

    async def score_many(self, leads: Sequence[str], trigger: Trigger) -> list[Outcome]:
        """One outcome a lead, in order, by one model and as of one moment; all are durable.

        Raises:
            NotRecorded: a decision could not be made durable.
            StoreUnavailable: the store did not answer.
        """
        scorer, as_of = self._current(), self._clock()
        outcomes: list[Outcome] = []
        made: list[tuple[Decision, bytes]] = []
        for number, served in enumerate(look_up(self._rows(scorer.service), leads)):
            if number and number % _SLICE == 0:
                await asyncio.sleep(0)
            if isinstance(served, Absent):
                outcomes.append(unknown(served))
                continue
            decision = scorer.score(served, trigger, as_of, new_id(as_of))
            body = encode_decision(decision)
            outcomes.append(body)
            made.append((decision, body))
        if len(made) == 1:
            await self._record(*made[0])
        else:
            await asyncio.gather(*(self._record(*each) for each in made))
        return outcomes

    async def _record(self, decision: Decision, body: bytes) -> None:
        await self._recorder.record(decision.lead, body)
        count_decision(self._metrics, decision)

    def look_at(self, lead: str) -> tuple[Served, Evidence, datetime]:
        """A lead's rows and what a score would be made of now.

        Raises:
            LeadUnknown, LeadNotServed, StoreUnavailable: as `score`.
        """
        scorer = self._current()
        (served,) = look_up(self._rows(scorer.service), [lead])
        if isinstance(served, Absent):
            raise unknown(served)
        as_of = self._clock()
        return served, scorer.evidence(served, as_of), as_of


def unknown(absent: Absent) -> LeadUnknown | LeadNotServed:
    """What is to be said of a lead without a row."""
    return LeadUnknown(absent.requested) if absent.whole else LeadNotServed(absent.requested)
