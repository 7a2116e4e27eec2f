"""What the online store has lost is never taken for what was never there, and comes back; on every backend."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from features.errors import OnlineStoreForgets, OnlineStoreUnavailable, RebuildOvertaken
from features.history import ACCOUNT, LEAD, HistoryRow, HistoryTable
from features.parity import online_features
from features.rebuild import Progress, rebuild
from features.rows import AccountRow, EncodedRow, LeadRow, decode_lead_row, encode_row
from features.settings import FeaturePaths, history_of
from features.state import AccountState, LeadState
from features.store import OnlineStore
from ingestion.settings import PlatformSettings
from tests.conftest import tries, wait_until
from tests.features.conftest import NOW
from tests.features.platforms import applied, overwrite
from tests.redis_process import RedisProcess

_names = itertools.count()
TICK = timedelta(microseconds=1)
PATIENCE = 0.3  # seconds


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path) as running:
        yield running


@pytest.fixture(params=["sqlite", "redis"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> PlatformSettings:
    backend = "sqlite" if request.param == "sqlite" else request.getfixturevalue("redis").address
    return applied(tmp_path, online_store=backend)


@pytest.fixture
def store(platform: PlatformSettings) -> OnlineStore:
    return OnlineStore.open(platform)


def lose_everything(platform: PlatformSettings, request: pytest.FixtureRequest) -> None:
    """The file goes, or FLUSHALL; what is applied anew is empty tables."""
    online = FeaturePaths.of(platform).online
    if online is None:
        request.getfixturevalue("redis").client.flushall()
    else:
        for file in online.parent.glob("online.db*"):
            file.unlink()
        (online.parent / "registry.db").unlink()
    applied(platform.home, online_store=platform.online_store)


def lead(sequence: int, key: str = "ld_1") -> EncodedRow:
    row = LeadRow(LeadState(marks={f"{key}|raw.crm/0": sequence}), NOW + sequence * TICK, sequence, "ac_1")
    return EncodedRow(key, row.known_at, encode_row(row))


def account(sequence: int, key: str = "ac_1", people: int = 0) -> EncodedRow:
    state = AccountState(newest=sequence, people={f"ld_{number:026}": 20_000 for number in range(people)})
    row = AccountRow(state, NOW + sequence * TICK, sequence)
    return EncodedRow(key, row.known_at, encode_row(row))


def sequences(store: OnlineStore, keys: list[str]) -> list[int | None]:
    return [None if row is None else row.sequence for row in store.read(keys)]


def test_a_row_is_written_only_where_it_is_newer(store: OnlineStore) -> None:
    assert store.write([lead(5)]) == 1
    assert store.write_accounts([account(5)]) == 1
    rows = [lead(4), lead(7, "ld_2")]
    assert store.write(rows) == 1
    assert store.write(rows) == 0
    assert store.write_accounts([account(4)]) == 0
    assert store.write_accounts([account(6), account(1, "ac_2")]) == 2
    assert sequences(store, ["ld_1", "ld_2"]) == [5, 7]
    assert [row.sequence for row in store.read_accounts(["ac_1", "ac_2"]) if row] == [6, 1]


MOMENTS = st.datetimes(*(datetime(year, 1, 1) for year in (1970, 2200)), timezones=st.just(UTC))  # noqa: DTZ001
MOMENTS |= MOMENTS.map(lambda moment: moment.replace(microsecond=0))


@settings(max_examples=tries(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=MOMENTS, second=MOMENTS)
@example(NOW.replace(microsecond=0), NOW.replace(microsecond=1))
@example(NOW.replace(microsecond=999_999), NOW.replace(microsecond=0) + timedelta(seconds=1))
@example(NOW, NOW)
def test_which_row_is_newer_is_a_matter_of_microseconds(store: OnlineStore, first: datetime, second: datetime) -> None:
    key, in_order = f"ld_{next(_names)}", sorted({first, second})
    for at, is_newer in ((first, True), (second, second > first)):
        row = LeadRow(LeadState(), at, 1 + in_order.index(at))
        assert store.write([EncodedRow(key, at, encode_row(row))]) == is_newer
    (served,) = store.read([key])
    assert served is not None
    assert served.known_at == max(first, second)


def test_what_is_written_lies_as_feast_would_have_laid_it(platform: PlatformSettings, store: OnlineStore) -> None:
    overwrite(platform, "ld_feasts", decode_lead_row(lead(1, "ld_feasts").encoded))
    store.write([lead(1, "ld_ours")])
    of_feast, ours = online_features(platform, [("ld_feasts", "ac_1"), ("ld_ours", "ac_1")], NOW).values()
    assert of_feast == ours
    assert store.write([lead(1, "ld_feasts"), lead(0, "ld_feasts")]) == 0
    assert store.write([lead(2, "ld_feasts")]) == 1
    assert sequences(store, ["ld_feasts", "ld_ours"]) == [2, 1]


def test_one_batch_may_hold_several_rows_of_a_key(store: OnlineStore) -> None:
    store.write([lead(1), lead(2), lead(1, "ld_2"), lead(3)])
    assert sequences(store, ["ld_1", "ld_2", "ld_1"]) == [3, 1, 3]


def test_a_thousand_writes_to_one_key_beside_two_who_write_its_past_leave_the_last(
    platform: PlatformSettings,
) -> None:
    writes, written, done = tries(1_000), [0], threading.Event()

    def write_the_past(seed: int) -> None:
        rng, mine = random.Random(seed), OnlineStore.open(platform)
        while not done.is_set():
            mine.write([lead(rng.randint(0, written[0]))])

    writer = OnlineStore.open(platform)
    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(write_the_past, seed) for seed in range(2)]
        try:
            for sequence in range(1, writes + 1):
                writer.write([lead(sequence)])
                written[0] = sequence
                assert sequences(writer, ["ld_1"]) == [sequence]
        finally:
            done.set()
        for other in others:
            other.result()
    assert sequences(writer, ["ld_1"]) == [writes]


def test_a_new_store_is_whole_until_it_is_lost(
    platform: PlatformSettings, store: OnlineStore, request: pytest.FixtureRequest
) -> None:
    history = HistoryTable(history_of(platform))
    store.write([lead(1)])
    assert store.is_whole()
    assert store.read(["ld_never"]) == [None]
    history.take_over(0)
    history.append([_history(lead(1), LEAD, 1), _history(account(3), ACCOUNT, 3)], {0: 0}, 1)
    lose_everything(platform, request)
    after = OnlineStore.open(platform)
    assert after.read(["ld_1"]) == [None]
    assert not after.is_whole()
    rebuild(history_of(platform), after)
    assert after.is_whole()
    assert sequences(after, ["ld_1"]) == [1]


def test_a_redis_that_is_lost_again_while_it_is_rebuilt_does_not_pass_for_whole(
    redis: RedisProcess, tmp_path: Path
) -> None:
    platform = applied(tmp_path, online_store=redis.address)
    store = OnlineStore.open(platform)
    history = HistoryTable(history_of(platform))
    history.take_over(0)
    history.append([_history(lead(1), LEAD, 1)], {0: 0}, 1)
    assert not store.set_mark("whole", if_still="what nobody said")

    def lose_it_once(progress: Progress) -> None:
        if progress.read:
            redis.client.flushall()

    with pytest.raises(RebuildOvertaken, match="run this one again"):
        rebuild(history_of(platform), store, lose_it_once)
    assert not store.is_whole()
    rebuild(history_of(platform), store)
    assert store.is_whole()


def test_of_two_who_rebuild_at_once_the_first_gives_way(platform: PlatformSettings, store: OnlineStore) -> None:
    history, path = HistoryTable(history_of(platform)), history_of(platform)
    history.take_over(0)
    history.append([_history(lead(1), LEAD, 1)], {0: 0}, 1)

    def another(progress: Progress) -> None:
        if not progress.read:
            rebuild(path, OnlineStore.open(platform))

    with pytest.raises(RebuildOvertaken):
        rebuild(path, store, another)
    assert store.is_whole(), "the other one went through"


def _history(row: EncodedRow, entity: str, sequence: int) -> HistoryRow:
    return HistoryRow(entity, row.key, None, row.known_at, sequence, row.encoded, None, 0)


@pytest.mark.parametrize("persistence", [(), ("--appendonly", "yes", "--appendfsync", "always")])
def test_a_redis_that_was_started_again_is_not_whole_though_it_may_have_kept_its_rows(
    persistence: tuple[str, ...], tmp_path: Path
) -> None:
    with RedisProcess(tmp_path, *persistence) as redis:
        platform = applied(tmp_path, online_store=redis.address)
        store = OnlineStore.open(platform)
        store.write([lead(1)])
        assert store.is_whole()
        redis.kill()
        redis.start()
        assert sequences(store, ["ld_1"]) == ([1] if persistence else [None])
        assert not store.is_whole(), "how much it kept depends on how it persists, and nobody can tell"
        assert not OnlineStore.open(platform).is_whole()


ASKED: list[Callable[[OnlineStore], object]] = [
    lambda store: store.read(["ld_1"]),
    lambda store: store.read_accounts(["ac_1"]),
    lambda store: store.read_enrichment(["ld_1"]),
    lambda store: store.write([lead(1)]),
    lambda store: store.is_whole(),
    lambda store: store.declare_whole(),
]


def test_a_redis_that_is_silent_is_waited_for_a_bounded_time_and_named(redis: RedisProcess, tmp_path: Path) -> None:
    store = OnlineStore.open(applied(tmp_path, online_store=redis.address), PATIENCE)
    store.write([lead(1)])
    redis.pause()
    try:
        for ask in ASKED:
            began = time.monotonic()
            with pytest.raises(OnlineStoreUnavailable, match="see that it runs"):
                ask(store)
            assert time.monotonic() - began < 3 * PATIENCE + 1
    finally:
        redis.go_on()
    wait_until(lambda: redis.client.ping() is True, "Redis to go on")
    assert sequences(store, ["ld_1"]) == [1]
    assert store.is_whole(), "it only slept"


def test_a_redis_that_is_gone_is_an_error_and_one_that_is_back_is_used_again(
    redis: RedisProcess, tmp_path: Path
) -> None:
    store = OnlineStore.open(applied(tmp_path, online_store=redis.address), PATIENCE)
    redis.kill()
    for ask in ASKED:
        with pytest.raises(OnlineStoreUnavailable):
            ask(store)
    redis.start()
    store.write([lead(2)])
    assert sequences(store, ["ld_1"]) == [2]


def test_a_full_redis_refuses_and_forgets_nobody(redis: RedisProcess, tmp_path: Path) -> None:
    store = OnlineStore.open(applied(tmp_path, online_store=redis.address))
    redis.client.config_set("maxmemory", "4mb")
    written: list[str] = []

    def fill() -> None:
        for number in range(1_000):
            store.write_accounts([account(1, f"ac_{number}", people=1_000)])
            written.append(f"ac_{number}")

    with pytest.raises(OnlineStoreUnavailable, match="maxmemory") as error:
        fill()
    assert "ac_" not in str(error.value), "a row is no part of what is wrong"
    assert len(written) > 10
    assert None not in store.read_accounts(written)
    assert store.is_whole()


def test_a_redis_that_would_drop_leads_is_refused_by_name(redis: RedisProcess, tmp_path: Path) -> None:
    platform = applied(tmp_path, online_store=redis.address)
    redis.client.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(OnlineStoreForgets, match="noeviction"):
        OnlineStore.open(platform).read(["ld_1"])


def test_the_password_of_the_store_is_in_no_error(redis: RedisProcess, tmp_path: Path) -> None:
    platform = applied(tmp_path, online_store=redis.address)
    redis.client.config_set("requirepass", "geheim-4711")
    wrong = platform.model_copy(update={"online_store": f"{redis.address},password=geheim-0815"})
    for tried in (wrong, platform):
        with pytest.raises(OnlineStoreUnavailable) as error:
            OnlineStore.open(tried).read(["ld_1"])
        assert "geheim" not in str(error.value)
