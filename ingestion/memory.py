"""How a long-running worker collects garbage."""

from __future__ import annotations

import gc


def settle_memory() -> None:
    """Collect garbage by the batch and not within it: measured, a tenth of an event's time. Call it before the work.

    What is loaded by now lives as long as the process; a batch makes some 100,000 objects that all end with it.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
