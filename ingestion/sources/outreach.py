"""Outreach's webhooks: one JSON-API object a message, of a resource that was created, changed, deleted or acted on.

Reference: developers.outreach.io/api/webhooks (resources, actions, retries) and …/api/reference (attributes). Of an
update only the changed attributes are sent; of `mailing.opened` and its like the mailing's id alone. What is known of a
mailing's prospect came with `mailing.created`: its id ties the two, as weakly as a cookie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from ingestion.contracts.event import Draft, EventType
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import named
from ingestion.sources.outreach_deals import opportunity, opportunity_role
from ingestion.sources.outreach_draft import Notice, Scene
from ingestion.sources.outreach_people import account, email_address, prospect
from ingestion.sources.outreach_touches import call, mailing, sequence_state
from ingestion.sources.split import one_or_many

SOURCE = Source(
    system="outreach",
    sender="Outreach's webhooks, payload versions 1 and 2",
    topic="raw.crm",
    makes=(
        EventType.LEAD_CREATED,
        EventType.CONTACT_CHANGED,
        EventType.CONTACT_DELETED,
        EventType.CONSENT_CHANGED,
        EventType.ACCOUNT_CHANGED,
        EventType.IDENTITY_LINK,
        EventType.IDENTITY_UNLINK,
        EventType.CRM_STAGE_CHANGED,
        EventType.CRM_OUTCOME,
        EventType.CALL_LOGGED,
        EventType.EMAIL_PROCESSED,
        EventType.EMAIL_DELIVERED,
        EventType.EMAIL_OPENED,
        EventType.EMAIL_CLICKED,
        EventType.EMAIL_REPLIED,
        EventType.EMAIL_BOUNCED,
        EventType.EMAIL_SPAM,
        EventType.EMAIL_UNSUBSCRIBED,
    ),
    dedupe="a hash of the content without deliveredAt; a notice that has nothing but an id counts once a minute",
    ordering="none; createdAt and updatedAt have whole seconds",
    leaves_out={
        "bodies and subjects of mailings, notes of calls, personalNote1, personalNote2": "our own people's words",
        "opens and deliveries in mailing.updated": "mailing.opened and mailing.delivered tell them",
        "attributes without a canonical meaning": "they may be personal: only named",
        "beforeUpdate": "of no use to a score",
        "that a deal fell to 0 per cent": "a first stage may have that too: lost is what has a lostReason",
        "task.*, sequence.*, user.*, import.*, kaiaRecording.*": "not about a lead; quarantined by name",
    },
    about=("data.relationships.prospect.id", "data.id"),
)

_RESOURCES: Mapping[str, Callable[[Scene], Draft]] = MappingProxyType(
    {
        "prospect": prospect,
        "account": account,
        "emailAddress": email_address,
        "mailing": mailing,
        "sequenceState": sequence_state,
        "call": call,
        "opportunity": opportunity,
        "opportunityProspectRole": opportunity_role,
    }
)

elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(Notice).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one notice; raises `ContractBroken` for a resource or an action that has no canonical meaning."""
    notice = _decode(element)
    resource, _, action = notice.meta.event_name.partition(".")
    read = _RESOURCES.get(resource)
    if read is None:
        expected = ", ".join(f"{known}.*" for known in _RESOURCES)
        raise ContractBroken(f"meta.eventName: got {named(notice.meta.event_name)}, expected one of {expected}")
    return read(Scene(notice, action, element, context))
