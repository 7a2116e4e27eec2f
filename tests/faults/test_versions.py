"""A second version of the features is filled while traffic flows, cut over to and back: no gap, and no score misses."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

import features.backfill
from feature_repo.apply import apply
from features.app import backfill_of, comparison_of, features_group
from features.errors import NotBackfilled
from features.refold import origins
from features.store import OnlineStore
from ingestion.app import LAKE_GROUP
from ingestion.contracts.raw import EVENTS_TOPIC
from ingestion.kafka import Lags
from ingestion.settings import PlatformSettings
from ingestion.worker import CrashPoint, never
from registry.bundle import Bundle
from scoring.lookup import Served, look_up
from scoring.stores import Stores
from tests.conftest import tries, wait_until
from tests.faults.plant import DRAINED_SECONDS, EVERYTHING, TIMEOUT, Plant
from tests.faults.workers import KilledAt
from tests.features.versions import SECOND, beside
from tests.processes import processes
from tests.scoring.bundles import write_bundle

pytestmark = TIMEOUT

PATIENCE = 10.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Trained on the second version."""
    folder = tmp_path_factory.mktemp("model")
    write_bundle(folder, SECOND)
    return Bundle.load(folder, version="2")


def _backfill(settings: PlatformSettings, crash_point: CrashPoint) -> None:
    features.backfill.AT_ONCE = 20
    with closing(Lags(settings.kafka_bootstrap_servers)) as lags:
        backfill_of(settings, lambda: lags.reached(LAKE_GROUP, EVENTS_TOPIC), crash_point).run()


def backfilled(settings: PlatformSettings, crash_point: CrashPoint = never) -> int | None:
    """How a process ends that backfills."""
    process = processes.Process(target=_backfill, args=(settings, crash_point))
    process.start()
    process.join(DRAINED_SECONDS)
    return process.exitcode


def versioned(model: Bundle) -> Callable[[Plant], None]:
    """Fill, be killed, go on, start the worker, cut over, roll back."""

    def change(plant: Plant) -> None:
        second, comparison = beside(plant.settings), comparison_of(plant.settings)
        wait_until(lambda: len(comparison.sampled(1.0)) >= 20, "the first leads", DRAINED_SECONDS)
        apply(second)
        assert backfilled(second, KilledAt("history", 3)) == -signal.SIGKILL
        known = plant.settings.model_copy(update={"feature_sets_beside": second.feature_set})
        stores = Stores(known, PATIENCE)
        with pytest.raises(NotBackfilled):
            stores.open(model)
        assert backfilled(second) == 0
        plant.names = (*plant.names, "second-1")
        plant.workers.start("second-1")
        plant.wait_for_members("second-1")
        leads = comparison.sampled(1.0)
        with closing(Lags(plant.bootstrap)) as lags:
            group = features_group(second)
            wait_until(lambda: not lags.of(group, [EVENTS_TOPIC]), "the second worker to catch up", DRAINED_SECONDS)
        for bundle in (model, None, model):  # there, back, and there again
            rows = stores.rows(_service(stores, bundle))
            assert all(isinstance(found, Served) for found in look_up(rows, leads)), "a lead that is known has no score"

    return change


def _service(stores: Stores, bundle: Bundle | None) -> str:
    stores.open(bundle)
    return "lead_scoring_v1" if bundle is None else bundle.feature_service


@pytest.mark.parametrize("seed", range(tries(1)))
def test_two_versions_serve_what_the_recompute_says_though_one_came_in_mid_traffic(
    seed: int, empty_kafka: str, tmp_path: Path, model: Bundle
) -> None:
    plant = Plant(empty_kafka, tmp_path, EVERYTHING, seed, seconds=8, end=datetime.now(UTC), live=True)
    plant.endure(versioned(model))
    plant.require_parity()
    plant.require_parity(beside(plant.settings))
    served = [OnlineStore.open(each) for each in (plant.settings, beside(plant.settings))]
    leads = comparison_of(plant.settings).sampled(1.0)
    pairs = list(zip(*(store.read(leads) for store in served), strict=True))
    live = [(one.state.marks, other and other.state.marks) for one, other in pairs if one and one.forward is None]
    assert [marks for _, marks in live] == [marks for marks, _ in live], "one version knows what the other does not"
    assert any(len(origins(marks)) > 1 for marks, _ in live), "nobody had become somebody else"
