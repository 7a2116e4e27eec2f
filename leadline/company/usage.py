"""Use of the product, from the sign-up over the trial to daily sessions, and the tickets that come with it.

Invariant: the first thing a user id is seen with is the log-in that links it to a cookie and an e-mail address.
"""

from __future__ import annotations

from math import exp

from leadline.company import segment, zendesk
from leadline.company.scene import Scene
from leadline.company.texts import SUBJECTS
from leadline.company.visits import visit
from leadline.company.wire import iso_s
from leadline.company.world import DAY, Person

FEATURES = ("dashboard", "import", "scoring-rule", "export", "invite-colleague", "api-key", "integration")
PRIORITIES = ("LOW", "NORMAL", "NORMAL", "HIGH", "URGENT")


def sign_up(scene: Scene, person: Person, at: float) -> None:
    """The account with the product; everything after carries its user id."""
    ids = scene.ids
    if at >= scene.end - 60.0:
        return
    person.user_id = f"u_{ids.number('user', 820_000)}"
    scene.put(segment.identified(ids, person, at, cookie=person.cookies[0]))
    scene.put(segment.tracked(ids, person, at + 1.0, "Signed Up", {"plan": "free"}))
    if person.account is not None and scene.dice.chance(0.5):
        scene.put(segment.grouped(ids, person, at + 2.0))


def start_trial(scene: Scene, person: Person, at: float) -> None:
    properties = {"trial_plan_name": "Team", "trial_start_date": iso_s(at), "trial_end_date": iso_s(at + 14 * DAY)}
    scene.put(segment.tracked(scene.ids, person, at, "Trial Started", properties))


def use(scene: Scene, person: Person, since: float, until: float, per_day: float) -> None:
    """Sessions with the features used in them, at `per_day` for average intent."""
    dice, ids = scene.dice, scene.ids
    until = min(until, scene.end)
    rate = per_day * exp(0.55 * person.intent)
    at = since
    while (at := at + dice.wait(DAY / rate)) < until:
        moment = scene.working_hour(at, person.market)
        if not since < moment < until:
            continue
        scene.put(segment.tracked(ids, person, moment, "Session Started", {"client": "web"}))
        for _ in range(dice.count(0.6 * exp(0.25 * person.intent))):
            moment += 5.0 + dice.wait(240.0)
            if moment < until:
                scene.put(segment.tracked(ids, person, moment, "Feature Used", {"feature": dice.pick(FEATURES)}))
        if dice.chance(0.1):
            visit(scene, person, moment + 60.0, person.cookies[0], until=until, signed_in=True)


def ask_for_help(scene: Scene, person: Person, at: float) -> None:
    """A ticket; the help desk learns of the requester at the same moment, or earlier tickets would name nobody."""
    dice, ids = scene.dice, scene.ids
    if at >= scene.end - 60.0:
        return
    if not person.requester_id:
        person.requester_id = zendesk.new_requester_id(ids)
        scene.put(zendesk.user_created(ids, person, at))
    ticket, subject = zendesk.new_ticket_id(ids), dice.pick(SUBJECTS[person.language])
    text, planted = scene.write(person, trouble=True)
    priority = dice.pick(PRIORITIES)
    created = zendesk.ticket_created(ids, person, at + 3.0, ticket, subject, text, priority)
    created.planted = planted
    scene.put(created)
    if priority == "NORMAL" and dice.chance(0.2):
        raised = at + dice.between(0.1, 0.9) * DAY
        scene.put(zendesk.priority_changed(ids, person, raised, ticket, subject, text, (priority, "HIGH")))
        priority = "HIGH"
    opened = at + dice.between(0.02, 0.3) * DAY
    scene.put(zendesk.status_changed(ids, person, opened, ticket, subject, text, priority, ("NEW", "OPEN")))
    if dice.chance(0.85):
        solved = opened + dice.between(0.5, 6.0) * DAY
        scene.put(zendesk.status_changed(ids, person, solved, ticket, subject, text, priority, ("OPEN", "SOLVED")))
