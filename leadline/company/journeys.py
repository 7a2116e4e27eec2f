"""How each kind of person lives through the year: first visits, becoming known, interest, decision, afterlife.

Invariant: all identifiers of a person hang together through events that carry two of them. Engagement follows the
intent from some weeks before the opportunity until the decision, at the same rates whatever the decision will be.
"""

from __future__ import annotations

from math import exp

from leadline.company import dealings, forms, mailings, usage, visits
from leadline.company.dice import Weights
from leadline.company.scene import Scene, odds
from leadline.company.world import DAY, Kind, Outcome, Person

ENTRIES = Weights({"web-form": 52, "meta": 13, "google": 13, "sign-up": 10, "import": 12})
FORMS = Weights({"ebook": 4, "newsletter": 3, "webinar": 3, "contact-sales": 2})

READERS = 2.5  # how much more often students, consultants and tiny firms come than those who could buy


def live(scene: Scene, person: Person) -> None:
    """Put the person's whole year on the scene."""
    if person.kind is Kind.VISITOR:
        wander(scene, person)
    elif person.kind is Kind.PROSPECT:
        _prospect(scene, person)
    elif person.kind is Kind.BUYER:
        _buyer(scene, person)


def wander(scene: Scene, person: Person) -> None:
    """A few visits, and gone."""
    at = scene.dice.between(scene.start, scene.end)
    for _ in range(1 + scene.dice.count(0.8)):
        visits.visit(scene, person, scene.working_hour(at, person.market), person.cookies[0], until=scene.end)
        at += scene.dice.wait(6 * DAY)


def _prospect(scene: Scene, person: Person) -> None:
    dice = scene.dice
    known = scene.working_hour(dice.between(scene.start + 2 * DAY, scene.end), person.market)
    linked = _become_known(scene, person, known)
    if linked is None:
        return
    until = known + dice.between(40, 160) * DAY
    _browse(scene, person, linked, until, 0.015)
    mailings.subscribe(scene, person, known, until)
    if person.user_id:
        usage.use(scene, person, known, known + 20 * DAY, 0.08)
    if dice.chance(0.06):
        usage.ask_for_help(scene, person, scene.working_hour(known + dice.between(1, 30) * DAY, person.market))


def _buyer(scene: Scene, person: Person) -> None:
    dice, market = scene.dice, person.market
    known = max(scene.start + dice.between(0.5, 4.0) * DAY, person.opened - dice.between(2, 70) * DAY)
    known = min(scene.working_hour(known, market), person.opened - 3600.0)
    linked = _become_known(scene, person, known)
    if linked is None:
        return
    if person.former_email:
        dealings.change_address(scene, person, min(known + dice.between(0.1, 9.0) * DAY, scene.end - 1.0))
    closed = person.closed
    heat = min(max(known, person.opened - dice.between(5, 25) * DAY), closed)
    _browse(scene, person, linked, heat, 0.01)
    _browse(scene, person, max(linked, heat), closed, 0.034)
    if linked < closed:
        _second_device(scene, person, max(linked, heat), closed)
        _interest(scene, person, max(linked, heat), closed)
    mailings.subscribe(scene, person, known, closed + 30 * DAY)
    dealings.open_opportunity(scene, person)
    dealings.decide(scene, person)
    _afterlife(scene, person, max(linked, closed))


def _become_known(scene: Scene, person: Person, known: float) -> float | None:
    """The person leaves an address at `known` and gets a CRM card.

    Returns the moment from which the first cookie is linked to the address, or None if that all lies after the year.
    Until then the cookie's visits are anonymous.
    """
    dice = scene.dice
    known = max(known, scene.start + 60.0)
    entry = dice.weighed(ENTRIES)
    if entry == "sign-up" and person.former_email:
        entry = "web-form"
    linked = known if entry in ("web-form", "sign-up") else known + dice.between(0.3, 12.0) * DAY
    if known >= scene.end - 60.0:
        return None
    source = dice.weighed(dealings.SOURCES)
    if entry == "meta":
        text, planted = scene.write(person)
        element = forms.meta_lead(scene.ids, person, known, text, email=person.former_email or person.email)
        element.planted = planted
        scene.put(element)
        source = "PAID_SOCIAL"
    elif entry == "google":
        scene.put(forms.google_lead(scene.ids, person, known, email=person.former_email or person.email))
        source = "PAID_SEARCH"
    elif entry == "web-form":
        visits.submit(scene, person, known, dice.weighed(FORMS), cookie=person.cookies[0])
    elif entry == "sign-up":
        usage.sign_up(scene, person, known)
    else:
        source = "OFFLINE"
    dealings.open_card(scene, person, known + 2.0, source)
    if person.former_email and person.kind is Kind.PROSPECT:
        dealings.change_address(scene, person, min(known + dice.between(0.1, 9.0) * DAY, scene.end - 1.0))
    if linked >= scene.end - 60.0:
        return linked  # known, but never seen on the site
    if linked > known:
        visits.submit(scene, person, linked, dice.weighed(FORMS), cookie=person.cookies[0])
    _browse(scene, person, max(scene.start, known - dice.wait(12 * DAY)), linked, 0.07)
    return linked


def _browse(scene: Scene, person: Person, since: float, until: float, per_day: float) -> None:
    """Visits with the first cookie, at `per_day` for average intent. Those who cannot buy read the most."""
    if since >= min(until, scene.end) or not person.cookies:
        return
    rate = per_day * exp(0.8 * person.intent) * (READERS if person.fit < -0.5 else 1.0)
    at = since
    while (at := at + scene.dice.wait(DAY / rate)) < min(until, scene.end):
        moment = scene.working_hour(at, person.market)
        if since < moment < until:
            visits.visit(scene, person, moment, person.cookies[0], until=until)


def _second_device(scene: Scene, person: Person, since: float, until: float) -> None:
    """Some come back on another device: anonymous at first, until a form there says who they are."""
    dice = scene.dice
    told = since + dice.between(0.3, 0.8) * (until - since)
    if not dice.chance(0.12) or told >= scene.end - 60.0:
        return
    cookie = scene.ids.uuid()
    person.cookies += (cookie,)
    for _ in range(1 + dice.count(0.8)):
        at = scene.working_hour(dice.between(since, told), person.market)
        if since < at < told:
            visits.visit(scene, person, at, cookie, until=told)
    visits.submit(scene, person, told, dice.weighed(FORMS), cookie=cookie)


def _interest(scene: Scene, person: Person, since: float, until: float) -> None:
    """What a warm person does besides browsing."""
    dice, market = scene.dice, person.market

    def some_time() -> float:
        return min(scene.working_hour(dice.between(since, until), market), until - 1.0)

    if dice.chance(odds(-0.9 + 1.0 * person.intent)):
        visits.submit(scene, person, some_time(), "demo-request", cookie=person.cookies[0])
    for _ in range(dice.count(0.25 * exp(0.4 * person.intent))):
        visits.submit(scene, person, some_time(), dice.weighed(FORMS), cookie=person.cookies[0])
    if dice.chance(0.08):
        visits.chat_once(scene, person, some_time() - 600.0, person.cookies[0])
    if dice.chance(odds(-1.1 + 0.9 * person.intent)):
        began = max(since, dice.between(since, since + 0.6 * (until - since)))
        if not person.user_id:
            usage.sign_up(scene, person, began)
        if person.user_id:
            usage.start_trial(scene, person, began + 60.0)
            usage.use(scene, person, began + 120.0, min(until, began + 30 * DAY), 0.12)
    if dice.chance(0.22 if person.user_id else 0.05):
        usage.ask_for_help(scene, person, some_time())


def _afterlife(scene: Scene, person: Person, since: float) -> None:
    """Customers use the product; the others look by now and then."""
    if person.outcome is Outcome.WON and person.closed < scene.end:
        if not person.user_id:
            usage.sign_up(scene, person, since + DAY)
        if person.user_id:
            usage.use(scene, person, since + DAY + 120.0, since + 40 * DAY, 0.04)
    else:
        _browse(scene, person, since, since + 60 * DAY, 0.008)
