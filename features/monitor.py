"""The standing consistency monitor: round by round through the sampled leads, and again at whatever was not in order.

Invariant: a difference is shown from the round that finds it to the one that finds it mended.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import Gauge

from features.comparison import Compared, Comparison, Look
from features.metrics import ParityMetrics
from features.online_rows import Key
from quality.verdict import Action, Finding, Verdict

log = logging.getLogger(__name__)

SUITE = "feature_parity"
LEADS_A_ROUND = 200
WATCHED = 1_000  # leads that were not in order are looked at in every round; beyond so many, when their turn comes


class Monitor:
    """Goes through the sample for ever. Not safe for several threads."""

    def __init__(
        self,
        comparison: Comparison,
        metrics: ParityMetrics,
        publish: Callable[[Verdict], None],
        *,
        share: float,
        leads_a_round: int = LEADS_A_ROUND,
    ) -> None:
        self._comparison = comparison
        self._metrics = metrics
        self._publish = publish
        self._share = share
        self._leads_a_round = leads_a_round
        self._after = ""  # the last lead whose turn it was
        self._due: Mapping[Key, int] = {}
        self._shown: dict[Gauge, set[tuple[str, str]]] = {}
        self.watched: dict[str, Compared] = {}  # by lead, what the last look at those not in order found

    def round(self) -> Look:
        """Look at the next leads of the sample and at those that were not in order.

        The time between two rounds is the time that a row may take from the history to being online.

        Raises:
            Retry: a store or the broker refused; start again.
        """
        began = time.perf_counter()
        page = self._comparison.sampled(self._share, self._after, self._leads_a_round)
        self._after = page[-1] if len(page) == self._leads_a_round else ""
        look = self._comparison.look(list(dict.fromkeys([*self.watched, *page])), self._due)
        self._due = look.due
        self.watched = {each.lead: each for each in look.disorderly[:WATCHED]}
        self._show(look)
        self._publish(verdict_of(look))
        self._metrics.round_seconds.observe(time.perf_counter() - began)
        return look

    def _show(self, look: Look) -> None:
        metrics = self._metrics
        for each in look.compared:
            metrics.leads.labels("waiting" if each.waiting and each.held else "held" if each.held else "differs").inc()
            if each.known_at is not None:
                metrics.row_age_seconds.observe((look.as_of - each.known_at).total_seconds())
        for gauge, counts in ((metrics.features, differing(look.compared)), (metrics.rows, faulty(look.compared))):
            shown = self._shown.setdefault(gauge, set())
            shown.update(counts)
            for labels in shown:  # those of before as well: they are 0 once mended
                gauge.labels(*labels).set(counts[labels])
        metrics.waiting.set(sum(each.waiting for each in look.compared))
        since = [each.unapplied_since for each in look.compared if each.unapplied_since is not None]
        metrics.behind_seconds.set((look.as_of - min(since)).total_seconds() if since else 0.0)


def differing(compared: Iterable[Compared]) -> Counter[tuple[str, str]]:
    """Leads that differ, by feature and in which way."""
    return Counter((each.feature, each.outcome.value) for lead in compared for each in lead.differences)


def faulty(compared: Iterable[Compared]) -> Counter[tuple[str, str]]:
    """Rows with a fault, by entity and fault; an account's row counts once."""
    rows = {fault for lead in compared for fault in lead.faults}
    return Counter((entity, fault.value) for entity, _, fault in rows)


def verdict_of(look: Look) -> Verdict:
    """The look as a gate's verdict: anything that differs is somebody's to look at."""
    features = [
        Finding(
            expectation="what is served equals the recompute from the lake",
            column=feature,
            action=Action.WARN,
            observed=outcome,
            unexpected=leads,
        )
        for (feature, outcome), leads in sorted(differing(look.compared).items())
    ]
    rows = [
        Finding(
            expectation=f"the {entity}'s online row is the history's newest",
            column=None,
            action=Action.WARN,
            observed=fault,
            unexpected=number,
        )
        for (entity, fault), number in sorted(faulty(look.compared).items())
    ]
    return Verdict(
        suite=SUITE,
        stage="features",
        at=look.as_of,
        rows=len(look.compared),
        action=Action.WARN if features or rows else Action.PASS,
        findings=(*rows, *features),
    )
