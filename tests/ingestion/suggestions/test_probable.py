"""Probable duplicates among made-up people, some of whom are there twice: misspelt, at another firm, on one phone."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ingestion.suggestions.people import Person
from ingestion.suggestions.probable import probable_pairs
from tests.conftest import missing

FIRST = [
    *("anna", "ben", "carla", "david", "eva", "felix", "greta", "hans", "ida", "jonas"),
    *("klara", "lars", "maria", "nils", "olga", "paul", "rosa", "stefan", "tina"),
]
HEADS = [
    *("schm", "mey", "hoff", "beck", "koch", "ros", "berg", "lind", "wolf"),
    *("sand", "mart", "gar", "lop", "fern", "brown", "whit", "green", "stone"),
]
TAILS = ["er", "idt", "mann", "son", "ez", "ett", "haus", "feld", "berger", "lein", "ing", "low", "ski", "ova", "dorf"]


@pytest.fixture(autouse=True)
def _splink() -> None:
    try:
        import splink  # noqa: F401
    except ImportError:
        missing("Splink", "run `make setup`")


def stranger(number: int, rng: random.Random) -> Person:
    return Person(
        lead=f"ld_{number:05}",
        first=rng.choice(FIRST),
        last=rng.choice(HEADS) + rng.choice(TAILS),
        phone=str(rng.randrange(10**8, 10**9)) if rng.random() < 0.7 else None,
        company=f"ac_{rng.randrange(150)}" if rng.random() < 0.7 else None,
    )


def misspelt(name: str, rng: random.Random) -> str:
    place = rng.randrange(1, len(name) - 1)
    return name[:place] + name[place + 1] + name[place] + name[place + 2 :]


def twin(person: Person, rng: random.Random) -> Person:
    """The same person once more, as somebody else would have typed them."""
    assert person.last is not None
    return replace(
        person,
        lead=f"{person.lead}x",
        last=misspelt(person.last, rng) if rng.random() < 0.5 else person.last,
        phone=person.phone if rng.random() < 0.8 else None,
        company=person.company if rng.random() < 0.6 else None,
    )


def test_most_duplicates_are_found_and_few_strangers_are_taken_for_one() -> None:
    rng = random.Random(7)
    strangers = [stranger(number, rng) for number in range(1_500)]
    twins = [twin(person, rng) for person in strangers[:150]]
    people = rng.sample([*strangers, *twins], len(strangers) + len(twins))
    found = {(pair.lead, pair.other) for pair in probable_pairs(people, 0.8)}
    true = {(person.lead, f"{person.lead}x") for person in strangers[:150]}
    assert len(found & true) >= 0.95 * len(found)
    assert len(found & true) >= 0.6 * len(true)
    # Who shares neither phone nor company with their other self can hardly be told from a namesake.
    told = {
        (one.lead, other.lead)
        for one, other in zip(strangers, twins, strict=False)
        if (one.phone and one.phone == other.phone) or (one.company and one.company == other.company)
    }
    assert len(found & told) >= 0.8 * len(told)


def test_a_pair_says_in_what_it_agrees() -> None:
    rng = random.Random(1)
    ada = Person("ld_b", "ada", "lovelace", "301234567", "ac_1")
    other = Person("ld_a", "ada", "lovelaec", "301234567", None)
    [pair] = probable_pairs([ada, other, *(stranger(number, rng) for number in range(200))], 0.8)
    assert (pair.lead, pair.other) == ("ld_a", "ld_b")
    assert pair.agreed == ("first", "last nearly", "phone")
    assert 0.8 <= pair.probability <= 1


def test_the_order_of_the_people_and_how_often_one_asks_change_nothing() -> None:
    rng = random.Random(3)
    strangers = [stranger(number, rng) for number in range(200)]
    people = [*strangers, *(twin(person, rng) for person in strangers[:40])]
    once, again = (probable_pairs(each, 0.5) for each in (people, people[::-1]))
    assert len(once) > 10
    assert [pair[:2] for pair in once] == [pair[:2] for pair in again]
    assert [pair.probability for pair in once] == pytest.approx([pair.probability for pair in again])


def test_colleagues_on_one_switchboard_are_strangers() -> None:
    rng = random.Random(5)
    office = [replace(stranger(number, rng), phone="301234567", company="ac_1") for number in range(60)]
    people = [*office, *(stranger(100 + number, rng) for number in range(400))]
    namesakes = {(person.first, person.last) for person in office}
    assert len(namesakes) == len(office), "the seed gives nobody a namesake in the office"
    assert probable_pairs(people, 0.8) == []


def test_nobody_is_nobody_s_duplicate() -> None:
    assert probable_pairs([], 0.5) == []
    assert probable_pairs([stranger(1, random.Random(1))], 0.5) == []
