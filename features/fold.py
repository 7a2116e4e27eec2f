"""Apply events to states, and absorb one state into another.

Invariant: every operation commutes with every other, so the state depends on the set of applied events alone. An event
is applied at most once: a position at or below the mark of its origin and raw partition has been applied (ADR 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from features.activity import Facts, Kind, is_heard
from features.clock import DAY, SECOND, micros
from features.feature_set import Keeping
from features.language.keep import Kept, add, keep_best, keep_newest, keep_oldest, raise_to
from features.language.window import Tiles, tiles_at
from features.sources import system_of
from features.state import ITEM_DAYS, AccountState, LeadState, Stamped, State, tie
from ingestion.contracts.event import Event, LeadMerged, LeadSplit
from ingestion.contracts.forwards import Forwarding

Total = TypeVar("Total", int, float)

_ACTIVE = int(Kind.ACTIVE)
MERGES = "|merges|"  # in the marks of merges, between the account and the raw partition


def fold_lead(state: LeadState, event: Event, facts: Facts, kept: Keeping, origin: str | None = None) -> bool:
    """Apply `event` to its lead's state, in place. False if it had been applied before.

    `origin` is the event's own lead unless that one was parted; see `ingestion.contracts.forwards`.
    """
    if not _raise_mark(state.marks, f"{origin or event.lead}|{event.raw.stream}", event.raw.position):
        return False
    if is_heard(event):
        raise_to(state.sources, system_of(event.source), micros(event.time) // SECOND)
    # What is said of a company is its account's, and a lead's only while it has none.
    _put(state, event, facts, facts.values if event.account is not None else facts.values + facts.company, kept.lead)
    return True


def fold_account(state: AccountState, event: Event, facts: Facts, person: str, kept: Keeping) -> bool:
    """Apply `event` to its account's state, in place; `person` is the lead it is about now.

    False if it had been applied before.
    """
    if not _raise_mark(state.marks, f"{event.account}|{event.raw.stream}", event.raw.position):
        return False
    _put(state, event, facts, facts.values + facts.company, kept.account)
    if kept.account.people is not None and _ACTIVE in facts.kinds:
        raise_to(state.people, person, micros(event.time) // DAY)
    return True


def _put(state: State, event: Event, facts: Facts, values: tuple[tuple[int, float | str], ...], kept: Kept) -> None:
    if not any(facts):
        return
    moment = micros(event.time)
    tiles = tiles_at(moment)
    state.newest = max(state.newest, moment)
    deciding, system = tie(event.id), system_of(event.source)
    done = (moment, deciding, 1.0, system)
    for kind in facts.kinds:
        for keep in kept.puts.get(kind, ()):
            keep.put(state, tiles, done)
    for slot, value in values:
        for keep in kept.puts.get(slot, ()):
            keep.put(state, tiles, (moment, deciding, value, system))
    for item, thing, number in facts.items:
        if item in kept.items:
            keep_newest(state.items.setdefault(item, {}), thing, (moment, deciding, number, system))


def absorb(survivor: LeadState, absorbed: LeadState) -> bool:
    """Add what is known of an absorbed lead to its survivor, in place. False if it had been added before.

    It had been if the survivor's marks hold all of the absorbed one's: each lead is absorbed by one survivor only, and
    its state arrives there before any of its stragglers.
    """
    if all(survivor.marks.get(mark, -1) >= position for mark, position in absorbed.marks.items()):
        return False
    survivor.newest = max(survivor.newest, absorbed.newest)
    for series, sums in absorbed.sums.items():
        for tile, amount in sums.items():
            add(survivor.sums, series, tile, amount)
    for series, peaks in absorbed.peaks.items():
        for tile, peak in peaks.items():
            raise_to(survivor.peaks.setdefault(series, {}), tile, peak)
    for series, seen in absorbed.seen.items():
        for value, tile in seen.items():
            raise_to(survivor.seen.setdefault(series, {}), value, tile)
    for slot, moment in absorbed.last.items():
        raise_to(survivor.last, slot, moment)
    for slot, stamped in absorbed.values.items():
        keep_best(survivor.values, slot, stamped)
    for slot, stamped in absorbed.first.items():
        keep_oldest(survivor.first, slot, stamped)
    for item, things in absorbed.items.items():
        for thing, stamped in things.items():
            keep_newest(survivor.items.setdefault(item, {}), thing, stamped)
    for system, second in absorbed.sources.items():
        raise_to(survivor.sources, system, second)
    for mark, position in absorbed.marks.items():
        raise_to(survivor.marks, mark, position)
    return True


def merge_mark(account: str, forwarding: Forwarding) -> str:
    """Under which mark an account remembers the forwardings it has heard of; the mark's height is their `position`."""
    return f"{account}{MERGES}{forwarding.raw.stream}"


def rename_person(state: AccountState, account: str, merge: LeadMerged) -> bool:
    """Count an absorbed lead and its survivor as one person of the account, in place. False if that was done before."""
    if not _raise_mark(state.marks, merge_mark(account, merge), merge.position):
        return False
    day = state.people.pop(merge.absorbed, None)
    if day is not None:
        raise_to(state.people, merge.survivor, day)
    return True


def part_person(state: AccountState, account: str, split: LeadSplit, days: Mapping[str, int]) -> bool:
    """Count a parted lead as the persons that it was, in place. False if that was done before.

    Args:
        days: the last active day at this account of each part, by its lead.
    """
    if not _raise_mark(state.marks, merge_mark(account, split), split.position):
        return False
    if state.people.pop(split.lead, None) is not None:
        for person, day in days.items():
            raise_to(state.people, person, day)
    return True


def trim_lead(state: LeadState, kept: Keeping) -> LeadState:
    """Forget what no window can reach any more, in place; judged by the newest event, so trimming commutes."""
    _trim(state, kept.lead)
    return state


def trim_account(state: AccountState, kept: Keeping) -> AccountState:
    """As `trim_lead`."""
    _trim(state, kept.account)
    oldest = state.newest // DAY - (kept.account.people or 0)
    for person in [person for person, day in state.people.items() if day < oldest]:
        del state.people[person]
    return state


def _trim(state: State, kept: Kept) -> None:
    now = tiles_at(state.newest)
    _trim_tiles(state.sums, now, kept.horizons)
    _trim_tiles(state.peaks, now, kept.horizons)
    for series, seen in list(state.seen.items()):
        oldest, cap = now[series & 3] - kept.horizons.get(series, -1), kept.caps.get(series, 0)
        if len(seen) > cap or min(seen.values()) < oldest:
            newest = sorted(seen.items(), key=lambda each: (-each[1], each[0]))[:cap]
            state.seen[series] = {value: tile for value, tile in newest if tile >= oldest}
            if not state.seen[series]:
                del state.seen[series]
    _trim_items(state.items, state.newest)


def _trim_tiles(drawer: dict[int, dict[int, Total]], now: Tiles, horizons: dict[int, int]) -> None:
    for series, tiles in list(drawer.items()):
        oldest = now[series & 3] - horizons.get(series, -1)  # what is declared no more is forgotten
        if min(tiles) < oldest:
            drawer[series] = {tile: held for tile, held in tiles.items() if tile >= oldest}
            if not drawer[series]:
                del drawer[series]


def _trim_items(items: dict[int, dict[str, Stamped]], newest: int) -> None:
    oldest = newest // DAY - ITEM_DAYS
    for item, things in list(items.items()):
        for thing in [thing for thing, stamped in things.items() if stamped[0] // DAY < oldest]:
            del things[thing]
        if not things:
            del items[item]


def _raise_mark(marks: dict[str, int], mark: str, position: int) -> bool:
    if position <= marks.get(mark, -1):
        return False
    marks[mark] = position
    return True
