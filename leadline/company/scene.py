"""What every part of a journey shares: the dice, the ids, the year's edges, and the pile of elements.

Invariant: an element that would occur outside the year is never put on the pile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp

from leadline.company.dice import Dice, Ids
from leadline.company.markets import Market
from leadline.company.texts import INJECTIONS, TEXTS, free_text
from leadline.company.wire import Element
from leadline.company.world import DAY, Person

FIRST_INJECTION, INJECTION_EVERY = 12, 150  # texts


@dataclass(slots=True)
class Scene:
    """The stage on which one year is played."""

    dice: Dice
    ids: Ids
    start: float  # seconds
    end: float
    elements: list[Element] = field(default_factory=list)
    texts: int = 0

    def put(self, element: Element) -> None:
        """Written at once: a year of bytes takes a quarter of the memory of a year of dictionaries."""
        if self.start <= element.occurred < self.end:
            element.write()
            self.elements.append(element)

    def write(self, person: Person, *, trouble: bool = False) -> tuple[str, str]:
        """A text in the person's language, and the name of the trap if it is a prompt injection."""
        self.texts += 1
        if self.texts % INJECTION_EVERY == FIRST_INJECTION:
            return INJECTIONS[self.texts // INJECTION_EVERY % len(INJECTIONS)], "prompt_injections"
        if trouble:
            return self.dice.pick(TEXTS["trouble"][person.language]), ""
        return free_text(self.dice, person.language, person.intent), ""

    def working_hour(self, at: float, market: Market) -> float:
        """A moment on the day of `at`, mostly during office hours there; most weekends yield to the week after."""
        day = at // DAY
        weekday = int(day + 3) % 7  # the epoch began on a Thursday; 5 and 6 are the weekend
        if weekday >= 5 and self.dice.chance(0.75):
            day += 7 - weekday + self.dice.whole(0, 4)
        local = 8.5 + 5.0 * (self.dice.random() + self.dice.random())
        return day * DAY + (local - market.offset) * 3600.0


def odds(logit: float) -> float:
    """The probability with these log-odds."""
    return 1.0 / (1.0 + exp(-logit))
