"""What a gate says: data that can be stored, shown and alerted on."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Action(StrEnum):
    """What a failed expectation asks for, mildest first."""

    PASS = "pass"
    WARN = "warn"
    QUARANTINE = "quarantine"  # the rows at fault
    STOP = "stop"  # the whole stage


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One expectation that did not hold."""

    expectation: str
    column: str | None
    action: Action
    observed: str
    unexpected: int = 0  # rows


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A suite's judgement of one batch."""

    suite: str
    stage: str
    at: datetime
    rows: int
    action: Action
    findings: tuple[Finding, ...] = ()
