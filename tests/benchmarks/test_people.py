"""The records that identity is measured on, and our arms that resolve them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from sqlalchemy import select

from benchmarks.people import MOST_RECORDS, PersonRecord, records
from benchmarks.resolving import observation, resolved, stored, witnessed
from ingestion.database import open_database, reading
from ingestion.identity import Observation
from ingestion.identity.tables import conflicts
from leadline.migrations import upgrade

COLUMNS = PersonRecord._fields[1:]


def observations(made: list[PersonRecord]) -> list[Observation]:
    return [
        observation(number, [(name, value) for name in COLUMNS if (value := getattr(one, name)) is not None])
        for number, one in enumerate(made)
    ]


def people(made: list[PersonRecord], leads: list[str]) -> dict[str, set[int]]:
    found: defaultdict[str, set[int]] = defaultdict(set)
    for one, lead in zip(made, leads, strict=True):
        found[lead].add(one.person)
    return found


def test_records_are_the_same_every_time_and_say_something_each() -> None:
    made = records(3_000)
    assert made == records(3_000)
    assert len(made) == 3_000
    assert all(any(one[1:]) for one in made)
    assert max(sum(one.person == each.person for one in made) for each in made[:50]) <= MOST_RECORDS


def test_exact_rules_find_the_people_in_memory_and_in_the_store_and_refuse_nothing(tmp_path: Path) -> None:
    made = records(3_000)
    seen, engine = observations(made), open_database(f"sqlite:///{tmp_path / 'identity.db'}")
    upgrade(engine)
    in_store = stored(seen, engine)
    assert resolved(seen, witnessed(seen)) == in_store
    found = people(made, in_store)
    assert all(len(persons) == 1 for persons in found.values())
    assert len(found) == len({one.person for one in made})
    with reading(engine) as connection:
        assert connection.execute(select(conflicts)).all() == []
    engine.dispose()


def test_one_identifier_alone_does_not_find_the_people() -> None:
    made = records(3_000)
    for name in COLUMNS:
        owners = {one.person for one in made if getattr(one, name) is not None}
        assert 0 < len(owners) < len({one.person for one in made})
