"""A feature as it is declared: an expression of `features.language`, and what people and gates need to know of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from features.activity import Facts
from features.language import Entity, Expression, Reading, definition

_NAME = re.compile(r"[a-z][a-z0-9_]{2,62}")


class Type(StrEnum):
    """What kind of number a value is. Each but `NUMBER` and `RANK` brings its range."""

    COUNT = "count"
    FLAG = "flag"  # 0 or 1
    RANK = "rank"  # a place in an order; its feature names the highest
    SHARE = "share"  # 0 to 1
    DURATION = "duration"
    MONEY = "money"
    NUMBER = "number"


_RANGES: dict[Type, tuple[float | None, float | None]] = {
    Type.COUNT: (0.0, None),
    Type.FLAG: (0.0, 1.0),
    Type.RANK: (0.0, None),
    Type.SHARE: (0.0, 1.0),
    Type.DURATION: (0.0, None),
    Type.MONEY: (None, None),
    Type.NUMBER: (None, None),
}


class Privacy(StrEnum):
    """What a value says of a person, which decides who may see it and for how long."""

    BEHAVIOURAL = "behavioural"  # what somebody did
    PROFILE = "profile"  # what was said of somebody
    CONSENT = "consent"  # what somebody allowed
    FIRMOGRAPHIC = "firmographic"  # of a company, and of nobody in it


@dataclass(frozen=True, slots=True)
class Feature:
    """A declaration.

    Name, version and expression decide the values and are part of the feature hash; all else may be put better at any
    time. Raises `ValueError` saying what to write instead.
    """

    name: str
    expression: Expression
    description: str = field(kw_only=True)
    owner: str = field(kw_only=True)  # the team that answers for it
    unit: str = field(kw_only=True)
    type: Type = field(default=Type.COUNT, kw_only=True)
    version: int = field(default=1, kw_only=True)  # raised with the expression: see features.lock
    minimum: float | None = field(default=None, kw_only=True)  # narrower than the type's
    maximum: float | None = field(default=None, kw_only=True)
    fresh_within: timedelta | None = field(default=None, kw_only=True)  # what is said of somebody ages; counts do not
    privacy: Privacy = field(default=Privacy.BEHAVIOURAL, kw_only=True)

    def __post_init__(self) -> None:
        """See the class."""
        low, high = self.range
        if not _NAME.fullmatch(self.name):
            raise self._wrong(f"its name must match {_NAME.pattern}")
        for what in ("description", "owner", "unit"):
            if not getattr(self, what).strip():
                raise self._wrong(f"it has no {what}: give one")
        if self.version < 1:
            raise self._wrong(f"version {self.version}: versions begin with 1")
        if self.type is Type.RANK and high is None:
            raise self._wrong("a rank needs the highest: give `maximum`")
        if low is not None and high is not None and low > high:
            raise self._wrong(f"no value lies between {low:g} and {high:g}: turn them round")
        if self.fresh_within is not None and self.fresh_within <= timedelta():
            raise self._wrong("`fresh_within` must be longer than nothing; leave it out for what does not age")

    def _wrong(self, why: str) -> ValueError:
        return ValueError(f"feature {self.name!r}: {why}")

    @property
    def nullable(self) -> bool:
        """Whether the value may be missing."""
        return self.expression.nullable or self.of_account

    @property
    def of_account(self) -> bool:
        """Whether it is read from the account's state, and missing without one."""
        return self.expression.of is Entity.ACCOUNT

    @property
    def range(self) -> tuple[float | None, float | None]:
        """The least and the highest value allowed; None where there is no bound."""
        low, high = _RANGES[self.type]
        return low if self.minimum is None else self.minimum, high if self.maximum is None else self.maximum

    @property
    def definition(self) -> str:
        """What decides its values."""
        return definition(self.expression)

    def touched(self, at: Reading) -> int:
        """µs of the event that last moved what the value is made of; 0 if none did."""
        return self.expression.touched(at)

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Whether an event of that moment (µs) with these facts has a part in the value: for tracing it."""
        return self.expression.rests_on(facts, moment, at)
