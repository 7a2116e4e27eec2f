"""Expressions over things that are open or closed: tickets and deals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from features.activity import Facts, Item
from features.clock import DAY
from features.language.expression import Expression
from features.language.keep import SCALE, Items, Keep, scaled
from features.language.reading import Entity, Reading
from features.language.window import Hop
from features.state import ITEM_DAYS, Stamped


@dataclass(frozen=True)
class Open(Expression):
    """How many things are open. One that nobody has spoken of for 90 days counts as closed."""

    item: Item

    def __post_init__(self) -> None:
        """Raises `ValueError` for what says nothing of being open, and for companies, which have no things."""
        if not self.item.opens:
            raise ValueError(f"{self.item!r} does not say whether a thing is open: name one that does, as TICKET_OPEN")
        if self.of is Entity.COMPANY:
            raise ValueError("the things of a company are its account's: say Entity.ACCOUNT")

    @property
    def over(self) -> tuple[Item, ...]:
        """See `Expression`."""
        return (self.item,)

    @property
    def edges(self) -> str:
        """See `Expression`."""
        return f"spoken of within {ITEM_DAYS} d, from the start of the day, UTC"

    def keeps(self) -> tuple[Keep, ...]:
        """The newest value of each thing."""
        return tuple(Items(item.slot) for item in self.over)

    def value(self, at: Reading) -> float:
        """Their number."""
        return float(sum(1 for _ in self.open_things(at)))

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        return f"count(*) {self.where(self.item, at)} AND number = 1)"

    def where(self, item: Item, at: Reading) -> str:
        """The newest rows of the item that are not too old; to be closed."""
        return f"FILTER (WHERE code = {item.slot} AND newest AND day >= {at.tiles[Hop.DAY] - ITEM_DAYS}"

    def open_things(self, at: Reading) -> Iterator[str]:
        """The open ones."""
        oldest = at.tiles[Hop.DAY] - ITEM_DAYS
        for thing, (said, _, is_open, _) in at.states[self.of].items.get(self.item.slot, _NONE).items():
            if is_open == 1.0 and said // DAY >= oldest:
                yield thing

    def touched(self, at: Reading) -> int:
        """When any of them was last spoken of."""
        items = at.states[self.of].items
        return max((said for item in self.over for said, *_ in items.get(item.slot, _NONE).values()), default=0)

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Everything that was said of such things."""
        wanted = {item.slot for item in self.over}
        return any(item in wanted for item, _, _ in facts.items)


@dataclass(frozen=True)
class OpenHighest(Open):
    """The highest `number` among open things, 0 without any."""

    number: Item

    @property
    def over(self) -> tuple[Item, ...]:
        """See `Expression`."""
        return (self.item, self.number)

    def value(self, at: Reading) -> float:
        """The number."""
        return max(0.0, max(self.numbers(at), default=0.0))

    def numbers(self, at: Reading) -> Iterator[float]:
        """Those of open things."""
        oldest, said = at.tiles[Hop.DAY] - ITEM_DAYS, at.states[self.of].items.get(self.number.slot, _NONE)
        for thing in self.open_things(at):
            when, _, number, _ = said.get(thing, (0, 0, 0.0, ""))
            if when // DAY >= oldest:
                yield float(number)

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        return f"greatest(coalesce(max(number) {self.where(self.number, at)} AND open), 0), 0)"


@dataclass(frozen=True)
class OpenSum(OpenHighest):
    """What the `number` of open things adds up to, in thousandths."""

    def value(self, at: Reading) -> float:
        """The sum."""
        return float(sum(scaled(number) or 0 for number in self.numbers(at))) / SCALE

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        return f"coalesce(CAST(sum(scaled) {self.where(self.number, at)} AND open) AS DOUBLE), 0) / {SCALE}"


_NONE: dict[str, Stamped] = {}
