"""The composition of the demo company: one seed in, one year of raw messages and its truth out.

Invariant: the same arguments give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from leadline.company import bystanders, delivery, journeys, poison
from leadline.company.dice import Dice, Ids
from leadline.company.outcomes import draw_outcomes
from leadline.company.scene import Scene
from leadline.company.truth import Truth, tell
from leadline.company.wire import Fate, RawOut
from leadline.company.world import DAY, Census, Kind

YEAR = 365 * DAY


@dataclass(frozen=True, slots=True)
class Company:
    """A firm's year as its vendors sent it, and what is really so."""

    messages: list[RawOut]  # in received order
    truth: Truth
    census: Census  # the people, for live traffic that goes on with them


def generate(*, seed: int = 7, leads: int = 2000, end: datetime) -> Company:
    """The year up to `end` (aware) of a firm with `leads` people around it; about 30 events a lead.

    Raises `ValueError` for a naive `end` or fewer than 20 leads, too few to plant everything among.
    """
    if end.tzinfo is None:
        raise ValueError(f"end {end!r} has no time zone; pass an aware datetime")
    if leads < 20:
        raise ValueError(f"leads is {leads}; at least 20 are needed to plant everything")
    finish = round(end.timestamp(), 3)
    dice = Dice(np.random.default_rng(seed))
    ids = Ids(dice)
    scene = Scene(dice, ids, start=finish - YEAR, end=finish)
    census = Census(dice, ids, start=scene.start, end=scene.end)
    census.settle(leads)
    draw_outcomes(dice, census.people)
    for person in census.people:
        journeys.live(scene, person)
    bystanders.crowd(scene, census, leads)
    _poison(scene, census, leads)
    delivery.delay(dice, scene.elements, finish)
    messages = delivery.repeated(dice, delivery.batched(scene.elements), finish)
    truth = tell(messages, census.people, seed=seed, start=scene.start, end=finish)
    return Company([delivery.raw(message, imported=True) for message in messages], truth, census)


def _poison(scene: Scene, census: Census, leads: int) -> None:
    dice = scene.dice
    known = [person for person in census.people if person.kind is Kind.BUYER]
    for _ in range(1 + leads // 1500):
        batch = poison.batch(scene.ids, dice.pick(known), lambda: dice.between(scene.start, scene.end))
        for element in batch:
            scene.put(element)
    neighbours = [element for element in scene.elements if element.system == "hubspot" and element.fate is Fate.GOOD]
    for _ in range(3 + leads // 200):
        beside = dice.pick(neighbours)
        scene.put(poison.in_array(scene.ids, dice.pick(known), beside.occurred))
