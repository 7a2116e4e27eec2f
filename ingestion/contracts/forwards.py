"""Who a lead id has become: merges followed to their survivors, splits to the part that an event belongs to.

Invariant: an id that was merged away or parted is never in use again, so every way has an end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ingestion.contracts.event import (
    Event,
    Identifier,
    LeadMerged,
    LeadSplit,
    RecordKind,
    decode_merge,
    decode_split,
)

Forwarding = LeadMerged | LeadSplit
PART = ">"  # in the name of an origin, between a lead and the part of it


def ended(forwarding: Forwarding) -> str:
    """The lead id that is in use no longer."""
    return forwarding.absorbed if isinstance(forwarding, LeadMerged) else forwarding.lead


def kind_of(forwarding: Forwarding) -> RecordKind:
    """As what it is sent and stored."""
    return RecordKind.MERGE if isinstance(forwarding, LeadMerged) else RecordKind.SPLIT


def decode_forwarding(kind: str, body: bytes) -> Forwarding:
    """What was sent or stored as one of `kind`."""
    return decode_split(body) if kind == RecordKind.SPLIT else decode_merge(body)


class Step(NamedTuple):
    """A lead on an event's way, and under which origin the lead's state counts the event."""

    lead: str
    origin: str


class Forwards:
    """The forwardings of lead ids, or those of them that somebody knew of at some moment."""

    def __init__(self, forwardings: Iterable[Forwarding]) -> None:
        in_order = sorted(forwardings, key=lambda one: one.receivedtime)
        self._by_lead = {ended(one): one for one in in_order}

    def way(self, event: Event) -> Iterator[Step]:
        """The leads whose states hold the event, from the one that it was sent for to the one that has it now."""
        return self._way(event.lead, event.data.identifiers)

    def of(self, event: Event) -> str:
        """Whom the event is about now."""
        *_, last = self.way(event)
        return last.lead

    def lead(self, lead: str) -> str:
        """Who stands for a lead id now; of a parted one the person that it was named after."""
        *_, last = self._way(lead, ())
        return last.lead

    def origin_in(self, event: Event, lead: str) -> str | None:
        """Under which origin the state of `lead` counts the event; `None` if it never held it."""
        return next((step.origin for step in self.way(event) if step.lead == lead), None)

    def _way(self, lead: str, identifiers: tuple[Identifier, ...]) -> Iterator[Step]:
        first, origin, passed = lead, lead, {lead}
        yield Step(lead, origin)
        while (forwarding := self._by_lead.get(lead)) is not None:
            if isinstance(forwarding, LeadMerged):
                lead = forwarding.survivor
            else:
                lead = forwarding.part_of(identifiers).lead
                origin = part_origin(first, lead)
            if lead in passed:
                return
            passed.add(lead)
            yield Step(lead, origin)


def part_origin(lead: str, part: str) -> str:
    """The origin of events that were sent for `lead` and belong to one part of whoever it became."""
    return f"{lead}{PART}{part}"


def lead_of(origin: str) -> str:
    """The lead that the events of an origin were sent for."""
    return origin.partition(PART)[0]
