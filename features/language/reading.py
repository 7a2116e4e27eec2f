"""Whose state a feature is read from, and the states at a moment as expressions look at them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from features.clock import SECOND, micros
from features.language.window import Tiles, tiles_at
from features.state import AccountState, LeadState, State

NO_LEAD, NO_ACCOUNT = LeadState(), AccountState()


class Entity(IntEnum):
    """Whom a feature is about."""

    LEAD = 0
    ACCOUNT = 1  # missing for a lead without one
    COMPANY = 2  # what was said of the account, and of the lead before it had one


@dataclass(frozen=True, slots=True)
class Reading:
    """The states at a moment. A state that is not there is empty."""

    states: tuple[State, State]  # by Entity: of the lead, of the account
    people: dict[str, int]  # of the account
    moment: int  # µs, whole seconds, because Feast's online request data counts in them
    tiles: Tiles


def reading_at(lead: LeadState | None, account: AccountState | None, as_of: datetime) -> Reading:
    """The states as expressions look at them at that moment."""
    moment = micros(as_of) // SECOND * SECOND
    known = account or NO_ACCOUNT
    return Reading((lead or NO_LEAD, known), known.people, moment, tiles_at(moment))
