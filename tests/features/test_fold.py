"""States depend on the set of events alone: not on order, batching, replays, hand-overs or trimming."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from features.activity import NOTHING, Kind, facts_of
from features.clock import micros
from features.definitions import LEAD_SCORING
from features.fold import absorb, fold_account, fold_lead, merge_mark, rename_person, trim_account, trim_lead
from features.language.keep import series_of
from features.language.window import Hop
from features.refold import origins, persons, refold_account, refold_lead
from features.state import (
    AccountState,
    LeadState,
    decode_account_state,
    decode_lead_state,
    encode_state,
)
from ingestion.contracts.event import Actor, Event, EventType
from tests.features.conftest import (
    ACCOUNTS,
    ACME,
    NOW,
    SILENT,
    STREAMS,
    History,
    Said,
    event_of,
    histories,
    later_moments,
    merge_of,
    page,
    record,
    reordered,
    said,
    ticket,
)
from tests.features.oracle import Worker, expected


def folded(*events: Event) -> LeadState:
    """One lead's state after these events."""
    state = LeadState()
    for event in events:
        fold_lead(state, event, facts_of(event), LEAD_SCORING.kept)
    return state


@given(histories(), later_moments())
def test_features_are_what_counting_every_event_by_hand_gives(history: History, as_of: datetime) -> None:
    worker = Worker()
    worker.handle(history.records)
    assert worker.served(as_of) == expected(history, as_of)


@given(st.data(), histories())
def test_any_order_across_raw_partitions_gives_the_same_states(data: st.DataObject, history: History) -> None:
    one, other = Worker(), Worker()
    one.handle(history.records)
    other.handle(data.draw(reordered(history)).records)
    served = one.leads.keys() - one.forwards.keys()
    assert {lead: one.leads[lead] for lead in served} == {lead: other.leads[lead] for lead in served}
    assert one.accounts == other.accounts


@given(histories(), st.data())
def test_replaying_from_any_point_changes_nothing(history: History, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(history.records)))
    begin = data.draw(st.integers(0, end))
    once, twice = Worker(), Worker()
    once.handle(history.records)
    twice.handle(history.records[:end])
    twice.handle(history.records[begin:])
    assert (twice.leads, twice.accounts) == (once.leads, once.accounts)


@given(histories(), later_moments())
def test_trimming_never_changes_a_feature(history: History, as_of: datetime) -> None:
    trimming, hoarding = Worker(), Worker(trims=False)
    trimming.handle(history.records)
    hoarding.handle(history.records)
    assert trimming.served(as_of) == hoarding.served(as_of)


@given(histories())
def test_trimming_at_the_end_is_trimming_all_along(history: History) -> None:
    trimming, hoarding = Worker(), Worker(trims=False)
    trimming.handle(history.records)
    hoarding.handle(history.records)
    assert {lead: trim_lead(state, LEAD_SCORING.kept) for lead, state in hoarding.leads.items()} == trimming.leads
    assert {
        account: trim_account(state, LEAD_SCORING.kept) for account, state in hoarding.accounts.items()
    } == trimming.accounts


@given(histories(), st.data())
def test_a_served_state_can_be_folded_again_from_its_marks(history: History, data: st.DataObject) -> None:
    worker = Worker()
    worker.handle(history.records[: data.draw(st.integers(1, len(history.records)))])
    for lead, state in worker.leads.items():
        if lead not in worker.forwards:
            assert refold_lead(history.events, state.marks, LEAD_SCORING) == state
    for account, served in worker.accounts.items():
        person_of = persons(account, history.events, history.merges, served.marks)
        again = refold_account(history.events, served.marks, person_of, LEAD_SCORING)
        again.marks |= {mark: position for mark, position in served.marks.items() if "|merges|" in mark}
        assert again == served


@given(histories())
def test_states_survive_their_encoding(history: History) -> None:
    worker = Worker()
    worker.handle(history.records)
    assert {lead: decode_lead_state(encode_state(state)) for lead, state in worker.leads.items()} == worker.leads
    encoded = {account: encode_state(state) for account, state in worker.accounts.items()}
    assert {account: decode_account_state(row) for account, row in encoded.items()} == worker.accounts


@given(histories())
def test_a_second_hand_over_adds_nothing(history: History) -> None:
    worker = Worker()
    worker.handle(history.records)
    for merge in history.merges:
        survivor = worker.leads[history.final(merge.absorbed)]
        before = encode_state(survivor)
        assert not absorb(survivor, worker.leads[merge.absorbed])
        assert encode_state(survivor) == before


@pytest.mark.parametrize("silent", SILENT, ids=lambda what: f"{what['type']} by {what['actor']}")
def test_bots_tests_our_own_write_backs_and_what_says_nothing_move_no_feature(silent: Said) -> None:
    event = event_of(silent, at=NOW, account=ACME)
    assert not any(facts_of(event))
    lead, account = folded(event), AccountState()
    fold_account(account, event, facts_of(event), event.lead, LEAD_SCORING.kept)
    assert replace(lead, sources={}) == LeadState(marks={"ld_2|raw.crm/0": 0})
    assert account == AccountState(marks={f"{ACME}|raw.crm/0": 0})


@pytest.mark.parametrize("actor", [Actor.STAFF, Actor.AUTOMATION])
@pytest.mark.parametrize("kind", list(EventType))
def test_staff_and_automation_never_engage(kind: EventType, actor: Actor) -> None:
    kinds = facts_of(event_of(said(kind, actor), at=NOW)).kinds
    assert set(kinds) <= {Kind.TICKET, Kind.MEETING, Kind.CALL}


def test_staff_states_facts_without_engaging() -> None:
    features = LEAD_SCORING.features_at(folded(event_of(record(lifecyclestage="opportunity"), at=NOW)), None, NOW)
    assert features["lifecycle_stage"] == 5.0
    assert features["days_since_last_activity"] is None


def test_an_event_at_or_below_its_mark_is_skipped() -> None:
    event = event_of(page(), at=NOW, offset=7)
    state = folded(event)
    assert not fold_lead(state, event, facts_of(event), LEAD_SCORING.kept)
    assert not fold_lead(state, event_of(page(), at=NOW, offset=6), NOTHING, LEAD_SCORING.kept)
    assert fold_lead(state, event_of(page(), at=NOW, offset=6, stream=STREAMS[1]), NOTHING, LEAD_SCORING.kept)


def test_a_late_event_counts_where_it_happened_and_takes_nothing_back() -> None:
    newer = event_of(record(lifecyclestage="opportunity"), at=NOW, offset=1)
    visit = event_of(page(), at=NOW, offset=2)
    late = event_of(page(), at=NOW - timedelta(days=6), offset=3)
    later = event_of(record(lifecyclestage="lead"), at=NOW - timedelta(days=6), offset=4)
    before, after = folded(newer, visit), folded(newer, visit, late, later)
    assert LEAD_SCORING.features_at(before, None, NOW)["page_views_7d"] == 1.0
    assert LEAD_SCORING.features_at(after, None, NOW)["page_views_7d"] == 2.0
    assert LEAD_SCORING.features_at(after, None, NOW + timedelta(days=2))["page_views_7d"] == 1.0
    assert LEAD_SCORING.features_at(after, None, NOW)["lifecycle_stage"] == 5.0
    assert LEAD_SCORING.features_at(after, None, NOW)["days_since_last_activity"] == 0.0
    assert after.newest == before.newest == micros(NOW)


def test_a_late_event_never_changes_a_row_served_before() -> None:
    first = folded(event_of(page(), at=NOW, offset=1))
    served = encode_state(first)
    late = event_of(page(), at=NOW - timedelta(days=1), offset=2)
    fold_lead(first, late, facts_of(late), LEAD_SCORING.kept)
    assert LEAD_SCORING.features_at(decode_lead_state(served), None, NOW)["page_views_7d"] == 1.0


def test_an_event_beyond_every_horizon_counts_only_for_ever() -> None:
    form = said(EventType.LEAD_FORM_SUBMITTED)
    visit, form_ = event_of(page(), at=NOW, offset=1), event_of(form, at=NOW - timedelta(days=60), offset=2)
    state = trim_lead(folded(visit, form_), LEAD_SCORING.kept)
    features = LEAD_SCORING.features_at(state, None, NOW)
    assert features["form_submissions_ever"] == 1.0
    assert features["form_submissions_30d"] == 0.0
    assert series_of(Kind.FORM, Hop.EVER) in state.sums
    assert series_of(Kind.FORM, Hop.DAY) not in state.sums


def test_an_old_priority_is_forgotten_by_reading_as_by_trimming() -> None:
    urgent = event_of(ticket(EventType.TICKET_CREATED, "t1", priority="urgent"), at=NOW, offset=1)
    reopened = event_of(ticket(EventType.TICKET_CHANGED, "t1", status="open"), at=NOW + timedelta(days=50), offset=2)
    visit = event_of(page(), at=NOW + timedelta(days=91), offset=3)
    state = folded(urgent, reopened, visit)
    as_of = NOW + timedelta(days=91)
    untrimmed = LEAD_SCORING.features_at(state, None, as_of)
    assert untrimmed["open_tickets"] == 1.0
    assert untrimmed["worst_ticket_priority"] == 0.0
    assert LEAD_SCORING.features_at(trim_lead(state, LEAD_SCORING.kept), None, as_of) == untrimmed


def test_an_account_counts_an_absorbed_lead_and_its_survivor_as_one() -> None:
    account = AccountState()
    for offset, lead in enumerate(("ld_2", "ld_3")):
        event = event_of(page(), at=NOW, lead=lead, account=ACME, offset=offset)
        fold_account(account, event, facts_of(event), lead, LEAD_SCORING.kept)
    assert LEAD_SCORING.features_at(None, account, NOW)["account_active_people_30d"] == 2.0
    merge = merge_of("ld_2", "ld_3", offset=2)
    assert rename_person(account, ACME, merge)
    assert not rename_person(account, ACME, merge)
    assert LEAD_SCORING.features_at(None, account, NOW)["account_active_people_30d"] == 1.0
    assert account.marks[merge_mark(ACME, merge)] == merge.position


def test_an_account_row_served_before_a_merge_is_folded_again_without_it() -> None:
    events = [event_of(page(), at=NOW, lead=lead, account=ACME, offset=n) for n, lead in enumerate(("ld_2", "ld_3"))]
    merge = merge_of("ld_2", "ld_3", offset=2)
    for heard, people in ((False, {"ld_2", "ld_3"}), (True, {"ld_3"})):
        account = AccountState()
        for event in events:
            fold_account(account, event, facts_of(event), event.lead, LEAD_SCORING.kept)
        if heard:
            rename_person(account, ACME, merge)
        person_of = persons(ACME, events, [merge], account.marks)
        assert (
            set(refold_account(events, account.marks, person_of, LEAD_SCORING).people) == people == set(account.people)
        )


def test_an_account_does_not_hear_of_another_accounts_merges() -> None:
    events = [event_of(page(), at=NOW, lead=lead, account=ACCOUNTS[lead], offset=0) for lead in ("ld_2", "ld_4")]
    merges = [merge_of("ld_2", "ld_4", offset=1), merge_of("ld_4", "ld_6", offset=2)]
    marks = {merge_mark(ACME, merges[1]): merges[1].position}
    assert persons(ACME, events, merges, marks)(events[0]) == "ld_4"


def test_origins_are_a_lead_and_all_it_absorbed() -> None:
    survivor = folded(event_of(page(), at=NOW, lead="ld_3"), event_of(page(), at=NOW, lead="ld_3", stream=STREAMS[2]))
    absorb(survivor, folded(event_of(page(), at=NOW, lead="ld_1")))
    assert origins(survivor.marks) == ["ld_1", "ld_3"]
