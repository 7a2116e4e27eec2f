"""An operator's ruling as a canonical event."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.contracts.event import Actor, EventType
from ingestion.errors import ContractBroken
from tests.ingestion.sources.reading import read_one, reason
from tests.ingestion.sources.samples import OPERATOR_UNMERGE


def test_a_ruling_parts_two_identifiers_and_seals_what_the_operator_wrote() -> None:
    draft = read_one("leadline", OPERATOR_UNMERGE)
    assert (draft.type, draft.actor) == (EventType.IDENTITY_UNLINK, Actor.STAFF)
    assert draft.parted == ((OPERATOR_UNMERGE["a"], OPERATOR_UNMERGE["b"]),)
    assert draft.claims == ()
    assert draft.text == "compliance: two colleagues on one laptop"


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
