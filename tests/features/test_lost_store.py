"""The online store is lost under the workers' feet: no lead begins anew, and what is served is the history again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from features.errors import OnlineStoreUnavailable
from features.history import count_history
from features.rebuild import Progress, keep_whole, rebuild, rebuild_leads
from features.settings import history_of
from features.store import OnlineStore
from ingestion.settings import PlatformSettings
from tests.conftest import tries, wait_until
from tests.features.conftest import ACCOUNTS, LEADS, NOW, History, event_of, histories, page
from tests.features.members import Log, Member, require_sound_history, served
from tests.features.oracle import expected
from tests.features.platforms import applied
from tests.redis_process import RedisProcess

ALL = bounds(
    max_examples=tries(10),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path) as running:
        yield running


def new_platform(redis: RedisProcess, folder: Path) -> PlatformSettings:
    redis.client.flushall()
    return applied(folder / str(len(list(folder.iterdir()))), online_store=redis.address)


@ALL
@given(history=histories(), data=st.data())
def test_whenever_the_store_is_lost_the_features_end_as_if_it_had_not_been(
    redis: RedisProcess, tmp_path: Path, history: History, data: st.DataObject
) -> None:
    """Emptied or killed before any micro-batch, under a worker with a full memory or one that has just started."""
    platform, log = new_platform(redis, tmp_path), Log()
    log.publish(history.records)
    member = Member(platform, log)
    while member.step(at_once=data.draw(st.integers(1, 5))):
        match data.draw(st.sampled_from(("nothing", "emptied", "killed"))):
            case "emptied":
                redis.client.flushall()
            case "killed":
                redis.kill()
                redis.start()
        if data.draw(st.booleans()):
            member = Member(platform, log)
        if data.draw(st.booleans()):
            rebuild(history_of(platform), OnlineStore.open(platform))
    rebuild(history_of(platform), OnlineStore.open(platform))
    assert served(platform) == expected(history, NOW)
    require_sound_history(platform)


@ALL
@given(history=histories())
def test_a_rebuild_serves_the_newest_row_of_every_key_and_then_has_nothing_to_do(
    redis: RedisProcess, tmp_path: Path, history: History
) -> None:
    platform, log = new_platform(redis, tmp_path), Log()
    log.publish(history.records)
    Member(platform, log).drain(at_once=3)
    before, path = served(platform), history_of(platform)
    redis.client.flushall()
    seen: list[Progress] = []
    online = OnlineStore.open(platform)
    rebuild(path, online, seen.append)
    assert online.is_whole()
    assert served(platform) == before
    require_sound_history(platform)
    total = count_history(path)
    assert (seen[0], seen[-1].read) == (Progress(total), total)
    assert rebuild(path, online) == Progress(total, total, 0)


def test_single_leads_come_back_with_their_accounts_and_leave_the_store_not_whole(
    redis: RedisProcess, tmp_path: Path
) -> None:
    platform, log = new_platform(redis, tmp_path), Log()
    log.publish(_one_of_each().records)
    Member(platform, log).drain()
    before = served(platform)
    redis.client.flushall()
    online = OnlineStore.open(platform)
    rebuild_leads(history_of(platform), online, ["ld_2", "ld_unknown"])
    assert served(platform) == {"ld_2": before["ld_2"]}
    assert not online.is_whole()
    assert rebuild_leads(history_of(platform), online, ["ld_unknown"]) == Progress(0, 0, 0)


def test_a_store_that_is_emptied_or_killed_mends_itself_beside_the_workers(redis: RedisProcess, tmp_path: Path) -> None:
    platform, log = new_platform(redis, tmp_path), Log()
    log.publish(_one_of_each().records)
    Member(platform, log).drain()
    before, online, stop = served(platform), OnlineStore.open(platform), Event()
    online.set_mark("rebuilding somebody who died of it 2000")
    menders = [
        Thread(target=keep_whole, args=(history_of(platform), OnlineStore.open(platform), stop, 0.05)) for _ in range(2)
    ]
    for mender in menders:
        mender.start()
    for lose in (lambda: None, redis.client.flushall, redis.kill):
        lose()
        if lose == redis.kill:
            redis.start()
        wait_until(online.is_whole, "the store to be whole again")
        assert served(platform) == before
    stop.set()
    for mender in menders:
        mender.join()


def test_a_worker_that_has_no_answer_from_the_store_stops_before_it_folds_upon_nothing(
    redis: RedisProcess, tmp_path: Path
) -> None:
    platform, log = new_platform(redis, tmp_path), Log()
    log.publish(_one_of_each().records)
    Member(platform, log).drain()
    before = served(platform)
    redis.kill()
    with pytest.raises(OnlineStoreUnavailable, match="no answer"):
        Member(platform, log)
    redis.start()
    Member(platform, log).drain()
    rebuild(history_of(platform), OnlineStore.open(platform))
    assert served(platform) == before
    require_sound_history(platform)


def _one_of_each() -> History:
    return History(
        tuple(
            event_of(page(), at=NOW - timedelta(hours=number), lead=lead, account=ACCOUNTS[lead], offset=number)
            for number, lead in enumerate(LEADS)
        )
    )
