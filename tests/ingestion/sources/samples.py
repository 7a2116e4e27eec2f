"""Bodies as the vendors document them, one of every kind that an adapter must read."""

from __future__ import annotations

from typing import Any

from tests.ingestion.sources import samples_crm, samples_engagement, samples_product
from tests.ingestion.sources.samples_fetched import HUBSPOT_FETCHED, ZENDESK_FETCHED

HUBSPOT_STAGE: dict[str, Any] = {
    "eventId": 714285774,
    "subscriptionId": 4849549,
    "portalId": 50687303,
    "appId": 25681700,
    "occurredAt": 1765043528476,
    "subscriptionType": "contact.propertyChange",
    "attemptNumber": 0,
    "objectId": 173595202426,
    "propertyName": "lifecyclestage",
    "propertyValue": "opportunity",
    "changeSource": "CRM_UI",
    "sourceId": "userId:10202051",
}
HUBSPOT_CREATION: dict[str, Any] = {
    "eventId": 1,
    "subscriptionId": 25458,
    "portalId": 4737818,
    "occurredAt": 1539145399845,
    "subscriptionType": "contact.creation",
    "attemptNumber": 0,
    "objectId": 123,
    "changeSource": "CRM",
    "changeFlag": "NEW",
    "appId": 177698,
}
HUBSPOT_DEAL_TO_CONTACT: dict[str, Any] = {
    "eventId": 7,
    "subscriptionId": 25459,
    "portalId": 4737818,
    "occurredAt": 1539145399845,
    "subscriptionType": "deal.associationChange",
    "attemptNumber": 0,
    "associationType": "DEAL_TO_CONTACT",
    "fromObjectId": 9001,
    "toObjectId": 123,
    "associationRemoved": False,
    "isPrimaryAssociation": True,
    "changeSource": "CRM_UI",
}
HUBSPOT_MEETING: dict[str, Any] = {
    "eventId": 8,
    "subscriptionId": 25460,
    "portalId": 4737818,
    "occurredAt": 1539145399845,
    "subscriptionType": "object.associationChange",
    "attemptNumber": 0,
    "fromObjectTypeId": "0-47",
    "toObjectTypeId": "0-1",
    "associationCategory": "HUBSPOT_DEFINED",
    "associationTypeId": 200,
    "fromObjectId": 555,
    "toObjectId": 123,
    "associationRemoved": False,
    "changeSource": "MEETINGS",
}
META_WEBHOOK: dict[str, Any] = {
    "object": "page",
    "entry": [
        {
            "id": "134587",
            "time": 1758794733,
            "changes": [
                {
                    "field": "leadgen",
                    "value": {
                        "created_time": 1758794728,
                        "leadgen_id": "1459076748710713",
                        "page_id": "134587",
                        "form_id": "1616801872291121",
                    },
                },
                {"field": "leadgen"},
            ],
        }
    ],
}
META_LEAD: dict[str, Any] = {
    "id": "1459076748710713",
    "created_time": "2025-09-25T10:05:28+0000",
    "ad_id": "120",
    "form_id": "1616801872291121",
    "field_data": [
        {"name": "email", "values": ["jo@acme.com"]},
        {"name": "what_is_your_biggest_challenge", "values": ["ERP data silos"]},
    ],
}
GOOGLE_LEAD: dict[str, Any] = {
    "lead_id": "TeSter-123",
    "api_version": "1.0",
    "form_id": 40000000000,
    "campaign_id": 12345678901,
    "adgroup_id": 789,
    "creative_id": 1011,
    "asset_group_id": 0,
    "gcl_id": "EAIaIQ",
    "google_key": "shared-secret",
    "is_test": True,
    "lead_submit_time": "2024-09-26T12:30:00Z",
    "lead_stage": "NEW",
    "user_column_data": [
        {"column_id": "FULL_NAME", "column_name": "Full Name", "string_value": "Jo Doe"},
        {"column_id": "EMAIL", "string_value": "jo@acme.com"},
        {"column_id": "PHONE_NUMBER", "string_value": "+11234567890"},
    ],
}
ZENDESK_TICKET: dict[str, Any] = {
    "type": "zen:event-type:ticket.created",
    "account_id": 88888888,
    "id": "01HN2ZK6QX",
    "time": "2024-04-17T17:18:10Z",
    "zendesk_event_version": "2022-11-06",
    "subject": "zen:ticket:35436",
    "detail": {
        "id": "35436",
        "status": "Open",
        "priority": "URGENT",
        "requester_id": "20978392",
        "organization_id": "509974",
        "external_id": "",
        "subject": "Help",
        "description": "Nothing syncs since Monday",
        "tags": [],
        "via": {"channel": "web"},
        "created_at": "2024-04-17T17:18:10Z",
        "updated_at": "2024-04-17T17:18:10Z",
    },
    "event": {"meta": {"sequence": {"id": "01HN2ZK6QY", "position": 1}}},
}
ZENDESK_USER: dict[str, Any] = {
    "type": "zen:event-type:user.created",
    "account_id": 88888888,
    "id": "01HN2ZK6QZ",
    "time": "2024-04-17T17:18:10Z",
    "zendesk_event_version": "2022-06-20",
    "subject": "zen:user:20978392",
    "detail": {"id": "20978392", "email": "jo@acme.com", "external_id": "u_82", "role": "end-user"},
    "event": {},
}
SENDGRID_DROPPED: dict[str, Any] = {
    "email": "hello@world.com",
    "event": "dropped",
    "reason": "Bounced Address",
    "sg_event_id": "ZHJvcC0xMDk5",
    "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.0",
    "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
    "timestamp": 1600112492,
}
SENDGRID_CLICK: dict[str, Any] = {
    "email": "jo@acme.com",
    "event": "click",
    "ip": "203.0.113.7",
    "sg_event_id": "Y2xpY2s",
    "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.0",
    "timestamp": 1600112500,
    "url": "https://www.acme.com/pricing?utm_source=newsletter&utm_medium=email",
    "useragent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
    "category": ["newsletter"],
    "asm_group_id": 17,
}
SEGMENT_PAGE: dict[str, Any] = {
    "type": "page",
    "messageId": "022bb90c-bbac-11e4-8dfc-aa07a5b093db",
    "anonymousId": "507f191e810c19729de860ea",
    "userId": None,
    "channel": "browser",
    "name": "Pricing",
    "properties": {"path": "/pricing", "title": "Pricing", "url": "https://acme.com/pricing?gclid=EAIa"},
    "context": {
        "ip": "8.8.8.8",
        "campaign": {"name": "TPS", "source": "Newsletter", "medium": "email", "term": "tps", "content": "image"},
        "locale": "en-US",
        "page": {"path": "/pricing", "referrer": "https://www.google.com/", "search": "?gclid=EAIa"},
        "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_5) AppleWebKit/537.36 Safari/537.36",
    },
    "integrations": {"All": True},
    "receivedAt": "2015-12-10T04:08:31.909Z",
    "sentAt": "2015-12-10T04:08:31.581Z",
    "timestamp": "2015-12-10T04:08:31.905Z",
    "version": 2,
}
SEGMENT_TRACK: dict[str, Any] = {
    "type": "track",
    "messageId": "ajs-f8ca1e4de5024d9430b3928bd8ac6b96",
    "userId": "u_82",
    "anonymousId": None,
    "event": "Feature Used",
    "properties": {"feature": "Dashboards", "plan": "team"},
    "context": {"library": {"name": "analytics-python"}, "traits": {"email": "jo@acme.com"}},
    "timestamp": "2015-12-12T19:11:01.249Z",
}
SEGMENT_IDENTIFY: dict[str, Any] = {
    "type": "identify",
    "messageId": "identify-1",
    "anonymousId": "507f191e810c19729de860ea",
    "userId": "u_82",
    "traits": {
        "email": "jo@acme.com",
        "firstName": "Jo",
        "lastName": "Doe",
        "title": "VP Data",
        "company": {"name": "Acme", "industry": "Manufacturing", "employee_count": 417},
        "logins": 5,
    },
    "timestamp": "2015-12-10T04:08:31.905Z",
}
SEGMENT_GROUP: dict[str, Any] = {
    "type": "group",
    "messageId": "group-1",
    "userId": "u_82",
    "groupId": "ws_91",
    "traits": {"name": "Acme", "website": "https://www.acme.com", "employees": "51-200", "industry": "software"},
    "timestamp": "2015-12-10T04:08:31.905Z",
}
SEGMENT_ALIAS: dict[str, Any] = {
    "type": "alias",
    "messageId": "alias-1",
    "previousId": "507f191e810c19729de860ea",
    "userId": "u_82",
    "timestamp": "2015-12-10T04:08:31.905Z",
}
WEB_FORM: dict[str, Any] = {
    "id": "wf_5d0c1f",
    "form_id": "demo-request",
    "submitted_at": "2025-09-25T10:05:28.123Z",
    "anonymous_id": "507f191e810c19729de860ea",
    "fields": {
        "email": "jo@acme.com",
        "name": "Jo Doe",
        "phone": "+49 30 1234567",
        "company": "Acme",
        "job_title": "CTO",
        "website": "acme.com",
        "message": "We want to replace our ERP",
    },
    "page_url": "https://www.northlight-data.com/demo?x=1",
    "referrer": "https://www.google.com/",
    "utm_source": "google",
    "utm_medium": "cpc",
    "utm_campaign": "erp",
    "gclid": "EAIa1",
    "consent": {"purpose": "marketing", "granted": True, "basis": "opt-in"},
}
CANONICAL_CHAT: dict[str, Any] = {
    "dataschema": "leadline.interaction/1-0-0",
    "id": "chat-7f3a",
    "source": "/t/demo/canonical/chat",
    "type": "chat.message",
    "time": "2025-09-25T10:05:28.123Z",
    "channel": "chat",
    "claims": [
        {"type": "email", "value": "jo@acme.com", "verified": True, "scope": ""},
        {"type": "anonymous_id", "value": "0f6d", "verified": False, "scope": "northlight"},
    ],
    "object": {"type": "chat", "id": "c-91"},
    "properties": {"messages": 3},
    "private": {"name": "Jo Doe"},
    "text": "Wie teuer ist das?",
    "lang": "de",
    "actor": "user",
    "test": False,
}

# A provider's answer about a domain, its fields in groups, and a row of a file.
COMPANY_FOUND: dict[str, Any] = {
    "domain": "acme.com",
    "company": {
        "id": "c-71",
        "name": "Acme Inc.",
        "category": {"sector": "Information Technology", "industry": "Software"},
        "metrics": {"employees": 120, "annualRevenue": None},
        "geo": {"country": "Germany", "city": "Berlin"},
        "tech": ["kafka", "snowflake"],
    },
}
COMPANY_LISTED: dict[str, Any] = {
    "domain": "www.globex.de",
    "name": "Globex GmbH",
    "employees": "51-200",
    "industry": "software",
    "technologies": "kafka;spark",
    "country": "DE",
}

OPERATOR_UNMERGE: dict[str, Any] = {
    "id": "5f0c2f0e",
    "time": "2026-01-01T12:00:00Z",
    "action": "unmerge",
    "a": "0123456789abcdef0123456789abcdef",
    "b": "fedcba9876543210fedcba9876543210",
    "by": "compliance",
    "reason": "two colleagues on one laptop",
}

OPERATOR_LINK: dict[str, Any] = OPERATOR_UNMERGE | {
    "action": "link",
    "kinds": [{"type": "crm", "scope": "hubspot:1:contact"}, {"type": "email"}],
}
OPERATOR_DISMISS: dict[str, Any] = OPERATOR_UNMERGE | {"action": "dismiss", "b": OPERATOR_UNMERGE["a"]}

SAMPLES: dict[str, list[dict[str, Any]]] = {
    "leadline": [OPERATOR_UNMERGE, OPERATOR_LINK, OPERATOR_DISMISS],
    "hubspot": [HUBSPOT_STAGE, HUBSPOT_CREATION, HUBSPOT_DEAL_TO_CONTACT, HUBSPOT_MEETING, *HUBSPOT_FETCHED],
    "meta-lead-ads": [META_LEAD, META_WEBHOOK],
    "google-lead-form": [GOOGLE_LEAD],
    "zendesk": [ZENDESK_TICKET, ZENDESK_USER, ZENDESK_FETCHED],
    "sendgrid": [SENDGRID_DROPPED, SENDGRID_CLICK],
    "segment": [SEGMENT_PAGE, SEGMENT_TRACK, SEGMENT_IDENTIFY, SEGMENT_GROUP, SEGMENT_ALIAS],
    "web-form": [WEB_FORM],
    "canonical": [CANONICAL_CHAT],
    "firmographics": [COMPANY_FOUND, COMPANY_LISTED],
    **samples_crm.SAMPLES,
    **samples_engagement.SAMPLES,
    **samples_product.SAMPLES,
}
