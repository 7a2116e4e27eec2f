"""When imported rows became known: the choice that a person makes for an import (ADR 3)."""

from __future__ import annotations

from enum import StrEnum


class KnownAt(StrEnum):
    """What an import says of its rows' knowledge time."""

    EVENT_TIME = "event-time"  # history: each row was known when it happened
    NOW = "now"  # the rows are news, as if they came live
