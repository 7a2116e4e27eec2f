"""What a feature is made of: an expression knows what to keep for it, its value, what it rests on, and its SQL.

Invariant: a value is a pure function of the states and the moment, and equals its SQL over the facts table exactly; so
both use whole numbers and one division at the end, never a power or a logarithm, in which machines differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from typing import Any, Protocol

from features.activity import Facts
from features.language.keep import Keep
from features.language.reading import Entity, Reading
from features.state import State


class Said(Protocol):
    """Something that events say: a `Kind`, `Slot` or `Item` of the vocabulary, an `Act` or a `Property`."""

    @property
    def slot(self) -> int:
        """Under which facts and states have it."""


@dataclass(frozen=True)
class Expression:
    """A number that is read from the state of a lead or of its account.

    Its SQL is an aggregate over the rows of `features.recompute.FACTS` that are one lead's or account's, with the
    columns `newest` and `oldest` (of their slot and thing) and `open` (whether the thing is). It is standard SQL that
    DuckDB and Spark share: `FILTER (WHERE …)`, no division of integers, no lists.
    """

    of: Entity = field(default=Entity.LEAD, kw_only=True)

    @property
    def nullable(self) -> bool:
        """Whether it may have no value where there is a state."""
        return False

    @property
    def edges(self) -> str:
        """The stretch of time that it looks at, in words."""
        raise NotImplementedError

    @property
    def over(self) -> tuple[Said, ...]:
        """What it looks at."""
        raise NotImplementedError

    def keeps(self) -> tuple[Keep, ...]:
        """What a state must keep for it."""
        raise NotImplementedError

    def value(self, at: Reading) -> float | None:
        """The value, None if there is none."""
        raise NotImplementedError

    def sql(self, at: Reading) -> str:
        """An aggregate that finds what `finish` makes the same value of; `at` needs no states."""
        raise NotImplementedError

    def finish(self, found: Any) -> float | None:
        """The value that was found by SQL."""
        return None if found is None else float(found)

    def touched(self, at: Reading) -> int:
        """µs of the event that last moved what the value is made of; 0 if none did."""
        state = self.state(at)
        return max(state.last.get(said.slot, 0) for said in self.over)

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Whether an event of that moment (µs) with these facts has a part in the value: for tracing it."""
        raise NotImplementedError

    def state(self, at: Reading) -> State:
        """Whose state it is read from."""
        return at.states[self.of]


def definition(value: object) -> str:
    """What decides values in an expression, as text that survives a change of order or of wording.

    Fields at their defaults are left out, so that a parameter may be added without changing what is declared already.
    """
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, tuple):
        return f"({', '.join(map(definition, value))})"
    if hasattr(value, "__dataclass_fields__"):
        told = ((each, getattr(value, each.name)) for each in fields(value))  # type: ignore[arg-type]
        words = [f"{each.name}={definition(held)}" for each, held in told if not _is_default(each, held)]
        return f"{type(value).__name__}({', '.join(sorted(words))})"
    return f"{value.__module__}.{value.__qualname__}" if isinstance(value, Callable) else repr(value)  # type: ignore[arg-type,attr-defined]


def _is_default(declared: Any, held: object) -> bool:
    return declared.default is not MISSING and declared.default == held
