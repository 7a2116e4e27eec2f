"""`leadline features show` and `backfill`, as a person at the console meets them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

import leadline.backfilling
from features.store import OnlineStore
from ingestion.contracts.event import encode_json
from ingestion.lake import EventsTable, event_row
from ingestion.settings import PlatformSettings
from leadline import environment
from leadline.cli import app
from tests.features.conftest import ACME, NOW, STREAMS, event_of, merge_of, page, record
from tests.features.members import Log, Member
from tests.features.platforms import applied
from tests.features.versions import beside

LATER = f"{NOW + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlatformSettings:
    """A platform on which somebody became somebody else, and its lake."""
    settings, log = applied(tmp_path), Log()
    events = [
        event_of(page(), at=NOW, lead="ld_0", stream=STREAMS[1], offset=0),
        event_of(page("/pricing"), at=NOW, lead="ld_2", account=ACME, offset=2),
        event_of(record(jobtitle="Head of Data", industry="Mining"), at=NOW, lead="ld_2", account=ACME, offset=3),
    ]
    log.publish([events[0], merge_of("ld_0", "ld_2", offset=1), *events[1:]])
    EventsTable(settings.lake).append([event_row(event, encode_json(event)) for event in events], {"test": 1})
    Member(settings, log).drain()
    monkeypatch.setattr(environment, "settings", lambda: settings)
    return settings


def shown(*words: str) -> str:
    done = CliRunner().invoke(app, ["features", "show", *words, "--as-of", LATER], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def test_a_lead_is_shown_with_values_windows_and_when_it_was_known(platform: PlatformSettings) -> None:
    told = json.loads(shown("ld_2", "--json"))
    by_name = {each["name"]: each for each in told["features"]}
    assert by_name["page_views_7d"]["value"] == 2.0
    assert by_name["page_views_7d"]["age_seconds"] == 3600.0
    assert by_name["page_views_7d"]["window"] == "7 d, from the start of the hour (hop 1 h)"
    assert (told["service"], told["account"], told["sequence"]) == ("lead_scoring_v1", ACME, 1)
    assert set(told["states"]) == {"ld_2", ACME}
    assert told["states"]["ld_2"]["marks"]


def test_an_account_is_shown_with_what_is_said_of_it(platform: PlatformSettings) -> None:
    by_name = {each["name"]: each["value"] for each in json.loads(shown(ACME, "--json"))["features"]}
    assert by_name["account_active_people_30d"] == 1.0
    assert "page_views_7d" not in by_name


def test_the_table_says_what_a_number_means_and_the_state_only_if_asked(platform: PlatformSettings) -> None:
    output = shown("ld_2")
    assert "page_views_7d" in output
    assert "hop 1 h" in output
    assert "marks" not in output
    assert "marks" in shown("ld_2", "--raw")


def test_a_profile_says_who_said_what_and_when(platform: PlatformSettings) -> None:
    profile = json.loads(shown("ld_2", "--json"))["profile"]
    assert set(profile) == {"seniority", "industry"}
    assert (profile["industry"]["value"], profile["industry"]["source"]) == ("mining", "hubspot")
    assert set(json.loads(shown(ACME, "--json"))["profile"]) == {"industry"}
    row = next(line for line in shown("ld_2").splitlines() if "industry" in line and "hubspot" in line)
    assert f"{NOW:%Y-%m-%d %H:%M:%S}" in row


def test_who_is_shown_who_is_served(platform: PlatformSettings) -> None:
    for subject, why in (("ld_0", "has ended and is ld_2 now"), ("ld_9", "nothing is served of ld_9")):
        done = CliRunner().invoke(app, ["features", "show", subject])
        assert done.exit_code == 1
        assert why in f"{done.output} {done.exception}"


def test_a_version_is_filled_from_the_command_line(platform: PlatformSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    second = beside(platform)
    monkeypatch.setattr(leadline.backfilling, "Lags", _NobodyHasRead)
    done = CliRunner().invoke(app, ["features", "backfill", "--set", second.feature_set], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert "3 records of the lake are folded: lead_scoring_v2 is filled." in done.output
    assert f"LEADLINE_FEATURE_SET={second.feature_set} leadline features" in done.output
    (row,) = OnlineStore.open(second).read(["ld_2"])
    assert row is not None


class _NobodyHasRead:
    """No broker is needed: the lake's writer has committed nothing."""

    def __init__(self, _: str) -> None:
        """Asks nobody."""

    def reached(self, _group: str, _topic: str) -> dict[int, int]:
        return {}

    def close(self) -> None:
        """Nothing to let go."""
