"""The feature gate on snapshots: drift is told by name, and only where enough leads show it."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import isnan
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from features.definitions import LEAD_SCORING
from features.drift import has_drifted
from features.feature_set import FeatureSet
from features.metrics import DriftMetrics
from features.reference import Reference, reference_path, stored_reference
from features.snapshot_gate import Judged, SnapshotGate, SnapshotWatch, untrained
from features.store import OnlineStore
from ingestion.contracts.event import Event
from ingestion.settings import PlatformSettings
from quality.drift import ENOUGH, distribution_of
from quality.verdict import Action, Verdict
from tests.features.conftest import NOW, Said, event_of, merge_of, page, record
from tests.features.members import Log, Member
from tests.features.platforms import applied

CROWD = 700
ACCOUNTS = 20  # of every third of the crowd


def lead(number: int) -> str:
    return f"ld_{number:04}"


def account(number: int) -> str | None:
    return f"ac_{number % ACCOUNTS}" if number % 3 == 0 else None


def told(number: int, what: Said, offset: int) -> Event:
    return event_of(
        what, at=NOW - timedelta(hours=number % 90), lead=lead(number), account=account(number), offset=offset
    )


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> PlatformSettings:
    """A platform of people who have each viewed some pages, a third of them at twenty accounts."""
    platform, log = applied(tmp_path_factory.mktemp("quiet")), Log()
    events = [told(number, page(), number * 10 + view) for number in range(CROWD) for view in range(1 + number % 4)]
    log.publish(events)
    Member(platform, log).drain()
    return platform


@pytest.fixture(scope="module")
def stirred(tmp_path_factory: pytest.TempPathFactory) -> PlatformSettings:
    """The same people; half of them have also viewed prices, and all have said what they do."""
    platform, log = applied(tmp_path_factory.mktemp("stirred")), Log()
    events = [told(number, page(), number * 10 + view) for number in range(CROWD) for view in range(1 + number % 4)]
    events += [told(number, page("/pricing"), number * 10 + 8) for number in range(0, CROWD, 2)]
    events += [told(number, record(jobtitle="VP Sales"), number * 10 + 9) for number in range(CROWD)]
    log.publish(events)
    Member(platform, log).drain()
    return platform


def gate(
    platform: PlatformSettings, reference: Reference | None = None, *, leads: int = 2_000, days: int = 0
) -> SnapshotGate:
    def trained(_: FeatureSet) -> Reference | None:
        return reference

    at: datetime = NOW + timedelta(minutes=1, days=days)
    online = OnlineStore.open(platform)
    return SnapshotGate(
        platform.lake, online, LEAD_SCORING, trained if reference else untrained, leads=leads, clock=lambda: at
    )


def reference_of(found: Judged) -> Reference:
    return Reference("the test", {name: distribution_of(values) for name, values in found.columns.items()})


@pytest.fixture(scope="module")
def usual(quiet: PlatformSettings) -> Reference:
    return reference_of(gate(quiet).judge())


def test_what_looks_as_it_did_passes_every_suite(quiet: PlatformSettings, usual: Reference) -> None:
    found = gate(quiet, usual).judge()
    assert found.leads == CROWD
    assert [(verdict.suite.partition("@")[0], verdict.action) for verdict in found.verdicts] == [
        ("feature_states", Action.PASS),
        ("feature_values", Action.PASS),
        ("feature_drift", Action.PASS),
    ]


def test_features_that_moved_are_named_and_the_others_are_not(stirred: PlatformSettings, usual: Reference) -> None:
    found = gate(stirred, usual).judge()
    drift = found.verdicts[-1]
    assert (drift.action, drift.rows) == (Action.WARN, CROWD)
    named = {name for name, shift in found.shifts.items() if has_drifted(shift)}
    assert {"pricing_visits_7d", "pricing_visits_30d", "seniority"} <= named
    assert not named & {"calls_30d", "trial_state", "tickets_30d", "company_size"}
    said = " ".join(finding.observed for finding in drift.findings)
    assert all(name in said for name in named)
    assert "ld_" not in said


def test_a_feature_that_leads_begin_to_have_is_told_by_its_missing_share(
    stirred: PlatformSettings, usual: Reference
) -> None:
    shift = gate(stirred, usual).judge().shifts["seniority"]
    assert (shift.was_missing, shift.missing, shift.psi) == (1.0, 0.0, None)
    assert shift.missing_change is not None
    assert shift.missing_change > 0.9


def test_too_few_leads_are_not_held_to_the_reference(stirred: PlatformSettings, usual: Reference) -> None:
    found = gate(stirred, usual, leads=ENOUGH - 1).judge()
    assert found.leads == ENOUGH - 1
    assert not any(has_drifted(shift) for shift in found.shifts.values())
    assert found.verdicts[-1].action is Action.PASS


def test_what_is_said_of_few_accounts_is_not_judged_by_their_many_people(
    stirred: PlatformSettings, usual: Reference
) -> None:
    shifts = gate(stirred, usual).judge().shifts
    assert shifts["account_pricing_visits_30d"].psi is None
    assert shifts["pricing_visits_30d"].psi is not None


def test_without_a_model_the_first_snapshot_is_kept_and_no_later_one_takes_its_place(
    quiet: PlatformSettings, stirred: PlatformSettings
) -> None:
    for platform in (quiet, stirred):
        reference_path(platform.lake, LEAD_SCORING).unlink(missing_ok=True)
    first = gate(quiet).judge()
    assert (first.reference, first.shifts) == (None, {})
    kept = stored_reference(quiet.lake, LEAD_SCORING)
    second = gate(quiet).judge()
    assert second.reference == kept
    assert second.verdicts[-1].suite.startswith("feature_drift")
    gate(quiet, days=1).judge()
    assert stored_reference(quiet.lake, LEAD_SCORING) == kept


def test_a_snapshot_of_too_few_leads_is_not_kept(tmp_path: Path) -> None:
    platform, log = applied(tmp_path), Log()
    log.publish([told(number, page(), number) for number in range(5)])
    Member(platform, log).drain()
    assert gate(platform).judge().leads == 5
    assert stored_reference(platform.lake, LEAD_SCORING) is None


def test_who_ended_or_has_been_silent_for_long_is_not_in_a_snapshot(tmp_path: Path) -> None:
    platform, log = applied(tmp_path), Log()
    log.publish([event_of(page(), at=NOW, lead=name, offset=place) for place, name in enumerate(("ld_0", "ld_1"))])
    log.publish([merge_of("ld_0", "ld_1", offset=9)])
    Member(platform, log).drain()
    assert gate(platform).judge().leads == 1
    assert gate(platform, days=61).judge().leads == 0


def test_the_watch_tells_verdicts_and_figures_once_each_time(stirred: PlatformSettings, usual: Reference) -> None:
    said: list[Verdict] = []
    registry = CollectorRegistry()
    watch = SnapshotWatch(gate(stirred, usual), said.append, DriftMetrics(registry), seconds=3600)
    watch.look_if_due()
    watch.look_if_due()
    assert len(said) == 3
    assert registry.get_sample_value("leadline_drift_leads") == CROWD
    psi = registry.get_sample_value("leadline_drift_psi", {"feature": "pricing_visits_30d"})
    assert psi is not None
    assert psi > 0.25
    assert isnan(registry.get_sample_value("leadline_drift_psi", {"feature": "seniority"}) or 0.0)
