"""How far a consumer group has come while it works off what was there before it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ingestion.kafka import Lags
from leadline.errors import StackError

LOOK_EVERY_SECONDS = 0.25  # a look asks the broker about every partition: more often, and it would slow the workers
PATIENCE_SECONDS = 600


def until(condition: Callable[[], bool], require_running: Callable[[], None]) -> None:
    """Block until `condition` holds. Raises `StackError` if it never does, and what `require_running` raises."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        require_running()
        if time.monotonic() > deadline:
            raise StackError(f"the workers were not through in {PATIENCE_SECONDS} s; their logs say why")
        time.sleep(LOOK_EVERY_SECONDS)


def left_after_first_commit(
    lags: Lags, group: str, topics: Sequence[str], total: int, require_running: Callable[[], None]
) -> int:
    """Block until `group` has committed something; what is left then, in messages.

    Raises:
        StackError: nothing is left, or what `until` raises.
    """
    left = total

    def progressed() -> bool:
        nonlocal left
        left = lags.of(group, topics)
        return left < total

    until(progressed, require_running)
    if left == 0:
        raise StackError(f"{group} committed everything at once, so there is nothing to measure: give more events")
    return left
