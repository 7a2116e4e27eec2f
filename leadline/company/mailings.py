"""The weekly newsletter and what its readers do with it.

Invariant: whoever has unsubscribed, or whose address bounced, gets no further issue.
"""

from __future__ import annotations

from leadline.company import firm, sendgrid
from leadline.company.scene import Scene, odds
from leadline.company.world import DAY, Person

WEEK = 7 * DAY
TUESDAY_NINE = 5 * DAY + 9 * 3600.0  # after the epoch, a Thursday
SHARE = 0.18  # of the issues that reach a given reader (segments, frequency caps)


def subscribe(scene: Scene, person: Person, since: float, until: float) -> None:
    """Every issue between the two moments, until the reader has had enough."""
    dice, ids = scene.dice, scene.ids
    issue = int((since - TUESDAY_NINE) // WEEK) + 1
    until = min(until, scene.end)
    while (sent := TUESDAY_NINE + issue * WEEK) < until:
        issue += 1
        if not dice.chance(SHARE):
            continue
        message, campaign = ids.token(20), f"Product news {issue % 53}"
        varied = bool(person.spellings) and dice.chance(0.05)
        address = dice.pick(person.spellings) if varied else person.email

        def happen(
            event: str, at: float, url: str = "", message: str = message, campaign: str = campaign,
            address: str = address, varied: bool = varied,
        ) -> None:  # fmt: skip
            element = sendgrid.mail_event(ids, person, at, event, message, campaign, address=address, url=url)
            element.planted = "address_variants" if varied else ""
            scene.put(element)

        happen("processed", sent + 20.0 * dice.random())
        arrived = sent + 21.0 + 20.0 * dice.random()
        if dice.chance(0.006):
            happen("bounce", arrived)
            return
        happen("delivered", arrived)
        if not dice.chance(odds(-0.9 + 0.95 * person.intent)):
            continue
        opened = arrived + 30.0 + dice.wait(0.3 * DAY)
        happen("open", opened)
        if dice.chance(odds(-1.3 + 0.8 * person.intent)):
            happen("click", opened + 5.0 + dice.wait(30.0), f"{firm.SITE}/blog/feature-stores")
        if dice.chance(0.015):
            happen("unsubscribe", opened + 40.0)
            return
