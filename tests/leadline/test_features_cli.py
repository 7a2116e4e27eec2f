"""`leadline features`: still the worker without a command, and the online store's way back."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from redis import Redis
from typer.testing import CliRunner

from features.store import OnlineStore
from ingestion.contracts.event import encode_json
from ingestion.lake import EventsTable, event_row
from ingestion.settings import PlatformSettings
from leadline import environment
from leadline.cli import app
from tests.features.conftest import ACCOUNTS, LEADS, NOW, event_of, page
from tests.features.members import Log, Member, served
from tests.features.platforms import applied


@pytest.fixture
def platform(redis_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlatformSettings:
    """A platform of seven leads whose Redis was emptied."""
    settings, log = applied(tmp_path, online_store=f"{redis_address},db=0"), Log()
    log.publish(event_of(page(), at=NOW, lead=lead, account=ACCOUNTS[lead], offset=n) for n, lead in enumerate(LEADS))
    Member(settings, log).drain()
    host, _, port = redis_address.partition(":")
    with Redis(host, int(port)) as client:
        client.flushall()
    monkeypatch.setattr(environment, "settings", lambda: settings)
    return settings


def leadline(*words: str) -> str:
    done = CliRunner().invoke(app, ["features", *words])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_all_come_back_and_a_second_run_finds_nothing_to_do(platform: PlatformSettings) -> None:
    assert served(platform) == {}
    assert "9 came back. The online store is whole." in leadline("rebuild", "--all")
    assert OnlineStore.open(platform).is_whole()
    assert set(served(platform)) == set(LEADS)
    assert "0 came back. The online store is whole." in leadline("rebuild", "--all")


def test_named_leads_come_back_with_their_account(platform: PlatformSettings) -> None:
    assert "2 rows of these leads and their accounts, 2 of them came back." in leadline("rebuild", "ld_2")
    assert set(served(platform)) == {"ld_2"}


def test_every_lead_s_features_are_written_as_a_table(platform: PlatformSettings, tmp_path: Path) -> None:
    lake = EventsTable(platform.lake)
    event = event_of(page("/pricing"), at=NOW, lead="ld_2", account=ACCOUNTS["ld_2"])
    lake.append([event_row(event, encode_json(event))], {"test": 1})
    out = tmp_path / "features.parquet"
    assert "features of 1 leads" in leadline("recompute", str(out))
    (row,) = pq.read_table(out).to_pylist()
    assert (row["lead"], row["account"], row["account_active_people_30d"]) == ("ld_2", ACCOUNTS["ld_2"], 1.0)


def test_nobody_rebuilds_everything_by_forgetting_a_word(platform: PlatformSettings) -> None:
    for words in ([], ["ld_2", "--all"]):
        done = CliRunner().invoke(app, ["features", "rebuild", *words])
        assert done.exit_code == 2
        assert "name the leads, or say --all" in done.output
    assert served(platform) == {}


def test_without_a_command_it_is_the_worker_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[object] = []
    monkeypatch.setattr("features.app.run_features", lambda *given: ran.append(given))
    monkeypatch.setattr(environment, "settings", lambda: "the settings")
    monkeypatch.setattr(environment, "until_told_to_stop", lambda: "the signal")
    leadline()
    assert ran == [("the settings", "the signal")]
