"""Source systems: when each last spoke of a lead, and after how long its silence is told.

A lead that goes quiet is no fault; a CRM that has not touched one for a quarter leaves its stage and title to age.
So only systems in which people keep records are expected to speak, and a connection that broke shows in all leads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from features.clock import SECOND, micros

SILENT = "source_silent:"  # before a system's name, among what degrades an answer
CRMS = ("close", "erpnext", "hubspot", "outreach", "salesforce")
EXPECTED: Mapping[str, timedelta] = MappingProxyType(dict.fromkeys(CRMS, timedelta(days=90)))


def system_of(source: str) -> str:
    """The system in an event's source, /t/{tenant}/{system}/{account}."""
    return source.split("/", 4)[3]


def expected(configured: str) -> dict[str, timedelta]:
    """How often each system is to speak of a lead: the defaults, and over them `system=days,…`; 0 days: never."""
    said = (each.partition("=") for each in configured.split(",") if each)
    wanted = {**EXPECTED, **{system: timedelta(days=float(days)) for system, _, days in said}}
    return {system: within for system, within in wanted.items() if within}


def ages(newest: Mapping[str, int], as_of: datetime) -> dict[str, int]:
    """Seconds since each system's newest event, by name; `newest` as `LeadState.sources`."""
    now = micros(as_of) // SECOND
    return {system: max(0, now - newest[system]) for system in sorted(newest)}


def silent(ages: Mapping[str, int], within: Mapping[str, timedelta]) -> Iterable[str]:
    """The systems that have spoken of the lead, and not for longer than expected."""
    return [name for name, age in ages.items() if name in within and age > within[name].total_seconds()]
