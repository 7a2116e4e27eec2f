"""How many bytes a lead takes online: of the demo company, of busier ones, and once their past has fallen away."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.activity import Kind, facts_of
from features.definitions import LEAD_SCORING
from features.fold import fold_account, fold_lead, trim_account, trim_lead
from features.language.keep import series_of
from features.language.window import Hop
from features.rows import AccountRow, EncodedRow, LeadRow, decode_account_row, decode_lead_row, encode_row
from features.state import AccountState, LeadState
from features.store import OnlineStore
from ingestion.contracts.raw import RawMessage
from ingestion.database import metadata, open_database
from ingestion.decode import read
from ingestion.element import elements_of
from ingestion.identity import IdentityStore
from ingestion.kafka import partition_for
from ingestion.pipeline import Pipeline
from ingestion.privacy import Vault
from ingestion.sources.adapter import Tenant
from leadline.company import firm, generate
from tests.features.conftest import NOW, SPOKEN, STREAMS, event_of
from tests.features.members import Log, Member
from tests.features.platforms import applied

KB = 1024
PEOPLE = 200
RAW_PARTITIONS = 4  # of each topic, as the platform makes them: each leaves a mark
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LeadRow]:
    """The online rows of the demo company's living leads, after its year has gone the whole way but for Kafka."""
    home = tmp_path_factory.mktemp("company")
    platform, engine, log = applied(home), open_database(f"sqlite:///{home}/identity.db"), Log()
    metadata.create_all(engine)
    pipeline = Pipeline(engine, IdentityStore(engine, KEY), Vault(engine, KEY), "demo")
    tenant = Tenant("demo", frozenset({firm.DOMAIN}), frozenset(), firm.WORKSPACE)
    reached: Counter[tuple[str, int]] = Counter()
    messages = generate(seed=7, leads=PEOPLE, end=NOW).messages
    for start in range(0, len(messages), 500):
        elements = []
        for message in messages[start : start + 500]:
            place = message.topic, partition_for(message.key.decode("utf-8", "replace"), RAW_PARTITIONS)
            raw = RawMessage(*place, reached[place], message.key, message.value, message.headers, message.received)
            reached[place] += 1
            elements += elements_of(raw, read(raw, tenant))
        for emission in pipeline.resolve(elements).emissions:
            log.add(emission.kind.value, emission.key, emission.value, emission.timestamp_ms)
    Member(platform, log).drain()
    leads = sorted({change.lead for change in log.changes})
    found = dict(zip(leads, OnlineStore.open(platform).read(leads), strict=True))
    engine.dispose()
    return {lead: row for lead, row in found.items() if row is not None and row.forward is None}


def test_a_lead_of_the_demo_company_takes_less_than_a_kilobyte_nineteen_times_of_twenty(
    rows: dict[str, LeadRow],
) -> None:
    sizes = [len(encode_row(row)) for row in rows.values()]
    assert len(sizes) > PEOPLE / 2
    assert np.percentile(sizes, 95) <= KB, f"p50 {np.median(sizes):.0f}, p95 {np.percentile(sizes, 95):.0f} bytes"
    assert max(sizes) <= 3 * KB
    plain = [len(encode_row(LeadRow(row.state, row.known_at, row.sequence))) for row in rows.values()]
    assert np.median(plain) > KB / 4, "these leads did next to nothing: nothing was measured"


def test_a_year_of_acts_every_hour_is_no_more_than_a_month_of_them() -> None:
    """Whoever acts all the time, in every way at once, takes a few kilobytes and never more."""
    sizes = {}
    for days in (40, 365):
        state, rng = LeadState(), random.Random(1)
        for offset, hour in enumerate(range(days * 24)):
            event = event_of(rng.choice(SPOKEN), at=NOW - timedelta(hours=hour), stream=STREAMS[0], offset=offset)
            fold_lead(state, event, facts_of(event), LEAD_SCORING.kept)
        sizes[days] = len(encode_row(LeadRow(trim_lead(state, LEAD_SCORING.kept), NOW, 1, "ac_1")))
    assert sizes[365] <= 1.05 * sizes[40]
    assert sizes[365] <= 5 * KB


def test_what_falls_out_of_the_horizon_leaves_the_store_with_the_next_event(tmp_path: Path) -> None:
    store, state = OnlineStore.open(applied(tmp_path)), LeadState()
    long_ago, offset = NOW - timedelta(days=200), 0
    for hour in range(24 * 40):
        event = event_of(SPOKEN[hour % len(SPOKEN)], at=long_ago + timedelta(hours=hour), offset=offset)
        offset += 1
        fold_lead(state, event, facts_of(event), LEAD_SCORING.kept)
    store.write([EncodedRow("ld_2", NOW, encode_row(LeadRow(trim_lead(state, LEAD_SCORING.kept), NOW, 1)))])
    (full,) = store.read(["ld_2"])
    assert full is not None
    event = event_of(SPOKEN[0], at=NOW, offset=offset)
    fold_lead(full.state, event, facts_of(event), LEAD_SCORING.kept)
    later = NOW + timedelta(seconds=1)
    store.write([EncodedRow("ld_2", later, encode_row(LeadRow(trim_lead(full.state, LEAD_SCORING.kept), later, 2)))])
    (left,) = store.read(["ld_2"])
    assert left is not None
    assert {len(tiles) for tiles in left.state.sums.values()} == {1}
    assert left.state.items == {}, "tickets and deals that nobody touched for a quarter are closed"
    assert left.state.sums[series_of(Kind.FORM, Hop.EVER)][0] > 1, "what counts for ever stays"


def test_an_account_of_ten_thousand_people_costs_40_bytes_each_and_forgets_those_who_left() -> None:
    state, people = AccountState(), 10_000
    for number in range(people):
        event = event_of(SPOKEN[0], at=NOW - timedelta(minutes=number % 60), account="ac_1", offset=number)
        fold_account(state, event, facts_of(event), f"ld_{number:026}", LEAD_SCORING.kept)
    row = encode_row(AccountRow(trim_account(state, LEAD_SCORING.kept), NOW, people))
    assert len(decode_account_row(row).state.people) == people
    assert len(row) <= 40 * people
    event = event_of(SPOKEN[0], at=NOW + timedelta(days=40), account="ac_1", offset=people)
    fold_account(state, event, facts_of(event), "ld_new", LEAD_SCORING.kept)
    assert len(encode_row(AccountRow(trim_account(state, LEAD_SCORING.kept), NOW, people + 1))) <= KB


marks = st.dictionaries(
    st.one_of(
        st.text(max_size=20),
        st.builds(
            "{}|{}/{}".format,
            st.sampled_from(["ld_1", "ld_2", "ac_1", "ac_1|merges", "ld_1>ld_2", ""]),
            st.sampled_from(["raw.crm", "raw.product", "raw.", "cooked"]),
            st.one_of(st.integers(0, 10**12), st.text(max_size=3)),
        ),
    ),
    st.integers(0, 2**62),
)


@given(marks=marks)
def test_marks_of_any_form_come_back_as_they_were(marks: dict[str, int]) -> None:
    lead = LeadRow(LeadState(newest=1, marks=marks), NOW, 3, "ac_1", "ld_9|ac_9")
    account = AccountRow(AccountState(newest=1, marks=marks), NOW, 3)
    assert decode_lead_row(encode_row(lead)) == lead
    assert decode_account_row(encode_row(account)) == account
