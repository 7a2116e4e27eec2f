"""Bodies of CRM and ERP senders, as the vendors document them."""

from __future__ import annotations

from typing import Any

from tests.ingestion.sources.samples_fetched import SALESFORCE_FETCHED

# Change Data Capture as CometD's JSON.
SALESFORCE_LEAD: dict[str, Any] = {
    "channel": "/data/LeadChangeEvent",
    "data": {
        "schema": "IeRuaY6cbI_HsV8Rv1Mc5g",
        "event": {"replayId": 6},
        "payload": {
            "ChangeEventHeader": {
                "entityName": "Lead",
                "recordIds": ["00Q5f000005bwLFEAY"],
                "changeType": "UPDATE",
                "changeOrigin": "com/salesforce/api/soap/60.0;client=SfdcInternalAPI/",
                "transactionKey": "00006948-0ac9-7da3-edb3-ea0e31b2334a",
                "sequenceNumber": 4,
                "commitTimestamp": 1714153780000,
                "commitNumber": 1100638524517,
                "commitUser": "0055f000005mc66AAA",
                "changedFields": ["Status", "LastModifiedDate"],
            },
            "Status": "Closed - Not Converted",
            "LastModifiedDate": "2024-04-26T17:49:40Z",
        },
    },
}
# The Pub/Sub API's decoded event, with the schema's names that its relay sends along.
SALESFORCE_PUBSUB: dict[str, Any] = {
    "schema": [
        "ChangeEventHeader",
        {"name": "Name", "fields": ["Salutation", "FirstName", "LastName"]},
        "Title",
        "Email",
        "Phone",
        "Description",
        {"name": "MailingAddress", "fields": ["Street", "City", "Country"]},
        "HasOptedOutOfEmail",
    ],
    "payload": {
        "ChangeEventHeader": {
            "entityName": "Contact",
            "recordIds": ["0035f00000CpXYZAA3"],
            "changeType": "UPDATE",
            "changeOrigin": "com/salesforce/api/soap/60.0;client=Astro",
            "transactionKey": "0000110b-0ca1-b6ef-2fb1-ad5e7e9d2b5a",
            "sequenceNumber": 1,
            "commitTimestamp": 1714156685000,
            "commitNumber": 1100670838951,
            "commitUser": "0055f000005mc66AAA",
            "nulledFields": ["0x10"],
            "diffFields": ["0x20"],
            "changedFields": ["0x3C", "1-0x06", "6-0x4"],
        },
        "Name": {"Salutation": None, "FirstName": "Jo", "LastName": "Doe"},
        "Title": "VP Data",
        "Email": "jo@acme.com",
        "Phone": None,
        "Description": "--- 1\n+++ 1\n@@ -1 +1 @@\n-old\n+new",
        "MailingAddress": {"Street": None, "City": None, "Country": "Germany"},
        "HasOptedOutOfEmail": None,
    },
}
SALESFORCE_GAP: dict[str, Any] = {
    "data": {
        "schema": "5GiC-KFwBGmSyDn8mqrXgg",
        "payload": {
            "ChangeEventHeader": {
                "commitNumber": 288672011,
                "commitUser": "005xx000001TT96AAG",
                "sequenceNumber": 1,
                "entityName": "Event",
                "changeType": "GAP_UPDATE",
                "changedFields": [],
                "changeOrigin": "",
                "transactionKey": "0Mcxx000000000B",
                "commitTimestamp": 1509502088161,
                "recordIds": ["00Uxx000000fvRQEAY"],
            }
        },
        "event": {"replayId": 1},
    },
    "channel": "/data/EventChangeEvent",
}
SALESFORCE_DEAL: dict[str, Any] = {
    "ChangeEventHeader": {
        "entityName": "Opportunity",
        "recordIds": ["0065f00000Abc12AAB", "0065f00000Abc13AAB"],
        "changeType": "UPDATE",
        "changeOrigin": "com/salesforce/api/rest/60.0;client=25681700",
        "transactionKey": "00006bec-ce66-0611-9018-30a98446c9f2",
        "sequenceNumber": 2,
        "commitTimestamp": 1714156685000,
        "commitNumber": 1100670838952,
        "changedFields": ["StageName", "IsWon", "IsClosed", "Amount", "LastModifiedDate"],
    },
    "StageName": "Closed Won",
    "IsWon": True,
    "IsClosed": True,
    "Amount": 12000.5,
}
# One notification of an outbound message, opened.
SALESFORCE_NOTIFICATION: dict[str, Any] = {
    "organization": "00DR00000001ABCMA2",
    "notification": "04l0800002nrC5BAAU",
    "object": "Lead",
    "fields": {
        "Id": "00Q5f000005bwLF",
        "Status": "Closed - Not Converted",
        "Email": "jo@acme.com",
        "LastName": "Doe",
        "Unqualified_Reason__c": "No budget for ERP",
        "LastModifiedDate": "2024-04-26T17:49:40.000Z",
    },
}
CLOSE_WON: dict[str, Any] = {
    "event": {
        "date_created": "2019-01-15T12:48:23.395000",
        "meta": {"request_method": "PUT", "request_path": "/api/v1/opportunity/oppo_7H4sjNso/"},
        "id": "ev_2sYKRjcrA79yKxi3S4Crd7",
        "action": "updated",
        "date_updated": "2019-01-15T12:48:23.395000",
        "changed_fields": ["confidence", "date_updated", "status_id", "status_label", "status_type"],
        "previous_data": {
            "status_type": "active",
            "confidence": 70,
            "date_updated": "2019-01-15T12:47:39.873000+00:00",
            "status_id": "stat_3FD9DnGU",
            "status_label": "Active",
        },
        "organization_id": "orga_XbVPx5fF",
        "data": {
            "contact_name": "Jo Doe",
            "user_name": "Joe Kemp",
            "value_period": "one_time",
            "date_created": "2019-01-15T12:41:24.496000+00:00",
            "user_id": "user_N6KhMpzH",
            "value_currency": "USD",
            "organization_id": "orga_XbVPx5fF",
            "status_label": "Won",
            "contact_id": "cont_BwlwYQkI",
            "status_type": "won",
            "id": "oppo_7H4sjNso",
            "lead_name": "KLine",
            "date_lost": None,
            "note": "",
            "date_updated": "2019-01-15T12:48:23.392000+00:00",
            "status_id": "stat_wMS9M6HC",
            "value": 100000,
            "value_formatted": "$1,000",
            "date_won": "2019-01-15",
            "lead_id": "lead_zwqYhEFz",
            "confidence": 100,
        },
        "request_id": "req_4S2L8JTB",
        "object_id": "oppo_7H4sjNso",
        "user_id": "user_N6KhMpzH",
        "object_type": "opportunity",
        "lead_id": "lead_zwqYhEFz",
    },
    "subscription_id": "whsub_8AmjKCZY",
}
CLOSE_CONTACT: dict[str, Any] = {
    "subscription_id": "whsub_8AmjKCZY",
    "event": {
        "id": "ev_3contact",
        "date_created": "2024-06-13T03:53:33.917000",
        "date_updated": "2024-06-13T03:53:33.917000",
        "organization_id": "orga_XbVPx5fF",
        "user_id": "user_N6KhMpzH",
        "request_id": "req_123",
        "api_key_id": None,
        "oauth_client_id": None,
        "oauth_scope": None,
        "object_type": "contact",
        "object_id": "cont_BwlwYQkI",
        "lead_id": "lead_zwqYhEFz",
        "action": "created",
        "changed_fields": [],
        "meta": {"request_path": "/api/v1/contact/", "request_method": "POST"},
        "data": {
            "id": "cont_BwlwYQkI",
            "name": "Jo Doe",
            "title": "VP Data",
            "emails": [{"email": "jo@acme.com", "type": "office", "is_unsubscribed": False}],
            "phones": [{"country": "US", "phone": "+19045551234", "type": "mobile"}],
            "lead_id": "lead_zwqYhEFz",
        },
        "previous_data": {},
    },
}
CLOSE_EMAIL: dict[str, Any] = {
    "subscription_id": "whsub_8AmjKCZY",
    "event": CLOSE_CONTACT["event"]
    | {
        "id": "ev_4email",
        "object_type": "activity.email",
        "object_id": "acti_WuIVvTT9",
        "user_id": None,
        "data": {
            "_type": "Email",
            "id": "acti_WuIVvTT9",
            "contact_id": "cont_BwlwYQkI",
            "direction": "incoming",
            "status": "inbox",
            "sender": "jo@acme.com",
            "to": ["phil@northlight-data.com"],
            "subject": "Re: your offer",
            "body_text": "Can we talk about our ERP?",
        },
    },
}
ERPNEXT_LEAD: dict[str, Any] = {
    "name": "CRM-LEAD-2025-00001",
    "email_id": "jo@acme.com",
    "status": "Lost Quotation",
    "company_name": "Acme",
}
ERPNEXT_CRM_DEAL: dict[str, Any] = {
    "doctype": "CRM Deal",
    "name": "CRM-DEAL-2025-00007",
    "event": "on_update",
    "modified": "2025-09-25 15:35:28.123456",
    "creation": "2025-09-01 09:00:00.000000",
    "time_zone": "Asia/Kolkata",
    "status": "Lost",
    "lost_reason": "Budget Constraints",
    "lost_notes": "Jo says the ERP project is stopped",
    "deal_value": 12000.0,
    "organization": "Acme",
    "contact": "Jo Doe-Acme",
    "email": "jo@acme.com",
    "mobile_no": "+49 30 1234567",
    "no_of_employees": "51-200",
}
ERPNEXT_ISSUE: dict[str, Any] = {
    "doctype": "Issue",
    "name": "ISS-2025-00042",
    "creation": "2025-09-25 10:05:28.000000",
    "modified": "2025-09-25 10:05:28.000000",
    "subject": "Help",
    "description": "<p>The ERP is down</p>",
    "raised_by": "jo@acme.com",
    "status": "Open",
    "priority": "High",
    "customer": "Acme GmbH",
    "contact": "Jo Doe-Acme GmbH",
}

SAMPLES: dict[str, list[dict[str, Any]]] = {
    "salesforce": [
        SALESFORCE_LEAD,
        SALESFORCE_PUBSUB,
        SALESFORCE_GAP,
        SALESFORCE_DEAL,
        SALESFORCE_NOTIFICATION,
        SALESFORCE_FETCHED,
    ],
    "close": [CLOSE_WON, CLOSE_CONTACT, CLOSE_EMAIL],
    "erpnext": [ERPNEXT_LEAD, ERPNEXT_CRM_DEAL, ERPNEXT_ISSUE],
}
