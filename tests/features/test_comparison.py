"""The monitor says what is wrong with a served vector, and of what is only on its way it says nothing."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from deltalake import write_deltalake
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from features.comparison import Compared, Comparison, Difference, Outcome
from features.definitions import LEAD_SCORING
from features.history import ACCOUNT, LEAD, SCHEMA, read_history
from features.metrics import ParityMetrics
from features.monitor import SUITE, Monitor
from features.online_rows import Fault
from features.rows import LeadRow, decode_lead_row, encode_row
from features.sampling import SYMBOLS, bound
from features.settings import FeaturePaths, history_of
from features.store import OnlineStore
from ingestion.contracts.event import EventType
from ingestion.kafka import Record
from ingestion.lake import table_of
from quality.verdict import Action, Verdict
from tests.conftest import tries
from tests.features.conftest import NOW
from tests.features.members import PARTITIONS, Crash, Member
from tests.features.platforms import applied, overwrite
from tests.features.test_parting import steps
from tests.features.world import AL, COOKIE, CRM, JO, OTHER_COOKIE, USER, World

LATER = NOW + timedelta(hours=1)


class Watched:
    """A world with a feature worker and a monitor of every lead."""

    def __init__(self, home: Path) -> None:
        self.world = World(applied(home))
        self.member = Member(self.world.settings, self.world.log)
        self.online = OnlineStore.open(self.world.settings)
        self.verdicts: list[Verdict] = []
        self.registry = CollectorRegistry()
        self.history = history_of(self.world.settings)
        self.comparison = Comparison(self.world.settings.lake, self.online, LEAD_SCORING, lambda: LATER)
        self.monitor = Monitor(
            self.comparison, ParityMetrics(self.registry), self.verdicts.append, share=1.0, leads_a_round=1000
        )

    def look(self) -> dict[str, Compared]:
        """Those that a round finds not as they should be, by lead."""
        return {each.lead: each for each in self.monitor.round().compared if not each.held}

    def lead(self, claim: object) -> str:
        resolved = self.world.identity.resolve(claim)  # type: ignore[arg-type]
        assert resolved is not None
        return resolved.lead

    def row(self, lead: str) -> LeadRow:
        (row,) = self.online.read([lead])
        assert row is not None
        return row

    def earlier(self, lead: str) -> LeadRow:
        """The row before the one that is served."""
        rows = [each for each in read_history(self.history, LEAD).to_pylist() if each["key"] == lead]
        return decode_lead_row(max(rows[:-1], key=lambda each: each["sequence"])["row"])

    def put(self, lead: str, row: LeadRow) -> None:
        """Put a row online that no worker wrote."""
        overwrite(self.world.settings, lead, row)

    def lose(self, view: str) -> None:
        """The online store forgets every row of a view."""
        path = FeaturePaths.of(self.world.settings).online
        assert path is not None
        with sqlite3.connect(path) as store:
            store.execute(f"DELETE FROM {LEAD_SCORING.service}_{view}")

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Two people of two accounts and one without; one of them had another id before."""
    found = Watched(tmp_path)
    world = found.world
    for _ in range(3):
        world.tell(COOKIE)
    world.tell(COOKIE, USER, type_=EventType.PRODUCT_FEATURE_USED)
    world.tell(CRM, JO, type_=EventType.MEETING_BOOKED)
    world.tell(AL, type_=EventType.EMAIL_CLICKED, days_ago=3)
    world.tell(OTHER_COOKIE, AL)
    found.member.drain()
    world.tell(USER, type_=EventType.PRODUCT_FEATURE_USED)
    found.member.drain()
    yield found
    world.engine.dispose()


def test_what_is_served_as_it_should_be_is_not_told(watched: Watched) -> None:
    assert watched.look() == {}
    assert watched.verdicts[-1].action is Action.PASS
    assert watched.verdicts[-1].rows == len(watched.comparison.sampled(1.0, "", 1000)) >= 4
    assert watched.metric("leadline_parity_leads_total", outcome="held") == watched.verdicts[-1].rows
    assert not watched.monitor.watched


def test_a_wrong_value_is_told_by_feature_with_both_values(watched: Watched) -> None:
    lead = watched.lead(USER)
    watched.put(lead, msgspec.structs.replace(watched.earlier(lead), sequence=watched.row(lead).sequence))
    found = watched.look()
    assert list(found) == [lead]
    assert found[lead].faults == ((LEAD, lead, Fault.ALTERED),)
    assert found[lead].differences == (
        Difference("activity_intensity_28d", 4.0, 5.0),
        Difference("feature_uses_7d", 1.0, 2.0),
        Difference("feature_uses_30d", 1.0, 2.0),
    )
    for feature in ("activity_intensity_28d", "feature_uses_7d", "feature_uses_30d"):
        assert watched.metric("leadline_parity_differing_leads", feature=feature, outcome="mismatch") == 1.0
    assert watched.metric("leadline_parity_faulty_rows", entity="lead", fault="altered") == 1.0
    verdict = watched.verdicts[-1]
    assert (verdict.suite, verdict.action) == (SUITE, Action.WARN)
    assert [(each.column, each.observed) for each in verdict.findings] == [
        (None, "altered"),
        ("activity_intensity_28d", "mismatch"),
        ("feature_uses_30d", "mismatch"),
        ("feature_uses_7d", "mismatch"),
    ]


def test_a_value_that_the_history_has_wrong_as_well_is_found_by_the_recompute(watched: Watched) -> None:
    """A fold that counts wrongly writes the same wrong row everywhere: only the second opinion knows."""
    lead = watched.lead(USER)
    wrong, marks = watched.earlier(lead), watched.row(lead).state.marks
    wrong = msgspec.structs.replace(wrong, sequence=wrong.sequence + 2)
    wrong.state.marks.update(marks)
    (found,) = [each for each in read_history(watched.history, LEAD).to_pylist() if each["key"] == lead][-1:]
    columns = found | {"sequence": wrong.sequence, "row": encode_row(wrong)}
    write_deltalake(
        str(watched.history),
        table_of([tuple(columns[name] for name in SCHEMA.names)], SCHEMA),
        mode="append",
    )
    watched.put(lead, wrong)
    (told,) = watched.look().values()
    assert told.faults == ()
    assert {(each.feature, each.served, each.recomputed) for each in told.differences} == {
        ("activity_intensity_28d", 4.0, 5.0),
        ("feature_uses_7d", 1.0, 2.0),
        ("feature_uses_30d", 1.0, 2.0),
    }


def test_a_source_that_is_served_with_another_newest_event_is_told(watched: Watched) -> None:
    lead = watched.lead(USER)
    right = watched.row(lead)
    (second,) = right.state.sources.values()
    right.state.sources["test"] = second - 1
    watched.put(lead, right)
    assert watched.look()[lead].differences == (Difference("source test", second - 1.0, float(second)),)
    assert watched.verdicts[-1].findings[-1].column == "source test"


def test_a_lost_row_is_told_once_it_cannot_be_on_its_way(watched: Watched) -> None:
    watched.lose("lead_state")
    assert watched.look() == {}
    found = watched.look()
    lead = watched.lead(USER)
    assert found[lead].faults == ((LEAD, lead, Fault.LOST),)
    assert {each.outcome for each in found[lead].differences} == {Outcome.MISSING}
    assert Difference("feature_uses_7d", None, 2.0) in found[lead].differences
    ended = set(found) - {watched.lead(claim) for claim in (USER, CRM, AL)}
    assert ended  # their forwards are lost as well, but they had no features of their own
    assert all(found[lead].differences == () for lead in ended)


def test_a_lost_account_is_told_with_the_features_of_its_people(watched: Watched) -> None:
    watched.lose("account_state")
    watched.look()
    found = watched.look()
    assert set(found) == {watched.lead(CRM), watched.lead(AL)}
    (fault,) = found[watched.lead(AL)].faults
    assert (fault[0], fault[2]) == (ACCOUNT, Fault.LOST)
    assert {each.feature for each in found[watched.lead(AL)].differences} == {
        feature.name for feature in LEAD_SCORING.features if feature.of_account
    }


def test_a_row_that_nobody_recorded_is_told(watched: Watched) -> None:
    lead = watched.lead(USER)
    watched.put(lead, msgspec.structs.replace(watched.earlier(lead), sequence=watched.row(lead).sequence + 1))
    (found,) = watched.look().values()
    assert found.faults == ((LEAD, lead, Fault.UNRECORDED),)
    assert {each.outcome for each in found.differences} == {Outcome.MISMATCH}


def test_an_absorbed_lead_that_is_served_again_is_told(watched: Watched) -> None:
    rows = {row["key"]: row for row in read_history(watched.history, LEAD).to_pylist()}
    ended = next(key for key, row in rows.items() if row["forward"] is not None)
    watched.put(ended, msgspec.structs.replace(watched.row(ended), forward=None))
    found = watched.look()
    assert list(found) == [ended]
    assert {each.outcome for each in found[ended].differences} == {Outcome.EXTRA}


def test_an_older_row_is_told_if_it_stays(watched: Watched) -> None:
    lead = watched.lead(USER)
    before = watched.row(lead)
    watched.world.tell(USER, type_=EventType.MEETING_BOOKED)
    watched.member.drain()
    watched.put(lead, before)
    assert watched.look() == {}
    (found,) = watched.look().values()
    assert found.faults == ((LEAD, lead, Fault.BEHIND),)
    assert Difference("meetings_30d", 0.0, 1.0) in found.differences


def test_what_was_mended_is_gone_from_the_metrics(watched: Watched) -> None:
    lead = watched.lead(USER)
    right = watched.row(lead)
    watched.put(lead, msgspec.structs.replace(watched.earlier(lead), sequence=right.sequence))
    watched.look()
    assert watched.metric("leadline_parity_differing_leads", feature="feature_uses_7d", outcome="mismatch") == 1.0
    assert set(watched.monitor.watched) == {lead}
    watched.put(lead, right)
    assert watched.look() == {}
    assert watched.metric("leadline_parity_differing_leads", feature="feature_uses_7d", outcome="mismatch") == 0.0
    assert watched.verdicts[-1].action is Action.PASS


def test_events_that_the_features_do_not_know_yet_are_no_difference_but_their_age_is_shown(watched: Watched) -> None:
    watched.world.tell(USER, days_ago=20)
    watched.world.tell(CRM, USER)
    assert watched.look() == {}
    age = watched.metric("leadline_parity_behind_seconds")
    assert age is not None
    assert timedelta(minutes=59).total_seconds() < age <= timedelta(hours=1, seconds=1).total_seconds()
    watched.member.drain()
    assert watched.look() == {}
    assert watched.metric("leadline_parity_behind_seconds") == 0.0


def test_where_the_lake_is_behind_the_features_nothing_is_compared_yet(watched: Watched) -> None:
    lake, waiting = watched.world.lake, []

    class Slow:
        def append(self, records: list[Record]) -> int:
            waiting.append(records)
            return 0

    watched.world.lake = Slow()  # type: ignore[assignment]
    watched.world.tell(USER, type_=EventType.MEETING_BOOKED)
    watched.world.tell(AL)
    watched.member.drain()
    assert watched.look() == {}
    assert watched.metric("leadline_parity_waiting_leads") == 2.0
    for records in waiting:
        lake.append(records)
    assert watched.look() == {}
    assert watched.metric("leadline_parity_waiting_leads") == 0.0


@bounds(
    max_examples=tries(6),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.lists(steps, min_size=3, max_size=24), st.randoms(use_true_random=False))
def test_no_history_of_merges_partings_and_crashes_is_a_false_alarm(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[object, ...]], rng: random.Random
) -> None:
    watched = Watched(tmp_path_factory.mktemp("watched"))
    world, crash_at = watched.world, rng.choice(["never", "folded", "history", "online", "sent"])
    calls = iter(range(1_000))

    def crash(point: str) -> None:
        if point == crash_at and next(calls) == 2:
            raise Crash

    # Two workers, so that hand-overs are on their way for a while.
    owned = {partition for partition in range(PARTITIONS) if rng.random() < 0.5}
    shares = [owned, set(range(PARTITIONS)) - owned]
    members = [Member(world.settings, world.log, share, crash_point=crash) for share in shares]
    for step in history:
        world.happen(step, rng)
        if rng.random() < 0.4:
            _work(watched, members, shares, rng.randint(1, 4))
        if rng.random() < 0.3:
            assert watched.look() == {}
    _work(watched, members, shares, 3)
    assert watched.look() == {}
    assert not any(each.waiting for each in watched.monitor.round().compared)
    world.engine.dispose()


def _work(watched: Watched, members: list[Member], shares: list[set[int]], at_once: int) -> None:
    """Work everything off; whoever crashes is replaced at once, as a look's patience is longer than a restart."""
    busy = True
    while busy:
        busy = False
        for number, member in enumerate(members):
            try:
                busy |= member.step(at_once)
            except Crash:
                members[number] = Member(watched.world.settings, watched.world.log, shares[number])
                busy = True


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_a_share_of_ids_lies_below_its_bound(share: float) -> None:
    rng = random.Random(3)
    ids = ["ld_" + "".join(rng.choices(SYMBOLS, k=26)) for _ in range(20_000)]
    below = bound(share)
    assert below is not None
    assert sum(each < below for each in ids) / len(ids) == pytest.approx(share, rel=0.15)
    assert bound(1.0) is None


def test_the_sample_is_gone_through_page_by_page_and_again(watched: Watched) -> None:
    everyone = watched.comparison.sampled(1.0, "", 1000)
    assert len(everyone) == 4
    share = (SYMBOLS.index(everyone[2][3]) * 32 + SYMBOLS.index(everyone[2][4])) / 1024
    assert watched.comparison.sampled(share, "", 1000) == [lead for lead in everyone if lead < (bound(share) or "")]
    metrics = ParityMetrics(CollectorRegistry())
    monitor = Monitor(watched.comparison, metrics, watched.verdicts.append, share=1.0, leads_a_round=2)
    rounds = [[each.lead for each in monitor.round().compared] for _ in range(4)]
    assert rounds == [everyone[:2], everyone[2:], [], everyone[:2]]


def test_an_empty_platform_has_nothing_to_compare(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    assert watched.look() == {}
    watched.world.engine.dispose()
