"""Which contracts may be released."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ingestion.contracts.catalog import interaction
from ingestion.contracts.judge import Judgement, judge
from ingestion.contracts.odcs import Contract
from ingestion.contracts.version import Level

BASE = interaction()


def at(version: str, *, without: str = "", said: str = "") -> Contract:
    """The canonical contract in another version, without one of its fields, or described otherwise."""
    fields = tuple(each for each in BASE.topic.properties if each.name != without)
    topic = replace(BASE.topic, properties=fields, description=said or BASE.topic.description)
    return replace(BASE, version=version, schema=(topic,))


@pytest.mark.parametrize(
    ("kept", "least", "held"),
    [
        (at("1-0-0"), "1-0-0", True),
        (at("1-0-1"), "1-0-0", True),
        (at("1-0-0", said="otherwise"), "1-0-1", False),
        (at("1-0-1", said="otherwise"), "1-0-1", True),
        (at("1-9-9", without="lang"), "2-0-0", False),
        (at("2-0-0", without="lang"), "2-0-0", True),
        (at("0-9-9"), "1-0-0", False),
    ],
)
def test_a_change_is_refused_below_the_version_that_it_asks_for(kept: Contract, least: str, held: bool) -> None:
    [judgement] = judge([kept], [at("1-0-0")])
    assert (str(judgement.least), judgement.held) == (least, held)


def test_a_contract_of_which_nothing_was_released_may_change_freely() -> None:
    [judgement] = judge([at("1-0-0")], [])
    assert judgement == Judgement("leadline.interaction", None, BASE.at)
    assert judgement.held


def test_a_released_contract_may_not_vanish() -> None:
    [judgement] = judge([], [at("1-0-0"), at("1-0-1")])
    assert not judgement.held
    assert str(judgement.before) == "1-0-1"


def test_an_old_version_that_is_kept_beside_a_new_one_may_not_be_edited() -> None:
    released = [at("1-0-0"), at("2-0-0", without="lang")]
    assert [judgement.held for judgement in judge(released, released)] == [True, True]
    edited = [at("1-0-0", without="text"), released[1]]
    assert [judgement.held for judgement in judge(edited, released)] == [False, True]
    assert judge(edited, released)[0].level is Level.MODEL
