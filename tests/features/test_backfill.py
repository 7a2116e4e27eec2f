"""A feature set that is filled from the lake beside another one: no gap, nothing twice, whatever crashes."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count, groupby

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

import features.backfill
from feature_repo.apply import apply
from features.app import backfill_of, run_features
from features.errors import AlreadyFolded, DefinitionsChanged, NotBackfilled
from features.history import ACCOUNT, LEAD, read_history
from features.rows import decode_account_row, decode_lead_row
from features.settings import history_of
from features.told_in_order import newest_version, told_in_order
from ingestion.contracts.event import Event, LeadMerged, encode_json
from ingestion.errors import Fenced
from ingestion.lake import EventsTable, event_row, forwarding_row
from ingestion.settings import PlatformSettings
from tests.features.conftest import ACCOUNTS, ACME, NOW, STREAMS, History, event_of, histories, merge_of, page
from tests.features.members import Crash, Log, Member, require_sound_history, served
from tests.features.oracle import expected
from tests.features.platforms import NewPlatform
from tests.features.versions import SECOND, beside

SLOW = bounds(
    max_examples=8,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Site:
    """A platform with one set at work, the topic in memory, and its lake."""

    def __init__(self, settings: PlatformSettings, set_name: str = "SECOND") -> None:
        self.settings = settings
        self.second = beside(settings, set_name)
        self.log = Log()
        self.lake = EventsTable(settings.lake)
        self.commits = count(1)
        apply(self.second)

    def publish(self, history: History) -> None:
        """On the topic, and in the lake."""
        self.log.publish(history.records)
        rows = [_row(record) for record in history.records]
        if rows:
            self.lake.append(rows, {"test": next(self.commits)})

    def reached(self) -> dict[int, int]:
        """How far the lake's writer has committed."""
        return {number: len(records) for number, records in enumerate(self.log.partitions)}

    def backfill(self, crash_point: Callable[[str], None] = lambda _: None) -> features.backfill.Progress:
        return backfill_of(self.second, self.reached, crash_point).run()

    def work(self) -> None:
        """Both sets' workers read what is there."""
        for settings in (self.settings, self.second):
            Member(settings, self.log).drain()


def _row(record: Event | LeadMerged) -> tuple[object, ...]:
    body = encode_json(record)
    return event_row(record, body) if isinstance(record, Event) else forwarding_row(record, body)


def imported(history: History) -> History:
    """The same, known when it was received: one raw message after the other, its merges behind its event."""
    raw = list(dict.fromkeys((record.raw.stream, record.raw.offset) for record in history.records))
    place = {each: number for number, each in enumerate(raw)}

    def sent(record: Event | LeadMerged) -> datetime:
        seconds, merged = place[record.raw.stream, record.raw.offset], isinstance(record, LeadMerged)
        return NOW + timedelta(seconds=seconds, milliseconds=merged)  # partitions are merged by it, in some order

    return History(
        tuple(
            msgspec.structs.replace(record, imported=True, receivedtime=sent(record))
            for record in sorted(history.records, key=sent)
        )
    )


def rows_of(settings: PlatformSettings) -> list[tuple[object, ...]]:
    """What the history says of everybody at every moment."""
    found: list[tuple[object, ...]] = []
    for entity, decode in ((LEAD, decode_lead_row), (ACCOUNT, decode_account_row)):
        table = read_history(history_of(settings), entity, ("key", "sequence", "known_at", "account", "row"))
        for row in table.sort_by([("key", "ascending"), ("sequence", "ascending")]).to_pylist():
            found.append((*list(row.values())[:-1], decode(row["row"])))
    return found


@SLOW
@given(history=histories(), cut=st.integers(0, 30), at_once=st.integers(1, 9))
def test_both_versions_serve_what_their_definitions_say_before_and_after_the_backfill(
    new_platform: NewPlatform, history: History, cut: int, at_once: int
) -> None:
    site = Site(new_platform())
    before, after = History(history.records[:cut]), History(history.records[cut:])
    site.publish(before)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features.backfill, "AT_ONCE", at_once)
        site.backfill()
    assert served(site.second) == expected(before, NOW, SECOND)
    site.publish(after)
    site.work()
    assert served(site.settings) == expected(history, NOW)
    assert served(site.second) == expected(history, NOW, SECOND)
    require_sound_history(site.second)


@SLOW
@given(history=histories(), at_once=st.integers(1, 9))
def test_a_backfill_writes_the_rows_that_a_worker_writes_of_imported_history(
    new_platform: NewPlatform, history: History, at_once: int
) -> None:
    site = Site(new_platform(), "SAME")
    site.publish(imported(history))
    Member(site.settings, site.log).drain()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features.backfill, "AT_ONCE", at_once)
        site.backfill()
    assert rows_of(site.second) == rows_of(site.settings)


@SLOW
@given(
    history=histories(),
    crashes=st.lists(st.tuples(st.sampled_from(["history", "online"]), st.integers(1, 4)), max_size=4),
    at_once=st.integers(1, 5),
)
def test_a_backfill_that_crashes_goes_on_where_it_was_and_writes_the_same_rows(
    new_platform: NewPlatform, history: History, crashes: list[tuple[str, int]], at_once: int
) -> None:
    site, other = Site(new_platform()), Site(new_platform())
    for each in (site, other):
        each.publish(history)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features.backfill, "AT_ONCE", at_once)
        other.backfill()
        for point, visits in crashes:
            try:
                site.backfill(_crash_at(point, visits))
            except Crash:
                continue
        site.backfill()
    assert rows_of(site.second) == rows_of(other.second)
    assert served(site.second) == served(other.second) == expected(history, NOW, SECOND)


def _crash_at(point: str, visits: int) -> Callable[[str], None]:
    left = count(visits, -1)

    def crash(here: str) -> None:
        if here == point and next(left) == 1:
            raise Crash

    return crash


def some(first: int = 0, records: int = 6) -> History:
    """Page views of one lead of an account."""
    return History(
        tuple(
            event_of(page(), at=NOW - timedelta(hours=30 - number), lead="ld_2", account=ACME, offset=number)
            for number in range(first, first + records)
        )
    )


def test_what_the_lake_has_read_ahead_of_its_commits_is_counted_once(new_platform: NewPlatform) -> None:
    site = Site(new_platform())
    site.publish(some())
    behind = {partition: offset // 2 for partition, offset in site.reached().items()}
    backfill_of(site.second, lambda: behind).run()
    site.publish(some(6))
    site.work()
    assert served(site.second)["ld_2"] == expected(History((*some().records, *some(6).records)), NOW, SECOND)["ld_2"]


def test_what_was_sent_earlier_is_folded_first_whatever_the_clocks_said(new_platform: NewPlatform) -> None:
    site = Site(new_platform())
    records = some().records
    backwards = History(
        tuple(
            msgspec.structs.replace(record, receivedtime=NOW - timedelta(minutes=number))
            for number, record in enumerate(records)
        )
    )
    site.publish(backwards)
    site.backfill()
    assert served(site.second)["ld_2"]["account_active_people_30d"] == 1.0
    assert served(site.second) == expected(backwards, NOW, SECOND)


@given(rng=st.randoms(use_true_random=False), at_once=st.integers(1, 50))
@SLOW
def test_people_are_told_one_after_another_and_with_whom_they_became(
    new_platform: NewPlatform, rng: random.Random, at_once: int
) -> None:
    alone = [f"ld_alone_{number}" for number in range(20)]
    became = {"ld_0": "ld_1", "ld_1": "ld_2"}  # which is at ACME
    leads = rng.choices([*alone, *became, "ld_2"], k=200)
    records: list[Event | LeadMerged] = [
        event_of(page(), at=NOW, lead=lead, account=ACCOUNTS.get(lead), offset=number)
        for number, lead in enumerate(leads)
    ]
    records += [merge_of(lead, survivor, offset=200 + number) for number, (lead, survivor) in enumerate(became.items())]
    in_time = [
        msgspec.structs.replace(record, receivedtime=NOW + timedelta(seconds=number))
        for number, record in enumerate(records)
    ]
    site = Site(new_platform())
    site.publish(History(tuple(in_time)))
    lake = site.settings.lake
    told = [each for batch in told_in_order(lake, newest_version(lake), after=0, at_once=at_once) for each in batch]
    assert [record.offset for record in told] == list(range(202))
    envelopes = [msgspec.json.decode(record.value) for record in told]
    kin = ["ACME" if (lead := each.get("lead", each.get("absorbed"))) in ACCOUNTS else lead for each in envelopes]
    assert len([who for who, _ in groupby(kin)]) == len(set(kin)), "somebody is told of twice"
    for who in set(kin):
        moments = [each["receivedtime"] for each, of in zip(envelopes, kin, strict=True) if of == who]
        assert moments == sorted(moments)
    rest = [each for batch in told_in_order(lake, newest_version(lake), after=77, at_once=at_once) for each in batch]
    assert rest == told[77:]


def test_a_state_is_handed_over_within_its_own_version_only(new_platform: NewPlatform) -> None:
    site, (crm, product, _) = Site(new_platform()), STREAMS
    site.backfill()
    history = History(
        (
            event_of(page(), at=NOW - timedelta(hours=5), lead="ld_0", stream=product, offset=0),
            merge_of("ld_0", "ld_2", stream=crm, offset=1),
            event_of(page(), at=NOW - timedelta(hours=3), lead="ld_2", account=ACME, stream=crm, offset=1),
        )
    )
    site.publish(history)
    for settings in (site.settings, site.second):
        members = [Member(settings, site.log, {partition}) for partition in range(len(site.log.partitions))]
        for _ in range(3):
            for member in members:
                member.drain()
    assert served(site.settings) == expected(history, NOW)
    assert served(site.second) == expected(history, NOW, SECOND)


def test_a_worker_waits_for_the_backfill_of_its_set(new_platform: NewPlatform) -> None:
    site = Site(new_platform())
    site.publish(some())
    with pytest.raises(Crash):
        site.backfill(_crash_at("online", 1))
    with pytest.raises(NotBackfilled, match=r"lead_scoring_v2 is only half filled: run `leadline features backfill"):
        Member(site.second, site.log)
    assert Member(site.settings, site.log).step(), "the other version's worker goes on"


def test_a_worker_whose_past_is_gone_from_the_topic_says_so(new_platform: NewPlatform) -> None:
    site = Site(new_platform())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Member, "beginning", lambda *_: 7)
        with pytest.raises(NotBackfilled, match="no longer holds what is before offset 7"):
            Member(site.second, site.log)


def test_a_set_that_its_workers_have_filled_is_not_filled_again(new_platform: NewPlatform) -> None:
    site = Site(new_platform())
    site.publish(some())
    site.work()
    with pytest.raises(AlreadyFolded, match="lead_scoring_v2"):
        site.backfill()


def test_a_backfill_that_is_done_has_nothing_to_do(new_platform: NewPlatform) -> None:
    site = Site(new_platform())
    site.publish(some())
    assert site.backfill() == site.backfill() == (6, 6)
    assert len(rows_of(site.second)) == 12


def test_of_two_that_backfill_one_set_one_stops(new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(new_platform())
    site.publish(some())

    monkeypatch.setattr(features.backfill, "AT_ONCE", 2)

    def another(point: str) -> None:
        if point == "online":
            site.backfill()

    with pytest.raises(Fenced):
        site.backfill(another)
    assert served(site.second) == expected(some(), NOW, SECOND)


def test_a_backfill_whose_lake_was_tidied_meanwhile_reads_it_again_and_doubles_nothing(
    new_platform: NewPlatform,
) -> None:
    site = Site(new_platform())
    site.publish(some())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features.backfill, "AT_ONCE", 2)
        with pytest.raises(Crash):
            site.backfill(_crash_at("history", 2))
        patch.setattr(features.backfill, "is_readable", lambda *_: False)
        site.backfill()
    assert served(site.second) == expected(some(), NOW, SECOND)
    require_sound_history(site.second)


def test_definitions_that_changed_under_one_name_are_refused(new_platform: NewPlatform) -> None:
    settings = new_platform()
    with pytest.raises(DefinitionsChanged, match="give the changed set a service of another name"):
        apply(beside(settings, "UNNAMED"))
    with pytest.raises(DefinitionsChanged):
        run_features(beside(settings, "UNNAMED"), threading.Event())
    apply(settings)
