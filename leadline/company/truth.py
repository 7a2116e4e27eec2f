"""What is really so: who is who, what must become of every element, who bought, and which traps were planted.

Invariant: only tests and the report read it; it is written beside a run and never enters the platform.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from leadline.company.wire import Element, Fate, Flag, Identifier, utc
from leadline.company.world import Kind, Outcome, Person


class TruePerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One real entity and the identifiers that are its own, as sent (before normalisation).

    Types and scopes are those of `ingestion.contracts.event.Claim`. A shared mailbox is listed under type `email`.
    """

    number: int
    kind: Kind
    identifiers: tuple[Identifier, ...]
    events: int  # good elements about this entity
    win_probability: float | None = None  # buyers only
    opened: datetime | None = None  # the opportunity
    closed: datetime | None = None  # the decision, also of those who stayed silent; may lie after the end
    outcome: Outcome | None = None  # None while the decision lies after the end


class ElementTruth(msgspec.Struct, frozen=True):
    """One element of one message, by the message's number in publish order and the index within it."""

    message: int
    index: int
    fate: Fate
    flag: Flag
    owner: int  # number of the person; -1 for nobody


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """The whole truth about one generated year."""

    seed: int
    start: datetime
    end: datetime
    people: list[TruePerson]  # everybody with at least one good element
    fates: list[str]  # per message one letter an element, see `Fate`
    flags: list[str]  # likewise, see `Flag`
    owners: list[list[int]]
    planted: dict[str, int]
    totals: dict[str, int]

    def elements(self) -> Iterator[ElementTruth]:
        """Every element in publish order."""
        for message, (fates, flags, owners) in enumerate(zip(self.fates, self.flags, self.owners, strict=True)):
            for index, (fate, flag, owner) in enumerate(zip(fates, flags, owners, strict=True)):
                yield ElementTruth(message, index, Fate(fate), Flag(flag), owner)

    @property
    def expected_entities(self) -> int:
        """Distinct lead entities that right identity resolution finds among the good elements."""
        return self.totals["entities"]

    def decided(self) -> list[TruePerson]:
        """Buyers whose decision lies within the year, in order of decision."""
        return sorted((p for p in self.people if p.outcome is not None), key=lambda p: (p.closed, p.number))

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    @staticmethod
    def from_json(data: bytes) -> Truth:
        """Raises `msgspec.ValidationError` for anything that `to_json` did not write."""
        return msgspec.json.decode(data, type=Truth)


def tell(
    messages: Sequence[Sequence[Element]], people: Sequence[Person], *, seed: int, start: float, end: float
) -> Truth:
    """The truth about these messages, which are in publish order."""
    everything = [element for message in messages for element in message]
    good = [element for element in everything if element.fate is Fate.GOOD]
    owned: dict[int, dict[Identifier, None]] = {}
    events: Counter[int] = Counter()
    for element in good:
        events[element.owner] += 1
        owned.setdefault(element.owner, {}).update(dict.fromkeys(element.identifiers))
    told = [
        _person(person, owned[person.number], events[person.number], end) for person in people if events[person.number]
    ]
    fates = Counter(element.fate for element in everything)
    totals = {
        "messages": len(messages),
        "elements": len(everything),
        "good": fates[Fate.GOOD],
        "quarantined": fates[Fate.QUARANTINED],
        "duplicates": fates[Fate.DUPLICATE],
        "flagged": sum(element.flag is not Flag.NONE for element in good),
        "entities": len(told),
        "decided": sum(person.outcome is not None for person in told),
        "won": sum(person.outcome is Outcome.WON for person in told),
    }
    totals |= {f"{kind}_entities": sum(person.kind is kind for person in told) for kind in Kind}
    return Truth(
        seed=seed,
        start=utc(start),
        end=utc(end),
        people=told,
        fates=["".join(element.fate for element in message) for message in messages],
        flags=["".join(element.flag for element in message) for message in messages],
        owners=[[element.owner for element in message] for message in messages],
        planted=_planted(everything, good, told, people),
        totals=totals,
    )


def _person(person: Person, identifiers: dict[Identifier, None], events: int, end: float) -> TruePerson:
    if person.win_probability is None:
        return TruePerson(number=person.number, kind=person.kind, identifiers=tuple(identifiers), events=events)
    return TruePerson(
        number=person.number,
        kind=person.kind,
        identifiers=tuple(identifiers),
        events=events,
        win_probability=person.win_probability,
        opened=utc(person.opened),
        closed=utc(person.closed),
        outcome=person.outcome if person.closed < end else None,
    )


def _planted(
    everything: Sequence[Element], good: Sequence[Element], told: Sequence[TruePerson], people: Sequence[Person]
) -> dict[str, int]:
    planted = Counter(element.planted for element in everything if element.planted)
    planted["poison"] = sum(count for name, count in planted.items() if name.startswith("poison_"))
    names = {Flag.TEST: "test_pings", Flag.BOT: "bot_events", Flag.STAFF: "staff_events"}
    planted.update(names[element.flag] for element in good if element.flag is not Flag.NONE)
    anonymous: set[int] = set()
    recognised: set[int] = set()
    newest: dict[int, float] = {}
    for element in good:
        if element.occurred < newest.get(element.owner, 0.0) - 60.0:
            planted["out_of_order"] += 1
        newest[element.owner] = max(newest.get(element.owner, 0.0), element.occurred)
        if {kind for kind, _, _ in element.identifiers} == {"anonymous_id"}:
            anonymous.add(element.owner)
        elif element.owner in anonymous:
            recognised.add(element.owner)
    planted["anonymous_to_known"] = len(recognised)
    planted["shared_mailboxes"] = sum(p.kind is Kind.MAILBOX and p.identifiers[0][0] == "email" for p in told)
    planted["free_mail_people"] = sum(people[p.number].free_mail for p in told)
    return dict(sorted(planted.items()))
