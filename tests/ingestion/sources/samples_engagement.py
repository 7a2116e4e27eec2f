"""Bodies of marketing, sales-engagement and chat senders, as the vendors document them."""

from __future__ import annotations

from typing import Any


def intercom(
    topic: str, item: dict[str, Any], id_: str | None = "notif_2a8995f8", at: int = 1768026659
) -> dict[str, Any]:
    """An Intercom notification."""
    return {
        "type": "notification_event",
        "app_id": "abc123def",
        "data": {"type": "notification_event_data", "item": item},
        "links": {},
        "id": id_,
        "topic": topic,
        "delivery_status": "pending",
        "delivery_attempts": 1,
        "delivered_at": 0,
        "first_sent_at": at,
        "created_at": at,
        "self": None,
    }


INTERCOM_USER: dict[str, Any] = {
    "type": "contact",
    "id": "6961f1c19b981fb5a0b90afb",
    "workspace_id": "abc123def",
    "external_id": "u_82",
    "role": "user",
    "email": "jo@acme.com",
    "phone": "+49 30 1234567",
    "name": "Jo Doe",
    "unsubscribed_from_emails": False,
    "created_at": "2026-01-10T06:29:21.953+00:00",
    "location": {"type": "location", "country": "Germany", "region": None, "city": None},
    "custom_attributes": {"job_title": "VP Data", "c_domain": "acme.com"},
    "companies": {"type": "list", "data": [{"id": "6961d175", "type": "company"}], "has_more": False},
    "utm_source": "google",
    "utm_campaign": "spring",
}
INTERCOM_LEAD: dict[str, Any] = INTERCOM_USER | {
    "id": "6961d897719c606240178da8",
    "external_id": "c3ca7689-a3c1-4a05-b81d-6cdf995cea85",
    "role": "lead",
}
INTERCOM_OLD_CHAT: dict[str, Any] = {
    "type": "conversation",
    "id": "21322009097",
    "created_at": 1553290933,
    "user": {
        "type": "lead",
        "id": "5c9553cb27e377f24eed49f7",
        "user_id": "75067020-1204-495c-8edc-abb7d88bdd43",
        "name": "Jo Doe",
        "email": "jo@acme.com",
        "do_not_track": None,
    },
    "assignee": {"type": "admin", "id": "1957471", "name": "Andy", "email": "andy@northlight-data.com"},
    "conversation_message": {
        "type": "conversation_message",
        "id": "331499307",
        "url": "https://www.northlight-data.com/pricing?x=1",
        "subject": "",
        "body": "<p>Hello</p>",
        "author": {"type": "user", "id": "5c9553cb27e377f24eed49f7"},
    },
    "conversation_parts": {
        "type": "conversation_part.list",
        "conversation_parts": [
            {
                "type": "conversation_part",
                "id": "2824391734",
                "part_type": "comment",
                "body": "<p>Does it replace our&nbsp;ERP<br>&amp; the CRM?</p>",
                "author": {"type": "user", "id": "5c9553cb27e377f24eed49f7", "name": "Jo Doe", "email": "jo@acme.com"},
            },
            {
                "type": "conversation_part",
                "part_type": "comment",
                "body": "<p>Andy here</p>",
                "author": {"type": "admin", "id": "1957471", "name": "Andy"},
            },
        ],
        "total_count": 2,
    },
    "open": True,
}
INTERCOM_CHAT: dict[str, Any] = {
    "type": "conversation",
    "id": "215472621202693",
    "source": {
        "type": "conversation",
        "id": "3381828792",
        "delivered_as": "customer_initiated",
        "subject": "",
        "body": "<p>What does it cost?</p>",
        "author": {"type": "lead", "id": "696205460674dbb9050aa7fd", "name": None, "email": ""},
        "url": "https://www.northlight-data.com/pricing",
    },
    "contacts": {
        "type": "contact.list",
        "contacts": [{"type": "contact", "id": "696205460674dbb9050aa7fd", "external_id": "5e68ece4-0ec8"}],
    },
    "conversation_parts": {"type": "conversation_part.list", "conversation_parts": [], "total_count": 0},
}
INTERCOM_TICKET: dict[str, Any] = {
    "type": "ticket",
    "id": "215472629311235",
    "ticket_id": "66040342",
    "ticket_attributes": {
        "_default_title_": "Sync",
        "_default_description_": "<p>Nothing syncs</p>",
        "Platforms": None,
    },
    "ticket_state": {"type": "ticket_state", "id": "4517893", "category": "submitted", "internal_label": "Submitted"},
    "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "696346bbaebb5a479d3851a3"}]},
    "channel": "messenger",
    "open": True,
}
INTERCOM_STAT: dict[str, Any] = {
    "type": "content_stat.email",
    "created_at": "2022-10-11T15:01:07.000Z",
    "content_stat": {
        "id": 1,
        "content_type": "email",
        "content_id": 7,
        "stat_type": "open",
        "content_title": "Welcome",
    },
    "contact": INTERCOM_USER,
}
INTERCOM_TRACKED: dict[str, Any] = {
    "type": "event",
    "event_name": "invited-friend",
    "id": "84ca8d44-8f2e-11e3-bbc6-6d72c14baf72",
    "intercom_user_id": "6961f1c19b981fb5a0b90afb",
    "user_id": "u_82",
    "email": "jo@acme.com",
    "metadata": {},
    "created_at": 1768026000,
}
INTERCOM_COMPANY: dict[str, Any] = {
    "type": "company",
    "id": "6961d175205cf6a4438f0c21",
    "name": "Acme",
    "plan": {"type": "plan", "id": "1", "name": "team"},
    "company_id": "6961d175205cf6a4438f0c22-qualification-company",
    "size": 417,
    "website": "https://www.acme.com",
    "industry": "Manufacturing",
}
INTERCOM_PING: dict[str, Any] = intercom("ping", {"type": "ping", "message": "hello"}, id_=None)

MAILCHIMP_SUBSCRIBE: dict[str, Any] = {
    "type": "subscribe",
    "fired_at": "2009-03-26 21:35:57",
    "data": {
        "id": "8a25ff1d98",
        "list_id": "a6b5da1054",
        "email": "jo@acme.com",
        "email_type": "html",
        "merges": {
            "EMAIL": "jo@acme.com",
            "FNAME": "Jo",
            "LNAME": "Doe",
            "COMPANY": "Acme",
            "JOBTITLE": "CTO",
            "INTERESTS": "Group1,Group2",
            "GROUPINGS": {"0": {"name": "Interests", "groups": "Group1"}},
        },
        "ip_opt": "203.0.113.7",
        "ip_signup": "203.0.113.7",
    },
}
MAILCHIMP_UPEMAIL: dict[str, Any] = {
    "type": "upemail",
    "fired_at": "2009-03-26 22:15:09",
    "data": {
        "list_id": "a6b5da1054",
        "new_id": "51da8c3259",
        "new_email": "jo@acme.com",
        "old_email": "jo@old-acme.com",
    },
}
MAILCHIMP_CLEANED: dict[str, Any] = {
    "type": "cleaned",
    "fired_at": "2009-03-26 22:01:00",
    "data": {"list_id": "a6b5da1054", "campaign_id": "4fjk2ma9xd", "reason": "hard", "email": "jo@acme.com"},
}
MAILCHIMP_CAMPAIGN: dict[str, Any] = {
    "type": "campaign",
    "fired_at": "2009-03-26 21:31:21",
    "data": {
        "id": "5aa2102003",
        "subject": "Test Campaign Subject",
        "status": "sent",
        "reason": "",
        "list_id": "a6b5da1054",
    },
}

_FIREFOX = (
    "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/39.0.2171.95 Safari/537.36"
)
MARKETO_VISIT: dict[str, Any] = {
    "id": 102988,
    "marketoGUID": "102988",
    "leadId": 4692803,
    "activityDate": "2023-01-16T23:32:19Z",
    "activityTypeId": 1,
    "primaryAttributeValueId": 71,
    "primaryAttributeValue": "www.northlight-data.com/pricing.html",
    "attributes": [
        {"name": "Client IP Address", "value": "203.0.113.7"},
        {"name": "Query Parameters", "value": "utm_source=google&utm_medium=cpc&email=jo@acme.com"},
        {"name": "Referrer URL", "value": "https://www.google.com/search?q=x"},
        {"name": "User Agent", "value": _FIREFOX},
        {"name": "Webpage URL", "value": "/pricing.html"},
    ],
}
MARKETO_FORM: dict[str, Any] = {
    "id": 1318761919,
    "marketoGUID": "1318761919",
    "leadId": 4692803,
    "activityDate": "2014-10-06T21:22:55Z",
    "activityTypeId": 2,
    "primaryAttributeValueId": 1730,
    "primaryAttributeValue": "By-State",
    "attributes": [
        {"name": "Client IP Address", "value": "203.0.113.7"},
        {
            "name": "Form Fields",
            "value": 'a:9:{s:6:"module";s:11:"leadCapture";s:9:"FirstName";s:4:"Jo\u00e9";s:8:"LastName";s:3:"Doe";'
            's:7:"Company";s:4:"Acme";s:5:"Email";s:11:"jo@acme.com";s:5:"Phone";s:14:"(845) 217-5220";'
            's:5:"Title";s:3:"CTO";s:12:"Your_Goal__c";s:15:"replace our ERP";s:8:"_mkt_trk";s:6:"id:541";}',
        },
        {"name": "Query Parameters", "value": "aliId=48258821"},
        {"name": "Referrer URL", "value": "https://go.northlight-data.com/New-York.html?aliId=48258821"},
        {"name": "User Agent", "value": _FIREFOX},
        {"name": "Webpage ID", "value": 4498},
    ],
}
MARKETO_OPEN: dict[str, Any] = {
    "id": 11,
    "marketoGUID": "11",
    "leadId": 4692803,
    "activityDate": "2024-11-08T00:00:07Z",
    "activityTypeId": 10,
    "campaignId": 10684,
    "primaryAttributeValueId": 23960,
    "primaryAttributeValue": "2024-11 Newsletter",
    "attributes": [
        {"name": "Bot Activity Pattern", "value": "N/A"},
        {"name": "Is Bot Activity", "value": False},
        {"name": "User Agent", "value": _FIREFOX},
    ],
}
MARKETO_CHANGE: dict[str, Any] = {
    "id": 1078,
    "marketoGUID": "1078",
    "leadId": 775,
    "activityDate": "2014-09-17T22:31:49+0000",
    "activityTypeId": 13,
    "fields": [
        {"id": 48, "name": "firstName", "newValue": "Jo", "oldValue": "Joe"},
        {"id": 6, "name": "email", "newValue": "jo@acme.com", "oldValue": None},
        {"id": 62, "name": "state", "newValue": "NC", "oldValue": None},
    ],
    "attributes": [{"name": "Reason", "value": "Web service API"}, {"name": "Lead ID", "value": 775}],
}
MARKETO_DELETED: dict[str, Any] = {
    "id": 2,
    "marketoGUID": "2",
    "leadId": 6,
    "activityDate": "2013-09-26T06:56:35+0000",
    "activityTypeId": 37,
    "primaryAttributeValueId": 6,
    "primaryAttributeValue": "Jo Doe",
    "attributes": [],
}
MARKETO_HOOK: dict[str, Any] = {
    "event": "lead.form_submitted",
    "form": "demo-request",
    "campaign": "Demo requests",
    "sent": "2013-08-08 16:36:13",
    "id": "4692803",
    "Email Address": "jo@acme.com",
    "First Name": "Jo",
    "Last Name": "Doe",
    "Job Title": "CTO",
    "Company Name": "Acme",
    "Website": "https://www.acme.com",
    "Num Employees": "51-200",
    "Industry": "{{company.Industry}}",
    "Unsubscribed": "0",
    "message": "We want to replace our ERP",
}


def outreach(event: str, id_: int, attributes: Any = None, at: str = "11:55:03.874", **related: int) -> dict[str, Any]:
    """An Outreach notice; one without attributes holds the id alone."""
    data: dict[str, Any] = {"type": event.partition(".")[0], "id": id_}
    if attributes is not None:
        relationships = {name: {"type": name, "id": reference} for name, reference in related.items()}
        data |= {"attributes": attributes, "relationships": relationships}
    return {"data": data, "meta": {"deliveredAt": f"2018-09-26T{at}-07:00", "eventName": event}}


_CREATED = {"createdAt": "2018-09-26T18:01:58.000Z", "updatedAt": "2018-09-26T18:01:58.000Z"}
OUTREACH_PROSPECT: dict[str, Any] = outreach(
    "prospect.created",
    300017,
    _CREATED
    | {
        "firstName": "Jo",
        "lastName": "Doe",
        "title": "CTO",
        "company": "Acme",
        "emails": ["jo@acme.com", "jo.doe@acme.com"],
        "workPhones": ["+49 30 1234567"],
        "optedOut": False,
        "source": "webinar",
    },
    account=5,
    owner=1,
    stage=1,
)
OUTREACH_MAILING: dict[str, Any] = outreach(
    "mailing.created", 700001, _CREATED | {"state": "drafted"}, prospect=300017, sequence=2, mailbox=2
)
OUTREACH_DELIVERED: dict[str, Any] = outreach("mailing.delivered", 700001)
OUTREACH_CLICKED: dict[str, Any] = outreach(
    "mailing.updated",
    700001,
    {"updatedAt": "2018-09-26T18:55:03.000Z", "clickedAt": "2018-09-26T18:55:01.000Z", "clickCount": 1},
)
OUTREACH_WON: dict[str, Any] = outreach(
    "opportunity.updated",
    90001,
    {"updatedAt": "2018-09-26T18:55:03.000Z", "probability": 100, "amount": 4200},
    opportunityStage=44,
    account=5,
)
OUTREACH_ROLE: dict[str, Any] = outreach(
    "opportunityProspectRole.created", 12, _CREATED | {"role": "Champion"}, opportunity=90001, prospect=300017
)
OUTREACH_CALL: dict[str, Any] = outreach(
    "call.created",
    55001,
    _CREATED | {"direction": "outbound", "to": "+49 30 1234567", "from": "+49 89 7654321", "note": "Called Jo"},
    prospect=300017,
)
OUTREACH_ACCOUNT: dict[str, Any] = outreach(
    "account.created", 6, _CREATED | {"named": True, "domain": "acme.com", "name": "Acme", "industry": "software"}
)
OUTREACH_ADDRESS: dict[str, Any] = outreach(
    "emailAddress.created", 8001, _CREATED | {"email": "jo@acme.com", "status": "Verified"}, prospect=300017
)

CUSTOMERIO_OPENED: dict[str, Any] = {
    "event_id": "01E4C8BES586H0A5PFK1ARB9JW",
    "object_type": "email",
    "metric": "opened",
    "timestamp": 1585254348,
    "data": {
        "customer_id": "u_82",
        "identifiers": {"id": "u_82", "email": "jo@acme.com", "cio_id": "d9c106000001"},
        "delivery_id": "RPILAgABcRhIBqSp7kiPekGBIeVh",
        "action_id": 36,
        "campaign_id": 9,
        "recipient": "jo@acme.com",
        "subject": "hello Jo",
        "proxied": True,
        "prefetched": False,
    },
}
CUSTOMERIO_CLICKED: dict[str, Any] = CUSTOMERIO_OPENED | {
    "event_id": "01E4C8BES5XT87ZWRJFTB35YJ3",
    "metric": "clicked",
    "data": CUSTOMERIO_OPENED["data"]
    | {"href": "https://acme.com/pricing?utm_source=cio&email=jo@acme.com", "link_id": 1},
}
CUSTOMERIO_TOPICS: dict[str, Any] = {
    "event_id": "01E4C4CT6YDC7Y5M7FE1GWWPQJ",
    "metric": "cio_subscription_preferences_changed",
    "object_type_type": "email",
    "timestamp": 1613063089,
    "data": {
        "content": '{"topics":{"topic_1":false}}',
        "customer_id": "u_82",
        "email_address": "jo@acme.com",
        "identifiers": {"id": "u_82"},
    },
}
CUSTOMERIO_SMS: dict[str, Any] = {
    "event_id": "01E4C4HDQ7P1X9KTKF0ZX7PWHE",
    "object_type": "sms",
    "metric": "replied",
    "timestamp": 1585250362,
    "data": {
        "identifiers": {"id": "u_82"},
        "delivery_id": "ROk1AAIBcR4iT6mueuxiDtzO8HXv",
        "inbound_event_id": "01E4",
        "recipient": "+49 30 1234567",
        "to": "+18008675309",
    },
}

SAMPLES: dict[str, list[dict[str, Any]]] = {
    "intercom": [
        INTERCOM_PING,
        intercom("contact.user.created", INTERCOM_USER),
        intercom("contact.merged", INTERCOM_USER | {"merged_from": {"type": "contact", "id": INTERCOM_LEAD["id"]}}),
        intercom("contact.deleted", {"type": "contact", "id": "696122fb", "external_id": "1", "deleted": True}),
        intercom(
            "contact.lead.tag.created", {"type": "contact_tag", "contact": INTERCOM_LEAD, "tag": {"name": "trial"}}
        ),
        intercom(
            "granular.unsubscribe", {"contact": INTERCOM_USER, "subscription_types": {"data": [{"id": "1943066"}]}}
        ),
        intercom("company.updated", INTERCOM_COMPANY),
        intercom("company.contact.attached", {"company": INTERCOM_COMPANY, "contact": INTERCOM_LEAD}),
        intercom("conversation.user.replied", INTERCOM_OLD_CHAT),
        intercom("conversation.user.created", INTERCOM_CHAT),
        intercom("ticket.created", INTERCOM_TICKET),
        intercom("event.created", INTERCOM_TRACKED),
        intercom("content_stat.email", INTERCOM_STAT),
    ],
    "mailchimp": [MAILCHIMP_SUBSCRIBE, MAILCHIMP_UPEMAIL, MAILCHIMP_CLEANED, MAILCHIMP_CAMPAIGN],
    "marketo": [MARKETO_VISIT, MARKETO_FORM, MARKETO_OPEN, MARKETO_CHANGE, MARKETO_DELETED, MARKETO_HOOK],
    "outreach": [
        OUTREACH_PROSPECT,
        OUTREACH_MAILING,
        OUTREACH_DELIVERED,
        OUTREACH_CLICKED,
        OUTREACH_WON,
        OUTREACH_ROLE,
        OUTREACH_CALL,
        OUTREACH_ACCOUNT,
        OUTREACH_ADDRESS,
    ],
    "customer-io": [CUSTOMERIO_OPENED, CUSTOMERIO_CLICKED, CUSTOMERIO_TOPICS, CUSTOMERIO_SMS],
}
