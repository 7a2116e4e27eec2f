"""Records of people as a firm's systems hold them: a CRM id, a user id, an address, a cookie, most of them missing.

No rule of identity refuses anything here: nobody has two CRM ids or user ids, a cookie is seen with one of its owner's
identifiers alone, and a person's addresses and cookies stay below every limit. So exact matching alone finds the people
(`person`). Three in ten are anonymous browsers. The same arguments give the same records in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from leadline.company.dice import Dice

MOST_RECORDS = 12  # of a person
_ANONYMOUS, _IN_CRM, _SIGNED_UP, _SECOND_ADDRESS = 0.3, 0.6, 0.5, 0.15
_MORE = 0.72  # chance of yet another record


class PersonRecord(NamedTuple):
    """One record; `person` is the truth."""

    person: int
    crm: str | None = None
    user: str | None = None
    email: str | None = None
    cookie: str | None = None


def records(count: int, seed: int = 7) -> list[PersonRecord]:
    """`count` records, those of one person far apart."""
    dice = Dice(np.random.default_rng(seed))
    made: list[PersonRecord] = []
    person = 0
    while len(made) < count:
        made += _anonymous(dice, person) if dice.chance(_ANONYMOUS) else _known(dice, person)
        person += 1
    return [made[place] for place in dice.rng.permutation(count)]


def _anonymous(dice: Dice, person: int) -> Iterator[PersonRecord]:
    for _ in range(_how_many(dice, 1)):
        yield PersonRecord(person, cookie=f"c-{person:09d}-0")


def _known(dice: Dice, person: int) -> list[PersonRecord]:
    """Records that tie each identifier to the person's first address, then repeats of these and of parts of them."""
    email = f"person.{person}@firm{person % 20_000}.com"
    user = f"u-{person:09d}" if dice.chance(_SIGNED_UP) else None
    ties = [PersonRecord(person, user=user, email=email)]
    if dice.chance(_IN_CRM):
        ties.append(PersonRecord(person, crm=f"{person + 170_000_000}", email=email))
    if dice.chance(_SECOND_ADDRESS) and len(ties) > 1:
        ties.append(PersonRecord(person, crm=ties[1].crm, email=f"person.{person}@gmail.com"))
    for number in range(dice.whole(0, 3)):
        cookie = f"c-{person:09d}-{number}"
        ties.append(PersonRecord(person, user=user, email=None if user else email, cookie=cookie))
    more = max(0, _how_many(dice, len(ties)) - len(ties))
    return ties + [_repeated(dice, dice.pick(ties)) for _ in range(more)]


def _repeated(dice: Dice, tie: PersonRecord) -> PersonRecord:
    """The record again, or with one of its identifiers only."""
    if dice.chance(0.5):
        return tie
    name = dice.pick([name for name in ("crm", "user", "email", "cookie") if getattr(tie, name) is not None])
    return PersonRecord(tie.person, **{name: getattr(tie, name)})


def _how_many(dice: Dice, least: int) -> int:
    count = least
    while count < MOST_RECORDS and dice.chance(_MORE):
        count += 1
    return count
