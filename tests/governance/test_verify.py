"""A decision is computed again from the lake, the model and the policy; whatever was changed is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governance.verify import Verification
from ingestion.contracts.event import Event
from scoring.decision import Decision, Route, decode_decision, encode_decision
from scoring.scorer import Scorer
from tests.features.conftest import ACME, NOW, History, event_of, merge_of, page
from tests.governance.decided import ADA, COLLEAGUE, STRANGER, decide, lake_of, told, verifier, visited


@pytest.fixture(scope="module")
def decision(tmp_path_factory: pytest.TempPathFactory, scorer: Scorer) -> Decision:
    return decide(tmp_path_factory.mktemp("platform"), told(), scorer)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lake_of(tmp_path_factory.mktemp("lake"), told())


def broken(verification: Verification) -> set[str]:
    """The names of what is not the same."""
    assert verification.held == all(check.held for check in verification.checks)
    return {check.name for check in verification.checks if not check.held}


def replaced(decision: Decision, **changes: Any) -> Decision:
    """A record that somebody changed."""
    return msgspec.structs.replace(decision, **changes)


@pytest.mark.parametrize("lead", [ADA, COLLEAGUE, STRANGER, "ld_0"])
@pytest.mark.parametrize("with_model", [True, False])
def test_a_decision_from_folded_rows_is_computed_again_to_the_bit(
    lead: str, with_model: bool, tmp_path: Path, lake: Path, scorer: Scorer, rules_scorer: Scorer
) -> None:
    chosen = scorer if with_model else rules_scorer
    decision = decode_decision(encode_decision(decide(tmp_path, told(), chosen, lead)))
    verification = verifier(lake, decision, chosen).verify(decision)
    assert broken(verification) == set()
    assert verification.held
    assert {check.name for check in verification.checks} >= {*decision.features, "score", "route", "policy", "reasons"}


def test_a_decision_is_verified_after_more_has_been_heard(tmp_path: Path, decision: Decision, scorer: Scorer) -> None:
    later = (
        event_of(page("/pricing"), at=NOW, lead=ADA, account=ACME, stream=("raw.crm", 0), offset=9),
        merge_of(COLLEAGUE, "ld_5", offset=10),
        event_of(page(), at=NOW, lead="ld_5", account=ACME, stream=("raw.crm", 0), offset=10),
    )
    lake = lake_of(tmp_path, History((*told().records, *later)))
    assert broken(verifier(lake, decision, scorer).verify(decision)) == set()


def test_a_changed_feature_is_named(decision: Decision, lake: Path, scorer: Scorer) -> None:
    features = decision.features | {"page_views_7d": 40.0}
    assert broken(verifier(lake, decision, scorer).verify(replaced(decision, features=features))) == {"page_views_7d"}


def test_a_feature_that_was_added_or_taken_away_is_named(decision: Decision, lake: Path, scorer: Scorer) -> None:
    fewer = {name: value for name, value in decision.features.items() if name != "page_views_7d"} | {"luck": 1.0}
    found = broken(verifier(lake, decision, scorer).verify(replaced(decision, features=fewer)))
    assert found == {"page_views_7d", "luck"}


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("score", lambda decision: decision.score + 0.01),
        ("ml_score", lambda decision: decision.ml_score - 0.01),
        ("margin", lambda decision: decision.margin * (1 + 2**-50)),
        ("confidence", lambda decision: decision.confidence / 2),
        ("route", lambda decision: next(route for route in Route if route is not decision.route)),
        ("is_mql", lambda decision: not decision.is_mql),
        ("reasons", lambda decision: decision.reasons[1:]),
        ("gate", lambda decision: "unheard of"),
        ("degraded", lambda decision: ()),
        ("source_ages", lambda decision: {system: age + 1 for system, age in decision.source_ages.items()}),
    ],
)
def test_a_changed_answer_is_named(
    field: str, change: Callable[[Decision], object], decision: Decision, lake: Path, scorer: Scorer
) -> None:
    changed = replaced(decision, **{field: change(decision)})
    verification = verifier(lake, decision, scorer).verify(changed)
    assert broken(verification) == {field}
    (check,) = [check for check in verification.checks if not check.held]
    assert check.recorded != check.recomputed


def test_another_policy_is_named(decision: Decision, lake: Path, scorer: Scorer) -> None:
    policy = msgspec.structs.replace(decision.policy, digest="0" * 64)
    verification = verifier(lake, decision, scorer).verify(replaced(decision, policy=policy))
    assert broken(verification) == {"policy"}
    (check,) = [check for check in verification.checks if not check.held]
    assert (check.recorded, check.recomputed) == ("0" * 64, "not in the folder")


def test_another_rule_of_the_same_policy_is_named(decision: Decision, lake: Path, scorer: Scorer) -> None:
    policy = msgspec.structs.replace(decision.policy, rule="because")
    assert broken(verifier(lake, decision, scorer).verify(replaced(decision, policy=policy))) == {"policy"}


def test_a_model_that_the_registry_does_not_hold_is_named(
    decision: Decision, lake: Path, scorer: Scorer, rules_scorer: Scorer
) -> None:
    assert broken(verifier(lake, decision, rules_scorer).verify(decision)) == {"model bundle"}


def test_other_feature_definitions_are_named(decision: Decision, lake: Path, scorer: Scorer) -> None:
    changed = replaced(decision, feature_hash="0th3r", feature_service="lead_scoring_v0")
    found = broken(verifier(lake, decision, scorer).verify(changed))
    assert found == {"feature definitions", "feature service"}


def test_an_event_that_the_lake_lost_is_named_by_the_features_that_rested_on_it(
    tmp_path: Path, decision: Decision, scorer: Scorer
) -> None:
    lake = lake_of(tmp_path, told(), without=visited)
    found = broken(verifier(lake, decision, scorer).verify(decision))
    assert found >= {"page_views_7d", "account_page_views_7d"}
    assert not found & {"form_submissions_30d", "company_size", "policy", "model bundle"}


def test_a_colleagues_event_that_the_lake_lost_is_named_too(tmp_path: Path, decision: Decision, scorer: Scorer) -> None:
    def sized(event: Event) -> bool:
        return "numberofemployees" in event.data.properties

    lake = lake_of(tmp_path, told(), without=sized)
    assert "company_size" in broken(verifier(lake, decision, scorer).verify(decision))
