"""HubSpot webhooks as the CRM sends them: a JSON array of up to 100 subscription events.

Headers: `source-system: hubspot`, `source-account: 50687303` (the portal). Key: id of the first event's object.
Element kinds (ids are big integers, `occurredAt` is milliseconds, every `propertyValue` is a string):

    {"eventId": 3029365642, "subscriptionId": 4849549, "portalId": 50687303, "appId": 25681700,
     "occurredAt": 1765043528476, "subscriptionType": "contact.propertyChange", "attemptNumber": 0,
     "objectId": 173595202426, "propertyName": "email", "propertyValue": "jo@acme.com",
     "changeSource": "INTEGRATION", "sourceId": "userId:10202051"}
    {…, "subscriptionType": "contact.creation" | "deal.creation", "objectId": …, "changeFlag": "NEW"}
    {…, "subscriptionType": "deal.propertyChange", "objectId": <deal>, "propertyName": "dealstage" | "amount", …}
    {…, "subscriptionType": "deal.associationChange", "associationType": "DEAL_TO_CONTACT", "fromObjectId": <deal>,
     "toObjectId": <contact>, "associationRemoved": false, "isPrimaryAssociation": true}      (no `objectId`)
    {…, "subscriptionType": "object.associationChange", "fromObjectTypeId": "0-47", "toObjectTypeId": "0-1",
     "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 200, "fromObjectId": <meeting>,
     "toObjectId": <contact>, "associationRemoved": false, "isPrimaryAssociation": false}      (no `objectId`)

A meeting's (`0-47`, type 200) or call's (`0-48`, type 194) own creation event says nothing about whom it was with,
so the portal subscribes only to the association, sent when the meeting is booked or the call logged: one element,
at `occurredAt`, that names the contact.

Contact properties: email, firstname, lastname, phone, jobtitle, company, website, hs_email_domain, industry
(HubSpot's upper-case values), numberofemployees ("240"), web_technologies ("snowflake;dbt"), lifecyclestage
(subscriber, lead, marketingqualifiedlead, salesqualifiedlead, customer), hs_lead_status (NEW, OPEN, IN_PROGRESS,
UNQUALIFIED = disqualified), hs_analytics_source (ORGANIC_SEARCH, PAID_SEARCH, PAID_SOCIAL, DIRECT_TRAFFIC,
REFERRALS, EMAIL_MARKETING, OFFLINE).
Deal stages: appointmentscheduled, qualifiedtobuy, presentationscheduled, closedwon, closedlost.
`changeSource`: CRM_UI (staff, with `sourceId: userId:…`), INTEGRATION, FORM, AUTOMATION_PLATFORM, CRM.

The test button sends `eventId: 100` for contact 123 each time. A retry is the same array with `attemptNumber` + 1.
"""

from __future__ import annotations

from typing import Any

from leadline.company import firm
from leadline.company.dice import Ids
from leadline.company.wire import Element, Flag
from leadline.company.world import Person

FIRST_EVENT = 3_029_365_631
FIRST_OBJECT = 173_595_202_426
SUBSCRIPTIONS = {"contact.creation": 4849540, "deal.creation": 4849541, "object.associationChange": 4849542}


def new_object_id(ids: Ids) -> int:
    """The id of a fresh contact, deal, meeting or call."""
    return ids.number("hubspot object", FIRST_OBJECT)


def contact_created(ids: Ids, person: Person, at: float, source: str = "FORM") -> Element:
    """The contact exists; its properties follow as events of their own."""
    body = _head(ids, "contact.creation", at, source) | {"objectId": person.contact_id, "changeFlag": "NEW"}
    return _about_contact(person, at, body)


def contact_changed(ids: Ids, person: Person, at: float, name: str, value: str, source: str = "FORM") -> Element:
    """One property of the contact changed; a changed `email` links the address to the contact."""
    body = _head(ids, "contact.propertyChange", at, source)
    body |= {"objectId": person.contact_id, "propertyName": name, "propertyValue": value}
    element = _about_contact(person, at, body)
    if name == "email":
        element.identifiers += (("email", "", value),)
    return element


def deal_created(ids: Ids, person: Person, at: float) -> Element:
    body = _head(ids, "deal.creation", at, "CRM_UI") | {"objectId": person.deal_id, "changeFlag": "NEW"}
    return _about_deal(person, at, body)


def deal_changed(ids: Ids, person: Person, at: float, name: str, value: str) -> Element:
    body = _head(ids, "deal.propertyChange", at, "CRM_UI")
    body |= {"objectId": person.deal_id, "propertyName": name, "propertyValue": value}
    return _about_deal(person, at, body)


def deal_linked(ids: Ids, person: Person, at: float) -> Element:
    """The only event that says whose the deal is."""
    body = _head(ids, "deal.associationChange", at, "CRM_UI") | {"associationType": "DEAL_TO_CONTACT"}
    body |= {"fromObjectId": person.deal_id, "toObjectId": person.contact_id}
    body |= {"associationRemoved": False, "isPrimaryAssociation": True}
    element = _about_deal(person, at, body)
    element.identifiers += (("crm", firm.CONTACT_SCOPE, str(person.contact_id)),)
    return element


def meeting_booked(ids: Ids, person: Person, at: float) -> Element:
    return _activity(ids, person, at, "0-47", 200, "INTEGRATION")


def call_logged(ids: Ids, person: Person, at: float) -> Element:
    return _activity(ids, person, at, "0-48", 194, "CRM_UI")


def test_ping(ids: Ids, owner: int, at: float) -> Element:
    """What the *Test* button sends; the same event id and object each time."""
    body = _head(ids, "contact.creation", at, "CRM") | {"eventId": 100, "objectId": 123, "changeFlag": "NEW"}
    identifiers = (("crm", firm.CONTACT_SCOPE, "123"),)
    return Element("hubspot", "123", body, at, owner, identifiers, Flag.TEST, alone=True)


def retried(body: bytes) -> bytes:
    """The same event as the vendor delivers it once more."""
    return body.replace(b'"attemptNumber":0', b'"attemptNumber":1')


def _activity(ids: Ids, person: Person, at: float, object_type: str, association: int, source: str) -> Element:
    activity = new_object_id(ids)
    body = _head(ids, "object.associationChange", at, source)
    body |= {"fromObjectTypeId": object_type, "toObjectTypeId": "0-1", "associationCategory": "HUBSPOT_DEFINED"}
    body |= {"associationTypeId": association, "fromObjectId": activity, "toObjectId": person.contact_id}
    body |= {"associationRemoved": False, "isPrimaryAssociation": False}
    return _about_contact(person, at, body)


def _about_contact(person: Person, at: float, body: dict[str, Any]) -> Element:
    contact = str(person.contact_id)
    return Element("hubspot", contact, body, at, person.number, (("crm", firm.CONTACT_SCOPE, contact),), person.flag)


def _about_deal(person: Person, at: float, body: dict[str, Any]) -> Element:
    deal = str(person.deal_id)
    return Element("hubspot", deal, body, at, person.number, (("crm", firm.DEAL_SCOPE, deal),), person.flag)


def _head(ids: Ids, subscription: str, at: float, source: str) -> dict[str, Any]:
    return {
        "eventId": ids.number("hubspot event", FIRST_EVENT),
        "subscriptionId": SUBSCRIPTIONS.get(subscription, 4849549),
        "portalId": firm.HUBSPOT_PORTAL,
        "appId": firm.HUBSPOT_APP,
        "occurredAt": int(at * 1000),
        "subscriptionType": subscription,
        "attemptNumber": 0,
        "changeSource": source,
        "sourceId": "userId:10202051" if source == "CRM_UI" else "",
    }
