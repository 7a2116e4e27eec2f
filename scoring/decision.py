"""The decision record: everything a score was made of, written down before the score is answered.

Invariant: from this record, the lake, the model bundle and the policy, the same score can be computed again
bit for bit. It names no person.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Tier(StrEnum):
    """How warm a lead is, by the policy's edges."""

    HOT = "hot"
    WARM = "warm"
    COLD = "cold"


class Route(StrEnum):
    """Who acts on a lead."""

    SDR = "sdr"
    AE = "ae"
    NURTURE = "nurture"
    NONE = "none"
    HUMAN_REVIEW = "human_review"


class Trigger(StrEnum):
    """What asked for the score."""

    API = "api"
    BATCH = "batch"
    STREAM = "stream"


class EnrichmentStatus(StrEnum):
    """What the score knew of the free text's reading."""

    FRESH = "fresh"
    STALE = "stale"
    PENDING = "pending"  # there is text that has not been read yet
    UNAVAILABLE = "unavailable"  # every provider failed
    NONE = "none"  # the lead has written nothing


class StateRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which state of a lead or account was served: enough to fold the same state from the lake again."""

    key: str
    known_at: datetime  # knowledge time of the row read
    sequence: int
    marks: dict[str, int]  # "{origin lead or account}|{raw topic}/{partition}" -> highest raw position applied


class ModelRef(msgspec.Struct, frozen=True, kw_only=True):
    """The model version that scored. `kind` is `rules` for the open fallback."""

    name: str
    version: str
    digest: str
    kind: str = "gradient_boosting"


class EnrichmentRef(msgspec.Struct, frozen=True, kw_only=True):
    """The language model's reading as it was served."""

    score: float  # 0–100
    confidence: float  # 0–1
    intent: str
    next_step: str
    reasoning: str
    provider: str
    prompt_version: str
    content_hash: str
    read_at: datetime


class PolicyRef(msgspec.Struct, frozen=True, kw_only=True):
    """The policy version and the rule that decided."""

    name: str
    version: str
    digest: str
    rule: str


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One feature's part in the score, in log-odds (SHAP) and in words."""

    feature: str
    value: float | None
    contribution: float
    text: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One scored lead. Scores are 0–100, probabilities and confidences 0–1, ages in seconds."""

    id: str
    tenant: str
    lead: str
    requested: str  # the lead id asked for; differs from `lead` where that one was absorbed
    account: str | None
    trigger: Trigger
    as_of: datetime  # the moment the windows end
    feature_service: str
    feature_hash: str
    features: dict[str, float | None]
    ages: dict[str, float | None]  # seconds since the event that last moved the feature's state
    source_ages: dict[str, int]  # seconds since each source system's newest event about the lead
    missing: tuple[str, ...]
    stale: tuple[str, ...]
    gate: str  # pass, warn or fail
    gate_failures: tuple[str, ...]
    lead_state: StateRef | None
    account_state: StateRef | None
    model: ModelRef
    margin: float | None  # log-odds before calibration
    probability: float | None
    ml_score: float
    enrichment_status: EnrichmentStatus
    enrichment: EnrichmentRef | None
    score: float  # the composite
    confidence: float
    tier: Tier
    route: Route
    is_mql: bool
    next_step: str
    review_reasons: tuple[str, ...]
    policy: PolicyRef
    reasons: tuple[Reason, ...]
    degraded: tuple[str, ...]  # what was missing or stale, by name; empty if the score is whole
    schema: str = "leadline.decision/1-0-0"


encode_decision = msgspec.json.Encoder().encode
decode_decision = msgspec.json.Decoder(Decision).decode
