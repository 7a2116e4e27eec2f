"""The open rules: points for what a lead did and is, used while no model is registered.

Every point is in the table below, so that a score can be added up by hand. A score by rules says so: the model's kind
is `rules`, `degraded` holds `no_model`, and the confidence is lowered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from scoring.decision import ModelRef
from scoring.gate import Gate
from scoring.model import Scored

BASE = 10.0  # points of a lead of whom nothing is known


@dataclass(frozen=True, slots=True)
class Rule:
    """`points` a unit of the feature above `above`, at most `most` points either way; nothing if it is missing."""

    feature: str
    points: float
    most: float
    above: float = 0.0

    def score(self, value: float | None) -> float:
        """The rule's points."""
        if value is None:
            return 0.0
        return min(max(self.points * (value - self.above), -self.most), self.most)


RULES: tuple[Rule, ...] = (
    Rule("pricing_visits_30d", 4.0, 16.0),
    Rule("form_submissions_30d", 8.0, 16.0),
    Rule("meetings_30d", 10.0, 20.0),
    Rule("calls_30d", 4.0, 8.0),
    Rule("content_downloads_30d", 3.0, 9.0),
    Rule("email_clicks_30d", 2.0, 8.0),
    Rule("active_days_14d", 1.0, 7.0),
    Rule("product_sessions_7d", 1.0, 7.0),
    Rule("trial_state", 4.0, 8.0),
    Rule("days_since_last_activity", -0.5, 15.0),
    Rule("open_tickets", -2.0, 4.0),
    Rule("source_intent", 1.5, 6.0, above=1.0),
    Rule("seniority", 2.0, 8.0, above=1.0),
    Rule("company_size", 1.5, 6.0, above=1.0),
    Rule("industry_match", 6.0, 6.0),
    Rule("technology_fit", 6.0, 6.0),
    Rule("account_active_people_30d", 1.0, 4.0, above=1.0),
    Rule("account_open_opportunities", 5.0, 5.0),
)


class RulesModel:
    """Adds the points up, between 0 and 100."""

    trust = 0.7

    def __init__(self, feature_names: Iterable[str], rules: tuple[Rule, ...] = RULES) -> None:
        digest = sha256(repr((BASE, rules)).encode()).hexdigest()
        self.ref = ModelRef(name="open_rules", version=f"rules-{digest[:8]}", digest=digest, kind="rules")
        self.weight: Mapping[str, float] = dict.fromkeys(feature_names, 1.0)
        self.gate = Gate.of_reference({})
        self._rules = rules

    def score(self, features: Mapping[str, float | None]) -> Scored:
        """The sum of the points; a feature's contribution is its points."""
        points = {rule.feature: rule.score(features.get(rule.feature)) for rule in self._rules}
        total = min(max(BASE + sum(points.values()), 0.0), 100.0)
        return Scored(None, None, round(total, 2), points)
