"""Verify a decision: compute it again from the lake, the model bundle and the policy, and compare every value.

Invariant: a verification reads nothing that the scorer wrote except the decision record itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from features.fold import MERGES
from features.sources import ages
from features.state import AccountState, LeadState
from governance.evidence import LakeView
from scoring.decision import Decision, StateRef
from scoring.evidence import evidence_of
from scoring.judge import differences, judge
from scoring.model import Model
from scoring.policy import Policy


@dataclass(frozen=True, slots=True)
class Check:
    """One value, as recorded and as computed again."""

    name: str
    recorded: str
    recomputed: str

    @property
    def held(self) -> bool:
        """Whether both are the same."""
        return self.recorded == self.recomputed


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks of one decision."""

    decision: str
    checks: tuple[Check, ...]

    @property
    def held(self) -> bool:
        """Whether every value is the same."""
        return all(check.held for check in self.checks)


class Verifier:
    """Verifies decisions against one view of the lake. `models` and `policies` are by version digest."""

    def __init__(self, lake: LakeView, models: Mapping[str, Model], policies: Mapping[str, Policy]) -> None:
        self._lake = lake
        self._models = models
        self._policies = policies

    def verify(self, decision: Decision) -> Verification:
        """Recompute features, score and route of `decision`."""
        return Verification(decision.id, tuple(self._checks(decision)))

    def _checks(self, decision: Decision) -> Iterator[Check]:
        features = self._lake.features
        yield Check("feature service", decision.feature_service, features.service)
        yield Check("feature definitions", decision.feature_hash, features.hash)
        lead = self._lake.lead_state(decision.lead_state)
        account = self._lake.account_state(decision.account_state)
        yield Check("events of the lead", _marks(decision.lead_state), _marks(lead))
        yield Check("events of the account", _marks(decision.account_state), _marks(account))
        recomputed = features.features_at(lead, account, decision.as_of)
        for name in sorted({*decision.features, *recomputed}):
            yield Check(name, _exact(decision.features.get(name)), _exact(recomputed.get(name)))
        source_ages = ages({} if lead is None else lead.sources, decision.as_of)
        yield Check("source_ages", _exact(decision.source_ages), _exact(source_ages))
        model = self._models.get(decision.model.digest)
        policy = self._policies.get(decision.policy.digest)
        yield Check("model bundle", decision.model.digest, "not in the registry" if model is None else model.ref.digest)
        yield Check("policy", decision.policy.digest, "not in the folder" if policy is None else policy.digest)
        if model is None or policy is None:
            return
        evidence = msgspec.structs.replace(evidence_of(decision), features=recomputed, source_ages=source_ages)
        judgement = judge(evidence, model, policy)
        differing = differences(decision, judgement)
        for name in judgement.__struct_fields__:
            recorded, again = differing.get(name, (getattr(judgement, name),) * 2)
            yield Check(name, _exact(recorded), _exact(again))


def _marks(state: StateRef | LeadState | AccountState | None) -> str:
    """How far each raw partition was applied: a lost event lowers a mark even if no feature moves.

    Marks of merges are left out: a refolded account looks merges up instead of folding them.
    """
    marks = {} if state is None else state.marks
    return repr(sorted((mark, position) for mark, position in marks.items() if MERGES not in mark))


def _exact(value: Any) -> str:
    """The value in full: floats print their shortest exact form, so equal text is equal bits."""
    return msgspec.json.encode(value).decode() if isinstance(value, (msgspec.Struct, tuple)) else repr(value)
