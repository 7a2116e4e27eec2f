"""One delivery of each sender, after its vendor's documentation; a test where the vendor has a mark for tests."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

FORM = "application/x-www-form-urlencoded"
_NOTHING = "receiver conformance: stored as it came, and set aside by ingestion"

_BODIES: Mapping[str, Any] = {
    "hubspot": [
        {
            "eventId": 100,  # of the Test button
            "subscriptionId": 1,
            "portalId": 1,
            "occurredAt": 1765043528476,
            "subscriptionType": "contact.creation",
            "attemptNumber": 0,
            "objectId": 123,
            "changeSource": "CRM",
        }
    ],
    "meta-lead-ads": {
        "object": "page",
        "entry": [
            {
                "id": "0",
                "time": 1758794733,
                "changes": [
                    {
                        "field": "leadgen",
                        "value": {
                            "leadgen_id": "444444444444",
                            "page_id": "0",
                            "form_id": "444444444444",
                            "created_time": 1758794728,
                        },
                    }
                ],
            }
        ],
    },
    "google-lead-form": {
        "lead_id": "conformance",
        "api_version": "1.0",
        "form_id": 0,
        "is_test": True,
        "user_column_data": [{"column_id": "FULL_NAME", "string_value": "FirstName LastName"}],
    },
    "sendgrid": [
        {"email": "example@test.com", "event": "processed", "sg_event_id": "conformance", "timestamp": 1600112492}
    ],
    "intercom": {
        "type": "notification_event",
        "topic": "ping",
        "id": None,
        "app_id": "conformance",
        "created_at": 1596635312,
        "delivery_attempts": 1,
        "data": {"type": "notification_event_data", "item": {"type": "ping", "message": "receiver conformance"}},
    },
    "segment-api": {"anonymousId": "conformance", "event": _NOTHING, "context": {"userAgent": "Googlebot/2.1"}},
    "web-form": {
        "id": "conformance",
        "form_id": "conformance",
        "submitted_at": "2026-01-01T00:00:00Z",
        "fields": {},
        "test": True,
    },
}
_MAILCHIMP = b"type=campaign&fired_at=2009-03-26+21%3A31%3A21&data%5Bid%5D=conformance&data%5Bstatus%5D=sent"
_OUTBOUND = (
    b'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    b'<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
    b"<OrganizationId>{organization}</OrganizationId></notifications></soapenv:Body></soapenv:Envelope>"
)

EXAMPLES: Mapping[str, tuple[bytes, str]] = MappingProxyType(
    {
        **{sender: (msgspec.json.encode(body), "application/json") for sender, body in _BODIES.items()},
        "mailchimp": (_MAILCHIMP, FORM),
        "salesforce-outbound": (_OUTBOUND, "text/xml; charset=UTF-8"),
    }
)


def example(sender: str) -> tuple[bytes, str]:
    """A body and its content type. Senders without a test delivery send JSON that no adapter takes for an event."""
    return EXAMPLES.get(sender, (msgspec.json.encode({"note": _NOTHING}), "application/json"))
