"""A declaration that cannot be right is refused when it is written, and says what to write."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from features.activity import Kind, Slot
from features.declarations import Feature, Type
from features.language import Count, Entity, Last

SOUND: dict[str, Any] = {"description": "Forms submitted", "owner": "marketing", "unit": "forms"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": "Forms 7d"}, "its name must match"),
        ({"owner": " "}, "it has no owner: give one"),
        ({"description": ""}, "it has no description: give one"),
        ({"version": 0}, "versions begin with 1"),
        ({"type": Type.RANK}, "give `maximum`"),
        ({"minimum": 3.0, "maximum": 1.0}, "turn them round"),
        ({"fresh_within": timedelta()}, "leave it out for what does not age"),
    ],
)
def test_what_is_wrong_is_told_with_the_features_name(wrong: dict[str, Any], told: str) -> None:
    name = wrong.pop("name", "forms_ever")
    with pytest.raises(ValueError, match=told) as error:
        Feature(name, Count(Kind.FORM), **SOUND | wrong)
    assert name in str(error.value)


def test_a_type_brings_its_range_and_a_declaration_may_narrow_it() -> None:
    assert Feature("forms", Count(Kind.FORM), **SOUND).range == (0.0, None)
    assert Feature("forms", Count(Kind.FORM), **SOUND, maximum=9.0).range == (0.0, 9.0)
    assert Feature("forms", Count(Kind.FORM), **SOUND, type=Type.NUMBER).range == (None, None)


def test_whether_a_value_may_be_missing_follows_from_what_is_declared() -> None:
    assert not Feature("forms", Count(Kind.FORM), **SOUND).nullable
    assert Feature("forms", Count(Kind.FORM, of=Entity.ACCOUNT), **SOUND).nullable
    assert Feature("forms", Last(Slot.STAGE), **SOUND).nullable
    assert not Feature("forms", Last(Slot.STAGE, otherwise=0.0), **SOUND).nullable
