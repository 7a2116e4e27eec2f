"""`.env.example` is where every setting is looked up: the errors about settings say so. Nothing else sets one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from ingestion.settings import PlatformSettings, ReceiverSettings, RegistrySettings
from scoring.settings import ScoringSettings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.mark.parametrize("settings", [PlatformSettings, ScoringSettings])
def test_every_setting_is_in_the_example_file(settings: type[BaseSettings]) -> None:
    shown = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE))
    assert {field.alias for field in settings.model_fields.values()} <= shown


@pytest.mark.parametrize("settings", [PlatformSettings, RegistrySettings, ReceiverSettings, ScoringSettings])
def test_a_variable_that_is_named_as_a_field_sets_nothing(
    settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for alias in ("LEADLINE_IDENTITY_KEY", "LEADLINE_MASTER_KEY"):
        monkeypatch.setenv(alias, "22" * 32)
    before = settings()
    for name, field in settings.model_fields.items():
        if field.alias != name.upper():
            monkeypatch.setenv(name.upper(), "11" * 32)
    assert settings() == before
