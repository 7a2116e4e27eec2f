"""Visits to the firm's site: page views in sessions, landing campaigns, downloads, forms and chats.

Invariant: a cookie is used only by its own person, and whoever is known is linked to each cookie by a form or log-in.
"""

from __future__ import annotations

from math import exp

from leadline.company import chat, forms, segment
from leadline.company.dice import Weights
from leadline.company.scene import Scene
from leadline.company.world import Person

PAGES = Weights(
    {
        "/|Home": 20,
        "/product|Product": 18,
        "/product/connectors|Connectors": 8,
        "/customers|Customers": 8,
        "/security|Security": 4,
        "/blog/feature-stores|Feature stores in practice": 12,
        "/blog/lead-scoring|What a lead score is worth": 10,
        "/docs/quickstart|Quickstart": 9,
        "/compare|Compare": 4,
        "/careers|Careers": 4,
    }
)
PRICING = ("/pricing", "Pricing")
CAMPAIGNS = (
    {"source": "google", "medium": "cpc", "name": "brand", "term": "lead scoring", "content": "ad-a"},
    {"source": "google", "medium": "cpc", "name": "feature-store", "term": "feature store", "content": "ad-b"},
    {"source": "linkedin", "medium": "paid-social", "name": "data-leaders", "content": "carousel"},
    {"source": "facebook", "medium": "paid-social", "name": "retargeting", "content": "video"},
    {"source": "newsletter", "medium": "email", "name": "product-news"},
)
PAPERS = (
    ("The lead scoring handbook", "ebook"),
    ("Feature stores compared", "whitepaper"),
    ("Buying guide for revenue data", "whitepaper"),
    ("Security overview", "datasheet"),
)
BLOCKED = ("null", "anonymous", "undefined", "00000000", "00000000-0000-0000-0000-000000000000")


def visit(scene: Scene, person: Person, at: float, cookie: str, *, until: float, signed_in: bool = False) -> None:
    """One session: a landing page and some more, more of them and nearer to the price the higher the intent."""
    dice, ids = scene.dice, scene.ids
    pull = exp(0.45 * person.intent)
    campaign = dict(dice.pick(CAMPAIGNS)) if dice.chance(0.25) else None
    for number in range(min(9, 1 + dice.count(0.5 * pull**0.6))):
        if at >= until:
            return
        priced = dice.chance(min(0.5, 0.09 * pull))
        path, title = PRICING if priced else dice.weighed(PAGES).split("|")
        landing = campaign if number == 0 else None
        referrer = "https://www.google.com/" if landing and landing["source"] == "google" else ""
        view = segment.page_viewed(
            ids, person, at, path, title, cookie=cookie, campaign=landing, referrer=referrer, signed_in=signed_in
        )
        if not signed_in and dice.chance(0.002):
            view.body["userId"], view.planted = dice.pick(BLOCKED), "blocked_identifiers"
        scene.put(view)
        at += 4.0 + dice.wait(70.0)
    if at < until and dice.chance(min(0.5, 0.07 * pull)):
        title, kind = dice.pick(PAPERS)
        scene.put(segment.content_downloaded(ids, person, at, title, kind, cookie=cookie, signed_in=signed_in))


def submit(scene: Scene, person: Person, at: float, form: str, *, cookie: str | None, email: str = "") -> None:
    """A form on the site; with the cookie it makes an anonymous visitor known."""
    dice = scene.dice
    text, planted = scene.write(person) if form in ("demo-request", "contact-sales") else ("", "")
    address = email or person.email
    if not email and dice.chance(0.06):
        address, planted = dice.pick(person.spellings), planted or "address_variants"
    campaign = dict(dice.pick(CAMPAIGNS)) if dice.chance(0.4) else None
    consents = not dice.chance(0.15)
    element = forms.web_form(
        scene.ids, person, at, form, cookie=cookie, email=address, text=text, campaign=campaign, consents=consents
    )
    element.planted = planted
    scene.put(element)


def chat_once(scene: Scene, person: Person, at: float, cookie: str) -> None:
    """Start, one message, end."""
    conversation = f"c-{scene.ids.token(12)}"
    text, planted = scene.write(person)
    scene.put(chat.chat_event(scene.ids, person, at, "started", conversation, cookie=cookie))
    message = chat.chat_event(scene.ids, person, at + 20.0, "message", conversation, cookie=cookie, text=text)
    message.planted = planted
    scene.put(message)
    scene.put(chat.chat_event(scene.ids, person, at + 300.0, "ended", conversation, cookie=cookie))
