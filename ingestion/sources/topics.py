"""The contracts of the raw topics, made of what each adapter states in `SOURCE` and of a raw message's headers.

Whoever changes a statement decides the version here; `leadline contracts check` says what it must be at least.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ingestion.contracts.odcs import (
    Classification,
    Contract,
    Custom,
    Description,
    LogicalType,
    Promise,
    Property,
    Topic,
)
from ingestion.contracts.raw import HEADERS, REFERER, SOURCE_SYSTEM, USER_AGENT
from ingestion.sources import ADAPTERS
from ingestion.sources.adapter import Source

# By topic: the contract's version, and what the topic is for.
TOPICS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "raw.crm": ("1-0-0", "What CRMs and sales desks send."),
        "raw.product": ("1-0-0", "What product analytics and publishers of one's own send."),
        "raw.support": ("1-0-0", "What support desks and chats send."),
        "raw.marketing": ("1-0-0", "What mailings, forms and advertising platforms send."),
    }
)
_PERSONAL = frozenset((REFERER, USER_AGENT))


def raw_contracts() -> list[Contract]:
    """One contract for each raw topic."""
    return [_contract(topic, version, purpose) for topic, (version, purpose) in TOPICS.items()]


def _contract(topic: str, version: str, purpose: str) -> Contract:
    sources = [adapter.SOURCE for adapter in ADAPTERS.values() if adapter.SOURCE.topic == topic]
    return Contract(
        api_version="v3.1.0",
        kind="DataContract",
        id=topic,
        version=version,
        status="active",
        name=f"Raw messages, {topic.removeprefix('raw.')}",
        description=Description(
            purpose=purpose,
            usage="Publish the sender's bytes as they are; the header names the adapter that reads them.",
            limitations="Values hold personal data in the clear and are read by the ingestion stage alone.",
        ),
        schema=(
            Topic(
                name="message",
                physical_name=topic,
                logical_type="object",
                physical_type="topic",
                description="A sender's bytes, untouched, and the headers that place them.",
                properties=_record(),
                custom_properties=(
                    Custom(property="kafkaKey", value="what the first element is about, by its source's `key`"),
                    Custom(property="dedupeKey", value="source, id", description="Of the events it becomes."),
                    Custom(property="ordering", value="as sent, for one key"),
                    Custom(property="sources", value=[_stated(source) for source in sources]),
                ),
            ),
        ),
        sla_properties=(
            Promise(property="retention", value=7, unit="d", description="At least so long, for replays."),
        ),
    )


def _record() -> tuple[Property, ...]:
    return (
        _part("key", "key", "Keeps the order of messages about one object."),
        _part("value", "value", "The sender's bytes.", required=True, classification=Classification.PERSONAL),
        *(_part(name, "header", meaning, required=name == SOURCE_SYSTEM) for name, meaning in HEADERS.items()),
    )


def _part(
    name: str, part: str, meaning: str, *, required: bool = False, classification: Classification = Classification.OPEN
) -> Property:
    return Property(
        name=name,
        physical_type=part,
        logical_type=LogicalType.STRING,
        required=required,
        description=meaning,
        classification=Classification.PERSONAL if name in _PERSONAL else classification,
    )


def _stated(source: Source) -> dict[str, Any]:
    return {
        "system": source.system,
        "sender": source.sender,
        "makes": sorted(map(str, source.makes)),
        "key": list(source.about),
        "dedupe": source.dedupe,
        "ordering": source.ordering,
        "contentTypes": sorted({"application/json", *filter(None, source.opens)}),
        "leavesOut": dict(source.leaves_out),
    }
