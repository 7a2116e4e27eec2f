"""Fold a state again from the lake: what verification holds against the row that was served, and how leads are parted.

Invariant: a served row is a function of the events and forwardings at or below its marks, so folding exactly those
gives the same state. Within one raw partition events are folded in raw order; nothing else about the order matters (see
`features.fold`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from features.feature_set import FeatureSet
from features.fold import fold_account, fold_lead, merge_mark, trim_account, trim_lead
from features.state import AccountState, LeadState
from ingestion.contracts.event import Event, LeadMerged, LeadSplit
from ingestion.contracts.forwards import PART, Forwarding, Forwards, ended, lead_of


def origins(marks: Mapping[str, int]) -> list[str]:
    """Whose events a state holds: of a lead's marks, the lead itself and every lead that ended in it. Sorted."""
    return sorted({lead_of(mark.partition("|")[0]) for mark in marks})


def events_held(
    events: Iterable[Event], marks: Mapping[str, int], splits: Iterable[LeadSplit] = ()
) -> Iterator[tuple[Event, str]]:
    """The events that a lead's state with these marks was folded from, each with its origin, in raw order.

    Args:
        events: at least every event of the marks' origins; others are left out.
        splits: at least those that the marks' origins name a part of.
    """
    parted = {part.lead: split for split in splits for part in split.parts}
    named: dict[str, list[str]] = {}
    for origin in {mark.partition("|")[0] for mark in marks}:
        named.setdefault(lead_of(origin), []).append(origin)
    for event in sorted(events, key=lambda event: (event.raw.stream, event.raw.position)):
        for origin in named.get(event.lead, ()):
            part = origin.partition(PART)[2]
            its = not part or (part in parted and parted[part].part_of(event.data.identifiers).lead == part)
            if its and event.raw.position <= marks.get(f"{origin}|{event.raw.stream}", -1):
                yield event, origin
                break


def is_complete(held: Iterable[tuple[Event, str]], marks: Mapping[str, int]) -> bool:
    """Whether every mark's own event is among those held: then every event before it is."""
    found = {(f"{origin}|{event.raw.stream}", event.raw.position) for event, origin in held}
    return all(mark in found for mark in marks.items())


def refold_lead(
    events: Iterable[Event], marks: Mapping[str, int], features: FeatureSet, splits: Iterable[LeadSplit] = ()
) -> LeadState:
    """The lead's state of which these are the marks, trimmed.

    Args:
        events: as for `events_held`.
        features: the declarations that the state is kept for.
        splits: as for `events_held`.

    Returns:
        The state. Its own marks differ from `marks` exactly if the newest event of a mark is not among `events`.
    """
    state = LeadState()
    for event, origin in events_held(events, marks, splits):
        fold_lead(state, event, features.facts_of(event), features.kept, origin)
    return trim_lead(state, features.kept)


def refold_account(
    events: Iterable[Event], marks: Mapping[str, int], person_of: Callable[[Event], str], features: FeatureSet
) -> AccountState:
    """The account's state of which these are the marks, trimmed.

    Args:
        events: at least every event that was sent for the account; others are left out.
        person_of: who an event's lead had become when the row was served; see `persons`.
        features: the declarations that the state is kept for.

    Returns:
        The state, without the marks of forwardings: these are not folded but looked up.
    """
    state = AccountState()
    for event in sorted(events, key=lambda event: (event.raw.stream, event.raw.position)):
        if event.account is None or event.raw.position > marks.get(f"{event.account}|{event.raw.stream}", -1):
            continue
        fold_account(state, event, features.facts_of(event), person_of(event), features.kept)
    return trim_account(state, features.kept)


def persons(
    account: str, events: Iterable[Event], forwardings: Iterable[Forwarding], marks: Mapping[str, int]
) -> Callable[[Event], str]:
    """Who each event's lead had become when the account's row with these marks was served.

    An account hears of the ends of its own leads only. So a lead that left for another account is followed as far as
    that account's door, there as here.

    Args:
        events: at least every event that was sent for the account.
        forwardings: at least those of the account's leads; others, and those it had not heard of, are left out.
    """
    known = list(forwardings)
    residents = {event.lead for event in events if event.account == account}
    residents |= {one.survivor for one in known if isinstance(one, LeadMerged) and one.survivor_account == account}
    parts = (part for one in known if isinstance(one, LeadSplit) for part in one.parts)
    residents |= {part.lead for part in parts if part.account == account}
    heard_of = [
        one for one in known if ended(one) in residents and one.position <= marks.get(merge_mark(account, one), -1)
    ]
    return Forwards(heard_of).of
