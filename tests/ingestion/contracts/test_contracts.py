"""The contracts that the platform keeps, held to the code that speaks them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from msgspec import inspect

from ingestion import errors
from ingestion.contracts.catalog import FOLDER, contracts_in, interaction, newest
from ingestion.contracts.event import SCHEMA, Draft, Event, EventType
from ingestion.contracts.json_schema import json_schema
from ingestion.contracts.odcs import Classification, Contract, LogicalType, Shape, read
from ingestion.contracts.properties import PROPERTIES
from ingestion.contracts.raw import HEADERS, QUARANTINE_TOPIC, RAW_TOPICS, SOURCE_SYSTEM, RawMessage
from ingestion.element import elements_of
from ingestion.errors import BadContract
from ingestion.kafka import DurableProducer, create_topics, read_topic
from ingestion.quarantine import MAX_REPEATED_BYTES, send
from ingestion.sources import ADAPTERS
from ingestion.sources.canonical import READERS, Published
from leadline.contracts import stale
from tests.ingestion.contracts.documents import documents
from tests.ingestion.sources.reading import read_all
from tests.ingestion.sources.samples import CANONICAL_CHAT, SAMPLES

CONTRACTS = newest(contracts_in(FOLDER))
KINDS: dict[type[inspect.Type], LogicalType] = {
    inspect.StrType: LogicalType.STRING,
    inspect.EnumType: LogicalType.STRING,
    inspect.LiteralType: LogicalType.STRING,
    inspect.DateTimeType: LogicalType.TIMESTAMP,
    inspect.BoolType: LogicalType.BOOLEAN,
    inspect.IntType: LogicalType.INTEGER,
    inspect.FloatType: LogicalType.NUMBER,
    inspect.StructType: LogicalType.OBJECT,
    inspect.DictType: LogicalType.OBJECT,
    inspect.ListType: LogicalType.ARRAY,
    inspect.VarTupleType: LogicalType.ARRAY,
}
SAID = {str: LogicalType.STRING, bool: LogicalType.BOOLEAN, int: LogicalType.INTEGER, list: LogicalType.ARRAY}


def plain(kind: inspect.Type) -> inspect.Type:
    """A type without the null that it may also be, and without what is said of it besides."""
    if isinstance(kind, inspect.Metadata):
        return plain(kind.type)
    if isinstance(kind, inspect.UnionType):
        [kind] = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
    return kind


def disagreements(shape: Shape, kind: inspect.Type, path: str = "") -> Iterator[str]:
    """Where a contract and the type that reads or writes it say different things.

    A contract may leave the inside of an object or array to another contract.
    """
    kind = plain(kind)
    if KINDS[type(kind)] is not shape.logical_type:
        yield f"{path}: {shape.logical_type} in the contract, {kind} in the code"
    if isinstance(kind, inspect.ListType | inspect.VarTupleType) and shape.items is not None:
        yield from disagreements(shape.items, kind.item_type, f"{path}[]")
    if isinstance(kind, inspect.DictType) and not shape.properties and shape.physical_type is not None:
        assert isinstance(kind.value_type, inspect.StrType)
    if isinstance(kind, inspect.StructType) and shape.properties:
        stated, coded = {one.name: one for one in shape.properties}, {one.encode_name: one for one in kind.fields}
        for name in stated.keys() ^ coded.keys():
            yield f"{path}.{name}: only in the {'contract' if name in stated else 'code'}"
        for name in stated.keys() & coded.keys():
            if stated[name].required is not coded[name].required:
                yield f"{path}.{name}: required in one of the two only"
            yield from disagreements(stated[name], coded[name].type, f"{path}.{name}")
    if shape.values is not None and (coded_values := _values(kind)):
        assert set(shape.values) == coded_values, path


def _values(kind: inspect.Type) -> set[str]:
    if isinstance(kind, inspect.EnumType):
        return {str(one.value) for one in kind.cls if isinstance(one, Enum)}
    return set(map(str, kind.values)) if isinstance(kind, inspect.LiteralType) else set()


def whole(contract: Contract) -> Shape:
    return Shape(logical_type=LogicalType.OBJECT, properties=contract.topic.properties)


@pytest.mark.parametrize(("name", "code"), [("leadline.interaction", Published), ("events", Event)])
def test_a_contract_has_the_fields_of_the_code_that_speaks_it(name: str, code: type) -> None:
    assert list(disagreements(whole(CONTRACTS[name]), inspect.type_info(code))) == []


def test_every_raw_topic_and_every_output_has_a_contract() -> None:
    assert {each.topic.physical_name for each in CONTRACTS.values()} == {*RAW_TOPICS, "events", "events.quarantine"}
    stated = {source["system"] for each in CONTRACTS.values() for source in each.stated("sources") or ()}
    assert stated == ADAPTERS.keys()


def test_generated_files_are_up_to_date() -> None:
    assert stale() == [], "run `leadline contracts write`, then look at the change"


def test_every_version_that_is_kept_has_a_reader() -> None:
    kept = {each.at[:2] for each in contracts_in(FOLDER) if each.id == interaction().id}
    assert kept == READERS.versions
    assert f"{interaction().id}/{interaction().version}" == SCHEMA


def test_nothing_on_events_is_personal_in_the_clear() -> None:
    stated = {path: field.classification for path, field in CONTRACTS["events"].walk()}
    assert Classification.PERSONAL not in stated.values()
    assert stated["private"] is Classification.SEALED
    assert stated["lead"] is Classification.PSEUDONYMOUS


def test_every_field_that_holds_a_value_is_classified() -> None:
    for contract in CONTRACTS.values():
        for path, field in contract.walk():
            inside = bool(field.fields) or field.logical_type in (LogicalType.OBJECT, LogicalType.ARRAY)
            assert inside or field.classification is not None, f"{contract.id}: {path}"


def test_refused_elements_lie_in_quarantine_as_its_contract_says(empty_kafka: str) -> None:
    topic = CONTRACTS["events.quarantine"].topic
    fields = {each.name: each for each in topic.properties}
    reasons = {each.__name__ for each in errors.Quarantine.__subclasses__()}
    assert set(fields["failure-type"].values or ()) == reasons
    create_topics(empty_kafka, {QUARANTINE_TOPIC: 1})
    body = b"[1," + b" " * (MAX_REPEATED_BYTES // 2) + b"2,3]"
    raw = RawMessage("raw.crm", 0, 0, b"7", body, {SOURCE_SYSTEM: "hubspot"}, datetime(2025, 11, 1, tzinfo=UTC))
    producer = DurableProducer(empty_kafka)
    send(producer, elements_of(raw, [errors.ContractBroken("[0]: a number")] * 3))
    producer.flush()
    producer.close()
    records = read_topic(empty_kafka, QUARANTINE_TOPIC)
    own = [{name for name in record.headers if name not in HEADERS} for record in records]
    headers = {name for name, field in fields.items() if field.physical_type == "header"}
    required = {name for name in headers if fields[name].required}
    assert all(required <= names <= headers for names in own)
    assert set().union(*own) == headers


def _agrees(value: Any, shape: Shape) -> bool:
    if shape.logical_type is LogicalType.NUMBER:
        return type(value) in (int, float)
    inner = value if isinstance(value, list) and shape.items is not None else []
    agree = all(shape.items is not None and _agrees(each, shape.items) for each in inner)
    return agree and SAID.get(type(value)) is shape.logical_type


@pytest.mark.parametrize(("system", "body"), [(system, body) for system, bodies in SAMPLES.items() for body in bodies])
def test_properties_of_documented_bodies_are_of_the_contracts_types(system: str, body: dict[str, Any]) -> None:
    for draft in read_all(system, body):
        said = draft.properties.items() if isinstance(draft, Draft) else ()
        assert [
            (name, value) for name, value in said if name in PROPERTIES and not _agrees(value, PROPERTIES[name])
        ] == []


ADMITS = jsonschema.Draft202012Validator(json_schema(interaction())).is_valid


@settings(max_examples=150)
@given(documents(interaction().topic.properties))
def test_whatever_the_json_schema_admits_is_read(document: dict[str, Any]) -> None:
    document = msgspec.json.decode(msgspec.json.encode(document))
    assert ADMITS(document)
    [draft] = read_all("canonical", document)
    assert isinstance(draft, Draft), str(draft)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "lead.teleported"},
        {"id": ""},
        {"id": 7},
        {"dataschema": "leadline.interaction/2-0-0"},
        {"claims": [{"type": "event", "value": "x"}]},
        {"claims": [{"type": "email"}]},
        {"private": {"name": 7}},
        {"text": "x" * 20_001},
        {"properties": {"company_size": "many"}},
        {"channel": None},
    ],
)
def test_json_schema_refuses_what_is_out_of_contract(change: dict[str, Any]) -> None:
    assert ADMITS(CANONICAL_CHAT)
    assert ADMITS(CANONICAL_CHAT | {"novelty": 1})
    assert not ADMITS(CANONICAL_CHAT | change)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("status: active", "status: lively", "Invalid enum value 'lively'"),
        ("required: true", "requried: true", "unknown field `requried`"),
        ("version: 1-0-0", "version: 1.0.0", "expected the name leadline.interaction-1.0.0.odcs.yaml"),
        ("metric: invalidValues", "metric: rowCount", "Invalid enum value 'rowCount'"),
        ("mustBe: 0", "unit: percent", "a rule is invalidValues with validValues"),
        ("kind: DataContract", "kind: [", "while parsing a flow sequence"),
    ],
)
def test_a_contract_that_says_what_nobody_reads_is_refused_by_name(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    file = tmp_path / interaction().file_name
    file.write_text((FOLDER / file.name).read_text().replace(old, new, 1))
    with pytest.raises(BadContract) as refused:
        read(file)
    assert said in str(refused.value)
    assert file.name in str(refused.value)


def test_every_type_of_event_is_in_the_contract() -> None:
    [kind] = [each for each in interaction().topic.properties if each.name == "type"]
    assert kind.values == tuple(map(str, EventType))
