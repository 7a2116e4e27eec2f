"""Traffic that goes on after the year: the same people and newcomers, stamped with the present.

Invariant: nothing received twice, in received order, no id shared with the year or with a run started at another time,
and the company that it continues is left as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import numpy as np

from leadline.company import dealings, delivery, hubspot, segment, sendgrid, usage, visits, zendesk
from leadline.company.dice import Dice, Ids, Weights
from leadline.company.generate import Company
from leadline.company.scene import Scene
from leadline.company.texts import SUBJECTS
from leadline.company.wire import RawOut
from leadline.company.world import Census, Kind, Person

ACTS = Weights(
    {"view": 52, "use": 16, "mail": 14, "newcomer": 5, "meet": 4, "form": 3, "bot": 3, "chat": 1.5, "ticket": 1.5}
)
LEAD_TIME = 3.0  # seconds between an act's first event and its receipt


def live(company: Company, *, seed: int, start: datetime, events_per_second: float) -> Iterator[RawOut]:
    """Endless messages whose received times run on from `start` (aware) at the given mean rate of vendor events.

    The caller keeps the pace: it publishes each message at its `received`. None is marked as imported.
    Raises `ValueError` for a naive `start` or a rate that is not positive.
    """
    if start.tzinfo is None or events_per_second <= 0:
        raise ValueError(f"live traffic needs an aware start and a positive rate, not {start!r}, {events_per_second}")
    at = start.timestamp()
    dice = Dice(np.random.default_rng([seed, int(at)]))
    ids = Ids(dice, generation=int(at))
    scene = Scene(dice, ids, start=float("-inf"), end=float("inf"))
    present = _Present(scene, company.census.continued(dice, ids))
    while True:
        present.act(at - LEAD_TIME)
        elements = [element for element in scene.elements if element.occurred <= at]
        scene.elements.clear()
        for element in elements:
            element.received = round(at, 3)
        for message in delivery.batched(elements):
            yield delivery.raw(message, imported=False)
        at += dice.wait(max(1, len(elements)) / events_per_second)


class _Present:
    """Who is around, and what they may do in a single moment."""

    def __init__(self, scene: Scene, census: Census) -> None:
        self._scene, self._census = scene, census
        self._known = [p for p in census.people if p.kind in (Kind.BUYER, Kind.PROSPECT)]
        self._browsing = self._known + [p for p in census.people if p.kind is Kind.VISITOR]
        self._users = [p for p in self._known if p.user_id]
        self._requesters = [p for p in self._known if p.requester_id]
        self._bots = [p for p in census.people if p.kind is Kind.BOT]
        self._acts: dict[str, Callable[[float], None]] = {
            "view": lambda at: self._view(self._scene.dice.pick(self._browsing), at),
            "bot": lambda at: self._view(self._scene.dice.pick(self._bots), at),
            "use": self._use,
            "mail": self._mail,
            "newcomer": self._newcomer,
            "meet": self._meet,
            "form": self._form,
            "chat": self._chat,
            "ticket": self._ticket,
        }

    def act(self, at: float) -> None:
        """One thing happens, within less than the lead time."""
        self._acts[self._scene.dice.weighed(ACTS)](at)

    def _someone(self) -> Person:
        """Somebody known; the keener, the likelier."""
        one, other = self._scene.dice.pick(self._known), self._scene.dice.pick(self._known)
        return one if one.intent > other.intent else other

    def _view(self, person: Person, at: float) -> None:
        visits.visit(self._scene, person, at, self._scene.dice.pick(person.cookies), until=at + 1.0)

    def _use(self, at: float) -> None:
        if self._users:
            feature = {"feature": self._scene.dice.pick(usage.FEATURES)}
            user = self._scene.dice.pick(self._users)
            self._scene.put(segment.tracked(self._scene.ids, user, at, "Session Started", {"client": "web"}))
            self._scene.put(segment.tracked(self._scene.ids, user, at + 1.0, "Feature Used", feature))

    def _mail(self, at: float) -> None:
        person, message = self._someone(), self._scene.ids.token(20)
        opened = sendgrid.mail_event(self._scene.ids, person, at, "open", message, "Product news", address=person.email)
        self._scene.put(opened)

    def _newcomer(self, at: float) -> None:
        person = self._census.new_person()
        person.former_email = ""  # only a later change of the card would link it
        self._browsing.append(person)
        self._view(person, at)
        if person.kind is not Kind.VISITOR:
            visits.submit(self._scene, person, at + 1.0, "demo-request", cookie=person.cookies[0])
            dealings.open_card(self._scene, person, at + 2.0, "ORGANIC_SEARCH")
            self._known.append(person)

    def _meet(self, at: float) -> None:
        make = self._scene.dice.pick((hubspot.meeting_booked, hubspot.call_logged))
        self._scene.put(make(self._scene.ids, self._someone(), at))

    def _form(self, at: float) -> None:
        person = self._someone()
        visits.submit(self._scene, person, at, "contact-sales", cookie=person.cookies[0])

    def _chat(self, at: float) -> None:
        person = self._someone()
        visits.chat_once(self._scene, person, at, person.cookies[0])

    def _ticket(self, at: float) -> None:
        if self._requesters:
            person, ticket = self._scene.dice.pick(self._requesters), zendesk.new_ticket_id(self._scene.ids)
            subject, (text, _) = (
                self._scene.dice.pick(SUBJECTS[person.language]),
                self._scene.write(person, trouble=True),
            )
            self._scene.put(zendesk.ticket_created(self._scene.ids, person, at, ticket, subject, text, "NORMAL"))
