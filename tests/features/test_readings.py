"""Readings of free text are in the history before they are served, and come back from it, online and in training."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from features.errors import OnlineStoreUnavailable
from features.feature_set import SHARED
from features.history import ENRICHMENT, HistoryTable, read_history, readings_beside
from features.readings import Readings
from features.rebuild import rebuild, rebuild_leads
from features.rows import EnrichmentRow, decode_enrichment_row
from features.settings import history_of, open_feast
from features.store import OnlineStore
from ingestion.settings import PlatformSettings
from tests.features.conftest import NOW
from tests.features.platforms import applied
from tests.redis_process import RedisProcess

HOUR = timedelta(hours=1)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path) as running:
        yield running


@pytest.fixture
def platform(redis: RedisProcess, tmp_path: Path) -> PlatformSettings:
    return applied(tmp_path, online_store=redis.address)


def open_readings(platform: PlatformSettings) -> Readings:
    return Readings(OnlineStore.open(platform), HistoryTable(readings_beside(history_of(platform))))


def reading(score: float | None, hours: int = 0, status: str = "fresh") -> EnrichmentRow:
    """That became known so many hours from now."""
    return EnrichmentRow(
        status=status, known_at=NOW + hours * HOUR, read_at=NOW + hours * HOUR, content_hash="c0ffee", score=score
    )


def history(platform: PlatformSettings) -> list[tuple[str, int, float | None]]:
    """Lead, sequence and score of each row, by knowledge time."""
    rows = read_history(readings_beside(history_of(platform)), ENRICHMENT).to_pylist()
    return [(each["key"], each["sequence"], decode_enrichment_row(each["row"]).score) for each in rows]


def test_every_reading_that_was_served_is_in_the_history_in_the_order_it_was_known(platform: PlatformSettings) -> None:
    readings = open_readings(platform)
    readings.write_enrichment({"ld_1": reading(None, status="pending")})
    readings.write_enrichment({"ld_1": reading(40.0), "ld_2": reading(7.0, hours=1)})
    readings.write_enrichment({"ld_1": reading(60.0, hours=-2)})  # of a clock that was set back
    assert history(platform) == [("ld_1", 1, None), ("ld_1", 2, 40.0), ("ld_1", 3, 60.0), ("ld_2", 1, 7.0)]
    first, second = readings.read_enrichment(["ld_1", "ld_2"])
    assert first is not None
    assert (first.score, first.known_at > NOW) == (60.0, True)
    assert second == replace(reading(7.0, hours=1), sequence=1)


def test_readings_that_the_online_store_has_lost_come_back_with_all_else(
    platform: PlatformSettings, redis: RedisProcess
) -> None:
    readings, online = open_readings(platform), OnlineStore.open(platform)
    readings.write_enrichment({"ld_1": reading(40.0), "ld_2": reading(7.0)})
    readings.write_enrichment({"ld_1": reading(60.0, hours=1)})
    before = online.read_enrichment(["ld_1", "ld_2"])
    redis.client.flushall()
    assert open_readings(platform).read_enrichment(["ld_1", "ld_2"]) == before, "the history is believed meanwhile"
    rebuild_leads(history_of(platform), online, ["ld_2"])
    assert online.read_enrichment(["ld_1", "ld_2"]) == [None, before[1]]
    assert rebuild(history_of(platform), online).restored == 1
    assert online.read_enrichment(["ld_1", "ld_2"]) == before
    assert online.is_whole()


def test_a_reading_written_while_the_store_had_forgotten_goes_on_where_the_history_ends(
    platform: PlatformSettings, redis: RedisProcess
) -> None:
    open_readings(platform).write_enrichment({"ld_1": reading(40.0)})
    redis.client.flushall()
    open_readings(platform).write_enrichment({"ld_1": reading(60.0)})
    assert history(platform) == [("ld_1", 1, 40.0), ("ld_1", 2, 60.0)]
    online = OnlineStore.open(platform)
    assert rebuild(history_of(platform), online).restored == 0
    (served,) = online.read_enrichment(["ld_1"])
    assert served is not None
    assert served.score == 60.0


def test_an_online_store_out_of_reach_takes_no_reading_and_loses_none(
    platform: PlatformSettings, redis: RedisProcess
) -> None:
    readings = open_readings(platform)
    readings.write_enrichment({"ld_1": reading(40.0)})
    online = OnlineStore.open(platform)
    held = readings.read_enrichment(["ld_1"])
    redis.kill()
    with pytest.raises(OnlineStoreUnavailable):
        readings.write_enrichment({"ld_1": reading(60.0)})
    redis.start()
    rebuild(history_of(platform), online)
    assert online.read_enrichment(["ld_1"]) == held


def test_training_sees_the_reading_that_was_known_then(platform: PlatformSettings) -> None:
    readings = open_readings(platform)
    readings.write_enrichment({"ld_1": reading(40.0)})
    readings.write_enrichment({"ld_1": reading(60.0, hours=2)})
    asked = pd.DataFrame({"lead": ["ld_1"] * 3, "event_timestamp": [NOW - HOUR, NOW + HOUR, NOW + 3 * HOUR]})
    found = (
        open_feast(platform, project=SHARED)
        .get_historical_features(asked, features=["enrichment:enrichment_row"])
        .to_df()
    )
    rows = [decode_enrichment_row(row).score if isinstance(row, bytes) else None for row in found["enrichment_row"]]
    assert rows == [None, 40.0, 60.0]
