"""Each arm of a comparison has a core of its own, or its figures are those of a queue."""

from __future__ import annotations

import os

from benchmarks.machine import on_core


def test_what_is_started_within_anothers_core_has_its_own() -> None:
    given = os.sched_getaffinity(0)
    cores = sorted(given)
    with on_core(1):
        assert os.sched_getaffinity(0) == {cores[1 % len(cores)]}
        with on_core(0):
            assert os.sched_getaffinity(0) == {cores[0]}
        assert os.sched_getaffinity(0) == {cores[1 % len(cores)]}
    assert os.sched_getaffinity(0) == given
