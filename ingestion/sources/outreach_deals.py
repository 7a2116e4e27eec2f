"""Outreach's opportunities, and which prospects they are about.

A stage comes as an id alone; whether it closes the deal is told by the probability that its CRM keeps with it: 100 per
cent is won. 0 per cent is a lost deal's as well as a first stage's, so that only a reason says that a deal is lost: a
false outcome would be learned from, and the CRM from which Outreach takes its opportunities tells the true one.
"""

from __future__ import annotations

from typing import Any

from ingestion.contracts.event import AccountHint, Actor, Change, Draft, EventType
from ingestion.sources.fields import plain_id, tag_of, text_of
from ingestion.sources.outreach_draft import Scene, amount_of, changes_of, draft_of, facts_of, unmapped


def opportunity(scene: Scene) -> Draft:
    """A deal: opened, moved, won, lost, deleted."""
    sent = scene.attributes
    stage = scene.related("opportunityStage", "stage")
    status = _status(scene)
    reason = text_of(sent.get("lostReason"))
    properties: dict[str, Any] = facts_of(amount=amount_of(sent.get("amount") or sent.get("amountPrecise")))
    change = changes_of(scene, properties)
    if status in ("won", "lost"):
        type_ = EventType.CRM_OUTCOME
        properties |= {"object": "deal", "deal_status": status, "outcome": status}
    elif status is not None or stage is not None:
        type_ = EventType.CRM_STAGE_CHANGED
        properties |= facts_of(object="deal", deal_status=status)
    else:
        type_ = EventType.ACCOUNT_CHANGED
        properties["action"] = "updated"
    if stage is not None and status is not None:
        properties["dealstage"] = plain_id(stage).lower()
    elif stage is not None:
        # The stage changed, and the probability did not or fell to 0: the deal is as open or closed as it was.
        change += (Change("opportunityStage", new=plain_id(stage)),)
    company = scene.company()
    return draft_of(
        scene,
        type_,
        Actor.STAFF,
        "deal",
        claims=scene.crm("deal", scene.notice.data.id),
        account=AccountHint(crm_id=company) if company else None,
        properties=properties,
        change=change,
        text=reason if status == "lost" else None,
    )


def _status(scene: Scene) -> str | None:
    """Open, won, lost or deleted; None where the change does not say."""
    if scene.action == "destroyed":
        return "deleted"
    if scene.action not in ("created", "updated"):
        raise unmapped(scene, "opportunity.created, updated or destroyed")
    probability = amount_of(scene.attributes.get("probability"))
    if probability == 100:
        return "won"
    if text_of(scene.attributes.get("lostReason")):
        return "lost"
    return "open" if probability or scene.action == "created" else None


def opportunity_role(scene: Scene) -> Draft:
    """A prospect's part in a deal: ties the two, or parts them."""
    deal, person = scene.related("opportunity"), scene.related("prospect")
    types = {
        "created": EventType.IDENTITY_LINK,
        "updated": EventType.CONTACT_CHANGED,
        "destroyed": EventType.IDENTITY_UNLINK,
    }
    type_ = types.get(scene.action)
    if type_ is None:
        raise unmapped(scene, "opportunityProspectRole.created, updated or destroyed")
    role = tag_of(scene.attributes.get("role"))
    return draft_of(
        scene,
        type_,
        Actor.STAFF,
        "deal_role",
        claims=scene.crm("deal", deal) + scene.crm("prospect", person),
        properties={"action": "deal_role_updated"} if type_ is EventType.CONTACT_CHANGED else {},
        change=(Change("role", new=role),) if role else (),
    )
