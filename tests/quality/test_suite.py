"""A suite that no execution understands is refused where it is written."""

import pytest

from quality.errors import SuiteError
from quality.suite import BETWEEN, IN_SET, OF_TYPE, REGEX, Expectation, between, in_set, not_null


def test_label_says_the_expectation_in_words() -> None:
    assert between("age", 0, 120).label == "age: between 0 and 120"
    assert between("age", None, 120).label == "age: between -∞ and 120"
    assert not_null("email").label == "email: not be null"
    assert in_set("tier", ("hot", "cold")).label == "tier: one of 2 values"
    assert Expectation(REGEX, {"column": "id", "regex": "^ld_"}).label == "id: matching ^ld_"
    assert Expectation(OF_TYPE, {"column": "id", "type_": "str"}).label == "id: of type str"


@pytest.mark.parametrize(
    ("type_", "kwargs", "mostly", "named"),
    [
        ("expect_column_values_to_be_lovely", {"column": "a"}, 1.0, "is unknown"),
        (BETWEEN, {"column": "a"}, 1.0, "min_value or max_value"),
        (BETWEEN, {"min_value": 1}, 1.0, "expected column"),
        (BETWEEN, {"column": "a", "min_value": 1, "maximum": 2}, 1.0, "maximum"),
        (IN_SET, {"column": "a"}, 1.0, "value_set"),
        (REGEX, {"column": "a"}, 1.0, "regex"),
        (OF_TYPE, {"column": "a", "type_": "Decimal"}, 1.0, "'Decimal'"),
        (BETWEEN, {"column": "a", "min_value": 1}, 0.0, "mostly is 0.0"),
    ],
)
def test_expectation_without_meaning_is_refused_by_name(
    type_: str, kwargs: dict[str, object], mostly: float, named: str
) -> None:
    with pytest.raises(SuiteError, match=named):
        Expectation(type_, kwargs, mostly=mostly)
