"""Every engine gives the stream's rows exactly, whatever happened: late events, duplicates, merges and partings."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.definitions import LEAD_SCORING
from features.engine import Engine
from features.errors import SparkMissing
from features.feature_set import FeatureSet
from features.recompute import batch_recompute, compare
from features.settings import offline_engine
from ingestion.contracts.event import Event, LeadMerged, encode_json
from ingestion.lake import EventsTable, event_row, forwarding_row
from tests.conftest import tries
from tests.features.conftest import NOW, History, histories, later_moments
from tests.features.members import Member
from tests.features.oracle import Worker
from tests.features.platforms import applied
from tests.features.test_language import sets
from tests.features.test_parting import steps
from tests.features.world import World

Record = Event | LeadMerged
PHASES = (Phase.reuse, Phase.generate)  # a case is so large that Spark would take an hour to make it small


# pyspark leaves what answers came through to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(params=["duckdb", "spark"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    yield request.getfixturevalue("spark") if request.param == "spark" else offline_engine("duckdb")
    gc.collect()


@pytest.fixture(scope="module")
def many() -> list[History]:
    """Histories of people who have nothing to do with each other: one question is asked about all of them."""
    found: list[History] = []

    @settings(max_examples=tries(60), phases=[Phase.generate], database=None)
    @given(histories())
    def collect(history: History) -> None:
        found.append(history)

    collect()
    return found


@pytest.fixture(scope="module")
def lake(many: list[History], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, in several commits."""
    folder = tmp_path_factory.mktemp("lake")
    table = EventsTable(folder)
    records = [apart(number, record) for number, history in enumerate(many) for record in history.records]
    for commit in range(4):
        table.append([row_of(record) for record in records[commit::4]], {"test": commit})
    return folder


def name_apart(number: int, name: str | None) -> str | None:
    return None if name is None else f"{name}.{number}"


def apart(number: int, record: Record) -> Record:
    """The same, said of people whom no other history knows."""
    names = ("lead", "account", "absorbed", "survivor", "survivor_account")
    told = {name: name_apart(number, getattr(record, name)) for name in names if hasattr(record, name)}
    return msgspec.structs.replace(record, **told)


def row_of(record: Record) -> tuple[object, ...]:
    body = encode_json(record)
    return event_row(record, body) if isinstance(record, Event) else forwarding_row(record, body)


def streamed(many: list[History], features: FeatureSet, as_of: datetime) -> dict[str, dict[str, float | None]]:
    """What folding serves of all of them."""
    found: dict[str, dict[str, float | None]] = {}
    for number, history in enumerate(many):
        worker = Worker(features=features)
        worker.handle(history.records)
        found |= {f"{lead}.{number}": values for lead, values in worker.served(as_of).items()}
    return found


@settings(max_examples=tries(2), phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(features=sets, as_of=later_moments())
def test_an_engine_gives_what_the_stream_serves_for_every_kind_of_feature(
    engine: Engine, many: list[History], lake: Path, features: FeatureSet, as_of: datetime
) -> None:
    assert compare(streamed(many, features, as_of), batch_recompute(lake, as_of, features, engine)) == []


@settings(max_examples=tries(1), phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(steps, min_size=30, max_size=60), rng=st.randoms(use_true_random=False))
def test_an_engine_gives_what_is_served_after_duplicates_merges_and_partings(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[object, ...]], rng: random.Random
) -> None:
    world = World(applied(tmp_path_factory.mktemp("world")))
    for step in steps:
        world.happen(step, rng)
    Member(world.settings, world.log).drain()
    recomputed = batch_recompute(world.settings.lake, world.as_of, LEAD_SCORING, engine)
    world.engine.dispose()
    assert compare(world.served(), recomputed) == []


def test_an_engine_reads_a_delta_table_as_it_is_now(engine: Engine, tmp_path: Path) -> None:
    rows = pa.table({"kind": ["a b", "a b", "c%20d", None], "number": [1, 2, 3, 4]})
    write_deltalake(str(tmp_path), rows, partition_by=["kind"])
    DeltaTable(str(tmp_path)).delete("number = 2")
    write_deltalake(str(tmp_path), rows.slice(2, 1), mode="append")
    with engine.database() as database:
        database.open("stored", tmp_path)
        found = database.ask("SELECT kind, number FROM stored ORDER BY number").to_pylist()
    assert [(row["kind"], row["number"]) for row in found] == [("a b", 1), ("c%20d", 3), ("c%20d", 3), (None, 4)]


def test_a_lake_without_events_has_no_leads(engine: Engine, tmp_path: Path) -> None:
    assert batch_recompute(tmp_path, NOW, LEAD_SCORING, engine) == {}
    EventsTable(tmp_path)
    assert batch_recompute(tmp_path, NOW, LEAD_SCORING, engine) == {}


@pytest.mark.usefixtures("pyspark")
def test_without_java_one_is_told_what_to_install(tmp_path: Path) -> None:
    program = "from features.spark import Spark\nwith Spark('local[1]').database(): pass"
    nowhere = {"JAVA_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | nowhere, capture_output=True, text=True, timeout=120
    )
    assert "SparkMissing: LEADLINE_OFFLINE_ENGINE=local[1]: Spark does not start" in done.stderr
    assert "install it (Debian: openjdk-17-jre-headless)" in done.stderr


def test_without_pyspark_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "features.spark", raising=False)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(SparkMissing, match=r"there is no pyspark here; install leadline\[spark\], or say duckdb"):
        offline_engine("local[2]")
