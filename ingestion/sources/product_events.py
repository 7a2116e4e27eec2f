"""What product trackers report, whoever carries it: a name and its properties as a canonical act.

Names: segment.com/docs/connections/spec/b2b-saas, …/spec/email, …/spec/live-chat, the session names of Amplitude and
Mixpanel, and common variants. A name that is not here is the use of a feature by that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from ingestion.contracts.event import Channel, EventType
from ingestion.sources.fields import host_of, path_of, tag_of, text_of
from ingestion.sources.person import Person, person_of

# Lower case, with spaces.
TRACKED: Mapping[str, EventType] = MappingProxyType(
    {
        "signed up": EventType.PRODUCT_SIGNED_UP,
        "user signed up": EventType.PRODUCT_SIGNED_UP,
        "trial started": EventType.PRODUCT_TRIAL_STARTED,
        "session start": EventType.PRODUCT_SESSION_STARTED,
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
MAKES: tuple[EventType, ...] = tuple(CHANNELS)  # every type that an act can have

# What a tracker notes without anybody doing it.
_UNATTENDED = frozenset(
    {"session end", "session ended", "application backgrounded", "application crashed", "application updated"}
)
_FEATURE_NAMES = ("feature", "feature_name", "featureName")
_CONTENT_NAMES = ("title", "content", "document_name", "asset", "name")


class Act(msgspec.Struct, frozen=True, gc=False):
    """The parts of a draft that follow from what was reported."""

    type: EventType
    properties: dict[str, Any] = {}
    person: Person | None = None  # whom it describes: a form's sender, a user who was identified, a company
    unattended: bool = False  # the tracker's own note, nobody's engagement


def tracked(name: str, sent: Mapping[str, Any]) -> Act:
    """The act of a tracked name. `sent` are the properties that the product's own people chose for it."""
    name = name.strip()
    plain = name.lower().replace("_", " ")
    type_ = TRACKED.get(plain, EventType.PRODUCT_FEATURE_USED)
    properties: dict[str, Any] = {}
    person: Person | None = None
    if type_ is EventType.PRODUCT_FEATURE_USED:
        properties["name"] = _first(sent, _FEATURE_NAMES) or tag_of(name) or "unnamed"
    elif type_ is EventType.WEB_CONTENT_DOWNLOADED:
        if content := _first(sent, _CONTENT_NAMES):
            properties["content"] = content
    elif type_ in (EventType.LEAD_FORM_SUBMITTED, EventType.PRODUCT_SIGNED_UP):
        answers = type_ is EventType.LEAD_FORM_SUBMITTED
        person = person_of(((key, sent[key]) for key in sent if key != "type"), verified=False, answers=answers)
    elif type_ is EventType.CHAT_MESSAGE and (body := text_of(sent.get("message_body"))):
        person = Person(lines=[body])
    if plan := tag_of(sent.get("plan") or sent.get("trial_plan_name") or sent.get("plan_name")):
        properties["plan"] = plan
    if path := path_of(sent.get("url") or sent.get("link_url")):
        properties["path"] = path
    return Act(type_, properties, person, plain in _UNATTENDED)


def _first(sent: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((tag for name in names if (tag := tag_of(sent.get(name)))), None)


def page_viewed(*addresses: Any, referrer: Any = None) -> Act:
    """The view of a page by the first of its addresses that has a path."""
    properties: dict[str, Any] = {}
    for address in addresses:
        if path := path_of(address):
            properties["path"] = path
            break
    if host := host_of(referrer):
        properties["referrer"] = host
    return Act(EventType.WEB_PAGE_VIEWED, properties)


def screen_viewed(name: Any) -> Act:
    """The view of a screen of a mobile product: the use of a feature by that name."""
    return Act(EventType.PRODUCT_FEATURE_USED, {"name": tag_of(name) or "screen"})


def noted(name: str) -> Act:
    """What a tracker notes by itself, such as every click: kept by its name, but nobody's engagement."""
    return Act(EventType.PRODUCT_FEATURE_USED, {"name": tag_of(name) or "unnamed"}, unattended=True)
