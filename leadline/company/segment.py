"""Segment calls as its webhook destination forwards them: one JSON object a message.

Headers: `source-system: segment`, `source-account: northlight` (the workspace; scope of `userId` and of
`anonymousId`, which website forms and the chat widget share). Key: `userId`, else `anonymousId`.

    {"type": "page", "messageId": "ajs-next-1d2f…", "anonymousId": "0f6d…-uuid", "userId": null, "channel": "client",
     "name": "Pricing", "properties": {"path": "/pricing", "title": "Pricing", "url": "https://…/pricing",
     "search": "?utm_source=google", "referrer": "https://www.google.com/"},
     "context": {"ip": "203.0.113.7", "locale": "de-DE", "userAgent": "Mozilla/5.0 …", "library": {…},
       "page": {"path": "/pricing", "referrer": "…", "search": "…", "title": "Pricing", "url": "…"},
       "campaign": {"source": "google", "medium": "cpc", "name": "…", "term": "…", "content": "…"}},
     "originalTimestamp": "…", "sentAt": "…", "timestamp": "2025-09-25T10:05:28.123Z", "receivedAt": "…",
     "integrations": {}, "version": 2}
    {"type": "identify", "anonymousId": "…", "userId": "u_82…", "traits": {"email", "firstName", "lastName", "title",
     "company": {"name": "…"}}, …}                      links cookie, user id and e-mail; sent at each log-in
    {"type": "track", "event": "Content Downloaded", "properties": {"title", "content_type", "url"}, …}       web
    {"type": "track", "event": "Signed Up" | "Trial Started" | "Session Started" | "Feature Used", "userId": "u_82…",
     "anonymousId": null, "properties": {"plan" | "trial_plan_name", "feature"}, …}        product, from the server
    {"type": "group", "groupId": "ws_91…", "userId": "u_82…", "traits": {"name", "website", "employees", "industry"}}

`context.campaign` is present only on a landing page view. Bots are known by `context.userAgent`. Staff are known by
their address in `context.traits.email` (every call after a log-in carries it) and in `traits.email`, at
northlight-data.com. Some pages carry `"userId": "null"`, some `"anonymousId": "anonymous"` or zeros: no identifiers.
"""

from __future__ import annotations

from typing import Any

from leadline.company import firm
from leadline.company.dice import Ids
from leadline.company.wire import Element, Identifier, iso_ms
from leadline.company.world import Person

Body = dict[str, Any]

CLIENT = {"name": "analytics.js", "version": "next-1.81.0"}
SERVER = {"name": "analytics-python", "version": "2.3.2"}


def page_viewed(
    ids: Ids,
    person: Person,
    at: float,
    path: str,
    title: str,
    *,
    cookie: str,
    campaign: dict[str, str] | None = None,
    referrer: str = "",
    signed_in: bool = False,
) -> Element:
    """A page view; `campaign` on the landing page only."""
    search = "?" + "&".join(f"utm_{name}={value}" for name, value in campaign.items()) if campaign else ""
    page = {"path": path, "referrer": referrer, "search": search, "title": title, "url": f"{firm.SITE}{path}{search}"}
    body = _client(ids, person, at, "page", cookie, page, signed_in)
    body["name"], body["properties"] = title, page
    if campaign:
        body["context"]["campaign"] = campaign
    return _element(person, at, body)


def content_downloaded(
    ids: Ids, person: Person, at: float, title: str, kind: str, *, cookie: str, signed_in: bool = False
) -> Element:
    path = "/resources/" + title.lower().replace(" ", "-")
    page = {"path": path, "referrer": "", "search": "", "title": title, "url": firm.SITE + path}
    body = _client(ids, person, at, "track", cookie, page, signed_in)
    body["event"] = "Content Downloaded"
    body["properties"] = {"title": title, "content_type": kind, "url": page["url"]}
    return _element(person, at, body)


def identified(ids: Ids, person: Person, at: float, *, cookie: str) -> Element:
    """A log-in: the cookie's owner has this user id and this (verified) e-mail address."""
    page = {"path": "/login", "referrer": "", "search": "", "title": "Log in", "url": f"{firm.SITE}/login"}
    body = _client(ids, person, at, "identify", cookie, page, True)
    traits: Body = {"email": person.email, "firstName": person.first, "lastName": person.last}
    if person.account is not None:
        traits |= {"title": person.title, "company": {"name": person.account.name}}
    body["traits"] = traits
    element = _element(person, at, body)
    element.identifiers += (("email", "", person.email),)
    return element


def grouped(ids: Ids, person: Person, at: float) -> Element:
    """The user joined a workspace of the product; its traits describe the company."""
    assert person.account is not None
    account = person.account
    body = _server(ids, person, at, "group") | {"groupId": f"ws_{account.number + 9_000}"}
    body["traits"] = {"name": account.name, "website": f"https://{account.domain}", "employees": account.employees}
    body["traits"]["industry"] = account.industry
    return _element(person, at, body)


def tracked(ids: Ids, person: Person, at: float, event: str, properties: Body) -> Element:
    """A product event, sent by the product's server under the user id alone."""
    body = _server(ids, person, at, "track") | {"event": event, "properties": properties}
    return _element(person, at, body)


def _client(ids: Ids, person: Person, at: float, kind: str, cookie: str, page: dict[str, str], signed_in: bool) -> Body:
    body = _head(ids, at, kind, "ajs-next-")
    body["anonymousId"] = cookie
    body["userId"] = person.user_id if signed_in else None
    context = body["context"] = {
        "ip": person.ip,
        "locale": person.locale,
        "userAgent": person.agent,
        "library": CLIENT,
        "page": page,
    }
    if signed_in:
        context["traits"] = {"email": person.email}
    return body


def _server(ids: Ids, person: Person, at: float, kind: str) -> Body:
    body = _head(ids, at, kind, "api-")
    body["channel"] = "server"
    body["anonymousId"], body["userId"] = None, person.user_id
    body["context"] = {"library": SERVER, "traits": {"email": person.email}}
    return body


def _head(ids: Ids, at: float, kind: str, prefix: str) -> Body:
    stamp = iso_ms(at)
    return {
        "type": kind,
        "messageId": prefix + ids.token(32),
        "channel": "client",
        "originalTimestamp": stamp,
        "sentAt": stamp,
        "timestamp": stamp,
        "receivedAt": iso_ms(at + 0.2),
        "integrations": {},
        "version": 2,
    }


def _element(person: Person, at: float, body: Body) -> Element:
    identifiers: tuple[Identifier, ...] = ()
    cookie, user = body["anonymousId"], body["userId"]
    if cookie:
        identifiers += (("anonymous_id", firm.WORKSPACE, cookie),)
    if user:
        identifiers += (("user_id", firm.WORKSPACE, user),)
    if "traits" in body["context"]:
        identifiers += (("email", "", person.email),)
    return Element("segment", user or cookie, body, at, person.number, identifiers, person.flag)
