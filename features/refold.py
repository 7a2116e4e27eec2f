"""Fold a state again from the lake: what verification holds against the row that was served.

Invariant: a served row is a function of the events and merges at or below its marks, so folding exactly those gives
the same state. Within one raw partition events are folded in raw order; nothing else about the order matters (see
`features.fold`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from features.feature_set import FeatureSet
from features.fold import fold_account, fold_lead, merge_mark, trim_account, trim_lead
from features.state import AccountState, LeadState
from ingestion.contracts.event import Event, LeadMerged


def origins(marks: Mapping[str, int]) -> list[str]:
    """Whose events a state holds: of a lead's marks, the lead itself and every lead it absorbed. Sorted."""
    return sorted({mark.partition("|")[0] for mark in marks})


def refold_lead(events: Iterable[Event], marks: Mapping[str, int], features: FeatureSet) -> LeadState:
    """The lead's state of which these are the marks, trimmed.

    Args:
        events: at least every event of the marks' origins (see `origins`); others are left out.
        features: the declarations that the state is kept for.

    Returns:
        The state. Its own marks differ from `marks` exactly if the newest event of a mark is not among `events`.
    """
    state = LeadState()
    for event in _in_raw_order(events):
        if _applied(marks, event.lead, event):
            fold_lead(state, event, features.facts_of(event), features.kept)
    return trim_lead(state)


def refold_account(
    events: Iterable[Event], marks: Mapping[str, int], survivor_of: Callable[[str], str], features: FeatureSet
) -> AccountState:
    """The account's state of which these are the marks, trimmed.

    Args:
        events: at least every event that was sent for the account; others are left out.
        survivor_of: who an event's lead had become when the row was served; see `survivors`.
        features: the declarations that the state is kept for.

    Returns:
        The state, without the marks of merges: these are not folded but looked up.
    """
    state = AccountState()
    for event in _in_raw_order(events):
        if event.account is not None and _applied(marks, event.account, event):
            fold_account(state, event, features.facts_of(event), survivor_of(event.lead), features.kept)
    return trim_account(state)


def survivors(
    account: str, events: Iterable[Event], merges: Iterable[LeadMerged], marks: Mapping[str, int]
) -> Callable[[str], str]:
    """Who each lead of an account had become when the account's row with these marks was served.

    An account hears of the merges of its own leads only. So a lead that left for another account is followed as far
    as that account's door, there as here.

    Args:
        events: at least every event that was sent for the account.
        merges: at least those of the account's leads; others, and those it had not heard of, are left out.
    """
    known = list(merges)
    residents = {event.lead for event in events if event.account == account}
    residents |= {merge.survivor for merge in known if merge.survivor_account == account}
    forwards = {
        merge.absorbed: merge.survivor
        for merge in known
        if merge.absorbed in residents and merge.position <= marks.get(merge_mark(account, merge), -1)
    }

    def survivor_of(lead: str) -> str:
        while lead in forwards:
            lead = forwards[lead]
        return lead

    return survivor_of


def _in_raw_order(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.raw.stream, event.raw.position))


def _applied(marks: Mapping[str, int], origin: str, event: Event) -> bool:
    return event.raw.position <= marks.get(f"{origin}|{event.raw.stream}", -1)
