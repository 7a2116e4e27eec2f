"""A policy decides by its table, says which row decided, and never decides on less than it was promised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring import policy
from scoring.decision import Route, Tier
from scoring.errors import PolicyError
from scoring.policy import Facts, Policy
from scoring.policy.engine import LEAD_ROUTING, check_golden, parse

ORDINARY = Facts(
    score=50.0,
    confidence=0.9,
    disagreement=None,
    gate="pass",
    consent="unknown",
    intent="none",
    open_opportunities=None,
)


@pytest.fixture(scope="module")
def routing() -> Policy:
    """The newest lead routing policy."""
    return policy.load()


def changed(path: tuple[Any, ...], value: Any) -> bytes:
    """The first policy file with one place changed."""
    document = json.loads((LEAD_ROUTING / "1.json").read_bytes())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(document).encode()


TIER, REVIEW, ROUTE = (("decision", "nodes", node, "content") for node in (1, 2, 3))


def test_every_version_in_the_folder_keeps_its_golden_promises() -> None:
    for file in LEAD_ROUTING.glob("[0-9]*.golden.json"):
        version = file.name.split(".")[0]
        assert check_golden(policy.load(version), file) >= 9


def test_seventy_five_is_hot_and_marketing_qualified_and_a_hundredth_less_is_neither(routing: Policy) -> None:
    hot = routing.decide(msgspec.structs.replace(ORDINARY, score=75.0))
    warm = routing.decide(msgspec.structs.replace(ORDINARY, score=74.99))
    assert (hot.tier, hot.is_mql) == (Tier.HOT, True)
    assert (warm.tier, warm.is_mql) == (Tier.WARM, False)


def test_withdrawn_consent_is_never_routed_to_anyone(routing: Policy) -> None:
    outcome = routing.decide(msgspec.structs.replace(ORDINARY, score=99.0, consent="withdrawn", confidence=0.1))
    assert outcome.route is Route.NONE
    assert outcome.rule == "hot/consent-withdrawn"


@given(
    facts=st.builds(
        Facts,
        score=st.floats(0, 100).map(lambda score: round(score, 2)),
        confidence=st.floats(0, 1),
        disagreement=st.none() | st.floats(0, 100),
        gate=st.sampled_from(["pass", "warn", "fail"]),
        consent=st.sampled_from(["granted", "unknown", "withdrawn"]),
        intent=st.sampled_from(["none", "researching", "comparing", "ready_to_buy"]),
        open_opportunities=st.none() | st.integers(0, 50).map(float),
    )
)
def test_any_facts_get_the_tier_of_the_edges_and_doubt_goes_to_a_person(routing: Policy, facts: Facts) -> None:
    outcome = routing.decide(facts)
    assert outcome.tier == ("hot" if facts.score >= 75 else "warm" if facts.score >= 40 else "cold")
    assert outcome.is_mql == (facts.score >= 75)
    doubt = facts.confidence < 0.5 or (facts.disagreement or 0) >= 40 or facts.gate == "fail"
    assert bool(outcome.review_reasons) == doubt
    if facts.consent == "withdrawn":
        assert outcome.route is Route.NONE
    else:
        assert (outcome.route is Route.HUMAN_REVIEW) == doubt


@pytest.mark.parametrize(
    "fault",
    [{"score": float("nan")}, {"score": 100.01}, {"score": -1.0}, {"confidence": 2.0}, {"consent": ""}, {"gate": "?"}],
    ids=str,
)
def test_a_fact_out_of_its_range_is_an_error_and_never_a_default_route(routing: Policy, fault: dict[str, Any]) -> None:
    with pytest.raises(PolicyError) as refusal:
        routing.decide(msgspec.structs.replace(ORDINARY, **fault))
    assert "backtrace" not in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert next(iter(fault)) in str(refusal.value)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ((*TIER, "rules", 0, "score"), ">= (", "row hot, score: '>= (' does not compile"),
        ((*TIER, "rules", 0, "tier"), '"hot', "does not compile"),
        ((*TIER, "rules", 0, "tier"), "", "the output tier is empty"),
        ((*TIER, "rules", 2, "score"), "< 40", "the last row, and only it, must match everything"),
        ((*TIER, "rules", 0, "score"), "", "the last row, and only it, must match everything"),
        ((*TIER, "rules", 0, "scroe"), ">= 75", "['scroe'] are no columns"),
        ((*TIER, "rules", 1, "_id"), "hot", "every row needs an _id of its own"),
        ((*TIER, "inputs", 0, "field"), "scoer", "speaks of ['scoer']"),
        ((*TIER, "hitPolicy"), "any", "hit policy 'any'"),
        ((*ROUTE, "rules", 1, "reviews"), "> threshold", "speaks of ['threshold']"),
        (("decision", "nodes", 1, "type"), "functionNode", "type 'functionNode' is not one of"),
        (("decision", "nodes", 0, "content", "schema"), "{}", "must name every property"),
        (("decision", "nodes", 0, "content", "schema"), "{", "the input schema is not JSON"),
        (("decision", "edges", 1, "targetId"), "outcome", "one line through every node"),
        (("decision", "nodes"), [], "exactly one input"),
        (("weights", "llm"), 0.5, "add up to 1"),
        (("weights", "other"), 0.5, "cannot be read"),
    ],
)
def test_a_faulty_policy_file_is_refused_by_name(path: tuple[Any, ...], value: Any, complaint: str) -> None:
    with pytest.raises(PolicyError) as refusal:
        parse(changed(path, value))
    assert complaint in str(refusal.value)


def test_a_table_that_breaks_a_golden_promise_is_not_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "lead_routing"
    folder.mkdir()
    (folder / "1.json").write_bytes(changed((*TIER, "rules", 0, "score"), "> 75"))
    (folder / "1.golden.json").write_bytes((LEAD_ROUTING / "1.golden.json").read_bytes())
    with pytest.raises(PolicyError, match="75 itself is hot"):
        policy.load(folder=folder)


@pytest.mark.parametrize("cases", [None, b"[]", b"{"])
def test_a_policy_without_golden_cases_is_not_loaded(tmp_path: Path, cases: bytes | None) -> None:
    folder = tmp_path / "lead_routing"
    folder.mkdir()
    (folder / "1.json").write_bytes((LEAD_ROUTING / "1.json").read_bytes())
    if cases is not None:
        (folder / "1.golden.json").write_bytes(cases)
    with pytest.raises(PolicyError, match="golden cases"):
        policy.load(folder=folder)


def test_an_unknown_version_names_the_known_ones() -> None:
    with pytest.raises(PolicyError, match=r"no policy version 99; there are \['1'"):
        policy.load("99")


def test_a_policy_file_under_a_wrong_name_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "lead_routing"
    folder.mkdir()
    (folder / "2.json").write_bytes((LEAD_ROUTING / "1.json").read_bytes())
    with pytest.raises(PolicyError, match="calls itself lead_routing 1"):
        policy.load(folder=folder)
