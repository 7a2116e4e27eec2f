"""From evidence, a model and a policy to everything a decision says. Pure: the same three give the same bits.

Confidence is about the evidence, not about the answer (a calibrated probability carries its own uncertainty). It is a
product of factors between 0 and 1:

    coverage    1 − share of the usual information that is missing (each missing feature counts by how rarely it was
                missing in training)
    freshness   0.9 if anything served is stale, else 1
    gate        1 pass, 0.9 warn, 0.5 fail
    reading     1 − |ML − LLM| / 200 where a text was read, 0.95 where one waits or could not be read, 1 without text
    trust       1 for a registered model, 0.7 for the rules
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from scoring.decision import Decision, EnrichmentStatus, ModelRef, PolicyRef, Reason, Route, Tier
from scoring.evidence import Evidence
from scoring.gate import GateResult
from scoring.model import Model
from scoring.policy import Facts, Policy
from scoring.reasons import reasons_of

CONSENT = "email_consent"
OPEN_OPPORTUNITIES = "account_open_opportunities"
NO_MODEL = "no_model"

_GATE_FACTOR = {"pass": 1.0, "warn": 0.9, "fail": 0.5}
_STALE_FACTOR = 0.9
_UNREAD_FACTOR = 0.95
_UNREAD = (EnrichmentStatus.PENDING, EnrichmentStatus.UNAVAILABLE)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a decision that follow from its evidence, by the decision's own names."""

    missing: tuple[str, ...]
    gate: str
    gate_failures: tuple[str, ...]
    model: ModelRef
    margin: float | None
    probability: float | None
    ml_score: float
    score: float
    confidence: float
    tier: Tier
    route: Route
    is_mql: bool
    next_step: str
    review_reasons: tuple[str, ...]
    policy: PolicyRef
    reasons: tuple[Reason, ...]
    degraded: tuple[str, ...]


def judge(evidence: Evidence, model: Model, policy: Policy) -> Judgement:
    """Score, explain and route.

    Raises:
        PolicyError: the policy refuses the facts.
    """
    features = evidence.features
    missing = tuple(sorted(name for name, value in features.items() if value is None))
    gate = model.gate.check(features)
    scored = model.score(features)
    reading = evidence.enrichment
    composite = policy.weights.composite(scored.score, None if reading is None else reading.score)
    disagreement = None if reading is None else round(abs(scored.score - reading.score), 2)
    confidence = _confidence(evidence, missing, model, gate, disagreement)
    outcome = policy.decide(
        Facts(
            score=composite,
            confidence=confidence,
            disagreement=disagreement,
            gate=gate.result,
            consent=_consent(features),
            intent="none" if reading is None else reading.intent,
            open_opportunities=features[OPEN_OPPORTUNITIES],
        )
    )
    return Judgement(
        missing=missing,
        gate=gate.result,
        gate_failures=gate.failures,
        model=model.ref,
        margin=scored.margin,
        probability=scored.probability,
        ml_score=scored.score,
        score=composite,
        confidence=confidence,
        tier=outcome.tier,
        route=outcome.route,
        is_mql=outcome.is_mql,
        next_step=outcome.next_step,
        review_reasons=outcome.review_reasons,
        policy=PolicyRef(name=policy.name, version=policy.version, digest=policy.digest, rule=outcome.rule),
        reasons=reasons_of(features, scored.contributions),
        degraded=_degraded(evidence, model),
    )


def differences(decision: Decision, judgement: Judgement) -> dict[str, tuple[Any, Any]]:
    """What a recomputed judgement says differently: field -> (recorded, recomputed). Empty if every bit is the same."""
    pairs = {name: (getattr(decision, name), getattr(judgement, name)) for name in Judgement.__struct_fields__}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _confidence(
    evidence: Evidence, missing: tuple[str, ...], model: Model, gate: GateResult, disagreement: float | None
) -> float:
    weight = model.weight
    usual = sum(weight.values())
    lacking = sum(weight.get(name, 0.0) for name in missing)
    coverage = 1.0 - lacking / usual if usual > 0 else 0.0
    freshness = _STALE_FACTOR if evidence.stale else 1.0
    unread = evidence.enrichment is None and evidence.enrichment_status in _UNREAD
    reading = 1.0 - disagreement / 200.0 if disagreement is not None else _UNREAD_FACTOR if unread else 1.0
    product = coverage * freshness * _GATE_FACTOR[gate.result] * reading * model.trust
    return round(min(max(product, 0.0), 1.0), 4)


def _consent(features: Mapping[str, float | None]) -> str:
    value = features[CONSENT]
    return "unknown" if value is None else "granted" if value > 0 else "withdrawn"


def _degraded(evidence: Evidence, model: Model) -> tuple[str, ...]:
    """By name, in a fixed order: the model, the reading, the account, what is stale."""
    said = [NO_MODEL] if model.ref.kind == "rules" else []
    if evidence.enrichment_status is not EnrichmentStatus.FRESH:
        said.append(f"enrichment_{evidence.enrichment_status.value}")
    return (*said, *evidence.absent, *(f"{name}_stale" for name in evidence.stale if name != "enrichment"))
