"""Apply events to states, and absorb one state into another.

Invariant: every operation commutes with every other, so the state depends on the set of applied events alone. An event
is applied at most once: a position at or below the mark of its origin and raw partition has been applied (ADR 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from features.activity import Facts, Kind
from features.clock import DAY, HOUR, micros
from features.feature_set import Kept
from features.state import DAYS_KEPT, HOURS_KEPT, ITEM_DAYS, AccountState, LeadState, Stamped, Tiles
from ingestion.contracts.event import Event, LeadMerged, LeadSplit
from ingestion.contracts.forwards import Forwarding

Key = TypeVar("Key", int, str)

_ACTIVE = int(Kind.ACTIVE)
MERGES = "|merges|"  # in the marks of merges, between the account and the raw partition


def fold_lead(state: LeadState, event: Event, facts: Facts, kept: Kept, origin: str | None = None) -> bool:
    """Apply `event` to its lead's state, in place. False if it had been applied before.

    `origin` is the event's own lead unless that one was parted; see `ingestion.contracts.forwards`.
    """
    if not _raise_mark(state.marks, f"{origin or event.lead}|{event.raw.stream}", event.raw.position):
        return False
    if not any(facts):
        return True
    moment = micros(event.time)
    state.newest = max(state.newest, moment)
    for kind in facts.kinds:
        if kind in kept.hours:
            _count(state.hours, kind, moment // HOUR, 1)
        if kind in kept.days:
            _count(state.days, kind, moment // DAY, 1)
        if kind in kept.ever:
            state.ever[kind] = state.ever.get(kind, 0) + 1
        if moment > state.last.get(kind, 0):
            state.last[kind] = moment
    values = facts.values if event.account is not None else facts.values + facts.company
    for slot, value in values:
        _keep_newest(state.values, slot, (moment, event.id, value))
    for slot, weight in facts.best:
        if weight > state.best.get(slot, 0.0):
            state.best[slot] = weight
    for item, thing, value in facts.items:
        _keep_newest(state.items.setdefault(item, {}), thing, (moment, event.id, value))
    return True


def fold_account(state: AccountState, event: Event, facts: Facts, person: str, kept: Kept) -> bool:
    """Apply `event` to its account's state, in place; `person` is the lead it is about now.

    False if it had been applied before.
    """
    if not _raise_mark(state.marks, f"{event.account}|{event.raw.stream}", event.raw.position):
        return False
    if not any(facts):
        return True
    moment = micros(event.time)
    state.newest = max(state.newest, moment)
    for kind in facts.kinds:
        if kind in kept.hours:
            _count(state.hours, kind, moment // HOUR, 1)
        if moment > state.last.get(kind, 0):
            state.last[kind] = moment
    if _ACTIVE in facts.kinds:
        _see(state.people, person, moment // DAY)
    for slot, value in facts.company:
        _keep_newest(state.values, slot, (moment, event.id, value))
    for item, thing, value in facts.items:
        _keep_newest(state.items.setdefault(item, {}), thing, (moment, event.id, value))
    return True


def absorb(survivor: LeadState, absorbed: LeadState) -> bool:
    """Add what is known of an absorbed lead to its survivor, in place. False if it had been added before.

    It had been if the survivor's marks hold all of the absorbed one's: each lead is absorbed by one survivor only, and
    its state arrives there before any of its stragglers.
    """
    if all(survivor.marks.get(mark, -1) >= position for mark, position in absorbed.marks.items()):
        return False
    survivor.newest = max(survivor.newest, absorbed.newest)
    for tiles, more in ((survivor.hours, absorbed.hours), (survivor.days, absorbed.days)):
        for kind, counts in more.items():
            for tile, count in counts.items():
                _count(tiles, kind, tile, count)
    for kind, count in absorbed.ever.items():
        survivor.ever[kind] = survivor.ever.get(kind, 0) + count
    for kind, moment in absorbed.last.items():
        survivor.last[kind] = max(survivor.last.get(kind, 0), moment)
    for slot, stamped in absorbed.values.items():
        _keep_newest(survivor.values, slot, stamped)
    for slot, weight in absorbed.best.items():
        survivor.best[slot] = max(survivor.best.get(slot, 0.0), weight)
    for item, things in absorbed.items.items():
        for thing, stamped in things.items():
            _keep_newest(survivor.items.setdefault(item, {}), thing, stamped)
    for mark, position in absorbed.marks.items():
        survivor.marks[mark] = max(survivor.marks.get(mark, -1), position)
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
        _see(state.people, merge.survivor, day)
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
            _see(state.people, person, day)
    return True


def trim_lead(state: LeadState) -> LeadState:
    """Forget what no window can reach any more, in place; judged by the newest event, so trimming commutes."""
    _trim_tiles(state.hours, state.newest // HOUR - HOURS_KEPT)
    _trim_tiles(state.days, state.newest // DAY - DAYS_KEPT)
    _trim_items(state.items, state.newest)
    return state


def trim_account(state: AccountState) -> AccountState:
    """As `trim_lead`."""
    _trim_tiles(state.hours, state.newest // HOUR - HOURS_KEPT)
    _trim_items(state.items, state.newest)
    oldest = state.newest // DAY - DAYS_KEPT
    for person in [person for person, day in state.people.items() if day < oldest]:
        del state.people[person]
    return state


def _raise_mark(marks: dict[str, int], mark: str, position: int) -> bool:
    if position <= marks.get(mark, -1):
        return False
    marks[mark] = position
    return True


def _count(tiles: dict[int, Tiles], kind: int, tile: int, count: int) -> None:
    counts = tiles.get(kind)
    if counts is None:
        tiles[kind] = {tile: count}
    else:
        counts[tile] = counts.get(tile, 0) + count


def _keep_newest(values: dict[Key, Stamped], key: Key, stamped: Stamped) -> None:
    known = values.get(key)
    if known is None or stamped[:2] > known[:2]:  # the values themselves may be of different types
        values[key] = stamped


def _see(people: dict[str, int], person: str, day: int) -> None:
    people[person] = max(people.get(person, day), day)


def _trim_tiles(tiles: dict[int, Tiles], oldest: int) -> None:
    for kind, counts in list(tiles.items()):
        if min(counts) < oldest:
            tiles[kind] = {tile: count for tile, count in counts.items() if tile >= oldest}
            if not tiles[kind]:
                del tiles[kind]


def _trim_items(items: dict[int, dict[str, Stamped]], newest: int) -> None:
    oldest = newest // DAY - ITEM_DAYS
    for item, things in list(items.items()):
        for thing in [thing for thing, stamped in things.items() if stamped[0] // DAY < oldest]:
            del things[thing]
        if not things:
            del items[item]
