"""`.env.example` is where every setting is looked up: the errors about settings say so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from ingestion.settings import PlatformSettings
from scoring.settings import ScoringSettings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.mark.parametrize("settings", [PlatformSettings, ScoringSettings])
def test_every_setting_is_in_the_example_file(settings: type[BaseSettings]) -> None:
    shown = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE))
    assert {field.alias for field in settings.model_fields.values()} <= shown
