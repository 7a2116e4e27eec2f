"""The language of declarations: every expression means the same to the fold, to SQL and to counting by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import ideal_customer
from features.activity import Item, Kind, Slot
from features.declarations import Feature, Type
from features.feature_set import FeatureSet
from features.fold import fold_lead, trim_lead
from features.language import (
    Act,
    ActivePeople,
    Count,
    DaysWith,
    Distinct,
    Entity,
    Expression,
    First,
    Furthest,
    Last,
    Max,
    Min,
    Open,
    OpenHighest,
    OpenSum,
    Property,
    Ratio,
    Recency,
    Since,
    Streak,
    Sum,
    Trend,
    definition,
)
from features.language.acts import OverAct
from features.language.values import InWindow, OverValue
from features.recompute import batch_recompute, compare
from features.state import LeadState
from ingestion.contracts.event import Actor, Event, EventType, encode_json
from ingestion.lake import EventsTable, event_row, forwarding_row
from tests.conftest import tries
from tests.features.conftest import NOW, History, event_of, histories, later_moments, page, record, reordered, said
from tests.features.oracle import Worker, expected, meant

PARENTS = {Expression, OverAct, OverValue, InWindow}  # mean nothing by themselves
SEATS = Property(EventType.CONTACT_CHANGED, "seats")
PLAN = Property(EventType.CONTACT_CHANGED, "plan", ("free", "team", "firm"))
EXPORT = Act(EventType.PRODUCT_FEATURE_USED, "feature", ("export",))
BOUNCE = Act(EventType.EMAIL_BOUNCED, actors=(Actor.AUTOMATION,))

acts = st.sampled_from([Kind.ACTIVE, Kind.PAGE_VIEW, Kind.FORM, Kind.CALL, EXPORT, BOUNCE])
numbers = st.sampled_from([SEATS, Slot.STAGE, Slot.SOURCE, Slot.CAMPAIGN])
days = st.sampled_from([1, 2, 7, 14, 15, 30, 90])
windows = st.none() | days
entities = st.sampled_from([Entity.LEAD, Entity.ACCOUNT])
anybody = st.sampled_from(list(Entity))
counts = st.builds(Count, acts, windows, of=entities)


@st.composite
def ratios(draw: st.DrawFn) -> Ratio:
    """Of one entity."""
    top = draw(st.one_of(counts, st.builds(Sum, numbers, windows, of=entities)))
    bottom = draw(st.one_of(st.integers(1, 30), st.builds(DaysWith, acts, days, of=st.just(top.of))))
    return Ratio(top, bottom, of=top.of)


MADE: dict[type[Expression], st.SearchStrategy[Expression]] = {
    Count: counts,
    DaysWith: st.builds(DaysWith, acts, days, of=entities),
    Streak: st.builds(Streak, acts, days, of=entities),
    Trend: st.builds(Trend, acts, st.integers(1, 4), of=entities),
    Since: st.builds(Since, acts, of=entities),
    Recency: st.builds(Recency, acts, st.integers(1, 30), of=entities),
    Furthest: st.builds(Furthest, st.lists(acts, min_size=1, max_size=3, unique=True).map(tuple), of=entities),
    ActivePeople: st.builds(ActivePeople, st.sampled_from([15, 30, 90])),
    Sum: st.builds(Sum, numbers, windows, of=entities),
    Max: st.builds(Max, numbers, windows, of=entities),
    Min: st.builds(Min, numbers, windows, of=entities),
    Distinct: st.builds(Distinct, st.sampled_from([SEATS, PLAN, Slot.PAGE]), windows, st.integers(1, 3), of=entities),
    Last: st.one_of(
        st.builds(Last, numbers | st.just(PLAN), otherwise=st.none() | st.just(3.0), of=entities),
        st.builds(Last, st.just(Slot.INDUSTRY), st.just(ideal_customer.industry_match), of=anybody),
    ),
    First: st.one_of(
        st.builds(First, numbers | st.just(PLAN), of=entities), st.builds(First, st.just(Slot.COMPANY_SIZE), of=anybody)
    ),
    Open: st.builds(Open, st.sampled_from([Item.TICKET_OPEN, Item.DEAL_OPEN]), of=entities),
    OpenHighest: st.builds(OpenHighest, st.just(Item.TICKET_OPEN), st.just(Item.TICKET_PRIORITY), of=entities),
    OpenSum: st.builds(OpenSum, st.just(Item.DEAL_OPEN), st.just(Item.DEAL_AMOUNT), of=entities),
    Ratio: ratios(),
}


def named(*expressions: Expression) -> FeatureSet:
    """A set of these, named by their places."""
    features = (
        Feature(f"of_{place}", each, description=definition(each), owner="tests", unit="any", type=Type.NUMBER)
        for place, each in enumerate(expressions)
    )
    return FeatureSet(service="generated_v1", features=tuple(features), revision=1)


sets = st.tuples(*MADE.values()).map(lambda made: named(*made))  # one of each kind


def kinds(parent: type[Expression] = Expression) -> Iterator[type[Expression]]:
    """Every expression that is declared with."""
    for kind in parent.__subclasses__():
        if kind.__module__.startswith("features.") and kind not in PARENTS:
            yield kind
        yield from kinds(kind)


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_every_expression_is_held_against_oracle_and_sql(kind: type[Expression]) -> None:
    assert kind in MADE, f"{kind.__name__}: say in MADE how one is generated, and what it means in the oracle"


@settings(max_examples=tries(60))
@given(sets, histories(), later_moments())
def test_the_fold_gives_what_counting_by_hand_gives(features: FeatureSet, history: History, as_of: datetime) -> None:
    worker = Worker(features=features)
    worker.handle(history.records)
    assert worker.served(as_of) == expected(history, as_of, features)


@settings(max_examples=tries(40))
@given(sets, histories(), st.data())
def test_order_repetition_and_trimming_change_no_state(
    features: FeatureSet, history: History, data: st.DataObject
) -> None:
    one, other, hoarding = (Worker(features=features, trims=trims) for trims in (True, True, False))
    again = data.draw(st.integers(0, len(history.records)))
    one.handle(history.records)
    one.handle(history.records[again:])
    other.handle(data.draw(reordered(history)).records)
    hoarding.handle(history.records)
    served = one.leads.keys() - one.forwards.keys()
    assert {lead: one.leads[lead] for lead in served} == {lead: other.leads[lead] for lead in served}
    assert one.accounts == other.accounts
    assert hoarding.served(NOW) == one.served(NOW)
    assert {lead: trim_lead(state, features.kept) for lead, state in hoarding.leads.items()} == one.leads


@settings(max_examples=tries(40))
@given(sets, histories(), later_moments())
def test_sql_over_the_facts_gives_what_was_served(
    tmp_path_factory: pytest.TempPathFactory, features: FeatureSet, history: History, as_of: datetime
) -> None:
    lake: Path = tmp_path_factory.mktemp("lake")
    rows = [
        event_row(each, encode_json(each)) if isinstance(each, Event) else forwarding_row(each, encode_json(each))
        for each in history.records
    ]
    EventsTable(lake).append(rows, {"test": 1})
    worker = Worker(features=features)
    worker.handle(history.records)
    assert compare(worker.served(as_of), batch_recompute(lake, as_of, features)) == []


@settings(max_examples=tries(40))
@given(sets, histories(), later_moments())
def test_a_value_is_missing_only_where_its_declaration_allows(
    features: FeatureSet, history: History, as_of: datetime
) -> None:
    worker = Worker(features=features)
    worker.handle(history.records)
    for values in worker.served(as_of).values():
        assert {each.name for each in features.features if not each.nullable} <= {
            name for name, value in values.items() if value is not None
        }


def test_an_expression_that_nobody_has_given_sql_or_a_meaning_stops_by_name() -> None:
    class Unheard(OverAct):
        pass

    with pytest.raises(NotImplementedError):
        Unheard(Kind.ACTIVE).sql(None)  # type: ignore[arg-type]
    from tests.features.oracle import Told

    with pytest.raises(TypeError, match="Unheard has no oracle"):
        meant(Unheard(Kind.ACTIVE), Told({Entity.LEAD: []}, lambda event: event.lead, NOW))


def test_a_state_keeps_what_is_declared_and_nothing_else() -> None:
    state = LeadState()
    features = named(Count(Kind.FORM, days=7), Last(Slot.STAGE))
    for offset, what in enumerate((page(), record(lifecyclestage="lead", jobtitle="CEO"), said(EventType.CALL_LOGGED))):
        event = event_of(what, at=NOW, offset=offset)
        fold_lead(state, event, features.facts_of(event), features.kept)
    assert not state.sums
    assert not state.last
    assert list(state.values) == [Slot.STAGE]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Count(Kind.FORM, days=0).window, "at least 1"),
        (lambda: Distinct(Slot.STAGE, cap=1000), "another cap"),
        (lambda: Open(Item.TICKET_PRIORITY), "does not say whether a thing is open"),
        (lambda: Last(Slot.INDUSTRY), "give `number`"),
        (lambda: Max(Slot.SOURCE, of=Entity.COMPANY), "say Entity.LEAD or Entity.ACCOUNT"),
        (lambda: Last(Slot.STAGE, of=Entity.COMPANY), "is said of people"),
        (lambda: Ratio(Count(Kind.FORM), Count(Kind.FORM, of=Entity.ACCOUNT)), "another entity"),
        (lambda: Ratio(Last(PLAN), 2), "said in words"),
        (lambda: Ratio(Count(Kind.FORM), 0), "ratio to 0"),
        (lambda: ActivePeople(30, of=Entity.LEAD), "leave `of` as it is"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_told_how_to_be(wrong: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        wrong()  # type: ignore[operator]
