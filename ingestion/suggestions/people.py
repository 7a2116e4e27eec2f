"""What people said of themselves, opened for one comparison.

Invariant: what is opened stays in this process's memory. Whoever was erased is not among them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from unicodedata import combining, normalize

from ingestion.contracts.event import Event, EventType, decode_event
from ingestion.contracts.forwards import Forwards
from ingestion.lake import read_forwardings, scan
from ingestion.privacy import Vault

# Those in which people are described. The rest, most of the lake, is what they did.
DESCRIBING = (
    *(EventType.LEAD_FORM_SUBMITTED, EventType.LEAD_CREATED, EventType.CONTACT_CHANGED, EventType.IDENTITY_LINK),
    *(EventType.PRODUCT_SIGNED_UP, EventType.PRODUCT_TRIAL_STARTED, EventType.CHAT_STARTED, EventType.TICKET_CREATED),
    *(EventType.MEETING_BOOKED, EventType.CALL_LOGGED),
)
BATCH = 5_000
PHONE_DIGITS = 9  # of its end: with and without the country's prefix it is one number
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Person:
    """A lead, in the clear and in the form in which people are compared. None where nothing is known."""

    lead: str
    first: str | None
    last: str | None
    phone: str | None
    company: str | None  # the account's id


def people_in(lake: Path, vault: Vault, progress: Callable[[int, int], None]) -> list[Person]:
    """Everybody of whom a name or a phone number is known, by the newest that was said.

    Args:
        progress: told how many events were read, of how many.
    """
    bodies = scan(lake, types=DESCRIBING, columns=["body"])["body"]
    forwards = Forwards(read_forwardings(lake))
    said: dict[str, dict[str, str]] = {}
    for start in range(0, len(bodies), BATCH):
        events = [decode_event(body.as_py().encode()) for body in bodies.slice(start, BATCH)]
        for event, values in _opened(events, vault):
            said.setdefault(forwards.of(event), {}).update(values)
        progress(start + len(events), len(bodies))
    people = (_person(lead, values) for lead, values in said.items())
    return [person for person in people if person.last or person.phone]


def _opened(events: Iterable[Event], vault: Vault) -> Iterator[tuple[Event, dict[str, str]]]:
    sealed = [(event, event.private) for event in events if event.private is not None]
    keys = vault.known_keys({event.lead for event, _ in sealed})
    for event, private in sealed:
        if event.lead in keys:
            company = {} if event.account is None else {"company": event.account}
            yield event, keys[event.lead].open(private) | company


def _person(lead: str, said: Mapping[str, str]) -> Person:
    first, last = (_words(said.get(name, "")) for name in ("first_name", "last_name"))
    words = _words(said.get("name", ""))
    digits = "".join(filter(str.isdigit, said.get("phone", "").partition(",")[0]))
    return Person(
        lead,
        " ".join(first or words[:-1]) or None,
        " ".join(last or words[-1:]) or None,
        digits[-PHONE_DIGITS:] if len(digits) >= PHONE_DIGITS - 1 else None,
        said.get("company"),
    )


def _words(name: str) -> list[str]:
    """Letters alone, without case and accents."""
    plain = "".join(letter for letter in normalize("NFKD", name.casefold()) if not combining(letter))
    return _WORD.findall(plain)
