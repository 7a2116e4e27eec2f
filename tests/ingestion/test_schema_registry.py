"""Publishers with a schema registry: framed values are read if their schema is allowed; an outage loses none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.contracts.event import Draft
from ingestion.contracts.raw import CONTENT_TYPE, SOURCE_ACCOUNT, SOURCE_SYSTEM, RawMessage
from ingestion.decode import field_types, read
from ingestion.errors import Retry, SettingsError, Undecodable, UnknownVersion
from ingestion.framing import NO_SCHEMAS, payload, refusal, schema_id
from ingestion.schema_registry import SchemaRegistry
from ingestion.sources.adapter import Tenant
from tests.conftest import free_port
from tests.ingestion.registry_server import Registry, serving
from tests.ingestion.sources.samples import CANONICAL_CHAT

TENANT = Tenant("demo")
SUBJECT = "raw.product-value"


def framed(number: int, body: bytes) -> bytes:
    return b"\0" + number.to_bytes(4, "big") + body


def message(value: bytes) -> RawMessage:
    headers = {SOURCE_SYSTEM: "canonical", SOURCE_ACCOUNT: "chat", CONTENT_TYPE: "application/json"}
    return RawMessage("raw.product", 0, 7, None, value, headers, datetime(2025, 11, 1, tzinfo=UTC))


CHAT = msgspec.json.encode(CANONICAL_CHAT)


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving() as registry:
        yield registry


@pytest.fixture
def client(registry: Registry) -> Iterator[SchemaRegistry]:
    client = SchemaRegistry(registry.url, [SUBJECT])
    yield client
    client.close()


def test_a_framed_value_of_an_allowed_subject_is_read_as_if_it_had_no_frame(
    registry: Registry, client: SchemaRegistry
) -> None:
    value = framed(registry.register(SUBJECT), CHAT)
    assert read(message(value), TENANT, client.resolve([value])) == read(message(CHAT), TENANT)
    assert field_types(message(value)) == field_types(message(CHAT))


def test_the_raw_messages_digest_is_of_the_bytes_as_they_lie_on_the_topic(registry: Registry) -> None:
    value = framed(registry.register(SUBJECT), CHAT)
    assert message(value).digest != message(CHAT).digest


def test_an_id_that_is_known_is_asked_for_once(registry: Registry, client: SchemaRegistry) -> None:
    first, second = registry.register(SUBJECT), registry.register(SUBJECT)
    for _ in range(3):
        client.resolve([CHAT, framed(first, CHAT), framed(second, CHAT), framed(first, CHAT), b""])
    assert len(registry.asked) == 2


def test_an_unknown_schema_is_named_and_becomes_known_when_it_is_registered(
    registry: Registry, client: SchemaRegistry
) -> None:
    value = framed(77, CHAT)
    [reason] = read(message(value), TENANT, client.resolve([value]))
    assert isinstance(reason, UnknownVersion)
    assert str(reason) == "body: schema id 77 is not known to the registry, expected a subject of raw.product-value"
    registry.register(SUBJECT, number=77)
    assert client.resolve([value]) == {77: None}


def test_bytes_that_are_no_id_of_any_registry_stop_nobody(client: SchemaRegistry) -> None:
    value = framed(2**31, CHAT)
    [reason] = read(message(value), TENANT, client.resolve([value]))
    assert "schema id 2147483648 is not known" in str(reason)


def test_a_schema_of_another_subject_is_refused_by_its_name_and_version(
    registry: Registry, client: SchemaRegistry
) -> None:
    value = framed(registry.register("orders-value"), CHAT)
    [reason] = read(message(value), TENANT, client.resolve([value]))
    assert isinstance(reason, UnknownVersion)
    assert "is 'orders-value' version 1, expected a subject of raw.product-value" in str(reason)


def test_what_lies_on_a_topic_outlives_the_deletion_of_its_schema(registry: Registry, client: SchemaRegistry) -> None:
    value = framed(registry.register(SUBJECT), CHAT)
    registry.delete(schema_id(value) or 0)
    [draft] = read(message(value), TENANT, client.resolve([value]))
    assert isinstance(draft, Draft)


@pytest.mark.parametrize("instead", [(500, b"{}"), (503, b"busy"), (429, b"{}"), (200, b"<html>"), (302, b"")])
def test_a_registry_that_is_down_decides_nothing(
    registry: Registry, client: SchemaRegistry, instead: tuple[int, bytes]
) -> None:
    value = framed(registry.register(SUBJECT), CHAT)
    registry.instead = instead
    with pytest.raises(Retry, match=r"schema registry http://127\.0\.0\.1"):
        client.resolve([value])
    registry.instead = None
    assert client.resolve([value]) == {schema_id(value): None}


def test_nobody_at_the_address_decides_nothing_and_values_without_a_frame_need_nobody() -> None:
    client = SchemaRegistry(f"http://127.0.0.1:{free_port()}", [SUBJECT])
    assert client.resolve([CHAT, b"\0", b""]) == {}
    with pytest.raises(Retry, match="ConnectError for schema id 7"):
        client.resolve([framed(7, CHAT)])
    client.close()


def test_wrong_credentials_and_wrong_addresses_stop_the_worker_and_refuse_nothing(
    registry: Registry,
) -> None:
    number = registry.register(SUBJECT)
    registry.credentials = "key:secret"
    for path, credentials in (("", ""), ("", "key:wrong"), ("/elsewhere", "key:secret")):
        client = SchemaRegistry(registry.url + path, [SUBJECT], credentials)
        with pytest.raises(SettingsError, match="LEADLINE_SCHEMA_REGISTRY_URL") as stopped:
            client.resolve([framed(number, CHAT)])
        assert "key:wrong" not in str(stopped.value)
        client.close()
    client = SchemaRegistry(f"{registry.url}/", [SUBJECT], "key:secret")
    assert client.resolve([framed(number, CHAT)]) == {number: None}
    client.close()


def test_no_allowed_subject_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(SettingsError, match="LEADLINE_SCHEMA_SUBJECTS: is empty"):
        SchemaRegistry("http://127.0.0.1:1", [])


def test_where_no_registry_is_asked_a_framed_value_waits_in_quarantine_with_the_way_back() -> None:
    [reason] = read(message(framed(7, CHAT)), TENANT)
    assert isinstance(reason, UnknownVersion)
    assert "framed with schema id 7" in str(reason)
    assert "Set LEADLINE_SCHEMA_REGISTRY_URL, then replay" in str(reason)


def test_what_another_serialiser_framed_is_undecodable() -> None:
    [reason] = read(message(framed(7, b"\x02\x06avro")), TENANT, {7: None})
    assert isinstance(reason, Undecodable)


@given(st.integers(0, 2**32 - 1), st.binary(min_size=1))
def test_a_frame_is_taken_off_exactly(number: int, body: bytes) -> None:
    value = framed(number, body)
    assert (schema_id(value), payload(value)) == (number, body)
    assert refusal(value, {number: None}) is None
    assert str(number) in str(refusal(value, NO_SCHEMAS))


@given(st.binary().filter(lambda value: value[:1] != b"\0") | st.binary(max_size=5))
def test_a_value_without_a_frame_stays_as_it_is(value: bytes) -> None:
    assert (schema_id(value), payload(value), refusal(value, NO_SCHEMAS)) == (None, value, None)
