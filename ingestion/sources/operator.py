"""What our own operators decide about identity: one JSON object a decision, published by `leadline identity`.

    {"id": "…", "time": "2026-01-01T12:00:00Z", "action": "unmerge", "a": "<hash>", "b": "<hash>",
     "by": "compliance", "reason": "two colleagues on one laptop"}

`a` and `b` are identifiers by their keyed hashes, as `leadline identity show` prints them. The actions (ADR 15):

* `unmerge`: nothing bonds the two any more, whatever was or will be said; `b` may be an account;
* `link`: they are one person's, as far as the constraints allow; `kinds` says what they are, for a hash does not;
* `dismiss`: nobody need look at what the review queue says of them; leads too, and twice the same identifier.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec

from ingestion.contracts.event import Actor, Channel, Draft, EventType, Identifier, IdentifierType
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import Moment, from_moment, plain_id
from ingestion.sources.split import one_or_many

SYSTEM = "leadline"

SOURCE = Source(
    system=SYSTEM,
    sender="Leadline's own operators",
    topic="raw.crm",
    makes=(EventType.IDENTITY_LINK, EventType.IDENTITY_UNLINK),
    dedupe="id",
    ordering="none is needed: a ruling counts before and after what it is about",
    leaves_out={},
    about=("a",),
)

Hash = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{32}|ac_[a-z2-7]{26})$")]
End = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{32}|(ac|ld)_[a-z2-7]{26})$")]


class Kind(msgspec.Struct, gc=False):
    """What an identifier is; its hash does not say."""

    type: Literal["crm", "user_id", "email", "anonymous_id"]  # the others are never bonded
    scope: str = ""


class Ruling(msgspec.Struct, gc=False, omit_defaults=True):
    """The body."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    time: Moment
    action: Literal["unmerge", "link", "dismiss"]
    a: End
    b: End
    by: str = ""
    reason: str = ""
    kinds: tuple[Kind, Kind] | None = None  # of a and b


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(Ruling).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one ruling. What the operator wrote is sealed, for it may name people."""
    ruling = _decode(element)
    links = ruling.action == "link"
    if ruling.action != "dismiss":
        _check_ends(ruling)
    return Draft(
        id=plain_id(ruling.id),
        source=context.source,
        type=EventType.IDENTITY_LINK if links else EventType.IDENTITY_UNLINK,
        time=from_moment(ruling.time, "time"),
        channel=Channel.CRM,
        properties={"action": ruling.action},
        text=": ".join(filter(None, (ruling.by, ruling.reason))) or None,
        actor=Actor.STAFF,
        linked=_linked(ruling) if links else None,
        parted=() if links else ((ruling.a, ruling.b),),
        dismissed=ruling.action == "dismiss",
    )


def _check_ends(ruling: Ruling) -> None:
    if ruling.a == ruling.b:
        raise ContractBroken("a, b: got the same hash twice, expected two identifiers")
    if ruling.a.startswith("ac_"):
        raise ContractBroken("a: got an account, expected an identifier; the account is b")
    if ruling.a.startswith("ld_") or ruling.b.startswith("ld_"):
        raise ContractBroken("a, b: got a lead, expected an identifier of it")


def _linked(ruling: Ruling) -> tuple[Identifier, Identifier]:
    if ruling.kinds is None or ruling.b.startswith("ac_"):
        raise ContractBroken("kinds, b: a link needs two identifiers, and what each of them is")
    one, other = ruling.kinds
    return (
        Identifier(IdentifierType(one.type), ruling.a, True, one.scope),
        Identifier(IdentifierType(other.type), ruling.b, True, other.scope),
    )
