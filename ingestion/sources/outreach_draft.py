"""A notice of Outreach as a draft: its envelope, its relationships, its time and its key of duplicates.

Outreach sends no event id and tries again, up to three times a second apart, if the connection breaks. Whether the
retry has a new `deliveredAt` is not documented, so that it is no part of the key. A change has a stamp in its content;
`mailing.opened` has none, and two opens of one mailing differ in `deliveredAt` alone: its minute is in their key. So
retries fall together, but for those that straddle a minute, and opens within one minute count as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from ingestion.contracts.event import (
    AccountHint,
    Actor,
    Campaign,
    Change,
    Channel,
    Claim,
    Consent,
    Draft,
    EventType,
    IdentifierType,
    ObjectRef,
)
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import SourceContext
from ingestion.sources.fields import (
    Id,
    Moment,
    claim,
    content_id,
    from_iso,
    from_moment,
    named,
    plain_id,
    tag_of,
    text_of,
)

_ATTRIBUTE = re.compile(r"[A-Za-z0-9_]{1,60}")
_NOBODY = frozenset({"0", ""})  # ids of relationships that were taken away
_MAX_CHANGES = 200


class Resource(msgspec.Struct, gc=False):
    """`data`."""

    id: Id
    attributes: dict[str, Any] | None = None
    relationships: dict[str, Any] | None = None


class Meta(msgspec.Struct, rename="camel", gc=False):
    """`meta`."""

    event_name: str  # resource.action
    delivered_at: Moment


class Notice(msgspec.Struct, gc=False):
    """The body."""

    data: Resource
    meta: Meta


class Scene(NamedTuple):
    """A notice and where it came from."""

    notice: Notice
    action: str
    element: msgspec.Raw
    context: SourceContext

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The attributes that were sent."""
        return self.notice.data.attributes or {}

    def related(self, *names: str) -> str | None:
        """The id of the first related resource of these names, in the webhooks' form or in JSON-API's."""
        for name in names:
            value = (self.notice.data.relationships or {}).get(name)
            if isinstance(value, dict) and isinstance(value.get("data"), dict):
                value = value["data"]
            reference = text_of(value.get("id")) if isinstance(value, dict) else None
            if reference is not None and reference not in _NOBODY:
                return reference
        return None

    def crm(self, kind: str, reference: str | int | None) -> tuple[Claim, ...]:
        """A claim to one of Outreach's own objects."""
        scope = f"outreach:{self.context.account}:{kind}"
        return claim(IdentifierType.CRM, reference, verified=True, scope=scope)

    def tie(self, kind: str, reference: str | int | None) -> tuple[Claim, ...]:
        """A claim to a touch, which is one prospect's but is not a person."""
        text = text_of(reference)
        scope = f"outreach:{self.context.account}:{kind}"
        return () if text is None else claim(IdentifierType.ANONYMOUS_ID, f"{kind}-{text}", scope=scope)

    def company(self) -> str | None:
        """The related account as an account's `crm_id`."""
        reference = self.related("account")
        return None if reference is None else self.crm_id(reference)

    def crm_id(self, account: str | int) -> str:
        """An account's id among all systems' accounts."""
        return f"outreach:{plain_id(self.context.account)}:account:{plain_id(account)}"


def draft_of(
    scene: Scene,
    type_: EventType,
    actor: Actor,
    kind: str,
    *,
    stamp: str | None = None,
    claims: tuple[Claim, ...] = (),
    account: AccountHint | None = None,
    properties: dict[str, Any] | None = None,
    change: tuple[Change, ...] = (),
    campaign: Campaign | None = None,
    consent: Consent | None = None,
    private: dict[str, str] | None = None,
    text: str | None = None,
) -> Draft:
    """The notice as a draft of `type_` about a `kind`; `stamp` is the attribute that says when, if it was sent."""
    notice = scene.notice
    moment = _stamped(scene, stamp)
    return Draft(
        id=_key(scene, moment),
        source=scene.context.source,
        type=type_,
        time=moment or from_moment(notice.meta.delivered_at, "meta.deliveredAt"),
        channel=Channel.OUTBOUND,
        claims=claims,
        account=account,
        object=ObjectRef(kind, plain_id(notice.data.id)),
        properties=properties or {},
        change=change,
        campaign=campaign,
        consent=consent,
        private=private or {},
        text=text,
        actor=actor,
    )


def changes_of(scene: Scene, said: Mapping[str, Any]) -> tuple[Change, ...]:
    """The names of the changed attributes; one whose value is a property already is not said twice."""
    if scene.action != "updated":
        return ()
    names = (name for name in list(scene.attributes)[:_MAX_CHANGES] if _ATTRIBUTE.fullmatch(name))
    return tuple(Change(name) for name in names if name not in said and name != "updatedAt")


def facts_of(**facts: Any) -> dict[str, Any]:
    """The properties that were sent."""
    return {name: value for name, value in facts.items() if value is not None}


def amount_of(value: Any) -> float | None:
    """A sum of money."""
    try:
        amount = float(text_of(value) or "")
    except ValueError:
        return None
    return amount if abs(amount) < 1e15 else None


def unmapped(scene: Scene, expected: str) -> ContractBroken:
    """The reason for an action that nothing here reads."""
    return ContractBroken(f"meta.eventName: got {named(scene.notice.meta.event_name)}, expected {expected}")


def _stamped(scene: Scene, stamp: str | None) -> datetime | None:
    """When the change happened; of a deletion the attributes are the last known ones and say nothing of it."""
    usual = {"created": "createdAt", "updated": "updatedAt"}.get(scene.action)
    for name in (stamp, usual):
        value = scene.attributes.get(name) if name is not None and scene.action != "destroyed" else None
        if isinstance(value, str):
            return from_iso(value, f"data.attributes.{name}")
    return None


def _key(scene: Scene, stamped: datetime | None) -> str:
    body = msgspec.json.decode(scene.element)
    body["meta"].pop("deliveredAt")
    notice = scene.notice
    minute = from_moment(notice.meta.delivered_at, "meta.deliveredAt").replace(second=0, microsecond=0)
    content = msgspec.Raw(msgspec.json.encode(body))
    return content_id(scene.context, notice.meta.event_name, str(notice.data.id), stamped or minute, content)


def tag(value: Any) -> str | None:
    """A label in lower case."""
    word = tag_of(value)
    return None if word is None else word.lower()
