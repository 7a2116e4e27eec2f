"""What the vendors' APIs answer, and how it lies on the raw topics."""

from __future__ import annotations

from typing import Any

HUBSPOT_CONTACT: dict[str, Any] = {
    "id": "173595202426",
    "properties": {
        "email": "jo@acme.com",
        "phone": "+49 30 1234567",
        "firstname": "Jo",
        "lastname": "Doe",
        "jobtitle": "VP Data",
        "website": "https://www.acme.com",
        "hs_email_domain": "acme.com",
        "company": "Acme",
        "associatedcompanyid": "9017",
        "numberofemployees": "240",
        "lifecyclestage": "opportunity",
        "hs_analytics_source": "PAID_SEARCH",
        "hs_email_optout": None,
        "hs_lead_status": "OPEN",
        "message": "Call me",
        "createdate": "2025-12-01T09:00:00Z",
        "lastmodifieddate": "2025-12-06T17:52:08.476Z",
        "hs_object_id": "173595202426",
    },
    "createdAt": "2025-12-01T09:00:00Z",
    "updatedAt": "2025-12-06T17:52:08.476Z",
    "archived": False,
}
HUBSPOT_COMPANY: dict[str, Any] = {
    "id": "9017",
    "properties": {"name": "Acme", "domain": "acme.com", "industry": "MACHINERY", "numberofemployees": "240"},
    "createdAt": "2025-12-01T09:00:00Z",
    "updatedAt": "2025-12-06T17:52:08.476Z",
    "archived": False,
}
HUBSPOT_WON: dict[str, Any] = {
    "id": "9001",
    "properties": {
        "amount": "12000.50",
        "pipeline": "default",
        "dealstage": "4242",
        "hs_is_closed_won": "true",
        "hs_is_closed_lost": "false",
        "closedate": "2025-11-20T08:00:00Z",
    },
    "createdAt": "2025-10-01T09:00:00Z",
    "updatedAt": "2025-12-06T17:52:08.476Z",
    "archived": False,
}
HUBSPOT_FETCHED: list[dict[str, Any]] = [
    {"portalId": "50687303", "objectType": "contact", "object": HUBSPOT_CONTACT},
    {"portalId": "50687303", "objectType": "company", "object": HUBSPOT_COMPANY},
    {"portalId": "50687303", "objectType": "deal", "object": HUBSPOT_WON},
]

ZENDESK_ANSWER: dict[str, Any] = {
    "user": {
        "id": 20978392,
        "url": "https://acme.zendesk.com/api/v2/users/20978392.json",
        "name": "Jo Doe",
        "email": "jo@acme.com",
        "created_at": "2024-04-01T09:00:00Z",
        "updated_at": "2024-04-17T17:18:00Z",
        "last_login_at": "2024-04-17T17:17:58Z",
        "time_zone": "Berlin",
        "phone": None,
        "photo": None,
        "locale_id": 1,
        "organization_id": 509974,
        "role": "end-user",
        "verified": True,
        "external_id": "u_82",
        "tags": [],
        "details": "",
        "notes": "",
        "suspended": False,
        "user_fields": {},
    }
}
ZENDESK_FETCHED: dict[str, Any] = {"account_id": "88888888", "answer": ZENDESK_ANSWER}

SALESFORCE_FETCHED: dict[str, Any] = {
    "attributes": {"type": "Contact", "url": "/services/data/v60.0/sobjects/Contact/0035f00000CpXYZAA3"},
    "Id": "0035f00000CpXYZAA3",
    "IsDeleted": False,
    "AccountId": "0015f00002JUX1JAAX",
    "LastName": "Doe",
    "FirstName": "Jo",
    "Name": "Jo Doe",
    "MailingCity": "Berlin",
    "MailingCountry": "Germany",
    "MailingAddress": {"city": "Berlin", "country": "Germany", "street": None},
    "Email": "jo@acme.com",
    "Title": "VP Data",
    "Description": None,
    "HasOptedOutOfEmail": False,
    "CreatedDate": "2024-04-01T09:00:00.000+0000",
    "LastModifiedDate": "2024-04-26T18:38:05.000+0000",
    "SystemModstamp": "2024-04-26T18:38:05.000+0000",
    "LastViewedDate": "2024-04-26T19:00:00.000+0000",
}
