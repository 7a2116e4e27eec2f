"""`leadline features catalogue|check|lock`: what is declared, its values, and that nothing changes in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from features.definitions import LEAD_SCORING
from features.feature_set import named
from features.lock import lock_file
from ingestion.settings import PlatformSettings
from leadline import environment
from leadline.cli import app
from leadline.errors import LeadlineError, NotSetUp
from leadline.features import check_lock, write_html, write_lock
from tests.features.conftest import ACCOUNTS, LEADS, NOW, event_of, page
from tests.features.members import Log, Member
from tests.features.platforms import applied

OWN = """
from features.activity import Kind
from features.declarations import Feature
from features.feature_set import FeatureSet
from features.language import Count

VISITS = Feature(
    "visits", Count(Kind.PAGE_VIEW, days={days}), description="Visits", owner="web", unit="visits", version={version}
)
SET = FeatureSet(service="own_v1", features=(VISITS,), revision=1)
"""


@pytest.fixture
def quiet() -> Console:
    return Console(quiet=True)


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlatformSettings:
    settings = applied(tmp_path)
    monkeypatch.setattr(environment, "settings", lambda: settings)
    return settings


def declared(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, days: int, version: int) -> str:
    """A set in a module of its own, whose lock is the folder's."""
    (folder / f"{name}.py").write_text(OWN.format(days=days, version=version))
    monkeypatch.syspath_prepend(str(folder))
    path = f"{name}:SET"
    named(path)
    monkeypatch.setattr("leadline.features.lock_file", lambda _: folder / "own.lock.json")
    return path


def test_a_changed_definition_passes_the_check_with_a_new_version_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: Console
) -> None:
    first = declared(tmp_path, monkeypatch, "own_first", days=7, version=1)
    assert check_lock(first, quiet) == 1  # not locked yet
    write_lock(first, quiet)
    assert check_lock(first, quiet) == 0
    same_version = declared(tmp_path, monkeypatch, "own_wider", days=30, version=1)
    assert check_lock(same_version, quiet) == 1
    with pytest.raises(LeadlineError, match="give it version=2"):
        write_lock(same_version, quiet)
    raised = declared(tmp_path, monkeypatch, "own_raised", days=30, version=2)
    write_lock(raised, quiet)
    assert check_lock(raised, quiet) == 0


def test_the_lock_lies_beside_the_declarations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = declared(tmp_path, monkeypatch, "own_beside", days=7, version=1)
    assert lock_file(path) == tmp_path / "own_beside.lock.json"


def test_the_catalogue_is_shown_and_written(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["features", "catalogue"])
    assert shown.exit_code == 0, shown.output
    assert all(name in shown.output for name in LEAD_SCORING.names)
    assert "marketing · version 1" in shown.output
    file = tmp_path / "features.md"
    assert CliRunner().invoke(app, ["features", "catalogue", "--out", str(file)]).exit_code == 0
    assert all(f"| `{name}` |" in file.read_text() for name in LEAD_SCORING.names)


def test_the_plots_are_of_the_leads_that_are_served(platform: PlatformSettings, tmp_path: Path, quiet: Console) -> None:
    with pytest.raises(NotSetUp, match="nothing to plot"):
        write_html(platform, tmp_path / "none.html", quiet)
    log = Log()
    log.publish(event_of(page(), at=NOW, lead=lead, account=ACCOUNTS[lead], offset=n) for n, lead in enumerate(LEADS))
    Member(platform, log).drain()
    file = tmp_path / "features.html"
    done = CliRunner().invoke(app, ["features", "catalogue", "--html", str(file)])
    assert done.exit_code == 0, done.output
    text = file.read_text()
    assert f"{len(LEAD_SCORING.names)} features of {len(LEADS)} leads" in text
    assert not any(lead in text for lead in LEADS)
