"""Compare a run with the demo company's ground truth: every element's fate, and who was taken for whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

from leadline.company import Fate, Truth

Place = tuple[str, int, int, int]  # topic, partition, offset, element


@dataclass(frozen=True, slots=True)
class Fates:
    """How many elements met the fate they should have."""

    right: int
    wrong: tuple[tuple[Place, str, str], ...]  # place, expected, found


@dataclass(frozen=True, slots=True)
class People:
    """How well leads and real entities agree, judged by the events that each was given."""

    expected: int
    found: int
    pairs_wrong: int  # pairs of leads that are one person, and pairs of people that share a lead


def check_fates(truth: Truth, coordinates: Sequence[tuple[str, int, int]], found: Mapping[Place, Fate]) -> Fates:
    """Each element's fate; `coordinates` are the messages' in publish order."""
    right, wrong = 0, []
    for element in truth.elements():
        place = (*coordinates[element.message], element.index)
        fate = found.get(place)
        if fate is element.fate:
            right += 1
        else:
            wrong.append((place, element.fate.name, "lost" if fate is None else fate.name))
    return Fates(right, tuple(wrong))


def check_people(truth: Truth, coordinates: Sequence[tuple[str, int, int]], leads: Mapping[Place, str]) -> People:
    """Who was taken for whom; `leads` are the final lead ids of the good elements."""
    leads_of: dict[Any, set[str]] = defaultdict(set)
    owners_of: dict[str, set[int]] = defaultdict(set)
    for element in truth.elements():
        lead = leads.get((*coordinates[element.message], element.index))
        if lead is not None and element.fate is Fate.GOOD:
            leads_of[element.owner].add(lead)
            owners_of[lead].add(element.owner)
    split = sum(comb(len(leads), 2) for leads in leads_of.values())
    joined = sum(comb(len(owners), 2) for owners in owners_of.values())
    return People(truth.expected_entities, len(owners_of), split + joined)
