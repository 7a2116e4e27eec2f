"""Bodies of product analytics and CloudEvents senders, as the vendors document them."""

from __future__ import annotations

from typing import Any

_BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/125.0.0.0 Safari/537.36"

POSTHOG_PAGEVIEW: dict[str, Any] = {
    "event": "$pageview",
    "distinct_id": "018daf23-89b3-7cf8-a4f1-94064c96df90",
    "uuid": "018daf24-0b1e-7d11-9c2f-6e5d1a1f0a01",
    "timestamp": "2024-05-22T17:09:29.220Z",
    "properties": {
        "token": "phc_secret",
        "distinct_id": "018daf23-89b3-7cf8-a4f1-94064c96df90",
        "$device_id": "018daf23-89b3-7cf8-a4f1-94064c96df90",
        "$is_identified": False,
        "$process_person_profile": False,
        "$current_url": "https://acme.com/pricing?utm_source=newsletter&utm_medium=email",
        "$pathname": "/pricing",
        "$referrer": "https://www.google.com/",
        "$raw_user_agent": _BROWSER,
        "$ip": "203.0.113.7",
        "utm_source": "newsletter",
        "utm_medium": "email",
    },
}
POSTHOG_IDENTIFY: dict[str, Any] = {
    "event": "$identify",
    "distinct_id": "u_82",
    "uuid": "018daf24-0b1e-7d11-9c2f-6e5d1a1f0a02",
    "timestamp": "2024-05-22T17:10:00.000Z",
    "properties": {
        "$anon_distinct_id": "018daf23-89b3-7cf8-a4f1-94064c96df90",
        "$user_id": "u_82",
        "$is_identified": True,
        "$set": {"email": "jo@acme.com", "name": "Jo Doe", "job_title": "VP Data"},
        "$set_once": {"$initial_referrer": "https://www.google.com/", "plan": "free"},
    },
}
POSTHOG_FEATURE: dict[str, Any] = {
    "event": "report exported",
    "distinct_id": "u_82",
    "uuid": "018daf24-0b1e-7d11-9c2f-6e5d1a1f0a03",
    "timestamp": "2024-05-22T17:11:00.000Z",
    "properties": {"$user_id": "u_82", "$is_identified": True, "$groups": {"company": "acme"}, "plan": "team"},
}
POSTHOG_ALIAS: dict[str, Any] = {
    "api_key": "phc_secret",
    "event": "$create_alias",
    "distinct_id": "device-123",
    "properties": {"alias": "device-456"},
    "timestamp": "2024-05-22T17:12:00.000Z",
}
POSTHOG_GROUP: dict[str, Any] = {
    "event": "$groupidentify",
    "distinct_id": "$company_acme",
    "uuid": "018daf24-0b1e-7d11-9c2f-6e5d1a1f0a04",
    "timestamp": "2024-05-22T17:13:00.000Z",
    "properties": {
        "$group_type": "company",
        "$group_key": "acme",
        "$group_set": {"name": "Acme", "website": "https://acme.com", "employees": 417, "subscription": "premium"},
    },
}
POSTHOG_BATCH: dict[str, Any] = {
    "api_key": "phc_secret",
    "historical_migration": False,
    "batch": [POSTHOG_PAGEVIEW, POSTHOG_FEATURE],
}
POSTHOG_WEBHOOK: dict[str, Any] = {
    "event": {
        "uuid": "018daf24-0b1e-7d11-9c2f-6e5d1a1f0a03",
        "event": "report exported",
        "distinct_id": "u_82",
        "properties": {"$user_id": "u_82", "$groups": {"company": "acme"}, "$ip": "203.0.113.7"},
        "elements_chain": "",
        "timestamp": "2024-05-22T17:11:00.000Z",
        "url": "https://us.posthog.com/project/1/events/018daf24",
    },
    "person": {
        "id": "0192f0e1-4444-4444-4444-444444444444",
        "name": "Jo Doe",
        "url": "https://us.posthog.com/person/u_82",
        "properties": {"email": "jo@acme.com", "name": "Jo Doe", "job_title": "VP Data"},
    },
}

AMPLITUDE_ROW: dict[str, Any] = {
    "server_received_time": "2020-09-14 19:41:33.501000",
    "app": 187520,
    "city": "Berlin",
    "country": "Germany",
    "user_id": "u_8200",
    "device_id": "C8F9E604-F01A-4BD9-95C6-8E5357DF265D",
    "uuid": "bf0b9b2a-304d-11ea-934f-22000b56058f",
    "$insert_id": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
    "event_type": "Report Exported",
    "event_time": "2020-09-14 19:41:32.123000",
    "client_event_time": "2020-09-14 19:41:30.000000",
    "server_upload_time": "2020-09-14 19:41:33.502000",
    "amplitude_id": 99492549999,
    "session_id": 1600112480000,
    "platform": "Web",
    "ip_address": "203.0.113.7",
    "event_properties": {"feature": "Dashboards", "plan": "team"},
    "user_properties": {"email": "jo@acme.com", "name": "Jo Doe", "title": "VP Data"},
    "groups": {"company": ["acme"]},
    "group_properties": {},
    "data": {},
}
AMPLITUDE_PAGE: dict[str, Any] = {
    "user_id": None,
    "device_id": "C8F9E604-F01A-4BD9-95C6-8E5357DF265D",
    "uuid": "bf0b9b2a-304d-11ea-934f-22000b560590",
    "event_type": "[Amplitude] Page Viewed",
    "event_time": "2020-09-14 19:40:00.000000",
    "event_properties": {
        "[Amplitude] Page Counter": 1,
        "[Amplitude] Page Domain": "acme.com",
        "[Amplitude] Page Location": "https://acme.com/pricing?gclid=EAIa1",
        "[Amplitude] Page Path": "/pricing",
        "[Amplitude] Page Title": "Pricing",
        "[Amplitude] Page URL": "https://acme.com/pricing",
        "referrer": "https://www.google.com/",
        "referring_domain": "www.google.com",
        "utm_source": "google",
        "utm_medium": "cpc",
    },
    "user_properties": {"initial_utm_source": "EMPTY"},
    "groups": {},
}
AMPLITUDE_IDENTIFY: dict[str, Any] = {
    "event_type": "$identify",
    "user_id": "u_8200",
    "device_id": "C8F9E604-F01A-4BD9-95C6-8E5357DF265D",
    "insert_id": "0834614c-6a6f-4160-afc0-c8db6b135faf",
    "time": 1600112493000,
    "ip": "$remote",
    "user_agent": _BROWSER,
    "user_properties": {
        "$set": {"email": "jo@acme.com", "company": "Acme", "plan": "team"},
        "$setOnce": {"plan": "free", "initial_utm_source": "EMPTY"},
        "$add": {"logins": 1},
        "$unset": {"title": "-"},
    },
}
AMPLITUDE_GROUP: dict[str, Any] = {
    "event_type": "$groupidentify",
    "user_id": "u_8200",
    "insert_id": "6a6f0834-614c-4160-afc0-c8db6b135faf",
    "time": 1600112494000,
    "groups": {"org_id": "org_123"},
    "group_properties": {"$set": {"name": "Acme", "industry": "Manufacturing", "website": "acme.com"}},
}
AMPLITUDE_BATCH: dict[str, Any] = {"api_key": "secret", "events": [AMPLITUDE_IDENTIFY, AMPLITUDE_GROUP]}

MIXPANEL_SIGNED_UP: dict[str, Any] = {
    "event": "Signed up",
    "properties": {
        "time": 1602611311,
        "$insert_id": "hpuDqcvpltpCjBsebtxwadtEBDnFAdycabFb",
        "mp_processing_time_ms": 1602625711874,
        "distinct_id": "$device:18daf23",
        "$device_id": "18daf23",
        "$city": "Berlin",
        "mp_country_code": "DE",
        "mp_lib": "web",
        "plan": "team",
    },
}
MIXPANEL_PAGE: dict[str, Any] = {
    "event": "$mp_web_page_view",
    "properties": {
        "time": 1602611400,
        "$insert_id": "jajcebutltmvhbbholfhxtCcycwnBjDtndha",
        "mp_processing_time_ms": 1602625801000,
        "distinct_id": "u_82",
        "$distinct_id_before_identity": "$device:18daf23",
        "$user_id": "u_82",
        "$device_id": "18daf23",
        "$email": "jo@acme.com",
        "$current_url": "https://acme.com/pricing?utm_source=google",
        "$referrer": "https://www.google.com/",
        "current_page_title": "Pricing",
        "current_domain": "acme.com",
        "current_url_path": "/pricing",
        "current_url_protocol": "https:",
        "current_url_search": "?utm_source=google&utm_medium=cpc",
        "utm_source": "google",
        "utm_medium": "cpc",
        "ip": "203.0.113.7",
    },
}
MIXPANEL_IDENTIFY: dict[str, Any] = {
    "event": "$identify",
    "properties": {"time": 1602611500, "$insert_id": "id-1", "$identified_id": "u_82", "$anon_id": "18daf23"},
}
MIXPANEL_ALIAS: dict[str, Any] = {
    "event": "$create_alias",
    "properties": {"time": 1602611501, "$insert_id": "id-2", "distinct_id": "18daf23", "alias": "other-17"},
}
MIXPANEL_MERGE: dict[str, Any] = {
    "event": "$merge",
    "properties": {"time": 1602611502, "$insert_id": "id-3", "$distinct_ids": ["18daf23", "other-17"]},
}

CLOUDEVENT_SHORT: dict[str, Any] = {
    "specversion": "1.0",
    "type": "com.acme.product.feature_used",
    "source": "/acme/app",
    "id": "A234-1234-1234",
    "time": "2025-09-25T10:05:28.123Z",
    "subject": "u_82",
    "partitionkey": "u_82",
    "sequence": "0000000017",
    "comexampleextension1": "value",
    "datacontenttype": "application/json",
    "data": {
        "email": "jo@acme.com",
        "user_id": "u_82",
        "anonymous_id": "0f6d",
        "account": "ws_91",
        "domain": "acme.com",
        "properties": {"name": "Dashboards", "plan": "team", "undeclared": "Jo Doe"},
        "text": "Where is the ERP connector?",
    },
}
CLOUDEVENT_CANONICAL: dict[str, Any] = {
    "specversion": "1.0",
    "type": "chat.message",
    "source": "/desk/1",
    "id": "chat-7f3a",
    "time": "2025-09-25T10:05:28.123Z",
    "dataschema": "leadline.interaction/1-0-0",
    "data": {
        "id": "inner",
        "type": "chat.started",
        "time": "2020-01-01T00:00:00Z",
        "channel": "chat",
        "claims": [{"type": "email", "value": "jo@acme.com", "verified": True}],
        "object": {"type": "chat", "id": "c-91"},
        "private": {"name": "Jo Doe"},
        "text": "Wie teuer ist das?",
        "lang": "de",
    },
}
CLOUDEVENT_BASE64: dict[str, Any] = {
    "specversion": "1.0",
    "type": "com.acme.trial-started.v1",
    "source": "/acme/app",
    "id": "B234-1234-1234",
    "datacontenttype": "application/json",
    "data_base64": "eyJ1c2VyX2lkIjoidV84MiJ9",
}

SAMPLES: dict[str, list[dict[str, Any]]] = {
    "amplitude": [AMPLITUDE_ROW, AMPLITUDE_PAGE, AMPLITUDE_BATCH],
    "cloudevents": [CLOUDEVENT_SHORT, CLOUDEVENT_CANONICAL, CLOUDEVENT_BASE64],
    "mixpanel": [MIXPANEL_SIGNED_UP, MIXPANEL_PAGE, MIXPANEL_IDENTIFY, MIXPANEL_ALIAS, MIXPANEL_MERGE],
    "posthog": [POSTHOG_BATCH, POSTHOG_IDENTIFY, POSTHOG_ALIAS, POSTHOG_GROUP, POSTHOG_WEBHOOK],
}
