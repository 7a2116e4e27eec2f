"""A feature never means something else under the version that it had."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from examples.bank_marketing.definitions import FEATURE_SET
from features.activity import Kind
from features.declarations import Feature
from features.definitions import LEAD_SCORING
from features.feature_set import FeatureSet, named
from features.language import Count
from features.lock import changes, lock_file, locked, read_lock

VISITS = Feature("visits", Count(Kind.PAGE_VIEW, days=7), description="Visits", owner="web", unit="visits")
MORE = replace(VISITS, expression=Count(Kind.PAGE_VIEW, days=14))


def set_of(*features: Feature) -> FeatureSet:
    """A set of these."""
    return FeatureSet(service="own_v1", features=features, revision=1)


def relocked(file: Path, *features: Feature) -> None:
    """Lock these after what is locked already."""
    file.write_bytes(locked(set_of(*features), read_lock(file)))


@pytest.mark.parametrize("path", ["features.definitions:LEAD_SCORING", FEATURE_SET])
def test_what_is_declared_here_is_locked(path: str) -> None:
    features = named(path)
    assert changes(features, read_lock(lock_file(path))) == [], "run `leadline features lock`"


def test_another_meaning_needs_another_version(tmp_path: Path) -> None:
    file = tmp_path / "lock.json"
    relocked(file, VISITS)
    (refused,) = changes(set_of(MORE), read_lock(file))
    assert refused.refused == "it means something else: give it version=2"
    assert refused.what == "Count(act=Kind.PAGE_VIEW, days=7) → Count(act=Kind.PAGE_VIEW, days=14)"
    (raised,) = changes(set_of(replace(MORE, version=2)), read_lock(file))
    assert not raised.refused


def test_a_version_is_never_taken_back_even_of_a_feature_that_was_gone(tmp_path: Path) -> None:
    file = tmp_path / "lock.json"
    relocked(file, replace(VISITS, version=2))
    relocked(file, LEAD_SCORING.features[0])  # visits is gone
    assert json.loads(file.read_bytes())["visits"]["version"] == 2
    (refused,) = changes(set_of(VISITS), read_lock(file))
    assert refused.refused == "version 2 is locked already; give at least 2"


def test_better_wording_is_no_change(tmp_path: Path) -> None:
    file = tmp_path / "lock.json"
    relocked(file, VISITS)
    better = set_of(replace(VISITS, description="Page views", owner="growth", unit="views", maximum=9.0))
    assert changes(better, read_lock(file)) == []
    assert better.hash == set_of(VISITS).hash
    assert set_of(replace(VISITS, version=2)).hash != set_of(VISITS).hash != set_of(MORE).hash


def test_nothing_is_locked_at_first(tmp_path: Path) -> None:
    (new,) = changes(set_of(VISITS), read_lock(tmp_path / "none.json"))
    assert new.what == "new: Count(act=Kind.PAGE_VIEW, days=7)"
    assert not new.refused
