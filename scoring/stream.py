"""Scores leads when their features change, and speaks when the change matters.

Invariant: a decision is a function of the rows it was made from (its moment is their knowledge time, its id a hash of
their versions), so that a replay says the same thing under the same id and the ledger keeps one.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from features.records import decode_change
from ingestion.contracts.raw import DECISIONS_TOPIC
from ingestion.kafka import AlignedConsumer, DurableProducer, Record
from scoring.decision import Decision, Route, Tier, Trigger, encode_decision
from scoring.errors import LeadNotServed, PolicyError
from scoring.ids import derived_id
from scoring.ledger import Ledger
from scoring.lookup import Absent, Served, look_up
from scoring.metrics import ScoringMetrics, count_decision
from scoring.ports import Rows
from scoring.scorer import Scorer

GROUP = "leadline-stream"
_MAX_RECORDS = 1000
_REMEMBERED = 50_000  # leads' last decisions kept in memory, about 10 MB

log = logging.getLogger(__name__)


class Last(NamedTuple):
    """What was said about a lead last."""

    tier: Tier
    route: Route
    score: float


class StreamScorer:
    """One member of the group."""

    def __init__(
        self,
        consumer: AlignedConsumer,
        rows: Callable[[str], Rows],
        current: Callable[[], Scorer],
        producer: DurableProducer,
        ledger: Ledger,
        metrics: ScoringMetrics,
        material_change: float,
        topic: str = DECISIONS_TOPIC,
    ) -> None:
        """`rows` are of a feature set, by its service; `material_change` in score points (0–100)."""
        self._consumer = consumer
        self._rows = rows
        self._current = current
        self._producer = producer
        self._ledger = ledger
        self._metrics = metrics
        self._material_change = material_change
        self._topic = topic
        self._last: OrderedDict[str, Last] = OrderedDict()

    def step(self, timeout: float) -> int:
        """Score the leads that changed next, publish what is material, commit; how many changes were read.

        Blocks for `timeout` seconds at most while there are none. Reads and writes a constant number of times a step.

        Raises:
            DeliveryFailed: a decision was not acknowledged; start again from the committed offsets.
            LeadNotServed: the online store has lost the row of a lead that changed; as above.
        """
        records = self._consumer.poll(_MAX_RECORDS, timeout)
        if records:
            self._publish(self._scored(dict.fromkeys(self._changed(records))))
            self._consumer.commit({(record.topic, record.partition): record.offset + 1 for record in records})
        return len(records)

    def _changed(self, records: Iterable[Record]) -> Iterable[str]:
        for record in records:
            try:
                change = decode_change(record.value)
            except msgspec.MsgspecError as error:
                log.error("%s/%d offset %d is no change: %s", record.topic, record.partition, record.offset, error)
                self._metrics.skipped.labels("stream").inc()
                continue
            if not change.imported:
                yield change.lead

    def _scored(self, leads: Iterable[str]) -> list[Decision]:
        scorer = self._current()
        decisions: dict[str, Decision] = {}
        for served in look_up(self._rows(scorer.service), list(leads)):
            if isinstance(served, Absent):
                if not served.whole:
                    raise LeadNotServed(served.requested)  # its change is read again, and scored once it is back
                continue
            if served.lead in decisions:
                continue
            try:
                decisions[served.lead] = decide(scorer, served)
            except PolicyError as error:
                log.error("lead %s was not scored: %s", served.lead, error)
                self._metrics.skipped.labels("stream").inc()
        return list(decisions.values())

    def _publish(self, decisions: list[Decision]) -> None:
        unknown = [decision.lead for decision in decisions if decision.lead not in self._last]
        for lead, known in self._ledger.latest(unknown).items():
            self._last[lead] = Last(known.tier, known.route, known.score)
        material = [decision for decision in decisions if self._is_material(decision)]
        self._metrics.unchanged.inc(len(decisions) - len(material))
        for decision in material:
            self._producer.send(self._topic, key=decision.lead, value=encode_decision(decision))
        if material:
            self._producer.flush()
        for decision in material:
            self._last[decision.lead] = Last(decision.tier, decision.route, decision.score)
            self._last.move_to_end(decision.lead)
            count_decision(self._metrics, decision)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)

    def _is_material(self, decision: Decision) -> bool:
        last = self._last.get(decision.lead)
        return (
            last is None
            or (last.tier, last.route) != (decision.tier, decision.route)
            or abs(last.score - decision.score) >= self._material_change
        )


def decide(scorer: Scorer, served: Served) -> Decision:
    """The decision that these rows imply, as of the moment the newest of them was known."""
    account, enrichment = served.account, served.enrichment
    as_of = max(
        served.row.known_at,
        account.known_at if account else served.row.known_at,
        enrichment.known_at if enrichment else served.row.known_at,
    )
    name = derived_id(
        as_of,
        served.lead,
        str(served.row.sequence),
        str(account.sequence) if account else "",
        f"{enrichment.status} {enrichment.content_hash}" if enrichment else "",
        scorer.model.ref.digest,
        scorer.policy.digest,
    )
    return scorer.score(served, Trigger.STREAM, as_of, name)
