"""Scorers go to the feature set that the champion pins, and back, with no answer missing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from feature_repo.apply import apply
from features.errors import NotBackfilled
from features.rows import AccountRow, EncodedRow, LeadRow, encode_row
from features.settings import feature_set
from features.store import BACKFILLING, OnlineStore
from ingestion.settings import PlatformSettings
from registry.bundle import Bundle
from registry.errors import FeatureMismatch
from scoring.app import build_scorer
from scoring.champion import Champion
from scoring.lookup import Served, look_up
from scoring.metrics import ScoringMetrics
from scoring.settings import ScoringSettings
from scoring.stores import Stores
from tests.features.platforms import applied
from tests.features.versions import SAME, SECOND, beside
from tests.scoring.bundles import write_bundle
from tests.scoring.leads import ACME, ADA, account_row, enrichment_row, lead_row

PATIENCE = 5.0


@pytest.fixture
def settings(tmp_path: Path) -> PlatformSettings:
    """A platform that serves one set, and knows of a second one."""
    return applied(tmp_path).model_copy(update={"feature_sets_beside": "tests.features.versions:SECOND"})


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("second")
    write_bundle(folder, SECOND)
    return Bundle.load(folder, version="2")


class Scoring:
    """What an API process holds; `bundle` is whatever the alias names."""

    def __init__(self, settings: PlatformSettings, bundle: Bundle) -> None:
        self.bundle = bundle
        self.stores = Stores(settings, PATIENCE)
        scoring = ScoringSettings.model_validate({"api_keys": ""})
        self.champion = Champion(
            lambda: self.bundle,
            lambda bundle: build_scorer(bundle, self.stores.open(bundle), scoring),
            ScoringMetrics(CollectorRegistry()),
        )
        self.champion.refresh()

    def move_alias(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.champion.refresh()

    def served(self) -> tuple[str, int]:
        """The set and the row of a lead that are scored now."""
        scorer = self.champion.current()
        (found,) = look_up(self.stores.rows(scorer.service), [ADA])
        assert isinstance(found, Served)
        return scorer.service, found.row.sequence


def serve(settings: PlatformSettings, sequence: int) -> OnlineStore:
    """Fold the lead into the platform's own set."""
    apply(settings)
    store = OnlineStore.open(settings)
    lead, account = lead_row(), account_row()
    row = LeadRow(lead.state, lead.known_at, sequence, lead.account)
    store.write([EncodedRow(ADA, lead.known_at, encode_row(row))])
    of_account = AccountRow(account.state, account.known_at, sequence)
    store.write_accounts([EncodedRow(ACME, account.known_at, encode_row(of_account))])
    return store


def test_the_alias_moves_the_scorer_to_another_version_and_back(
    settings: PlatformSettings, bundle: Bundle, second: Bundle
) -> None:
    serve(settings, 7), serve(beside(settings), 8)
    scoring = Scoring(settings, bundle)
    assert scoring.served() == ("lead_scoring_v1", 7)
    scoring.move_alias(second)
    assert scoring.served() == ("lead_scoring_v2", 8)
    scoring.move_alias(bundle)
    assert scoring.served() == ("lead_scoring_v1", 7)


def test_a_model_whose_set_has_no_store_is_refused_and_the_last_one_stays(
    settings: PlatformSettings, bundle: Bundle, second: Bundle
) -> None:
    serve(settings, 7)
    scoring = Scoring(settings, bundle)
    scoring.move_alias(second)
    assert scoring.served() == ("lead_scoring_v1", 7)
    with pytest.raises(RuntimeError, match=r"lead_scoring_v2 has no online store .* run `leadline features backfill"):
        scoring.champion.require_served()


def test_a_model_whose_set_is_half_filled_is_refused_until_it_is_filled(
    settings: PlatformSettings, bundle: Bundle, second: Bundle
) -> None:
    serve(settings, 7)
    filling = serve(beside(settings), 8)
    filling.set_mark(BACKFILLING + filling.incarnation())
    scoring = Scoring(settings, bundle)
    scoring.move_alias(second)
    assert scoring.served() == ("lead_scoring_v1", 7)
    with pytest.raises(RuntimeError, match="lead_scoring_v2 is only half filled"):
        scoring.champion.require_served()
    filling.declare_whole()
    scoring.champion.refresh()
    assert scoring.served() == ("lead_scoring_v2", 8)


def test_a_model_of_a_set_that_nobody_named_is_refused_by_name(
    settings: PlatformSettings, bundle: Bundle, tmp_path: Path
) -> None:
    serve(settings, 7)
    write_bundle(tmp_path / "same", SAME)
    unknown = Bundle.load(tmp_path / "same", version="3")
    with pytest.raises(FeatureMismatch, match="version 3 was trained on lead_scoring_same"):
        build_scorer(
            unknown, Stores(settings, PATIENCE).open(unknown), ScoringSettings.model_validate({"api_keys": ""})
        )
    scoring = Scoring(settings, bundle)
    scoring.move_alias(unknown)
    assert scoring.served() == ("lead_scoring_v1", 7)


def test_a_reading_of_free_text_is_every_versions(settings: PlatformSettings) -> None:
    first, other = serve(settings, 7), serve(beside(settings), 8)
    first.write_enrichment([EncodedRow(ADA, enrichment_row().known_at, encode_row(enrichment_row()))])
    assert other.read_enrichment([ADA]) == [enrichment_row()]
    assert feature_set(beside(settings)).hash != feature_set(settings).hash


def test_a_store_that_was_never_made_says_how(settings: PlatformSettings) -> None:
    with pytest.raises(NotBackfilled, match="lead_scoring_v2 has no online store"):
        OnlineStore.open(beside(settings), timedelta(seconds=5).total_seconds())
