"""What the API is sent and what it answers besides decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from features.profile import Belief
from ingestion.contracts.event import Claim, IdentifierType
from ingestion.sources.operator import Hash
from scoring.decision import Decision, EnrichmentRef, EnrichmentStatus, Route, Tier
from scoring.problems import Problem

MAX_LEADS = 1000

LeadId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_:-]+$")]


class SentIdentifier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person's identifier in the clear. It is hashed at once and neither stored nor logged."""

    type: IdentifierType
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=320)]
    scope: Annotated[str, msgspec.Meta(max_length=200)] = ""

    def claim(self) -> Claim:
        """As identity takes it."""
        return Claim(type=self.type, value=self.value, scope=self.scope)


class ScoreRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to score: exactly one of the two."""

    lead: LeadId | None = None
    identifier: SentIdentifier | None = None


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to score, at most 1,000."""

    leads: Annotated[list[LeadId], msgspec.Meta(min_length=1, max_length=MAX_LEADS)]


class BatchResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One lead's outcome: exactly one of the two."""

    lead: str  # as asked
    decision: Decision | None = None
    problem: Problem | None = None


class BatchResponse(msgspec.Struct, frozen=True):
    """The outcomes, in the order asked."""

    results: list[BatchResult]


class UnmergeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two identifiers that are two persons', by their keyed hashes."""

    a: Hash
    b: Hash
    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""  # sealed with the person's data


class Accepted(msgspec.Struct, frozen=True):
    """A ruling that is durable; ingestion obeys it within moments."""

    id: str


class LatestDecision(msgspec.Struct, frozen=True, kw_only=True):
    """The newest recorded decision in short."""

    id: str
    as_of: datetime
    score: float
    tier: Tier
    route: Route


class LeadView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a lead now. Ages in seconds."""

    lead: str
    requested: str
    account: str | None
    known_at: datetime
    sequence: int
    as_of: datetime
    features: dict[str, float | None]
    ages: dict[str, float | None]
    source_ages: dict[str, int]
    profile: dict[str, Belief]  # what is believed, who said it and when
    enrichment_status: EnrichmentStatus
    enrichment: EnrichmentRef | None
    latest_decision: LatestDecision | None


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether traffic may be sent here, and what stands in the way, by name."""

    ready: bool
    not_ready: tuple[str, ...]
    model: str
    policy: str


decode_score = msgspec.json.Decoder(ScoreRequest).decode
decode_batch = msgspec.json.Decoder(BatchRequest).decode
decode_unmerge = msgspec.json.Decoder(UnmergeRequest).decode
