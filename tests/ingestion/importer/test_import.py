"""On a real broker: every row arrives as a live event would, whatever happens meanwhile."""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingestion.contracts.raw import EVENTS_TOPIC, QUARANTINE_TOPIC
from ingestion.decode import MAX_BYTES
from ingestion.importer.known_at import KnownAt
from ingestion.importer.tally import Meter
from ingestion.kafka import AlignedConsumer, Record, partition_for
from ingestion.worker import raw_of
from tests.conftest import wait_until
from tests.ingestion.importer.conftest import PARTITIONS, Topics, call, write_lines
from tests.ingestion.test_worker import Stage
from tests.processes import processes


def _numbers(records: list[Record]) -> list[int]:
    return sorted(int(json.loads(record.value)["messageId"][1:]) for record in records)


def test_a_row_lies_on_its_topic_as_the_receiver_would_have_put_it(topics: Topics, tmp_path: Path) -> None:
    done = topics.run(write_lines(tmp_path / "a.jsonl", [call(number) for number in range(10)]))
    records = topics.read()
    assert _numbers(records) == list(range(10))
    for record in records:
        key = json.loads(record.value)["userId"]
        assert record.key == key.encode()
        assert record.partition == partition_for(key, PARTITIONS)
        received = record.headers.pop("received-time")
        assert record.headers == {
            "source-system": "segment",
            "source-account": "northlight",
            "content-type": "application/json",
        }
        assert raw_of(record).received.isoformat() != received  # the header counts, not Kafka's time
    (tally,) = done.tallies
    assert (tally.rows, tally.sent, tally.objected, tally.too_large, tally.fault) == (10, 10, 0, 0, "")


def test_history_is_read_in_the_order_of_time_over_all_files_and_partitions(topics: Topics, tmp_path: Path) -> None:
    seconds = list(range(3_000))
    random.Random(7).shuffle(seconds)
    files = [
        write_lines(tmp_path / f"{part}.jsonl", [call(second) for second in seconds[part::2]]) for part in range(2)
    ]
    topics.run(*files, known_at=KnownAt.EVENT_TIME)
    consumer = AlignedConsumer(topics.bootstrap, "reader", ["raw.product"])
    records: list[Record] = []
    while len(records) < len(seconds):
        records += consumer.poll(1_000, 0.5)
    consumer.close()
    assert [json.loads(record.value)["messageId"] for record in records] == [f"m{second}" for second in range(3_000)]
    for record in records[::100]:
        raw = raw_of(record)
        assert raw.received.timestamp() * 1000 == record.timestamp_ms
        assert raw.headers["imported"] == "true"


@pytest.mark.parametrize("known_at", KnownAt)
def test_every_row_becomes_an_event_or_a_duplicate_or_is_set_aside(
    known_at: KnownAt, topics: Topics, tmp_path: Path
) -> None:
    stage = Stage(topics.bootstrap, f"sqlite:///{tmp_path}/leadline.db")
    good = [call(number) for number in range(200)]
    broken: list[object] = [b"{", b"[1,2]", b"\xff", {"type": "track"}, b'{"a":"' + b"x" * MAX_BYTES + b'"}']
    path = write_lines(tmp_path / "a.jsonl", [*good, *broken, *good[:50]])
    done = topics.run(path, known_at=known_at)
    assert (done.tallies[0].rows, done.tallies[0].sent, done.tallies[0].objected) == (255, 254, 4)
    assert done.tallies[0].too_large_at == ["line 205"]
    stage.work()
    events = [record for record in stage.read(EVENTS_TOPIC) if record.headers["record"] == "event"]
    assert len(events) == 200
    assert len(stage.read(QUARANTINE_TOPIC)) == 5  # `[1,2]` holds two
    assert stage.duplicates() == 50
    stage.close()


def test_a_file_that_cannot_be_read_costs_no_other_and_is_named_with_its_last_row(
    topics: Topics, tmp_path: Path
) -> None:
    first = write_lines(tmp_path / "1.jsonl", [call(number) for number in range(5)])
    cut = tmp_path / "2.jsonl.gz"
    cut.write_bytes(gzip.compress(write_lines(tmp_path / "x", [call(5), call(6)]).read_bytes())[:-4])
    (tmp_path / "3.csv").write_bytes(b"a,a\n1,2\n")
    last = write_lines(tmp_path / "4.jsonl", [call(7)])
    done = topics.run(first, cut, tmp_path / "3.csv", last)
    assert _numbers(topics.read()) == list(range(8))
    faults = [tally.fault for tally in done.tallies]
    assert (faults[0], faults[3]) == ("", "")
    assert faults[1].startswith("line 2, then: the packed data is damaged or cut short")
    assert faults[2].startswith("header: two columns are named 'a'")


def _run(bootstrap: str, folder: Path, file: Path, known_at: KnownAt, settle_messages: int) -> None:
    importing, close = Topics(bootstrap, folder).importing(file, known_at=known_at, settle_messages=settle_messages)
    importing.run()
    close()


def _sent(folder: Path) -> int:
    """What is noted as sent."""
    return sum(msgspec.json.decode(file.read_bytes())["sent"] for file in folder.glob("*.json"))


def _wait_until_sent(folder: Path, messages: int) -> None:
    wait_until(lambda: _sent(folder) >= messages, f"{messages} messages to be sent")


@pytest.mark.parametrize("known_at", KnownAt)
@pytest.mark.parametrize("seed", range(2))
def test_kill_nine_at_any_moment_loses_no_row_and_repeats_few(
    known_at: KnownAt, seed: int, topics: Topics, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    rows = [call(number, second=rng.randrange(86_400)) for number in range(20_000)]
    for row in rows[::10]:  # its time is then the import's, in each run the same
        del row["timestamp"]
    file, settle_messages = write_lines(tmp_path / "a.jsonl", rows), 500
    moments = [0, *sorted(rng.randrange(1, 12_000) for _ in range(4))]  # numbers of messages

    for moment in [*moments, None]:
        arguments = (topics.bootstrap, topics.folder, file, known_at, settle_messages)
        process = processes.Process(target=_run, args=arguments, daemon=True)
        process.start()
        if moment is not None:
            _wait_until_sent(topics.folder, moment)
            process.join(rng.uniform(0, 0.05))
            process.kill()
            assert _sent(topics.folder) >= moment
        process.join()
    assert process.exitcode == 0
    records = topics.read()
    assert set(_numbers(records)) == set(range(20_000))
    assert len(records) <= len(rows) + len(moments) * settle_messages
    assert len({(record.value, record.headers["received-time"]) for record in records}) == len(rows)
    assert list(topics.folder.iterdir()) == []


class Crash(BaseException):
    """The process ends here."""


def _crash_when_some_are_sent(meter: Meter) -> None:
    if meter.sent:
        raise Crash


def _interrupted(topics: Topics, path: Path) -> None:
    importing, close = topics.importing(path, watch=_crash_when_some_are_sent)
    with pytest.raises(Crash):
        importing.run()
    close()


def test_a_run_after_a_crash_sends_the_rest(topics: Topics, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [call(number) for number in range(250)])
    _interrupted(topics, path)
    before = len(topics.read())
    done = topics.run(path)
    assert (done.meter.sent_before, done.meter.sent, done.tallies[0].sent) == (before, 250 - before, 250)
    assert _numbers(topics.read()) == list(range(250))


def test_a_run_whose_first_rows_are_others_than_before_the_crash_sends_all(topics: Topics, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [call(number) for number in range(100, 350)])
    _interrupted(topics, path)
    stamp = path.stat()
    write_lines(path, [call(number) for number in range(400, 650)])
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert path.stat().st_size == stamp.st_size
    done = topics.run(path)
    assert (done.meter.sent_before, done.meter.sent) == (0, 250)
    assert set(range(400, 650)) <= set(_numbers(topics.read()))


def test_what_comes_through_a_pipe_is_imported_but_cannot_be_resumed(topics: Topics, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = gzip.compress(b"\n".join(msgspec.json.encode(call(number)) for number in range(5_000)))
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    done = topics.run(pipe, known_at=KnownAt.EVENT_TIME)
    writer.join()
    assert _numbers(topics.read()) == list(range(5_000))
    assert done.tallies[0].sent == 5_000
    assert list(topics.folder.iterdir()) == []


def _peak(bootstrap: str, folder: Path, file: Path, known_at: KnownAt, peaks: Any) -> None:
    _run(bootstrap, folder, file, known_at, 10_000)
    peaks.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


@pytest.mark.parametrize("known_at", KnownAt)
def test_memory_does_not_grow_with_the_file(known_at: KnownAt, topics: Topics, tmp_path: Path) -> None:
    text = "x" * 7_000
    peaks = []
    for rows in (1_000, 40_000):
        values = (call(number, context={"note": text}) for number in range(rows))
        file = write_lines(tmp_path / f"{rows}.jsonl", list(values))
        queue = processes.Queue()
        process = processes.Process(target=_peak, args=(topics.bootstrap, topics.folder, file, known_at, queue))
        process.start()
        peaks.append(queue.get(timeout=240))
        process.join()
    assert peaks[1] - peaks[0] < 100 * 1024 * 1024 < file.stat().st_size / 2.5
