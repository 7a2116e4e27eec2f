"""The lake's side of a comparison: of some leads and accounts the events that were applied, by the marks of their rows.

Invariant: an event above a mark counts for nothing here, for it was not yet known. Where the lake itself lacks an event
that was applied (its writer may be behind), there is nothing to compare with yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from features.facts import Told
from features.fold import MERGES
from features.refold import events_held, is_complete, origins, persons
from ingestion.contracts.event import Event, LeadMerged
from ingestion.contracts.forwards import Forwarding
from ingestion.lake import read_events, read_merges, read_splits

Marks = Mapping[str, int]
UNHEARD = ""  # an account that no lead has: what a lead's row says nothing about


class Applied:
    """Reads the lake once, for these rows' marks by lead and by account."""

    def __init__(self, lake: Path, leads: Mapping[str, Marks], accounts: Mapping[str, Marks]) -> None:
        self._leads, self._accounts = leads, accounts
        self._by_lead: dict[str, list[Event]] = defaultdict(list)
        self._by_account: dict[str, list[Event]] = defaultdict(list)
        named = sorted({*leads, *(origin for marks in leads.values() for origin in origins(marks))})
        for event in read_events(lake, leads=named, accounts=sorted(accounts)):
            self._by_lead[event.lead].append(event)
            if event.account is not None and event.account in accounts:
                self._by_account[event.account].append(event)
        self._splits = read_splits(lake)
        self._forwardings: list[Forwarding] = [*self._merges(lake), *self._splits]

    def of_lead(self, lead: str, account: str | None) -> list[Told] | None:
        """What moves the own features of a lead of this account; None if the lake does not have it all yet."""
        marks = self._leads[lead]
        events = (event for origin in origins(marks) for event in self._by_lead[origin])
        held = list(events_held(events, marks, self._splits))
        if not is_complete(held, marks):
            return None
        return [Told(event, lead, account, event.account and UNHEARD, lead) for event, _ in held]

    def of_account(self, account: str) -> list[Told] | None:
        """What moves an account's features; None if the lake does not have it all yet."""
        marks, events = self._accounts[account], self._by_account[account]
        person_of = persons(account, events, self._forwardings, marks)
        heard = [each for each in events if each.raw.position <= marks.get(f"{account}|{each.raw.stream}", -1)]
        found = {(f"{account}|{each.raw.stream}", each.raw.position) for each in heard}
        found |= {(f"{account}{MERGES}{each.raw.stream}", each.position) for each in self._forwardings}
        if not heard or not all(mark in found for mark in marks.items()):
            return None
        return [Told(event, None, None, account, person_of(event)) for event in heard]

    def unapplied_since(self, lead: str) -> datetime | None:
        """When the oldest event that was sent for the lead and is not in its row was received; None if there is none.

        Imported history is left out: it was received long before it was sent.
        """
        marks = self._leads[lead]
        waiting = (
            event.receivedtime
            for event in self._by_lead[lead]
            if event.raw.position > marks.get(f"{lead}|{event.raw.stream}", -1) and not event.imported
        )
        return min(waiting, default=None)

    def _merges(self, lake: Path) -> list[LeadMerged]:
        """The ends of every lead that the accounts know."""
        parts = {part.lead for split in self._splits for part in split.parts if part.account in self._accounts}
        known = parts | {event.lead for events in self._by_account.values() for event in events}
        found: list[LeadMerged] = []
        while self._accounts:
            found = read_merges(lake, leads=sorted(known), accounts=sorted(self._accounts))
            newcomers = {merge.survivor for merge in found if merge.survivor_account in self._accounts} - known
            if not newcomers:
                break
            known |= newcomers
        return found
