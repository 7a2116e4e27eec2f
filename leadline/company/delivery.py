"""How elements reach us: delays, lateness, batching into messages, and deliveries that come twice.

Invariant: every element is in exactly one message, a repeated message comes after its original and under its key,
and nothing is received after the year's end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from leadline.company import firm, hubspot, poison
from leadline.company.dice import Dice
from leadline.company.wire import Element, Fate, RawOut, iso_ms, utc

DELAYS = {  # seconds from the event to our door
    "hubspot": (3.0, 6.0),
    "segment": (0.2, 2.5),
    "zendesk": (0.5, 4.0),
    "canonical": (0.05, 0.3),
    "sendgrid": (1.0, 6.0),
    "meta-lead-ads": (2.0, 30.0),
    "google-lead-form": (0.5, 3.0),
    "web-form": (0.05, 0.4),
}
BATCHED = {"hubspot": 20, "sendgrid": 20}  # elements a message, for the vendors that send arrays
GATHERING = 10.0  # seconds within which a vendor gathers a batch
LATE = 0.012  # share of the elements that come hours or days late
CLOCK_AHEAD = 0.001  # share of the tracker's events stamped by a clock that runs ahead
TWICE = 0.012  # share of the messages that are delivered again
DAY = 86_400.0

Message = list[Element]


def delay(dice: Dice, elements: Iterable[Element], end: float) -> None:
    """Set when each element is received, and mark the late ones and those from the future as planted traps."""
    for element in elements:
        low, high = DELAYS.get(element.system, (0.1, 1.0))
        wait = dice.between(low, high)
        if not element.planted and element.fate is Fate.GOOD:
            if dice.chance(LATE):
                element.alone, element.planted = True, "late"
                wait = dice.between(3600.0, 8 * 3600.0) if dice.chance(0.6) else dice.between(0.5, 4.0) * DAY
            elif element.system == "segment" and dice.chance(CLOCK_AHEAD):
                element.planted = "clock_ahead"
                wait = -dice.between(20.0, 240.0)
        element.received = round(min(element.occurred + wait, end), 3)


def batched(elements: Iterable[Element]) -> list[Message]:
    """Messages in received order; a message is received with its last element."""
    gathering: dict[str, Message] = {}
    messages: list[Message] = []
    for element in sorted(elements, key=lambda element: element.received):
        limit = BATCHED.get(element.system, 1)
        if limit == 1 or element.alone:
            messages.append([element])
            continue
        open_batch = gathering.get(element.system)
        if open_batch and len(open_batch) < limit and element.received - open_batch[0].received < GATHERING:
            open_batch.append(element)
        else:
            gathering[element.system] = batch = [element]
            messages.append(batch)
    messages.sort(key=received)
    return messages


def received(message: Message) -> float:
    return message[-1].received


def repeated(dice: Dice, messages: Iterable[Message], end: float) -> list[Message]:
    """All messages and, for some, the same events once more, seconds to days later."""
    result: list[Message] = []
    for message in messages:
        result.append(message)
        if message[0].fate is Fate.GOOD and dice.chance(TWICE):
            later = dice.between(5.0, 600.0) if dice.chance(0.7) else dice.between(0.1, 3.0) * DAY
            at = round(min(received(message) + later, end), 3)
            result.append([_again(element, at) for element in message])
    result.sort(key=received)  # stable: a repetition never overtakes its original
    return result


def _again(element: Element, at: float) -> Element:
    body = hubspot.retried(element.body) if element.system == "hubspot" else element.body
    fate = Fate.DUPLICATE if element.fate is Fate.GOOD else element.fate
    planted = "duplicates" if fate is Fate.DUPLICATE else element.planted
    return replace(element, body=body, received=at, fate=fate, planted=planted, identifiers=())


def raw(message: Message, *, imported: bool) -> RawOut:
    """The message as it lies on its topic."""
    first = message[0]
    stamp = received(message)
    headers = {
        "source-system": first.system,
        "source-account": firm.ACCOUNTS.get(first.system, "unknown"),
        "content-type": "application/json",
        "received-time": iso_ms(stamp),
    }
    if imported:
        headers["imported"] = "true"
    return RawOut(poison.topic_of(first.system), first.key.encode(), _body(message), headers, utc(stamp))


def _body(message: Message) -> bytes:
    if message[0].system in BATCHED and message[0].planted not in poison.WHOLE_BODIES:
        return b"[" + b",".join(element.body for element in message) + b"]"
    return bytes(message[0].body)
