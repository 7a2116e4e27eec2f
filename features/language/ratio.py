"""One expression divided by another, or by a number."""

from __future__ import annotations

from dataclasses import dataclass

from features.activity import Facts
from features.language.expression import Expression, Said
from features.language.keep import Keep
from features.language.reading import Reading
from features.language.values import Last


@dataclass(frozen=True)
class Ratio(Expression):
    """`top / bottom`, whose entity is the parts'; missing where a part is, and where `bottom` is 0."""

    top: Expression
    bottom: Expression | int

    def __post_init__(self) -> None:
        """Raises `ValueError` for parts that cannot be divided."""
        for part in self._parts:
            if part.of is not self.of:
                raise ValueError(f"{part!r} is of another entity than the ratio, {self.of!r}: say `of` alike in all")
            if isinstance(part, Last) and part.what.worded:
                raise ValueError(f"{part!r} is said in words, which cannot be divided: take numbers")
        if self.bottom == 0:
            raise ValueError("a ratio to 0 has no value: divide by something else")

    @property
    def _parts(self) -> tuple[Expression, ...]:
        return (self.top, self.bottom) if isinstance(self.bottom, Expression) else (self.top,)

    @property
    def nullable(self) -> bool:
        """See `Expression`."""
        return self.top.nullable or isinstance(self.bottom, Expression)

    @property
    def edges(self) -> str:
        """See `Expression`."""
        return "; over ".join(dict.fromkeys(part.edges for part in self._parts))

    @property
    def over(self) -> tuple[Said, ...]:
        """See `Expression`."""
        return tuple(said for part in self._parts for said in part.over)

    def keeps(self) -> tuple[Keep, ...]:
        """What the parts need."""
        return tuple(keep for part in self._parts for keep in part.keeps())

    def value(self, at: Reading) -> float | None:
        """The quotient."""
        top = self.top.value(at)
        bottom = self.bottom.value(at) if isinstance(self.bottom, Expression) else self.bottom
        return None if top is None or not bottom else top / bottom

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        bottom = self.bottom.sql(at) if isinstance(self.bottom, Expression) else self.bottom
        return f"({self.top.sql(at)}) / nullif({bottom}, 0)"

    def touched(self, at: Reading) -> int:
        """When either part was."""
        return max(part.touched(at) for part in self._parts)

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """What either part rests on."""
        return any(part.rests_on(facts, moment, at) for part in self._parts)
