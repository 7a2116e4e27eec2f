"""Personal data is readable with the person's key alone, and with nobody's once that key is destroyed."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from ingestion.contracts.event import RawPointer
from ingestion.database import metadata, open_database
from ingestion.privacy import PersonErased, PersonKey, Sealed, Vault, person_keys

MASTER = bytes(range(32))
HERE = RawPointer("raw.crm", 1, 2, 3, "digest")


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = open_database(url)
    metadata.create_all(engine, tables=[person_keys])
    yield engine
    engine.dispose()


@pytest.fixture
def vault(engine: Engine) -> Vault:
    return Vault(engine, MASTER)


def _key(vault: Vault, lead: str) -> PersonKey | None:
    with vault._engine.begin() as connection:
        return vault.keys_for(connection, [lead]).get(lead)


def _seal(vault: Vault, lead: str, values: dict[str, str]) -> str:
    key = _key(vault, lead)
    assert key is not None
    return key.seal(values, HERE)


def test_what_is_sealed_for_a_person_can_be_opened_again(vault: Vault) -> None:
    sealed = _seal(vault, "ld_1", {"email": "jo@acme.com", "text": "Grüße"})
    assert vault.open("ld_1", sealed) == {"email": "jo@acme.com", "text": "Grüße"}
    assert b"jo@acme.com" not in base64.b64decode(sealed)


def test_a_replay_seals_the_same_bytes_and_another_content_shares_no_nonce(vault: Vault) -> None:
    first, again = _seal(vault, "ld_1", {"name": "Jo"}), _seal(vault, "ld_1", {"name": "Jo"})
    other = _seal(vault, "ld_1", {"name": "Al"})
    assert first == again
    assert first[:16] != other[:16]


def test_sealed_data_belongs_to_one_lead(vault: Vault) -> None:
    sealed = _seal(vault, "ld_1", {"name": "Jo"})
    _key(vault, "ld_2")
    with pytest.raises(Sealed, match="another lead"):
        vault.open("ld_2", sealed)
    with pytest.raises(Sealed, match="no key for ld_3"):
        vault.open("ld_3", sealed)


def test_an_erased_person_cannot_be_read_and_gets_no_new_key(vault: Vault) -> None:
    sealed = _seal(vault, "ld_1", {"name": "Jo"})
    vault.erase("ld_1")
    vault.erase("ld_1")
    with pytest.raises(PersonErased, match="ld_1 was erased"):
        vault.open("ld_1", sealed)
    assert _key(vault, "ld_1") is None


def test_a_person_erased_before_the_first_event_stays_erased(vault: Vault) -> None:
    vault.erase("ld_9")
    assert _key(vault, "ld_9") is None


def test_the_store_holds_only_wrapped_keys(engine: Engine, vault: Vault) -> None:
    key = _key(vault, "ld_1")
    assert key is not None
    with engine.connect() as connection:
        wrapped = connection.execute(select(person_keys.c.wrapped)).scalar_one()
    assert key._key not in wrapped
    assert len(wrapped) == 40  # RFC 3394: the key and 8 bytes of proof


def test_keys_are_made_in_bulk_beyond_any_parameter_limit(engine: Engine, vault: Vault) -> None:
    leads = [f"ld_{number}" for number in range(70_000)] if engine.dialect.name == "sqlite" else ["ld_1"]
    with engine.begin() as connection:
        assert len(vault.keys_for(connection, leads)) == len(leads)


@given(st.dictionaries(st.text(), st.text()), st.binary(min_size=32, max_size=32))
def test_any_values_survive_sealing(values: dict[str, str], key: bytes) -> None:
    person = PersonKey("ld_1", key)
    assert person.open(person.seal(values, HERE)) == values
