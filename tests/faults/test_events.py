"""Events that come twice, late, in any order, misdated or broken: each has its one effect, none stops the others."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from ingestion.contracts.event import Event, RecordKind, decode_event
from ingestion.contracts.raw import EVENTS_TOPIC, QUARANTINE_TOPIC
from ingestion.quarantine import failure_of
from leadline.company import Fate
from tests.conftest import tries
from tests.faults.plant import EVERYTHING, TIMEOUT, Plant, pause
from tests.ingestion.sources.samples import HUBSPOT_STAGE, SEGMENT_PAGE, SENDGRID_CLICK, WEB_FORM
from tests.ingestion.test_worker import Stage

pytestmark = TIMEOUT

MB = 1024 * 1024
RECEIVED = datetime(2026, 3, 1, 9, tzinfo=UTC)


def _originals(plant: Plant) -> list[int]:
    """The messages that the company itself does not repeat."""
    fates = plant.company.truth.fates
    return [number for number in plant.sending if Fate.DUPLICATE not in fates[number]]


def _restarts(plant: Plant) -> None:
    for name in plant.names:
        pause(plant.chance.uniform(0.2, 1.0))
        plant.workers.kill(name)
        plant.workers.start(name)


@pytest.mark.parametrize("seed", range(tries(1)))
def test_events_that_come_up_to_five_times_count_once(seed: int, empty_kafka: str, tmp_path: Path) -> None:
    plant = Plant(empty_kafka, tmp_path, EVERYTHING, seed, leads=20)
    plant.sending = [number for number in _originals(plant) for _ in range(plant.chance.randint(1, 5))]
    plant.anywhere = True
    plant.endure(_restarts)
    plant.check()


@pytest.mark.parametrize("seed", range(tries(1)))
def test_events_in_any_order_end_in_the_same_people_and_features(seed: int, empty_kafka: str, tmp_path: Path) -> None:
    plant = Plant(empty_kafka, tmp_path, EVERYTHING, seed)
    plant.sending = _originals(plant)
    plant.chance.shuffle(plant.sending)
    plant.endure(lambda _: None)
    plant.check()


@pytest.fixture
def stage(empty_kafka: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(empty_kafka, f"sqlite:///{tmp_path}/leadline.db")
    yield stage
    stage.close()


def _events(stage: Stage) -> list[Event]:
    return [
        decode_event(record.value)
        for record in stage.read(EVENTS_TOPIC)
        if record.headers["record"] == RecordKind.EVENT
    ]


DATES: dict[str, tuple[str, str]] = {  # what a sender says, and what becomes of it
    "the epoch": ("1970-01-01T00:00:00Z", "refused"),
    "long before there were events": ("0001-01-01T00:00:00+10:00", "refused"),
    "the last second of 1999": ("1999-12-31T23:59:59Z", "refused"),
    "32 bits overflow": ("2038-01-19T03:14:08Z", "clamped"),
    "the end of time": ("9999-12-31T23:59:59Z", "refused"),
    "beyond the end of time": ("9999-12-31T23:59:59-10:00", "refused"),
    "a year that Python does not know": ("12026-01-01T00:00:00Z", "refused"),
    "no zone": ("2026-03-01T08:00:00", "refused"),
    "no such day": ("2026-02-30T08:00:00Z", "refused"),
    "an hour ahead": ("2026-03-01T10:00:00Z", "clamped"),
    "another zone": ("2026-03-01T09:30:00+05:30", "kept"),
    "years ago": ("2019-03-01T09:00:00Z", "kept"),
}


def test_impossible_dates_are_set_aside_and_future_ones_clamped(stage: Stage) -> None:
    for name, (date, _) in DATES.items():
        stage.raw.minute = 0  # all are received at the same moment
        stage.raw.send("raw.product", "segment", name, SEGMENT_PAGE | {"messageId": name, "timestamp": date})
    stage.raw.producer.flush()
    stage.work()
    became = {record.key.decode(): "refused" for record in stage.read(QUARANTINE_TOPIC) if record.key}
    for event in _events(stage):
        became[event.id] = "clamped" if event.clamped else "kept"
        assert event.time <= event.receivedtime == RECEIVED  # no window ever holds the future
        assert event.time == RECEIVED or not event.clamped
    assert became == {name: fate for name, (_, fate) in DATES.items()}


def _packed(topic_config: dict[str, Any], stage: Stage, body: bytes) -> None:
    """A publisher that packs a huge body so well that the broker takes it."""
    producer = Producer({"bootstrap.servers": stage.bootstrap, "message.max.bytes": 64 * MB, **topic_config})
    producer.produce("raw.marketing", body, b"huge", headers={"source-system": "web-form"})
    assert producer.flush(30) == 0
    stage.raw.elements += 1


def _naughty(rng: random.Random) -> str:
    """A string of what breaks parsers, in any mixture."""
    odd = ["\u0000", "\u202e", "\ufeff", "\u200d", "\U0001f468\u200d\U0001f469", "\u0661", "\u0130", "\u1e9e", "\u2028"]
    odd += ["'; DROP TABLE leads;--", "<script>alert(1)</script>", "${jndi:ldap://x}", "{{7*7}}", "%s%n", "../../x"]
    odd += ["NaN", "Infinity", "1e400", "-0", "0x1F", "\\", '"', "\r\n", "null", "undefined", "a" * 3000, "e\u0301" * 9]
    return "".join(rng.choices(odd, k=rng.randint(1, 6)))


def _poisons() -> dict[str, bytes]:
    form, page = msgspec.json.encode(WEB_FORM), msgspec.json.encode(SEGMENT_PAGE)
    return {
        "invalid UTF-8": form.replace(b"replace", b"\xff\xfe\xc3("),
        "overlong UTF-8": form.replace(b"replace", b"\xc0\xaf"),
        "a number beyond doubles": b'{"id":"w","form_id":"f","submitted_at":1e400,"fields":{}}',
        "not a number": b'{"id":"w","form_id":"f","submitted_at":NaN,"fields":{}}',
        "no end": form[:-1],
        "two values": form + form,
        "nested 100,000 deep": b'{"fields":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "objects nested 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "a digit too many": b"9" * 100_000,
        "nothing": b"",
        "zeros": bytes(1000),
        "UTF-16": form.decode().encode("utf-16"),
        "another sender's": page,
        "packed": b"\x1f\x8b\x08\x00" + bytes(100),
        "larger than any sender's": b'{"id":"' + b"A" * MB + b'"}',
    }


def test_poison_never_blocks_a_partition_and_is_kept_as_it_came(stage: Stage) -> None:
    poisons = _poisons()
    for name, body in poisons.items():
        stage.raw.send("raw.marketing", "web-form", name, body)
        stage.raw.visit(f"cookie after {name}")
    stage.raw.producer.flush()
    stage.work()
    refused = {record.key.decode(): record for record in stage.read(QUARANTINE_TOPIC) if record.key}
    assert {name: record.value for name, record in refused.items()} == poisons
    assert all(failure_of(record).message for record in refused.values())
    assert len(_events(stage)) == len(poisons)


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_a_body_of_fifty_megabytes_that_was_packed_to_nothing_is_set_aside(codec: str, stage: Stage) -> None:
    _packed({"compression.type": codec}, stage, b" " * (50 * MB))
    stage.raw.visit("the next one")
    stage.raw.producer.flush()
    stage.work()
    [record] = stage.read(QUARANTINE_TOPIC)
    assert "52428800 bytes" in failure_of(record).message
    assert (record.value, record.headers["raw-body"]) == (b"", "omitted")  # it lies on its raw topic
    assert len(_events(stage)) == 1


@pytest.mark.parametrize("seed", range(tries(3)))
def test_any_text_in_any_field_is_read_or_set_aside(seed: int, stage: Stage) -> None:
    rng, samples = random.Random(seed), {"segment": SEGMENT_PAGE, "web-form": WEB_FORM}
    samples |= {"hubspot": HUBSPOT_STAGE, "sendgrid": SENDGRID_CLICK}
    topics = {"segment": "raw.product", "hubspot": "raw.crm"}
    for number in range(200):
        system = rng.choice(list(samples))
        body = dict(samples[system])
        for field in rng.sample(sorted(body), rng.randint(1, 3)):
            body[field] = _naughty(rng)
        sent: Any = [body] if system in ("hubspot", "sendgrid") else body
        stage.raw.send(topics.get(system, "raw.marketing"), system, f"{number}", sent)
    stage.raw.producer.flush()
    stage.work(at_once=rng.randint(5, 50))
    refused = {(f.topic, f.partition, f.offset, f.index) for f in map(failure_of, stage.read(QUARANTINE_TOPIC))}
    good = [(e.raw.topic, e.raw.partition, e.raw.offset, e.raw.index) for e in _events(stage)]
    assert len(set(good)) == len(good)
    assert not refused & set(good)
    assert len(good) + len(refused) + stage.duplicates() == stage.raw.elements


@pytest.mark.parametrize("seed", range(tries(2)))
def test_a_late_event_is_counted_where_it_happened(seed: int, stage: Stage) -> None:
    """Whatever its delay: time is the sender's, and only what lies in our future is moved."""
    rng, said = random.Random(seed), {}
    for number in range(100):
        late = timedelta(seconds=rng.choice([0, 1, 3600, 86_400, 30 * 86_400]))
        happened = RECEIVED + timedelta(minutes=stage.raw.minute) - late
        said[f"e-{number}"] = happened
        body = SEGMENT_PAGE | {"messageId": f"e-{number}", "timestamp": happened.isoformat()}
        stage.raw.send("raw.product", "segment", f"{rng.randint(1, 9)}", body)
    stage.raw.producer.flush()
    stage.work(at_once=17)
    assert {event.id: event.time for event in _events(stage)} == said
