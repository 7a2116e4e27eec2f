"""The contracts as a page for people who publish or read: topics, fields, senders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ingestion.contracts.event import EventType
from ingestion.contracts.odcs import Contract, Limits, Property, Shape
from ingestion.contracts.raw import RAW_TOPICS

_HEAD = """\
# Data contracts

<!-- Written by `leadline contracts write` from ingestion/contracts/ and ingestion/sources/. Edit those. -->

What lies on each topic, and what its publishers and readers may rely on. The contracts are files of the
[Open Data Contract Standard](https://bitol-io.github.io/open-data-contract-standard/v3.1.0/) 3.1, in
`ingestion/contracts/`. Versions are MODEL-REVISION-ADDITION: [ADR 13](adr/0013-contracts.md) says which change asks
for what, and `leadline contracts check` holds the files to it.

Personal data: *open* says nothing of a person; *pseudonymous* is a keyed hash or an id; *sealed* is encrypted under the
person's key; *personal* is in the clear.
"""


def page(contracts: Sequence[Contract]) -> str:
    """The page, in Markdown: what publishers write, then senders by topic, then what readers find."""
    raw = [contract for contract in contracts if contract.stated("sources")]
    published = [each for each in contracts if each.topic.physical_name in RAW_TOPICS and each not in raw]
    made = [each for each in contracts if each.topic.physical_name not in RAW_TOPICS]
    parts = [_HEAD, *_topics([*published, *raw, *made])]
    for contract in published:
        parts += _contract(contract)
    parts += ["## Raw topics\n", *_fields(raw[0])]
    for contract in raw:
        parts += _sources(contract)
    for contract in made:
        parts += _contract(contract)
    return "\n".join(parts)


def _topics(contracts: Iterable[Contract]) -> Iterator[str]:
    rows = (
        (
            f"`{contract.topic.physical_name}`",
            f"{contract.id} {contract.version}",
            contract.description.purpose,
            contract.stated("kafkaKey"),
            contract.stated("dedupeKey"),
            contract.stated("ordering"),
            next((f"{p.value:g} {p.unit}" for p in contract.sla_properties if p.property == "retention"), ""),
        )
        for contract in contracts
    )
    yield from _table(("topic", "contract", "what for", "Kafka key", "one event by", "order", "kept at least"), rows)


def _contract(contract: Contract) -> Iterator[str]:
    yield f"## {contract.name}\n"
    yield f"`{contract.id}` {contract.version} on `{contract.topic.physical_name}`. {contract.description.purpose}\n"
    yield f"{contract.description.usage}\n"
    yield f"{contract.description.limitations}\n"
    yield from _fields(contract)


def _fields(contract: Contract) -> Iterator[str]:
    rows = (
        (f"`{path}`", _type(field), "yes" if field.required else "", field.classification or "", _meaning(field))
        for path, field in contract.walk()
    )
    yield from _table(("field", "type", "required", "personal data", "meaning"), rows)


def _type(shape: Shape) -> str:
    if shape.items is not None:
        return f"{shape.items.logical_type}s"
    return shape.physical_type or str(shape.logical_type)


def _meaning(field: Property) -> str:
    values = f" One of {', '.join(f'`{value}`' for value in field.values)}." if field.values else ""
    rules = (f" {rule.description}" for rule in field.quality if rule.description)
    return field.description + values + _limits(field.limits) + "".join(rules)


def _limits(limits: Limits) -> str:
    stated = {
        "at least {} characters": limits.min_length,
        "at most {} characters": limits.max_length,
        "matches `{}`": limits.pattern,
        "at least {} elements": limits.min_items,
        "at most {} elements": limits.max_items,
        "from {}": limits.minimum,
        "until {}": limits.maximum,
    }
    words = [sentence.format(limit) for sentence, limit in stated.items() if limit is not None]
    return f" Limits: {', '.join(words)}." if words else ""


def _sources(contract: Contract) -> Iterator[str]:
    yield f"### {contract.topic.physical_name}\n"
    yield f"{contract.description.purpose}\n"
    rows = (
        (
            f"`{source['system']}`",
            source["sender"],
            _makes(source["makes"]),
            source["dedupe"],
            source["ordering"],
            _left_out(source["leavesOut"]),
        )
        for source in contract.stated("sources")
    )
    yield from _table(("`source-system`", "sender", "makes", "id of an event", "order", "left out, and why"), rows)


def _makes(types: Sequence[str]) -> str:
    return "every type" if len(types) == len(EventType) else ", ".join(types)


def _left_out(stated: Mapping[str, str]) -> str:
    return "; ".join(f"{what} ({why})" for what, why in stated.items())


def _table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"
    yield ""


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
