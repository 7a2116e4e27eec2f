"""What a source adapter is: a statement and two functions in one vendor's file, found by a registration line.

An adapter never guesses about identity: it repeats what the sender claims, with the sender's own scope.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Protocol
from urllib.parse import quote

import msgspec

from ingestion.contracts.event import Draft, EventType

Opener = Callable[[bytes, Mapping[str, str]], bytes]  # a body and its message's headers to JSON


@dataclass(frozen=True, slots=True)
class Source:
    """What an adapter states of its sender, for the receiver and the reference page; tests hold the adapter to it."""

    system: str  # as the header `source-system` names it
    sender: str  # who sends, and by what
    topic: str  # where its messages belong
    makes: tuple[EventType, ...]
    dedupe: str  # what a canonical event's id is made of
    ordering: str  # what the sender says of order
    leaves_out: Mapping[str, str]  # what is not taken over, and why
    about: tuple[str, ...]  # dotted paths in an element to the object it is about, the first that is there: Kafka's key
    opens: Mapping[str, Opener] = field(default_factory=dict)  # content types other than JSON, and how they become JSON
    history: str | None = None  # a body's field that is true where all of it is replayed history; for imports


@dataclass(frozen=True, slots=True)
class Tenant:
    """The firm whose events these are, as far as adapters must know it."""

    name: str
    staff_domains: frozenset[str] = frozenset()  # e-mail domains of its own people, in lower case
    own_apps: frozenset[str] = frozenset()  # ids of our apps at vendors; what they write comes back to us
    product_scope: str | None = None  # scope of the product's user ids, where the support desk repeats them


class SourceContext(msgspec.Struct, frozen=True, gc=False):
    """Where a raw message came from. `source` is the canonical event's, `/t/{tenant}/{system}/{account}`."""

    tenant: Tenant
    account: str
    received: datetime  # aware, UTC
    source: str


class Adapter(Protocol):
    """One vendor's bytes to drafts. A module with these three names is an adapter."""

    SOURCE: Source

    def elements(self, body: bytes) -> Sequence[msgspec.Raw]:
        """The body's elements, in order. Raises `msgspec.DecodeError` or a `Quarantine` for the whole body."""

    def draft(self, element: msgspec.Raw, context: SourceContext) -> Draft:
        """Maps one element. Raises `msgspec.ValidationError` or a `Quarantine` for this element alone."""


@lru_cache(maxsize=4096)
def source_uri(tenant: str, system: str, account: str) -> str:
    """The URI reference of a source, `/t/{tenant}/{system}/{account}`."""
    return f"/t/{quote(tenant, safe='')}/{quote(system, safe='')}/{quote(account, safe='')}"
