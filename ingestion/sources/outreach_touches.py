"""Outreach's touches: mailings, the sequences that send them, and calls.

An open comes twice where all actions are subscribed to: as `mailing.opened` and among the attributes of
`mailing.updated`. Only the first counts. Clicks, refusals and complaints come in `mailing.updated` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ingestion.contracts.event import Actor, Claim, Consent, Draft, EventType, IdentifierType
from ingestion.sources.fields import claim, text_of
from ingestion.sources.outreach_draft import Scene, draft_of, unmapped

_MAILING: Mapping[str, tuple[EventType, Actor]] = MappingProxyType(
    {
        "created": (EventType.EMAIL_PROCESSED, Actor.AUTOMATION),
        "updated": (EventType.EMAIL_PROCESSED, Actor.AUTOMATION),
        "destroyed": (EventType.EMAIL_PROCESSED, Actor.AUTOMATION),
        "delivered": (EventType.EMAIL_DELIVERED, Actor.AUTOMATION),
        "opened": (EventType.EMAIL_OPENED, Actor.USER),
        "clicked": (EventType.EMAIL_CLICKED, Actor.USER),
        "replied": (EventType.EMAIL_REPLIED, Actor.USER),
        "bounced": (EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
    }
)
# Attributes of an update that tell an act of the reader, the gravest first.
_UPDATES: Mapping[str, EventType] = MappingProxyType(
    {
        "markedAsSpamAt": EventType.EMAIL_SPAM,
        "unsubscribedAt": EventType.EMAIL_UNSUBSCRIBED,
        "clickedAt": EventType.EMAIL_CLICKED,
    }
)
_REFUSALS = frozenset({EventType.EMAIL_SPAM, EventType.EMAIL_UNSUBSCRIBED})


def mailing(scene: Scene) -> Draft:
    """A message to one prospect."""
    known = _MAILING.get(scene.action)
    if known is None:
        raise unmapped(scene, "mailing.created, updated, destroyed, delivered, opened, clicked, replied or bounced")
    type_, actor = known
    stamp = None
    if scene.action == "updated":
        stamp = next((name for name in _UPDATES if text_of(scene.attributes.get(name))), None)
        if stamp is not None:
            type_, actor = _UPDATES[stamp], Actor.USER
    properties: dict[str, Any] = {}
    if type_ is EventType.EMAIL_PROCESSED:
        properties["action"] = scene.action
    elif type_ is EventType.EMAIL_BOUNCED:
        properties["bounce"] = "bounce"
    return draft_of(
        scene,
        type_,
        actor,
        "message",
        stamp=stamp,
        claims=_whose(scene, "mailing"),
        properties=properties,
        consent=Consent("marketing", False) if type_ in _REFUSALS else None,
    )


def sequence_state(scene: Scene) -> Draft:
    """A prospect's way through a sequence: what our side does, nothing that the prospect did."""
    if scene.action not in ("created", "updated", "destroyed", "advanced", "finished"):
        raise unmapped(scene, "sequenceState.created, updated, destroyed, advanced or finished")
    return draft_of(
        scene,
        EventType.CONTACT_CHANGED,
        Actor.AUTOMATION,
        "sequence_state",
        stamp="stateChangedAt",
        claims=_whose(scene, "sequenceState"),
        properties={"action": f"sequence_{scene.action}"},
    )


def call(scene: Scene) -> Draft:
    """A call: logged when it is created, so that its later changes do not count it again."""
    if scene.action not in ("created", "updated", "destroyed"):
        raise unmapped(scene, "call.created, updated or destroyed")
    sent = scene.attributes
    inbound = sent.get("direction") == "inbound"
    phone = text_of(sent.get("from" if inbound else "to"))
    is_new = scene.action == "created"
    return draft_of(
        scene,
        EventType.CALL_LOGGED if is_new else EventType.CONTACT_CHANGED,
        Actor.USER if inbound and is_new else Actor.STAFF,
        "call",
        stamp="dialedAt" if is_new else None,
        claims=_whose(scene, "call") + claim(IdentifierType.PHONE, phone),
        properties={} if is_new else {"action": f"call_{scene.action}"},
        private={"phone": phone} if phone else {},
    )


def _whose(scene: Scene, kind: str) -> tuple[Claim, ...]:
    """The prospect where the notice names it, and the touch that later notices name instead."""
    return scene.crm("prospect", scene.related("prospect")) + scene.tie(kind, scene.notice.data.id)
