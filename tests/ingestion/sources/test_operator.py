"""An operator's ruling as a canonical event."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.contracts.event import Actor, EventType, Identifier, IdentifierType
from ingestion.errors import ContractBroken
from tests.ingestion.sources.reading import read_one, reason
from tests.ingestion.sources.samples import OPERATOR_DISMISS, OPERATOR_LINK, OPERATOR_UNMERGE


def test_a_ruling_parts_two_identifiers_and_seals_what_the_operator_wrote() -> None:
    draft = read_one("leadline", OPERATOR_UNMERGE)
    assert (draft.type, draft.actor) == (EventType.IDENTITY_UNLINK, Actor.STAFF)
    assert draft.parted == ((OPERATOR_UNMERGE["a"], OPERATOR_UNMERGE["b"]),)
    assert not draft.dismissed
    assert draft.claims == ()
    assert draft.text == "compliance: two colleagues on one laptop"


def test_a_ruling_joins_two_identifiers() -> None:
    draft = read_one("leadline", OPERATOR_LINK)
    assert (draft.type, draft.parted) == (EventType.IDENTITY_LINK, ())
    assert draft.linked == (
        Identifier(IdentifierType.CRM, OPERATOR_LINK["a"], True, "hubspot:1:contact"),
        Identifier(IdentifierType.EMAIL, OPERATOR_LINK["b"], True),
    )


def test_a_ruling_closes_an_entry_of_the_review_queue_and_parts_nobody() -> None:
    draft = read_one("leadline", OPERATOR_DISMISS)
    assert draft.dismissed
    assert draft.parted == ((OPERATOR_DISMISS["a"], OPERATOR_DISMISS["a"]),)
    assert read_one("leadline", OPERATOR_DISMISS | {"a": "ld_" + "a" * 26}).dismissed


@pytest.mark.parametrize(
    "change",
    [
        {"kinds": None},
        {"kinds": [{"type": "phone"}, {"type": "email"}]},
        {"b": "ac_" + "a" * 26},
        {"b": "ld_" + "a" * 26},
        {"b": OPERATOR_LINK["a"]},
    ],
)
def test_a_link_is_between_two_identifiers_that_can_be_bonded(change: dict[str, Any]) -> None:
    assert isinstance(reason("leadline", OPERATOR_LINK | change), ContractBroken)


@pytest.mark.parametrize(
    "change",
    [
        {"a": "jo@acme.com"},
        {"b": "ld_aaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"b": OPERATOR_UNMERGE["a"]},
        {"a": "ac_" + "a" * 26},
        {"action": "merge"},
        {"id": ""},
    ],
)
def test_what_is_no_ruling_is_refused_without_repeating_it(change: dict[str, Any]) -> None:
    refused = reason("leadline", OPERATOR_UNMERGE | change)
    assert isinstance(refused, ContractBroken)
    assert "acme" not in str(refused)
