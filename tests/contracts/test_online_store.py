"""The fast path to the online store serves what Feast itself serves, on every backend."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from features.activity import facts_of
from features.definitions import LEAD_SCORING
from features.fold import fold_account, fold_lead, trim_account, trim_lead
from features.parity import online_features
from features.rows import AccountRow, EncodedRow, EnrichmentRow, LeadRow, encode_row
from features.settings import open_feast
from features.state import AccountState, LeadState
from features.store import OnlineStore
from ingestion.settings import PlatformSettings
from tests.features.conftest import NOW, SILENT, SPOKEN, STREAMS, event_of
from tests.features.platforms import applied

LEADS = 300
ACCOUNTS = 40
TICK = timedelta(microseconds=1)


@pytest.fixture(params=["sqlite", "redis"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> PlatformSettings:
    backend = "sqlite" if request.param == "sqlite" else f"{request.getfixturevalue('redis_address')},db=0"
    return applied(tmp_path, online_store=backend)


@pytest.fixture
def store(platform: PlatformSettings) -> OnlineStore:
    return OnlineStore.open(platform)


class Population:
    """Leads and accounts with all kinds of past; some leads' accounts are not stored, some leads have none."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        accounts = [f"ac_{number}" for number in range(ACCOUNTS)]
        self.leads: dict[str, LeadRow] = {}
        self.accounts: dict[str, AccountRow] = {}
        states: dict[str, AccountState] = {}
        for number in range(LEADS):
            lead, state = f"ld_{number}", LeadState()
            account = rng.choice([None, *accounts])
            for offset in range(rng.randrange(12)):
                event = event_of(
                    rng.choice(SPOKEN + SILENT),
                    at=NOW - timedelta(seconds=rng.randrange(100 * 86_400)),
                    lead=lead,
                    account=account,
                    stream=rng.choice(STREAMS),
                    offset=number * 100 + offset,
                )
                fold_lead(state, event, facts_of(event), LEAD_SCORING.kept)
                if account is not None:
                    fold_account(
                        states.setdefault(account, AccountState()), event, facts_of(event), lead, LEAD_SCORING.kept
                    )
            self.leads[lead] = LeadRow(trim_lead(state, LEAD_SCORING.kept), NOW + number * TICK, number + 1, account)
        for number, (account, of_account) in enumerate(states.items()):
            if number % 4:  # the others are not stored
                self.accounts[account] = AccountRow(
                    trim_account(of_account, LEAD_SCORING.kept), NOW + number * TICK, number + 1
                )

    def write(self, store: OnlineStore) -> None:
        store.write(encoded(lead, row) for lead, row in self.leads.items())
        store.write_accounts(encoded(account, row) for account, row in self.accounts.items())


def encoded(key: str, row: LeadRow | AccountRow | EnrichmentRow) -> EncodedRow:
    return EncodedRow(key, row.known_at, encode_row(row))


def lead_row(sequence: int, *, microseconds: int = 0) -> LeadRow:
    return LeadRow(LeadState(marks={"ld_1|raw.crm/0": sequence}), NOW + microseconds * TICK, sequence, "ac_1")


def test_rows_that_are_read_are_the_rows_that_were_written(store: OnlineStore) -> None:
    population = Population(seed=1)
    population.write(store)
    unknown = [f"ld_unknown_{number}" for number in range(20)]
    asked = [*population.leads, *unknown]
    random.Random(1).shuffle(asked)
    assert store.read(asked) == [population.leads.get(lead) for lead in asked]
    accounts = [f"ac_{number}" for number in range(ACCOUNTS + 5)]
    assert store.read_accounts(accounts) == [population.accounts.get(account) for account in accounts]


def test_features_from_the_fast_path_are_those_of_get_online_features(
    platform: PlatformSettings, store: OnlineStore
) -> None:
    population = Population(seed=2)
    population.write(store)
    asked = [(lead, row.account) for lead, row in population.leads.items()]
    asked += [("ld_unknown", None), ("ld_unknown_too", "ac_0"), ("ld_unknown_as_well", "ac_unknown")]
    for later in (timedelta(), timedelta(hours=5, microseconds=1), timedelta(days=20)):
        served = _features(store, asked, later)
        assert served == online_features(platform, asked, NOW + later)
    missing = {lead for lead, row in population.leads.items() if row.account not in (None, *population.accounts)}
    assert missing, "some lead's account should not be stored"
    assert all(served[lead]["account_page_views_7d"] is None for lead in missing)


def _features(
    store: OnlineStore, asked: Sequence[tuple[str, str | None]], later: timedelta
) -> dict[str, dict[str, float | None]]:
    rows = store.read([lead for lead, _ in asked])
    accounts = store.read_accounts([account or "" for _, account in asked])
    return {
        lead: LEAD_SCORING.features_at(row.state if row else None, account.state if account else None, NOW + later)
        for (lead, _), row, account in zip(asked, rows, accounts, strict=True)
    }


def test_whoever_opens_the_store_anew_reads_what_was_written(platform: PlatformSettings, store: OnlineStore) -> None:
    store.write([encoded("ld_1", lead_row(1))])
    assert OnlineStore.open(platform).read(["ld_1"]) == [lead_row(1)]


def test_a_newer_row_replaces_an_older(store: OnlineStore) -> None:
    for sequence in (1, 2):
        store.write([encoded("ld_1", lead_row(sequence, microseconds=sequence * 10**7))])
    assert store.read(["ld_1"]) == [lead_row(2, microseconds=2 * 10**7)]


def test_rows_known_within_one_second_are_not_lost(platform: PlatformSettings, store: OnlineStore) -> None:
    for sequence in range(1, 6):
        row = lead_row(sequence, microseconds=sequence)
        account = AccountRow(AccountState(newest=sequence), row.known_at, sequence)
        reading = reading_of(score=float(sequence), microseconds=sequence)
        store.write([encoded("ld_1", row)])
        store.write_accounts([encoded("ac_1", account)])
        store.write_enrichment([encoded("ld_1", reading)])
        assert store.read(["ld_1"]) == [row]
        assert store.read_accounts(["ac_1"]) == [account]
        assert store.read_enrichment(["ld_1"]) == [reading]


def test_the_same_row_written_again_changes_nothing(store: OnlineStore) -> None:
    for _ in range(2):
        store.write([encoded("ld_1", lead_row(3))])
    assert store.read(["ld_1"]) == [lead_row(3)]


def reading_of(*, score: float | None = 70.5, microseconds: int = 0, status: str = "fresh") -> EnrichmentRow:
    return EnrichmentRow(
        status=status,
        known_at=NOW + microseconds * TICK,
        sequence=1 + microseconds,
        read_at=NOW,
        content_hash="c0ffee",
        score=score,
        confidence=0.625,
        intent="comparing",
        next_step="Send the comparison",
        reasoning="Fragt nach Größe und Preis 価格",
        provider="local-rubric",
        prompt_version="rubric/1",
    )


def test_readings_of_free_text_come_back_whole(store: OnlineStore) -> None:
    waiting = EnrichmentRow(status="pending", known_at=NOW, read_at=NOW, content_hash="f00d")
    store.write_enrichment([encoded("ld_1", reading_of()), encoded("ld_2", waiting)])
    assert store.read_enrichment(["ld_2", "ld_3", "ld_1"]) == [waiting, None, reading_of()]


def test_a_lead_with_a_reading_and_no_row_is_still_unknown(platform: PlatformSettings, store: OnlineStore) -> None:
    store.write_enrichment([encoded("ld_1", reading_of())])
    store.write([encoded("ld_2", lead_row(1))])
    assert store.read(["ld_1", "ld_2"]) == [None, lead_row(1)]
    assert store.read_enrichment(["ld_1", "ld_2"]) == [reading_of(), None]
    nothing = online_features(platform, [("ld_1", None)], NOW)["ld_1"]
    assert nothing == LEAD_SCORING.features_at(None, None, NOW)


def test_nothing_asked_is_nothing_answered_and_nothing_written_is_no_error(store: OnlineStore) -> None:
    store.write([])
    store.write_accounts([])
    store.write_enrichment([])
    assert [*store.read([]), *store.read_accounts([]), *store.read_enrichment([])] == []


def test_feast_knows_every_declared_feature_by_name(platform: PlatformSettings) -> None:
    service = open_feast(platform).get_feature_service("lead_scoring_v1")
    (projection,) = service.feature_view_projections
    assert tuple(feature.name for feature in projection.features) == LEAD_SCORING.names


@pytest.mark.parametrize("asked", [1, 10, 100])
def test_a_read_of_many_answers_each_in_its_place_repeated_and_unknown_ones_too(asked: int, store: OnlineStore) -> None:
    population = Population(seed=3)
    population.write(store)
    rng, keys = random.Random(asked), [*list(population.leads)[: max(1, asked // 3)], "ld_unknown"]
    leads = rng.choices(keys, k=asked)
    assert store.read(leads) == [population.leads.get(lead) for lead in leads]
    companies = [(row.account if row else None) or "" for row in store.read(leads)]
    assert store.read_accounts(companies) == [population.accounts.get(account) for account in companies]


ODD = ("ld_1", "ld_10", "ld_1 ", "LD_1", "ld_ä", "ld_a\u0308", "価格", "a|b/c", "%", "'; --", "x" * 200, "lead")


def test_keys_that_look_alike_are_kept_apart_and_a_lead_is_never_an_account(
    platform: PlatformSettings, store: OnlineStore
) -> None:
    for number, key in enumerate(ODD, 1):
        store.write([encoded(key, LeadRow(LeadState(newest=number), NOW, number, key))])
        store.write_accounts([encoded(key, AccountRow(AccountState(newest=number), NOW, 100 + number))])
    assert [row.sequence for row in store.read(ODD) if row] == list(range(1, len(ODD) + 1))
    assert [row.sequence for row in store.read_accounts(ODD) if row] == list(range(101, len(ODD) + 101))
    assert store.read(["ld_", "ac_1"]) == [None, None]
    assert _features(store, [(key, key) for key in ODD], timedelta()) == online_features(
        platform, [(key, key) for key in ODD], NOW
    )


def test_a_row_that_was_known_ten_years_ago_is_served_as_it_is_and_has_no_time_to_live(
    platform: PlatformSettings, store: OnlineStore, request: pytest.FixtureRequest
) -> None:
    """Feast would leave it out of training past a view's `ttl`, and Redis would drop it past `key_ttl_seconds`."""
    long_ago = NOW - timedelta(days=3650)
    state = LeadState()
    for offset, what in enumerate(SPOKEN):
        event = event_of(what, at=long_ago, lead="ld_1", offset=offset)
        fold_lead(state, event, facts_of(event), LEAD_SCORING.kept)
    store.write([encoded("ld_1", LeadRow(state, long_ago, 1))])
    assert store.read(["ld_1"]) == [LeadRow(state, long_ago, 1)]
    served = online_features(platform, [("ld_1", None)], NOW)["ld_1"]
    assert served == LEAD_SCORING.features_at(state, None, NOW)
    assert any(served.values()), "something of ten years ago still counts"
    for view in open_feast(platform).list_feature_views():
        assert view.ttl == timedelta(0), f"{view.name}: rows would expire"
        # Without such a column `filter_by_created_timestamp` has nothing to go by: knowledge time is the only time.
        assert not view.batch_source.created_timestamp_column
    if platform.online_store != "sqlite":
        host, _, port = request.getfixturevalue("redis_address").partition(":")
        with Redis(host, int(port)) as client:
            assert {client.ttl(key) for key in client.scan_iter()} == {-1}
