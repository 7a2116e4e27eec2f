"""What the CRM records about a person: the contact's card, the opportunity, meetings, calls and the decision.

Invariant: until the moment of the decision the records of those who will buy and those who will not are drawn alike,
given intent and fit.
"""

from __future__ import annotations

from math import exp

from leadline.company import hubspot
from leadline.company.dice import Weights
from leadline.company.scene import Scene
from leadline.company.world import DAY, Outcome, Person

SOURCES = Weights(
    {"ORGANIC_SEARCH": 34, "PAID_SEARCH": 16, "DIRECT_TRAFFIC": 14, "REFERRALS": 12, "EMAIL_MARKETING": 9}
)


def open_card(scene: Scene, person: Person, at: float, source: str) -> None:
    """The contact appears in the CRM; a nightly job enriches it. The address is always among its properties."""
    dice, ids = scene.dice, scene.ids

    def change(name: str, value: str, by: str = "FORM") -> None:
        scene.put(hubspot.contact_changed(ids, person, at, name, value, by))

    scene.put(hubspot.contact_created(ids, person, at))
    change("email", person.former_email or person.email)
    if dice.chance(0.7):
        change("lifecyclestage", "lead", "AUTOMATION_PLATFORM")
    if dice.chance(0.8):
        change("hs_analytics_source", source, "AUTOMATION_PLATFORM")
    if dice.chance(0.88):
        change("jobtitle", person.title)
    if dice.chance(0.3):
        change("firstname", person.first)
        change("lastname", person.last)
    if dice.chance(0.3):
        change("phone", person.phone)
    if person.account is None:
        return
    if dice.chance(0.5):
        change("company", person.account.name)
    at = (at // DAY + 1) * DAY + 2 * 3600.0 + 60.0 * dice.random()
    facts = {
        "industry": person.account.industry,
        "numberofemployees": str(person.account.employees),
        "web_technologies": ";".join(person.account.technologies),
    }
    for name, value in facts.items():
        if dice.chance(0.85):
            change(name, value, "INTEGRATION")
    if dice.chance(0.35):
        change("website", f"https://www.{person.account.domain}", "INTEGRATION")


def change_address(scene: Scene, person: Person, at: float) -> None:
    """Sales replaces the contact's former address by the present one; both are theirs."""
    scene.put(hubspot.contact_changed(scene.ids, person, at, "email", person.email, "CRM_UI"))


def open_opportunity(scene: Scene, person: Person) -> None:
    """A deal is created; the event that says whose it is comes a little later, sometimes much later."""
    dice, ids, at = scene.dice, scene.ids, person.opened
    if at >= scene.end - 60.0:
        return
    scene.put(hubspot.contact_changed(ids, person, at, "lifecyclestage", "salesqualifiedlead", "CRM_UI"))
    if dice.chance(0.5):
        scene.put(hubspot.contact_changed(ids, person, at + 5, "hs_lead_status", "IN_PROGRESS", "CRM_UI"))
    scene.put(hubspot.deal_created(ids, person, at + 8))
    scene.put(hubspot.deal_changed(ids, person, at + 8, "dealstage", "appointmentscheduled"))
    late = dice.chance(0.08)
    link = hubspot.deal_linked(ids, person, min(at + (dice.between(1, 9) * DAY if late else 9.0), scene.end - 1.0))
    link.planted = "late_deal_links" if late else ""
    scene.put(link)
    span = person.closed - at
    for stage, earliest in (("qualifiedtobuy", 0.2), ("presentationscheduled", 0.5)):
        if dice.chance(0.5):
            moved = at + span * dice.between(earliest, earliest + 0.25)
            scene.put(hubspot.deal_changed(ids, person, moved, "dealstage", stage))
    for make, mean in ((hubspot.meeting_booked, 0.8), (hubspot.call_logged, 0.9)):
        for _ in range(dice.count(mean * exp(0.55 * person.intent))):
            met = scene.working_hour(at + span * dice.between(0.03, 0.95), person.market)
            if met < person.closed:
                scene.put(make(ids, person, met))


def decide(scene: Scene, person: Person) -> None:
    """The outcome reaches the CRM; silence reaches nobody."""
    ids, at = scene.ids, person.closed
    if person.outcome is Outcome.WON:
        scene.put(hubspot.deal_changed(ids, person, at, "dealstage", "closedwon"))
        scene.put(hubspot.contact_changed(ids, person, at + 1, "lifecyclestage", "customer", "AUTOMATION_PLATFORM"))
    elif person.outcome is Outcome.LOST:
        scene.put(hubspot.deal_changed(ids, person, at, "dealstage", "closedlost"))
    elif person.outcome is Outcome.DISQUALIFIED:
        scene.put(hubspot.contact_changed(ids, person, at, "hs_lead_status", "UNQUALIFIED", "CRM_UI"))
