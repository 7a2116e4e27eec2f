"""What the lake holds of a decision's lead and account: the events and merges that its states were folded from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Self

from features.feature_set import FeatureSet
from features.refold import origins, refold_account, refold_lead, survivors
from features.state import AccountState, LeadState
from ingestion.contracts.event import Event, LeadMerged
from ingestion.lake import read_events, read_merges
from scoring.decision import Decision, StateRef


class LakeView:
    """Events by lead and by account, read once and asked many times."""

    def __init__(self, events: Iterable[Event], merges: Iterable[LeadMerged], features: FeatureSet) -> None:
        self.features = features
        self._by_lead: dict[str, list[Event]] = defaultdict(list)
        self._by_account: dict[str, list[Event]] = defaultdict(list)
        self._merges = list(merges)
        for event in events:
            self._by_lead[event.lead].append(event)
            if event.account is not None:
                self._by_account[event.account].append(event)

    @classmethod
    def of(cls, lake: Path, decisions: Collection[Decision], features: FeatureSet) -> Self:
        """A view of everything that these decisions need; reads the whole table for more than a few."""
        if len(decisions) > 20:
            return cls(read_events(lake), read_merges(lake), features)
        states = [state for decision in decisions for state in (decision.lead_state, decision.account_state) if state]
        named = sorted({origin for state in states for origin in origins(state.marks)})
        return cls(read_events(lake, leads=named, accounts=named), read_merges(lake), features)

    def lead_events(self, state: StateRef | None) -> list[Event]:
        """The events that a lead's state was folded from, in order of time."""
        if state is None:
            return []
        return _applied(state, [event for lead in origins(state.marks) for event in self._by_lead[lead]], of="lead")

    def account_events(self, state: StateRef | None) -> list[Event]:
        """The events that an account's state was folded from, in order of time."""
        return [] if state is None else _applied(state, self._by_account[state.key], of="account")

    def lead_state(self, state: StateRef | None) -> LeadState | None:
        """The lead's state, folded again."""
        return None if state is None else refold_lead(self.lead_events(state), state.marks, self.features)

    def account_state(self, state: StateRef | None) -> AccountState | None:
        """The account's state, folded again."""
        if state is None:
            return None
        events = self.account_events(state)
        survivor_of = survivors(state.key, events, self._merges, state.marks)
        return refold_account(events, state.marks, survivor_of, self.features)


def _applied(state: StateRef, events: Iterable[Event], *, of: str) -> list[Event]:
    applied = [
        event
        for event in events
        if event.raw.position <= state.marks.get(f"{getattr(event, of)}|{event.raw.stream}", -1)
    ]
    return sorted(applied, key=lambda event: (event.time, event.id))
