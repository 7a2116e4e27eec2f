"""Scores one lead from its rows: a pure function of the rows, the model, the policy and the moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from features.feature_set import FeatureSet
from features.sources import EXPECTED, SILENT, ages, silent
from registry.bundle import Bundle
from scoring.decision import Decision, EnrichmentRef, EnrichmentStatus, StateRef, Trigger
from scoring.evidence import ACCOUNT_MISSING, NO_ACCOUNT, NOT_WHOLE, Evidence
from scoring.judge import judge
from scoring.lookup import Served
from scoring.model import BundleModel, Model
from scoring.policy import Policy
from scoring.rules import RulesModel

ENRICHMENT = "enrichment"


class Scorer:
    """One model and one policy. Immutable: a new champion is a new scorer."""

    def __init__(
        self,
        bundle: Bundle | None,
        features: FeatureSet,
        policy: Policy,
        tenant: str,
        reading_max_age: timedelta,
        expected: Mapping[str, timedelta] = EXPECTED,
    ) -> None:
        """Without a bundle the open rules score.

        Raises:
            FeatureMismatch: the bundle was trained on other features than this code computes.
        """
        if bundle is not None:
            bundle.require_features(features.service, features.hash)
        self.model: Model = RulesModel(features.names) if bundle is None else BundleModel(bundle)
        self.policy = policy
        self._tenant = tenant
        self._reading_max_age = reading_max_age
        self._features = features
        self._expected = expected  # how often each source system is to speak of a lead

    @property
    def service(self) -> str:
        """The feature set that it scores on."""
        return self._features.service

    def evidence(self, served: Served, as_of: datetime) -> Evidence:
        """What a score as of that moment is made from."""
        row, account = served.row, served.account
        status, reading = self._reading(served, as_of)
        source_ages = ages(row.state.sources, as_of)
        silences = [f"{SILENT}{system}" for system in silent(source_ages, self._expected)]
        return Evidence(
            features=self._features.features_at(row.state, None if account is None else account.state, as_of),
            ages=self._features.ages_at(row.state, None if account is None else account.state, as_of),
            source_ages=source_ages,
            stale=(ENRICHMENT,) if status is EnrichmentStatus.STALE else (),
            absent=(*_absent(served), *silences),
            enrichment_status=status,
            enrichment=reading,
        )

    def score(self, served: Served, trigger: Trigger, as_of: datetime, decision_id: str) -> Decision:
        """The whole decision.

        Raises:
            PolicyError: the policy refuses the facts.
        """
        evidence = self.evidence(served, as_of)
        judged = judge(evidence, self.model, self.policy)
        row, account = served.row, served.account
        return Decision(
            id=decision_id,
            tenant=self._tenant,
            lead=served.lead,
            requested=served.requested,
            account=row.account,
            trigger=trigger,
            as_of=as_of,
            feature_service=self._features.service,
            feature_hash=self._features.hash,
            features=evidence.features,
            ages=evidence.ages,
            source_ages=evidence.source_ages,
            missing=judged.missing,
            stale=evidence.stale,
            gate=judged.gate,
            gate_failures=judged.gate_failures,
            lead_state=StateRef(key=served.lead, known_at=row.known_at, sequence=row.sequence, marks=row.state.marks),
            account_state=None
            if account is None or row.account is None
            else StateRef(
                key=row.account, known_at=account.known_at, sequence=account.sequence, marks=account.state.marks
            ),
            model=judged.model,
            margin=judged.margin,
            probability=judged.probability,
            ml_score=judged.ml_score,
            enrichment_status=evidence.enrichment_status,
            enrichment=evidence.enrichment,
            score=judged.score,
            confidence=judged.confidence,
            tier=judged.tier,
            route=judged.route,
            is_mql=judged.is_mql,
            next_step=judged.next_step,
            review_reasons=judged.review_reasons,
            policy=judged.policy,
            reasons=judged.reasons,
            degraded=judged.degraded,
        )

    def _reading(self, served: Served, as_of: datetime) -> tuple[EnrichmentStatus, EnrichmentRef | None]:
        """The reading to use and what it is worth: an old one, or one that newer text waits behind, is stale."""
        row = served.enrichment
        if row is None:
            return EnrichmentStatus.NONE, None
        status = EnrichmentStatus(row.status)
        if row.score is None:
            return status, None
        reading = EnrichmentRef(
            score=row.score,
            confidence=row.confidence,
            intent=row.intent,
            next_step=row.next_step,
            reasoning=row.reasoning,
            provider=row.provider,
            prompt_version=row.prompt_version,
            content_hash=row.content_hash,
            read_at=row.read_at,
        )
        fresh = status is EnrichmentStatus.FRESH and as_of - row.read_at <= self._reading_max_age
        return EnrichmentStatus.FRESH if fresh else EnrichmentStatus.STALE, reading


def _absent(served: Served) -> tuple[str, ...]:
    account = NO_ACCOUNT if served.row.account is None else ACCOUNT_MISSING if served.account is None else None
    return tuple(what for what in (account, None if served.whole else NOT_WHOLE) if what)
