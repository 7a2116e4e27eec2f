"""A lead's profile: what is believed of the person and the company, who said it and when."""

from __future__ import annotations

from datetime import datetime

import msgspec

from features.activity import Slot
from features.clock import from_micros
from features.priority import standing
from features.state import AccountState, LeadState


class Belief(msgspec.Struct, frozen=True):
    """A value of the profile: a rank of `features.vocabulary`, or a company's words. It names nobody."""

    value: float | str
    source: str  # system
    said_at: datetime


def profile_of(lead: LeadState, account: AccountState | None) -> dict[str, Belief]:
    """What is believed, by the field's name; what is said of a company is its account's, and the lead's before that."""
    found: dict[str, Belief] = {}
    for slot in Slot:
        states = (lead, account) if account is not None and slot.of_company else (lead,)
        said = [state.values[slot] for state in states if slot in state.values]
        if said:
            moment, _, value, system = max(said, key=lambda each: standing(slot, each))
            found[slot.name.lower()] = Belief(value, system, from_micros(moment))
    return found
