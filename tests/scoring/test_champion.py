"""The scorer follows the registry's champion, and a champion that cannot be served never unseats the last good one."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.definitions import LEAD_SCORING
from registry.bundle import LEAVES_FILE, Bundle
from registry.errors import RegistryUnavailable
from scoring import policy
from scoring.champion import Champion
from scoring.metrics import ScoringMetrics
from scoring.scorer import Scorer
from tests.scoring.conftest import READING_MAX_AGE
from tests.scoring.moments import registry


class Registry:
    """A registry whose champion the test chooses."""

    def __init__(self) -> None:
        self.champion: Bundle | None = None
        self.error: Exception | None = None

    def fetch(self) -> Bundle | None:
        if self.error is not None:
            raise self.error
        return self.champion


@pytest.fixture
def shelf() -> Registry:
    """An empty registry."""
    return Registry()


@pytest.fixture
def champion(shelf: Registry) -> Champion:
    """Follows that registry."""
    return Champion(
        shelf.fetch,
        lambda bundle: Scorer(bundle, LEAD_SCORING, policy.load(), "demo", READING_MAX_AGE),
        ScoringMetrics(registry()),
    )


def version(champion: Champion) -> str:
    return champion.current().model.ref.version


def test_rules_score_until_a_champion_is_registered(champion: Champion, shelf: Registry, bundle: Bundle) -> None:
    champion.refresh()
    assert champion.current().model.ref.kind == "rules"
    shelf.champion = bundle
    champion.refresh()
    assert version(champion) == "3"
    champion.require_served()


def test_the_same_champion_is_not_built_twice(champion: Champion, shelf: Registry, bundle: Bundle) -> None:
    shelf.champion = bundle
    champion.refresh()
    first = champion.current()
    champion.refresh()
    assert champion.current() is first


def test_an_older_version_named_champion_again_is_served_again(
    champion: Champion, shelf: Registry, bundle_folder: Path
) -> None:
    for name in ("4", "3"):
        shelf.champion = Bundle.load(bundle_folder, version=name)
        champion.refresh()
        assert version(champion) == name


def test_an_unreachable_registry_leaves_the_last_good_one(champion: Champion, shelf: Registry, bundle: Bundle) -> None:
    shelf.champion = bundle
    champion.refresh()
    shelf.error = RegistryUnavailable("MLflow does not answer")
    champion.refresh()
    assert version(champion) == "3"
    with pytest.raises(RuntimeError, match="MLflow does not answer"):
        champion.require_served()
    shelf.error = None
    champion.refresh()
    champion.require_served()


def test_a_champion_of_other_features_is_refused_by_name(
    champion: Champion, shelf: Registry, bundle: Bundle, bundle_folder: Path
) -> None:
    shelf.champion = bundle
    champion.refresh()
    skewed = Bundle.load(bundle_folder, version="5")
    skewed.feature_hash = "0th3r"
    shelf.champion = skewed
    champion.refresh()
    assert version(champion) == "3"
    with pytest.raises(RuntimeError, match="model version 5 was trained on"):
        champion.require_served()


def test_a_tampered_bundle_never_loads(bundle_folder: Path, tmp_path: Path) -> None:
    for file in bundle_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    leaves = bytearray((tmp_path / LEAVES_FILE).read_bytes())
    leaves[len(leaves) // 2] ^= 1
    (tmp_path / LEAVES_FILE).write_bytes(leaves)
    with pytest.raises(Exception, match="its bytes were changed"):
        Bundle.load(tmp_path, version="6")
