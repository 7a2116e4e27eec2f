"""Whom the firm sells to is a file's word, and a process with another file never scores as if it had this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from features.definitions import LEAD_SCORING
from features.ideal_customer import industry_match, read, technology_fit
from ingestion.errors import SettingsError

MINERS = 'industries = ["mining"]\ntechnologies = ["cobol", "kafka"]\n'


def test_the_packaged_file_is_what_counts_unless_another_is_named() -> None:
    assert industry_match("computer_software") == 1.0
    assert technology_fit("kafka;cobol") == pytest.approx(1 / 6)


def test_another_file_gives_other_values_and_another_feature_hash(tmp_path: Path) -> None:
    path = tmp_path / "ideal.toml"
    path.write_text(MINERS)
    code = (
        "from features.definitions import LEAD_SCORING as s; from features import ideal_customer as i;"
        "print(s.hash, i.industry_match('mining'), i.technology_fit('kafka'))"
    )
    environment = os.environ | {"LEADLINE_IDEAL_CUSTOMER": str(path)}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    hash_, match, fit = told.stdout.split()
    assert (match, fit) == ("1.0", "0.5")
    assert hash_ != LEAD_SCORING.hash


@pytest.mark.parametrize(
    "wrong", ["", "industries = 3", "industries = []\ntechnologies = []", MINERS + "cities = []", "industries ="]
)
def test_a_file_that_does_not_say_it_is_refused_by_its_name(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "ideal.toml"
    path.write_text(wrong)
    with pytest.raises(SettingsError, match=r"LEADLINE_IDEAL_CUSTOMER: .*ideal\.toml"):
        read(path)
    with pytest.raises(SettingsError, match="gone"):
        read(tmp_path / "gone.toml")
