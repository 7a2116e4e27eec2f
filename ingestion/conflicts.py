"""What resolution refused to believe, for the counters and for whoever is called."""

from __future__ import annotations

from collections.abc import Sequence

from ingestion.identity import Conflict
from ingestion.identity.ledger import FROZEN
from quality.verdict import Action, Finding, Verdict

GATE = "identity"


def kind_of(reason: str) -> str:
    """A conflict's reason without what it is about: one of a handful."""
    return reason.partition(":")[0]


def verdict_on(conflicts: Sequence[Conflict], elements: int) -> Verdict | None:
    """The alert about identifiers of a batch that turned out to be shared; None if there are none."""
    frozen = [conflict for conflict in conflicts if conflict.reason == FROZEN]
    if not frozen:
        return None
    return Verdict(
        suite=GATE,
        stage="ingestion",
        at=max(conflict.seen.known for conflict in frozen),
        rows=elements,
        action=Action.WARN,
        findings=tuple(
            Finding(
                expectation="identifier_is_one_persons",
                column=None,
                action=Action.WARN,
                observed=f"{conflict.a}: {FROZEN}; see `leadline identity conflicts`",
                unexpected=1,
            )
            for conflict in frozen
        ),
    )
