"""The feature worker: the same features whatever crashes, replays or splits the work, and one history row for each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from features.app import features_group
from features.definitions import LEAD_SCORING
from features.gate import FeatureGate
from features.history import ACCOUNT, LEAD, HistoryTable, read_history
from features.metrics import FeatureMetrics
from features.parting import HeldInLake
from features.settings import history_of
from features.store import OnlineStore
from features.worker import FeatureWorker
from ingestion.contracts.event import Event, RecordKind
from ingestion.contracts.raw import ALERTS_TOPIC, CHANGES_TOPIC, EVENTS_TOPIC
from ingestion.errors import Fenced
from ingestion.kafka import AlignedConsumer, DurableProducer, Lags, create_topics, group_lag, partition_for
from ingestion.settings import PlatformSettings
from tests.conftest import wait_until
from tests.features.conftest import ACME, GLOBEX, NOW, STREAMS, History, event_of, histories, merge_of, page, record
from tests.features.members import PARTITIONS, Crash, Log, Member, drain_all, require_sound_history, served
from tests.features.oracle import expected
from tests.features.platforms import NewPlatform, applied

POINTS = ("folded", "history", "online", "sent")
# An example makes stores on disk: a few of them, and no hunt for the smallest one that fails.
SLOW = bounds(
    max_examples=10,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def platform(new_platform: NewPlatform) -> PlatformSettings:
    return new_platform()


def crash_once_at(point: str, *, after: int = 0) -> Callable[[str], None]:
    """Ends the process the first time it comes to `point` after so many other times."""
    passed = count()

    def crash(here: str) -> None:
        if here == point and next(passed) == after:
            raise Crash

    return crash


def merging() -> History:
    """Two people of two accounts and one without become one, while all of them go on acting."""
    crm, product, other = STREAMS
    return History(
        (
            event_of(page(), at=NOW - timedelta(hours=5), lead="ld_0", stream=product, offset=0),
            event_of(page("/pricing"), at=NOW - timedelta(hours=4), lead="ld_3", account=ACME, stream=other, offset=0),
            event_of(record(lifecyclestage="lead"), at=NOW, lead="ld_3", account=ACME, stream=crm, offset=0),
            merge_of("ld_0", "ld_3", stream=crm, offset=1),
            event_of(page(), at=NOW - timedelta(hours=3), lead="ld_3", account=ACME, stream=crm, offset=1),
            event_of(page(), at=NOW - timedelta(hours=2), lead="ld_4", account=GLOBEX, stream=product, offset=1),
            merge_of("ld_3", "ld_4", stream=crm, offset=2),
            event_of(page(), at=NOW - timedelta(hours=1), lead="ld_4", account=GLOBEX, stream=crm, offset=2),
        )
    )


@pytest.mark.parametrize("at_once", [1, 3, 100])
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_anywhere_changes_no_served_feature_and_doubles_no_row(
    point: str, at_once: int, platform: PlatformSettings
) -> None:
    log, history = Log(), merging()
    log.publish(history.records)
    for after in range(3):
        crashing = Member(platform, log, crash_point=crash_once_at(point, after=after))
        try:
            crashing.drain(at_once)
        except Crash:
            continue
    Member(platform, log).drain(at_once)
    assert served(platform) == expected(history, NOW)
    require_sound_history(platform)


@SLOW
@given(history=histories(), points=st.lists(st.sampled_from(POINTS), max_size=5), at_once=st.integers(1, 9))
def test_any_history_survives_any_crashes(
    new_platform: NewPlatform, history: History, points: list[str], at_once: int
) -> None:
    platform, log = new_platform(), Log()
    log.publish(history.records)
    for after, point in enumerate(points):
        try:
            Member(platform, log, crash_point=crash_once_at(point, after=after)).drain(at_once)
        except Crash:
            continue
    Member(platform, log).drain(at_once)
    assert served(platform) == expected(history, NOW)
    require_sound_history(platform)


@SLOW
@given(
    history=histories(),
    mine=st.sets(st.integers(0, PARTITIONS - 1)),
    at_once=st.integers(1, 9),
    crash=st.none() | st.tuples(st.sampled_from(POINTS), st.integers(0, 4)),
)
def test_two_workers_serve_what_one_that_owns_everything_serves(
    new_platform: NewPlatform, history: History, mine: set[int], at_once: int, crash: tuple[str, int] | None
) -> None:
    platform, log = new_platform(), Log()
    log.publish(history.records)
    theirs = set(range(PARTITIONS)) - mine
    crash_point = crash_once_at(crash[0], after=crash[1]) if crash else lambda _: None
    first, second = Member(platform, log, mine, crash_point=crash_point), Member(platform, log, theirs)
    try:
        drain_all([first, second], at_once)
    except Crash:
        drain_all([Member(platform, log, mine), second], at_once)
    assert served(platform) == expected(history, NOW)
    require_sound_history(platform)


def test_a_merge_between_two_workers_hands_the_state_over(platform: PlatformSettings) -> None:
    log, history = Log(), merging()
    log.publish(history.records)
    home = {partition_for("ld_0", PARTITIONS)}
    assert partition_for(ACME, PARTITIONS) not in home
    drain_all([Member(platform, log, home), Member(platform, log, set(range(PARTITIONS)) - home)], at_once=2)
    assert log.count(RecordKind.HANDOVER) == 1  # the second merge stays within one worker
    assert served(platform) == expected(history, NOW)
    assert served(platform)["ld_4"]["page_views_7d"] == 5.0


@pytest.mark.parametrize("split", [False, True])
def test_stragglers_follow_the_forward(split: bool, platform: PlatformSettings) -> None:
    log = Log()
    log.publish(merging().records)
    home = {partition_for("ld_0", PARTITIONS)}
    others = set(range(PARTITIONS)) - home
    members = [Member(platform, log, home), Member(platform, log, others)] if split else [Member(platform, log)]
    drain_all(members)
    before = served(platform)["ld_4"]["page_views_7d"]
    # Ingestion keeps the id that it first gave: a replay of another raw partition may come late under the old one.
    log.publish([event_of(page(), at=NOW, lead="ld_0", stream=STREAMS[2], offset=9)])
    drain_all(members)
    assert log.count(RecordKind.FORWARD) == split
    assert list(served(platform)) == ["ld_4"]
    assert served(platform)["ld_4"]["page_views_7d"] == (before or 0.0) + 1


@SLOW
@given(history=histories(), at_once=st.integers(1, 9))
def test_replays_of_the_same_records_change_nothing(new_platform: NewPlatform, history: History, at_once: int) -> None:
    platform, log = new_platform(), Log()
    log.publish(history.records)
    member = Member(platform, log)
    member.drain(at_once)
    before, rows = served(platform), _rows(platform)
    log.publish(history.records)  # ingestion sends again what it is not sure to have sent
    member.drain(at_once + 1)
    assert served(platform) == before
    assert _rows(platform) == rows


def _rows(platform: PlatformSettings) -> list[dict[str, object]]:
    columns = ("entity", "key", "sequence", "known_at", "row")
    return [
        row for entity in (LEAD, ACCOUNT) for row in read_history(history_of(platform), entity, columns).to_pylist()
    ]


def test_a_worker_that_takes_a_partition_over_fences_the_one_that_had_it(platform: PlatformSettings) -> None:
    log = Log()
    first = Member(platform, log)
    log.publish([event_of(page(), at=NOW, lead="ld_0", offset=0)])
    first.drain()
    second = Member(platform, log)
    log.publish([event_of(page(), at=NOW, lead="ld_0", offset=1)])
    second.drain()
    with pytest.raises(Fenced, match="another feature worker owns the partition"):
        first.step()
    assert served(platform)["ld_0"]["page_views_7d"] == 2.0
    require_sound_history(platform)


@pytest.mark.parametrize("point", ["history", "online"])
def test_a_worker_that_wakes_up_behind_its_commit_serves_nothing_that_is_old(
    point: str, platform: PlatformSettings
) -> None:
    log, asleep = Log(), [True]
    log.publish([event_of(page(), at=NOW, lead="ld_2", account=ACME)])

    def taken_for_dead(now_at: str) -> None:
        if now_at == point and asleep.pop():
            log.publish([event_of(page(), at=NOW, lead="ld_2", account=ACME, offset=1)])
            Member(platform, log).drain()

    Member(platform, log, crash_point=taken_for_dead).step()
    require_sound_history(platform)
    assert served(platform)["ld_2"]["page_views_7d"] == 2.0


def test_a_worker_may_not_write_for_partitions_it_was_not_given_or_gave_away(platform: PlatformSettings) -> None:
    log = Log()
    log.publish([event_of(page(), at=NOW, lead="ld_0", offset=0)])
    partition = partition_for("ld_0", PARTITIONS)
    member = Member(platform, log)
    member.worker.revoked([(EVENTS_TOPIC, partition)])
    with pytest.raises(Fenced):
        member.step()
    assert served(platform) == {}


def test_a_partition_that_moves_to_and_fro_keeps_its_features(platform: PlatformSettings) -> None:
    log = Log()
    partition = partition_for("ld_0", PARTITIONS)
    others = set(range(PARTITIONS)) - {partition}
    pair = Member(platform, log), Member(platform, log, others)
    for number in range(6):
        log.publish([event_of(page(), at=NOW, lead="ld_0", offset=number)])
        holder, other = pair[number % 2], pair[1 - number % 2]
        if number:
            other.worker.revoked([(EVENTS_TOPIC, partition)])
            holder.assign([partition])
        holder.worker.handle(log.partitions[partition][number:])
    assert served(platform)["ld_0"]["page_views_7d"] == 6.0
    require_sound_history(platform)


# Knowledge time


def lead_rows(platform: PlatformSettings, lead: str = "ld_0") -> list[datetime]:
    """When each row of the lead became known."""
    rows = read_history(history_of(platform), LEAD, ("key", "sequence", "known_at")).to_pylist()
    return [row["known_at"] for row in sorted(rows, key=lambda row: row["sequence"]) if row["key"] == lead]


def seen(number: int, received: datetime, *, imported: bool, lead: str = "ld_0", account: str | None = None) -> Event:
    """A page view that was received then."""
    event = event_of(page(), at=received, lead=lead, account=account, offset=number)
    return msgspec.structs.replace(event, receivedtime=received, imported=imported)


def test_imported_events_get_a_row_each_known_when_they_were_received(platform: PlatformSettings) -> None:
    log, received = Log(), [NOW - timedelta(days=30 - day) for day in range(5)]
    log.publish(seen(number, at, imported=True, account=ACME, lead="ld_2") for number, at in enumerate(received))
    Member(platform, log).drain()
    assert lead_rows(platform, "ld_2") == received
    of_account = read_history(history_of(platform), ACCOUNT, ("known_at",))["known_at"].to_pylist()
    assert of_account == received
    assert [change.imported for change in log.changes] == [True]


def test_live_events_get_one_row_for_each_batch(platform: PlatformSettings) -> None:
    log = Log()
    log.publish(seen(number, NOW - timedelta(seconds=9 - number), imported=False) for number in range(6))
    Member(platform, log).drain(at_once=3)
    assert lead_rows(platform) == [NOW, NOW + timedelta(microseconds=1)]
    assert served(platform)["ld_0"]["page_views_7d"] == 6.0
    assert [change.imported for change in log.changes] == [False, False]


def test_no_row_is_known_before_its_events_were_received_even_if_this_clock_is_behind(
    platform: PlatformSettings,
) -> None:
    log, ahead = Log(), NOW + timedelta(minutes=3)
    log.publish([seen(0, ahead, imported=False)])
    Member(platform, log).drain()
    assert lead_rows(platform) == [ahead]


@pytest.mark.parametrize("imported_first", [True, False])
def test_an_imported_event_beside_a_live_one_never_claims_an_earlier_time(
    imported_first: bool, platform: PlatformSettings
) -> None:
    log, old = Log(), NOW - timedelta(days=40)
    arrivals = [(old, True), (NOW, False)] if imported_first else [(NOW, False), (old, True)]
    log.publish(seen(number, received, imported=imported) for number, (received, imported) in enumerate(arrivals))
    # In one batch as they were sent: the order of timestamps would put the imported one first.
    Member(platform, log).worker.handle(log.partitions[partition_for("ld_0", PARTITIONS)])
    assert lead_rows(platform) == ([old, NOW] if imported_first else [NOW])
    assert served(platform)["ld_0"]["active_days_14d"] == 1.0
    require_sound_history(platform)


@SLOW
@given(
    arrivals=st.lists(
        st.tuples(st.sampled_from(["ld_0", "ld_2", "ld_3"]), st.integers(-5, 5), st.booleans()), min_size=1, max_size=12
    ),
    at_once=st.integers(1, 5),
)
def test_knowledge_time_grows_strictly_and_no_row_is_known_before_what_it_holds(
    new_platform: NewPlatform, arrivals: list[tuple[str, int, bool]], at_once: int
) -> None:
    platform, log = new_platform(), Log()
    accounts = {"ld_0": None, "ld_2": ACME, "ld_3": ACME}
    events = [
        seen(number, NOW + timedelta(seconds=seconds), imported=imported, lead=lead, account=accounts[lead])
        for number, (lead, seconds, imported) in enumerate(arrivals)
    ]
    log.publish(events)
    Member(platform, log).drain(at_once)
    require_sound_history(platform)
    received = {event.raw.position: event.receivedtime for event in events}
    online = OnlineStore.open(platform)
    for row in online.read(list(accounts)):
        for mark, position in row.state.marks.items() if row else ():
            assert row is not None
            assert row.known_at >= received[position], mark


# On a real broker


@pytest.fixture
def broker(empty_kafka: str) -> str:
    create_topics(empty_kafka, {EVENTS_TOPIC: PARTITIONS, CHANGES_TOPIC: 1, ALERTS_TOPIC: 1})
    return empty_kafka


def publish(bootstrap: str, history: History) -> None:
    """The history on the real topic, as a log in memory would hold it."""
    log, producer = Log(), DurableProducer(bootstrap)
    log.publish(history.records)
    for each in (each for partition in log.partitions for each in partition):
        producer.send(
            EVENTS_TOPIC,
            partition=each.partition,
            key=each.key,
            value=each.value,
            headers=each.headers,
            timestamp_ms=1 + each.offset,  # the tests' present may be the broker's future, which it refuses
        )
    producer.flush()
    producer.close()


class Stage:
    """One worker on the real broker at a time, or several in threads."""

    def __init__(self, settings: PlatformSettings, crash_point: Callable[[str], None] = lambda _: None) -> None:
        bootstrap = settings.kafka_bootstrap_servers
        self._bootstrap, self._group = bootstrap, features_group(settings)
        self.producer = DurableProducer(bootstrap)
        self.worker = FeatureWorker(
            self.producer,
            OnlineStore.open(settings),
            HistoryTable(history_of(settings)),
            LEAD_SCORING,
            FeatureGate(LEAD_SCORING, lambda _: None, lambda: datetime.now(UTC)),
            FeatureMetrics(CollectorRegistry()),
            HeldInLake(settings.lake),
            partitions=PARTITIONS,
            crash_point=crash_point,
        )
        self.consumer: AlignedConsumer = AlignedConsumer(
            bootstrap,
            self._group,
            [EVENTS_TOPIC],
            on_assigned=lambda partitions: self.worker.assigned(partitions, self.consumer),
            on_revoked=self.worker.revoked,
        )

    def work(self, is_done: Callable[[], bool]) -> None:
        """Poll, handle and commit until done, or until it crashes."""
        try:
            while not is_done():
                records = self.consumer.poll(3, 0.2)
                if records:
                    self.worker.handle(records)
                    self.consumer.commit({(each.topic, each.partition): each.offset + 1 for each in records})
        finally:
            self.consumer.close()
            self.producer.close()

    def has_read_everything(self) -> bool:
        """Whether nothing is left for anybody of the group."""
        return bool(self.consumer.assignment) and group_lag(self._bootstrap, self._group, [EVENTS_TOPIC]) == 0


def test_crashes_on_a_real_broker_change_nothing(broker: str, tmp_path: Path) -> None:
    platform, history = applied(tmp_path, bootstrap=broker), merging()
    for number, point in enumerate(POINTS):
        publish(broker, History(history.records[2 * number : 2 * number + 2]))
        stage = Stage(platform, crash_once_at(point))
        with pytest.raises(Crash):
            stage.work(stage.has_read_everything)
    stage = Stage(platform)
    stage.work(stage.has_read_everything)
    assert served(platform) == expected(history, NOW)
    require_sound_history(platform)


def test_two_workers_of_one_group_on_a_real_broker_serve_what_one_would(broker: str, tmp_path: Path) -> None:
    platform, history = applied(tmp_path, bootstrap=broker), merging()
    stages, stop = [Stage(platform), Stage(platform)], threading.Event()
    failures: list[Exception] = []

    def run(stage: Stage) -> None:
        try:
            stage.work(stop.is_set)
        except Exception as error:  # noqa: BLE001  # shown below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(stage,)) for stage in stages]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: [len(stage.consumer.assignment) for stage in stages] == [2, 2], "both to have partitions")
        publish(broker, history)
        lag = Lags(broker)
        wait_until(
            lambda: bool(failures) or lag.of(features_group(platform), [EVENTS_TOPIC]) == 0, "everything to be read"
        )
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert served(platform) == expected(history, NOW)
    require_sound_history(platform)
