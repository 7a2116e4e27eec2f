"""What our own operators decide about identity: one JSON object a decision, published by `leadline identity`.

    {"id": "…", "time": "2026-01-01T12:00:00Z", "action": "unmerge", "a": "<hash>", "b": "<hash>",
     "by": "compliance", "reason": "two colleagues on one laptop"}

`a` and `b` are identifiers by their keyed hashes, as `leadline identity show` prints them, or an identifier and an
account. Nothing bonds the two any more, whatever was or will be said (ADR 15).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec

from ingestion.contracts.event import Actor, Channel, Draft, EventType
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import Moment, from_moment, plain_id
from ingestion.sources.split import one_or_many

SYSTEM = "leadline"

SOURCE = Source(
    system=SYSTEM,
    sender="Leadline's own operators",
    topic="raw.crm",
    makes=(EventType.IDENTITY_UNLINK,),
    dedupe="id",
    ordering="none is needed: a withdrawal counts before and after its evidence",
    leaves_out={},
    about=("a",),
)

Hash = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{32}|ac_[a-z2-7]{26})$")]


class Ruling(msgspec.Struct, gc=False):
    """The body."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    time: Moment
    action: Literal["unmerge"]
    a: Hash
    b: Hash
    by: str = ""
    reason: str = ""


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(Ruling).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one ruling. What the operator wrote is sealed, for it may name people."""
    ruling = _decode(element)
    if ruling.a == ruling.b:
        raise ContractBroken("a, b: got the same hash twice, expected two identifiers")
    if ruling.a.startswith("ac_"):
        raise ContractBroken("a: got an account, expected an identifier; the account is b")
    return Draft(
        id=plain_id(ruling.id),
        source=context.source,
        type=EventType.IDENTITY_UNLINK,
        time=from_moment(ruling.time, "time"),
        channel=Channel.CRM,
        properties={"action": ruling.action},
        text=": ".join(filter(None, (ruling.by, ruling.reason))) or None,
        actor=Actor.STAFF,
        parted=((ruling.a, ruling.b),),
    )
