"""What each feature means: window edges to the microsecond, missing values, ranges, the hash."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given

from features import vocabulary
from features.activity import Kind
from features.definitions import LEAD_SCORING
from features.fold import fold_account, fold_lead
from features.language import Act, Count
from features.language.window import Hop
from features.state import AccountState, LeadState
from ingestion.contracts.event import Actor, Consent, Event, EventType, ObjectRef
from tests.features.conftest import (
    ACME,
    NOW,
    History,
    Said,
    deal,
    event_of,
    histories,
    later_moments,
    page,
    record,
    said,
    ticket,
)
from tests.features.oracle import Worker

TICK = timedelta(microseconds=1)
THIS_HOUR = NOW.replace(minute=0, second=0)
TODAY = NOW.replace(hour=0, minute=0, second=0)

ACTS: dict[Kind | Act, Said] = {
    Kind.ACTIVE: said(EventType.CHAT_MESSAGE),
    Kind.PAGE_VIEW: page(),
    Kind.PRICING_VISIT: page("/pricing"),
    Kind.DOWNLOAD: said(EventType.WEB_CONTENT_DOWNLOADED),
    Kind.EMAIL_OPEN: said(EventType.EMAIL_OPENED),
    Kind.EMAIL_CLICK: said(EventType.EMAIL_CLICKED),
    Kind.FORM: said(EventType.LEAD_FORM_SUBMITTED),
    Kind.SESSION: said(EventType.PRODUCT_SESSION_STARTED),
    Kind.FEATURE_USE: said(EventType.PRODUCT_FEATURE_USED),
    Kind.TICKET: said(EventType.TICKET_CREATED),
    Kind.MEETING: said(EventType.MEETING_BOOKED),
    Kind.CALL: said(EventType.CALL_LOGGED),
    Act(EventType.EMAIL_BOUNCED, actors=(Actor.AUTOMATION, Actor.USER)): said(EventType.EMAIL_BOUNCED),
}
COUNTS = [
    (each.name, each.expression)
    for each in LEAD_SCORING.features
    if isinstance(each.expression, Count) and not each.of_account
]
HOURLY = [(name, count) for name, count in COUNTS if count.window.hop is Hop.HOUR]
DAILY = [(name, count) for name, count in COUNTS if count.window.hop is Hop.DAY]


def read(name: str, *events: Event, as_of: datetime = NOW) -> float | None:
    """A feature of one lead, and of its account where the events have one."""
    lead, account = LeadState(), AccountState()
    for event in events:
        fold_lead(lead, event, LEAD_SCORING.facts_of(event), LEAD_SCORING.kept)
        if event.account is not None:
            fold_account(account, event, LEAD_SCORING.facts_of(event), event.lead, LEAD_SCORING.kept)
    return LEAD_SCORING.features_at(lead, account if account.marks else None, as_of)[name]


@pytest.mark.parametrize(("name", "count"), HOURLY)
def test_an_hourly_window_begins_with_a_whole_hour(name: str, count: Count) -> None:
    begin = THIS_HOUR - timedelta(days=count.days or 0)
    assert read(name, event_of(ACTS[count.act], at=begin)) == 1.0
    assert read(name, event_of(ACTS[count.act], at=begin - TICK)) == 0.0


@pytest.mark.parametrize(("name", "count"), HOURLY)
def test_an_hourly_window_moves_on_the_hour(name: str, count: Count) -> None:
    event = event_of(ACTS[count.act], at=THIS_HOUR)
    leaves = THIS_HOUR + timedelta(days=count.days or 0, hours=1)
    assert read(name, event, as_of=leaves - TICK) == 1.0
    assert read(name, event, as_of=leaves) == 0.0


@pytest.mark.parametrize(("name", "count"), DAILY)
def test_a_daily_window_begins_with_a_whole_day(name: str, count: Count) -> None:
    begin = TODAY - timedelta(days=count.days or 0)
    assert read(name, event_of(ACTS[count.act], at=begin)) == 1.0
    assert read(name, event_of(ACTS[count.act], at=begin - TICK)) == 0.0


@pytest.mark.parametrize(("name", "count"), DAILY)
def test_a_daily_window_moves_at_midnight(name: str, count: Count) -> None:
    event = event_of(ACTS[count.act], at=TODAY)
    leaves = TODAY + timedelta(days=(count.days or 0) + 1)
    assert read(name, event, as_of=leaves - TICK) == 1.0
    assert read(name, event, as_of=leaves) == 0.0


def test_the_tile_of_the_moment_itself_counts() -> None:
    assert read("page_views_7d", event_of(page(), at=THIS_HOUR)) == 1.0
    assert read("content_downloads_30d", event_of(ACTS[Kind.DOWNLOAD], at=TODAY)) == 1.0


def test_active_days_count_today_and_thirteen_before() -> None:
    daily = [event_of(page(), at=TODAY - timedelta(days=ago), offset=ago) for ago in range(20)]
    assert read("active_days_14d", *daily) == 14.0
    assert read("active_days_14d", event_of(page(), at=TODAY - timedelta(days=13))) == 1.0
    assert read("active_days_14d", event_of(page(), at=TODAY - timedelta(days=13) - TICK)) == 0.0


def test_account_windows_have_the_same_edges() -> None:
    hour, day = THIS_HOUR - timedelta(days=7), TODAY - timedelta(days=30)
    assert read("account_page_views_7d", event_of(page(), at=hour, account=ACME)) == 1.0
    assert read("account_page_views_7d", event_of(page(), at=hour - TICK, account=ACME)) == 0.0
    assert read("account_active_people_30d", event_of(page(), at=day, account=ACME)) == 1.0
    assert read("account_active_people_30d", event_of(page(), at=day - TICK, account=ACME)) == 0.0


def on_days(*ago: int, act: Kind = Kind.ACTIVE, account: str | None = None) -> list[Event]:
    """An act on each of these days, at noon."""
    return [
        event_of(ACTS[act], at=TODAY - timedelta(days=days, hours=-10), offset=place, account=account)
        for place, days in enumerate(ago)
    ]


def test_a_streak_goes_on_while_today_has_only_begun_and_ends_with_a_day_missed() -> None:
    assert read("active_streak_14d", *on_days(0, 1, 2, 4)) == 3.0
    assert read("active_streak_14d", *on_days(1, 2, 4)) == 2.0
    assert read("active_streak_14d", *on_days(2, 3)) == 0.0
    assert read("active_streak_14d", *on_days(*range(30))) == 14.0


def test_a_trend_is_a_half_if_nothing_changed_one_if_new_and_nought_if_it_stopped() -> None:
    assert read("activity_trend_4w", *on_days(*range(28))) == 0.5
    assert read("activity_trend_4w", *on_days(0, 6)) == 1.0
    assert read("activity_trend_4w", *on_days(7, 27)) == 0.0
    assert read("activity_trend_4w", *on_days(28)) is None
    assert read("account_activity_trend_4w", *on_days(0, 7, account=ACME)) == 0.75
    assert read("feature_use_trend_4w", *on_days(0, 7, 8, 9, act=Kind.FEATURE_USE)) == 0.5


def test_recency_is_halved_in_a_week_and_frequency_and_intensity_look_at_the_same_28_days() -> None:
    week_old = event_of(page(), at=NOW - timedelta(days=7))
    assert read("activity_recency", week_old) == 0.5
    assert read("activity_recency", week_old, as_of=NOW + timedelta(days=7)) == 1 / 3
    assert read("activity_recency") == 0.0
    acts = on_days(0, 0, 0, 27, 28, 28, 28)
    assert read("activity_frequency_28d", *acts) == 2 / 28
    assert read("activity_intensity_28d", *acts) == 2.0
    assert read("activity_intensity_28d", *on_days(28)) is None


def test_a_page_is_one_page_whatever_is_asked_of_it() -> None:
    paths = ("/docs", "/docs?page=2", "/Docs#top", "/blog")
    views = [event_of(page(path), at=NOW, offset=place) for place, path in enumerate(paths)]
    assert read("distinct_pages_7d", *views) == 2.0
    many = [event_of(page(f"/{place}"), at=NOW, offset=place) for place in range(30)]
    assert read("distinct_pages_7d", *many) == 20.0


def test_the_first_source_stays_the_first_when_an_older_one_is_heard_of_late() -> None:
    social = event_of(record(lead_source="paid social"), at=NOW, offset=1)
    referred = event_of(record(lead_source="referral"), at=NOW - timedelta(days=200), offset=2)
    assert read("first_source_intent", social) == 2.0
    assert read("first_source_intent", social, referred) == 5.0


def test_a_pipeline_is_worth_what_its_open_deals_are() -> None:
    def worth(name: str, amount: object, offset: int) -> Event:
        what = said(
            EventType.ACCOUNT_CHANGED, Actor.STAFF, object=ObjectRef("deal", name), properties={"amount": amount}
        )
        return event_of(what, at=NOW, offset=offset, account=ACME)

    opened = [
        event_of(deal(name, "contractsent"), at=NOW, offset=place, account=ACME)
        for place, name in enumerate(("d1", "d2", "d3"))
    ]
    told = [worth("d1", "1000.10", 3), worth("d2", 2000.2, 4), worth("d3", "a lot", 5), worth("d4", 9e9, 6)]
    assert read("account_pipeline_amount", *opened, *told) == 3000.3
    assert read("account_largest_deal", *opened, *told) == 2000.2
    won = event_of(deal("d2", "closedwon"), at=NOW + TICK, offset=7, account=ACME)
    assert read("account_pipeline_amount", *opened, *told, won, as_of=NOW + timedelta(seconds=1)) == 1000.1
    assert read("account_pipeline_amount", *told) == 0.0


def test_clicks_are_held_against_opens_and_mail_that_came_back_is_counted() -> None:
    opened, clicked = (event_of(ACTS[kind], at=NOW, offset=kind) for kind in (Kind.EMAIL_OPEN, Kind.EMAIL_CLICK))
    assert read("email_clicks_per_open_30d", opened, clicked) == 1.0
    assert read("email_clicks_per_open_30d", clicked) is None
    assert read("email_bounces_30d", event_of(said(EventType.EMAIL_BOUNCED, Actor.AUTOMATION), at=NOW)) == 1.0


def test_a_ticket_or_deal_is_forgotten_after_ninety_days() -> None:
    kept = TODAY - timedelta(days=90)
    opened = ticket(EventType.TICKET_CREATED, "t1")
    assert read("open_tickets", event_of(opened, at=kept)) == 1.0
    assert read("open_tickets", event_of(opened, at=kept - TICK)) == 0.0
    won = deal("d1", "contractsent")
    assert read("account_open_opportunities", event_of(won, at=kept, account=ACME)) == 1.0
    assert read("account_open_opportunities", event_of(won, at=kept - TICK, account=ACME)) == 0.0


def test_a_solved_ticket_is_not_open_and_has_no_priority() -> None:
    opened = event_of(ticket(EventType.TICKET_CREATED, "t1", priority="urgent"), at=NOW - timedelta(days=1), offset=1)
    solved = event_of(ticket(EventType.TICKET_SOLVED, "t1"), at=NOW, offset=2)
    assert read("worst_ticket_priority", opened) == 4.0
    assert read("open_tickets", opened, solved) == 0.0
    assert read("worst_ticket_priority", opened, solved) == 0.0


def test_two_systems_may_give_their_tickets_the_same_number() -> None:
    ours = event_of(ticket(EventType.TICKET_CREATED, "35436", priority="urgent"), at=NOW, offset=1)
    theirs = msgspec.structs.replace(
        event_of(ticket(EventType.TICKET_CREATED, "35436"), at=NOW, offset=2), source="/t/demo/x/y"
    )
    solved = msgspec.structs.replace(
        event_of(ticket(EventType.TICKET_SOLVED, "35436"), at=NOW, offset=3), source="/t/demo/x/y"
    )
    assert read("open_tickets", ours, theirs) == 2.0
    assert read("open_tickets", ours, theirs, solved) == 1.0
    assert read("worst_ticket_priority", ours, theirs, solved) == 4.0


@pytest.mark.parametrize(
    ("kind", "consent", "value"),
    [
        (EventType.CONSENT_CHANGED, Consent("marketing", True), 1.0),
        (EventType.CONSENT_CHANGED, Consent("Email_Marketing", False), 0.0),
        (EventType.CONSENT_CHANGED, Consent("analytics", True), None),
        (EventType.LEAD_FORM_SUBMITTED, Consent("phone", False), None),
        (EventType.CONSENT_CHANGED, Consent("marketing:17", True), None),
        (EventType.EMAIL_UNSUBSCRIBED, Consent("marketing:17", False), None),
        (EventType.EMAIL_UNSUBSCRIBED, Consent("marketing", False), 0.0),
        (EventType.EMAIL_UNSUBSCRIBED, None, 0.0),
        (EventType.EMAIL_SPAM, Consent("analytics", True), 0.0),
        (EventType.EMAIL_OPENED, None, None),
    ],
)
def test_email_consent_is_what_was_said_of_all_mail(
    kind: EventType, consent: Consent | None, value: float | None
) -> None:
    assert read("email_consent", event_of(said(kind, consent=consent), at=NOW)) == value


def test_who_leaves_one_list_goes_on_consenting_to_the_rest() -> None:
    granted = event_of(said(EventType.CONSENT_CHANGED, consent=Consent("marketing", True)), at=NOW - TICK, offset=1)
    left = event_of(said(EventType.EMAIL_UNSUBSCRIBED, consent=Consent("marketing:17", False)), at=NOW, offset=2)
    assert read("email_consent", granted, left) == 1.0


@pytest.mark.parametrize(
    ("title", "rank"),
    [
        ("Owner", 5.0),
        ("Business Owner", 5.0),
        ("Founder & Owner", 5.0),
        ("Product Owner", 2.0),
        ("Senior Product-Owner CRM", 2.0),
        ("Process Owner Order to Cash", 2.0),
        ("CEO and Product Owner", 5.0),
        ("Head of Product, Product Owner", 3.0),
        ("VP Product", 4.0),
        ("Co-Owner", 5.0),
        ("Data Engineer", 1.0),
    ],
)
def test_seniority_is_of_the_firm_and_not_of_its_backlog(title: str, rank: float) -> None:
    assert read("seniority", event_of(record(jobtitle=title), at=NOW)) == rank


def test_days_since_the_last_activity_count_in_whole_seconds() -> None:
    event = event_of(page(), at=NOW - timedelta(hours=12) + timedelta(milliseconds=400))
    assert read("days_since_last_activity", event) == 0.5
    assert read("days_since_last_activity", event, as_of=NOW + timedelta(milliseconds=900)) == 0.5


def test_a_moment_counts_in_whole_seconds_everywhere() -> None:
    events = [event_of(page(), at=NOW, account=ACME)]
    for name in LEAD_SCORING.names:
        assert read(name, *events) == read(name, *events, as_of=NOW + timedelta(microseconds=999_999))


def test_a_company_is_what_was_said_last_of_it_or_of_the_lead_before_it_had_one() -> None:
    alone = event_of(record(numberofemployees=5), at=NOW - timedelta(days=2), lead="ld_0", offset=1)
    employed = event_of(record(numberofemployees=9000), at=NOW - timedelta(days=1), account=ACME, offset=2)
    assert read("company_size", alone) == 1.0
    assert read("company_size", alone, employed) == 6.0
    assert read("company_size", employed, msgspec.structs.replace(alone, time=NOW)) == 1.0


def test_without_events_counts_are_zero_and_everything_else_is_missing() -> None:
    features = LEAD_SCORING.features_at(None, None, NOW)
    assert tuple(features) == LEAD_SCORING.names
    assert features == {feature.name: None if feature.nullable else 0.0 for feature in LEAD_SCORING.features}


def test_an_account_without_activity_counts_zero_and_no_account_is_missing() -> None:
    theirs = [feature for feature in LEAD_SCORING.features if feature.of_account]
    heard_of = LEAD_SCORING.features_at(None, AccountState(), NOW)
    assert {heard_of[feature.name] for feature in theirs if not feature.expression.nullable} == {0.0}
    assert {LEAD_SCORING.features_at(None, None, NOW)[feature.name] for feature in theirs} == {None}


@given(histories(), later_moments())
def test_every_value_is_a_finite_number_in_its_declared_range(history: History, as_of: datetime) -> None:
    worker = Worker()
    worker.handle(history.records)
    for features in worker.served(as_of).values():
        for feature in LEAD_SCORING.features:
            value = features[feature.name]
            if value is None:
                assert feature.nullable, feature.name
            else:
                assert type(value) is float
                assert math.isfinite(value)
                low, high = feature.range
                assert (-math.inf if low is None else low) <= value <= (math.inf if high is None else high)


def test_names_are_unique_and_every_feature_is_described() -> None:
    assert len(set(LEAD_SCORING.names)) == len(LEAD_SCORING.features)
    assert all(feature.description and feature.unit for feature in LEAD_SCORING.features)


def test_the_hash_changes_with_a_declaration_a_word_and_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {
        LEAD_SCORING.hash,
        replace(LEAD_SCORING, features=LEAD_SCORING.features[1:]).hash,
        replace(LEAD_SCORING, revision=LEAD_SCORING.revision + 1).hash,
    }
    with monkeypatch.context() as patched:
        patched.setitem(vocabulary.STAGES, "fan", 8.0)
        seen.add(replace(LEAD_SCORING).hash)
    assert len(seen) == 4
    assert replace(LEAD_SCORING).hash == LEAD_SCORING.hash
