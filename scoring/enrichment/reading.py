"""What a reader says about a lead's free text: one schema for every provider, and no room for anything else.

Invariant: a reading is bounded. Enumerations are closed, lists and sentences are short, the score cannot leave
0–100; an answer outside the schema is no answer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

REASONING_CHARACTERS = 600
SIGNAL_CHARACTERS = 120
SIGNALS = 5

Signal = Annotated[str, Field(max_length=SIGNAL_CHARACTERS)]


class Intent(StrEnum):
    """How far the writer is on the way to buying."""

    NONE = "none"
    RESEARCHING = "researching"
    COMPARING = "comparing"
    READY_TO_BUY = "ready_to_buy"


class Fit(StrEnum):
    """How well the writer's company matches the ideal customer profile, as far as the text says."""

    STRONG = "strong"
    PARTIAL = "partial"
    WEAK = "weak"
    UNKNOWN = "unknown"


class Sentiment(StrEnum):
    """The tone of the text."""

    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


class Urgency(StrEnum):
    """How soon the writer wants something to happen."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"


class Step(StrEnum):
    """What the reader would do next. Advice: the policy decides."""

    IMMEDIATE_CALL = "immediate_call"
    NURTURE = "nurture"
    DISQUALIFY = "disqualify"


class Reading(BaseModel):
    """One reader's judgement of one text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intent: Intent
    icp_fit: Fit
    sentiment: Sentiment
    urgency: Urgency
    next_step: Step
    buying_signals: list[Signal] = Field(max_length=SIGNALS)
    objection_risks: list[Signal] = Field(max_length=SIGNALS)
    reasoning: str = Field(max_length=REASONING_CHARACTERS, description="Two or three sentences; names no person.")
    score: float = Field(ge=0, le=100, allow_inf_nan=False, description="Likelihood to become a customer, 0 to 100.")
    confidence: float = Field(ge=0, le=1, allow_inf_nan=False)
