"""What the lake holds of a decision's lead and account: the events and forwardings that its states were folded from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import Self

from features.feature_set import FeatureSet
from features.refold import events_held, origins, persons, refold_account, refold_lead
from features.state import AccountState, LeadState
from ingestion.contracts.event import Event, LeadSplit
from ingestion.contracts.forwards import Forwarding, Forwards
from ingestion.lake import read_events, read_forwardings
from scoring.decision import Decision, StateRef


class LakeView:
    """Events by lead and by account, read once and asked many times."""

    def __init__(self, events: Iterable[Event], forwardings: Iterable[Forwarding], features: FeatureSet) -> None:
        self.features = features
        self._by_lead: dict[str, list[Event]] = defaultdict(list)
        self._by_account: dict[str, list[Event]] = defaultdict(list)
        self._forwardings = list(forwardings)
        self._splits = [one for one in self._forwardings if isinstance(one, LeadSplit)]
        for event in events:
            self._by_lead[event.lead].append(event)
            if event.account is not None:
                self._by_account[event.account].append(event)

    @classmethod
    def of(cls, lake: Path, decisions: Collection[Decision], features: FeatureSet) -> Self:
        """A view of everything that these decisions need; reads the whole table for more than a few."""
        if len(decisions) > 20:
            return cls(read_events(lake), read_forwardings(lake), features)
        states = [state for decision in decisions for state in (decision.lead_state, decision.account_state) if state]
        named = sorted({origin for state in states for origin in origins(state.marks)})
        return cls(read_events(lake, leads=named, accounts=named), read_forwardings(lake), features)

    def lead_events(self, state: StateRef | None) -> list[Event]:
        """The events that a lead's state was folded from, in order of time."""
        if state is None:
            return []
        events = (event for lead in origins(state.marks) for event in self._by_lead[lead])
        held = (event for event, _ in events_held(events, state.marks, self._splits))
        return sorted(held, key=_by_time)

    def account_events(self, state: StateRef | None) -> list[Event]:
        """The events that an account's state was folded from, in order of time."""
        if state is None:
            return []
        mark = f"{state.key}|"
        heard = (e for e in self._by_account[state.key] if e.raw.position <= state.marks.get(mark + e.raw.stream, -1))
        return sorted(heard, key=_by_time)

    def parted(self, lead_events: Iterable[Event]) -> tuple[str, ...]:
        """The leads that a lead's events belong to now, if they are several people's; else nothing."""
        forwards = Forwards(self._forwardings)
        leads = {forwards.of(event) for event in lead_events}
        return tuple(sorted(leads)) if len(leads) > 1 else ()

    def lead_state(self, state: StateRef | None) -> LeadState | None:
        """The lead's state, folded again."""
        if state is None:
            return None
        return refold_lead(self.lead_events(state), state.marks, self.features, self._splits)

    def account_state(self, state: StateRef | None) -> AccountState | None:
        """The account's state, folded again."""
        if state is None:
            return None
        events = self.account_events(state)
        person_of = persons(state.key, events, self._forwardings, state.marks)
        return refold_account(events, state.marks, person_of, self.features)


def _by_time(event: Event) -> tuple[datetime, str]:
    return event.time, event.id
