"""Tracked names that mean something canonical, and the channel of every event type that Segment can carry.

Names: segment.com/docs/connections/spec/b2b-saas, …/spec/email, …/spec/live-chat, and common variants. A name that is
not here is the use of a feature by that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ingestion.contracts.event import Channel, EventType

# Lower case, with spaces.
TRACKED: Mapping[str, EventType] = MappingProxyType(
    {
        "signed up": EventType.PRODUCT_SIGNED_UP,
        "user signed up": EventType.PRODUCT_SIGNED_UP,
        "trial started": EventType.PRODUCT_TRIAL_STARTED,
        "session started": EventType.PRODUCT_SESSION_STARTED,
        "signed in": EventType.PRODUCT_SESSION_STARTED,
        "user signed in": EventType.PRODUCT_SESSION_STARTED,
        "application opened": EventType.PRODUCT_SESSION_STARTED,
        "feature used": EventType.PRODUCT_FEATURE_USED,
        "content downloaded": EventType.WEB_CONTENT_DOWNLOADED,
        "document downloaded": EventType.WEB_CONTENT_DOWNLOADED,
        "file downloaded": EventType.WEB_CONTENT_DOWNLOADED,
        "form submitted": EventType.LEAD_FORM_SUBMITTED,
        "email delivered": EventType.EMAIL_DELIVERED,
        "email opened": EventType.EMAIL_OPENED,
        "email link clicked": EventType.EMAIL_CLICKED,
        "email bounced": EventType.EMAIL_BOUNCED,
        "email marked as spam": EventType.EMAIL_SPAM,
        "unsubscribed": EventType.EMAIL_UNSUBSCRIBED,
        "live chat conversation started": EventType.CHAT_STARTED,
        "live chat message sent": EventType.CHAT_MESSAGE,
        "live chat conversation ended": EventType.CHAT_ENDED,
        "meeting booked": EventType.MEETING_BOOKED,
    }
)

CHANNELS: Mapping[EventType, Channel] = MappingProxyType(
    {
        EventType.WEB_PAGE_VIEWED: Channel.WEB,
        EventType.WEB_CONTENT_DOWNLOADED: Channel.WEB,
        EventType.LEAD_FORM_SUBMITTED: Channel.WEB,
        EventType.MEETING_BOOKED: Channel.WEB,
        EventType.PRODUCT_SIGNED_UP: Channel.PRODUCT,
        EventType.PRODUCT_TRIAL_STARTED: Channel.PRODUCT,
        EventType.PRODUCT_SESSION_STARTED: Channel.PRODUCT,
        EventType.PRODUCT_FEATURE_USED: Channel.PRODUCT,
        EventType.IDENTITY_LINK: Channel.PRODUCT,
        EventType.ACCOUNT_CHANGED: Channel.PRODUCT,
        EventType.EMAIL_DELIVERED: Channel.MAP,
        EventType.EMAIL_OPENED: Channel.MAP,
        EventType.EMAIL_CLICKED: Channel.MAP,
        EventType.EMAIL_BOUNCED: Channel.MAP,
        EventType.EMAIL_SPAM: Channel.MAP,
        EventType.EMAIL_UNSUBSCRIBED: Channel.MAP,
        EventType.CHAT_STARTED: Channel.CHAT,
        EventType.CHAT_MESSAGE: Channel.CHAT,
        EventType.CHAT_ENDED: Channel.CHAT,
    }
)
