"""What a policy is told and what it answers."""

from __future__ import annotations

import msgspec

from scoring.decision import Route, Tier


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the table may look at. `None` is said, never left out: a missing fact is an error."""

    score: float  # composite, 0–100, two decimals
    confidence: float  # 0–1
    disagreement: float | None  # |ML − LLM| in points; None where no text was read
    gate: str  # pass, warn or fail
    consent: str  # granted, unknown or withdrawn
    intent: str  # of the reading: none, researching, comparing, ready_to_buy
    open_opportunities: float | None  # of the account; None where there is no account


class PolicyOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the table says, and the rows that said it, `tier row/route row`."""

    tier: Tier
    route: Route
    is_mql: bool
    next_step: str
    review_reasons: tuple[str, ...]
    rule: str


class Weights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much the model and the reading count in the composite; they add up to one."""

    ml: float
    llm: float

    def composite(self, ml_score: float, llm_score: float | None) -> float:
        """The composite of two scores (0–100), two decimals; the model's alone where nothing was read."""
        score = ml_score if llm_score is None else self.ml * ml_score + self.llm * llm_score
        return round(min(max(score, 0.0), 100.0), 2)
