"""Any number of messages come out in the order of time, in bounded memory, as often as they are asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.importer.message import Message
from ingestion.importer.sort import TimeSorter

START = datetime(2025, 1, 1, tzinfo=UTC)


def _message(number: int, microseconds: int) -> Message:
    return Message(number, START + timedelta(microseconds=microseconds), True, None, "application/json", b"%d" % number)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 50)), st.integers(1, 2_000), st.integers(2, 4))
def test_messages_come_by_time_and_those_of_one_time_as_they_were(
    tmp_path: Path, times: list[int], run_bytes: int, max_runs: int
) -> None:
    messages = [_message(number, time) for number, time in enumerate(times)]
    with TimeSorter(tmp_path, run_bytes=run_bytes, max_runs=max_runs) as sorter:
        for message in messages:
            sorter.add(message)
        assert sorter.total == len(messages)
        expected = sorted(messages, key=lambda message: message.received)  # stable
        assert list(sorter) == expected
        assert list(sorter) == expected


def test_what_is_sorted_lies_in_no_named_file(tmp_path: Path) -> None:
    with TimeSorter(tmp_path, run_bytes=1) as sorter:
        for number in range(10):
            sorter.add(_message(number, -number))
        assert list(tmp_path.iterdir()) == []
