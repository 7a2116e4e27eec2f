"""Whom to believe where sources differ about a profile: edit this file to say so. It is part of the feature hash.

People who keep records come before what somebody typed into a form, a data provider's word before what tools picked up;
among equals the newest counts. What is not of a profile, such as consent, is always what was said last.
"""

from __future__ import annotations

from features.activity import Slot
from features.state import Stamped

PROFILE = frozenset({Slot.STAGE, Slot.SENIORITY, Slot.COMPANY_SIZE, Slot.INDUSTRY, Slot.TECHNOLOGIES})
RANKS = {
    **dict.fromkeys(("close", "erpnext", "hubspot", "outreach", "salesforce"), 3),
    **dict.fromkeys(("google-lead-form", "meta-lead-ads", "web-form"), 2),
    "firmographics": 1,
}  # of all others: 0


def rank_of(slot: int | None, system: str) -> int:
    """How far a system is believed about a slot; the highest counts."""
    return RANKS.get(system, 0) if slot in PROFILE else 0


def standing(slot: int, stamped: Stamped) -> tuple[int, int, int]:
    """Of two values of a slot, the one that stands higher counts."""
    moment, tie, _, system = stamped
    return rank_of(slot, system), moment, tie
