"""Keys are configured by their hashes, and a malformed entry stops start-up without being shown."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from ingestion.errors import SettingsError
from scoring import access
from scoring.access import Scope
from scoring.enrichment.build import endpoints_of
from scoring.settings import ScoringSettings, load

HASH = sha256(b"key").hexdigest()


@pytest.mark.parametrize(
    "configured",
    [f"a:score+read:{HASH}", f" a:score+read:{HASH} , b:admin:{'0' * 64},", json.dumps([f"a:score+read:{HASH}"])],
)
def test_a_key_is_known_by_its_hash_and_has_its_scopes(configured: str) -> None:
    client = access.parse(configured).client("key")
    assert client is not None
    assert (client.name, client.scopes) == ("a", frozenset({Scope.SCORE, Scope.READ}))
    assert access.parse(configured).client("Key") is None


def test_without_keys_nobody_is_let_in() -> None:
    assert access.parse("").client("") is None


@pytest.mark.parametrize(
    "configured",
    [
        "a:score:123",
        f"a:write:{HASH}",
        f"a:{HASH}",
        f":score:{HASH}",
        f"a:score:{HASH},a:read:{HASH}",
        "[1",
        f"a:score:{'g' * 64}",
    ],
)
def test_a_malformed_entry_is_refused_and_never_shown(configured: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        access.parse(configured)
    assert HASH not in str(refusal.value)


def test_settings_come_from_the_environment_and_a_wrong_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLINE_MATERIAL_CHANGE", "2.5")
    monkeypatch.setenv("LEADLINE_API_PORT", "")
    assert (load().material_change, load().api_port) == (2.5, 8080)
    monkeypatch.setenv("LEADLINE_READER_URLS", "ftp://secret.example")
    with pytest.raises(SettingsError, match="LEADLINE_READER_URLS") as refusal:
        load()
    assert "secret" not in str(refusal.value)


def test_readers_are_built_in_the_order_of_their_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLINE_READER_URLS", "http://a/v1,https://b/v1")
    monkeypatch.setenv("LEADLINE_READER_MODELS", "m1,m2")
    monkeypatch.setenv("LEADLINE_READER_PRICES", "0/0,0.15/0.6")
    first, second = endpoints_of(load())
    assert (first.name, first.base_url, first.model, first.input_price) == ("reader-1", "http://a/v1", "m1", 0.0)
    assert (second.name, second.output_price) == ("reader-2", 0.6)
    assert second.key.get_secret_value() == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"LEADLINE_READER_MODELS": ""},
        {"LEADLINE_READER_KEYS": "a,b"},
        {"LEADLINE_READER_PRICES": "1"},
        {"LEADLINE_READER_PRICES": "1/2,3/4"},
    ],
)
def test_readers_that_do_not_fit_together_are_refused(wrong: dict[str, str]) -> None:
    fitting = {"LEADLINE_READER_URLS": "http://a/v1", "LEADLINE_READER_MODELS": "m"}
    with pytest.raises(SettingsError, match="LEADLINE_READER_"):
        endpoints_of(ScoringSettings(**(fitting | wrong)))  # type: ignore[arg-type]
