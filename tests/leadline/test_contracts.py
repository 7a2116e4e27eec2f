"""`leadline contracts` as people and CI call it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ingestion.contracts.catalog import FOLDER, RELEASED, contracts_in, interaction
from leadline import cli, contracts
from leadline.errors import LeadlineError


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.app, ["contracts", *words], env={"COLUMNS": "200"}, catch_exceptions=False)


def said(result: Result) -> str:
    """The output without the table's lines and breaks."""
    return re.sub(r"[│┃\s]+", " ", result.output)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with the canonical contract as it is."""
    shutil.copy(FOLDER / interaction().file_name, tmp_path)
    return tmp_path


def rewrite(folder: Path, old: str, new: str) -> None:
    file = folder / interaction().file_name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_the_contracts_of_this_tree_have_the_versions_that_their_changes_ask_for() -> None:
    assert run("check").exit_code == 0


def test_released_contracts_are_kept_as_they_were() -> None:
    assert {contract.id for contract in contracts_in(RELEASED)} <= {contract.id for contract in contracts_in(FOLDER)}


def test_a_breaking_change_is_refused_with_the_version_that_it_needs(base: Path) -> None:
    rewrite(base, "maxLength: 20000", "maxLength: 30000")  # released so; this tree narrows it
    result = run("check", "--against", str(base))
    assert result.exit_code == 1
    assert "1 refused" in said(result)
    assert "MODEL" in said(result)
    assert "refused: needs" in said(result)


def test_a_change_that_hurts_nobody_still_needs_a_version_of_its_own(base: Path) -> None:
    rewrite(base, "Language of `text`.", "The text's language.")
    result = run("check", "--against", str(base))
    assert result.exit_code == 1
    assert "ADDITION" in said(result)


def test_a_folder_without_contracts_is_no_base(tmp_path: Path) -> None:
    with pytest.raises(LeadlineError, match="no contract is there"):
        run("check", "--against", str(tmp_path))


def test_list_and_show_name_topics_fields_and_senders() -> None:
    listed = said(run("list"))
    assert all(contract.id in listed for contract in contracts_in(FOLDER))
    assert "claims[].value" in said(run("show", "leadline.interaction"))
    assert "zendesk" in said(run("show", "raw.support-1-0-0"))
    with pytest.raises(LeadlineError, match=r"no contract raw.fax, expected one of .*raw.crm"):
        run("show", "raw.fax")


def test_release_keeps_what_passed_and_refuses_what_did_not(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contracts, "RELEASED", base / "released")
    assert run("release", "leadline.interaction").exit_code == 0
    assert [contract.id for contract in contracts_in(base / "released")] == ["leadline.interaction"]
    rewrite(base / "released", "maxLength: 20000", "maxLength: 30000")
    with pytest.raises(LeadlineError, match="nothing was released"):
        run("release", "leadline.interaction")


def test_an_out_of_date_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert contracts.stale() == []
    made = contracts.generated()
    monkeypatch.setattr(contracts, "generated", lambda: made | {contracts.PAGE: "another page"})
    assert contracts.stale() == ["docs/contracts.md"]
