"""Every element counts once, as what it is now, however often its message is read and whatever was replayed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from ingestion import accounting, refused_query
from ingestion.contracts.event import Channel, Claim, Draft, Event, EventType, IdentifierType, decode_event
from ingestion.contracts.raw import RawMessage, Replay
from ingestion.database import metadata, open_database
from ingestion.element import Element, elements_of
from ingestion.errors import ContractBroken, Quarantine, Undecodable
from ingestion.identity import IdentityStore
from ingestion.metrics import IngestionMetrics
from ingestion.pipeline import Outcome, Pipeline
from ingestion.privacy import Vault
from ingestion.refused import State
from ingestion.refused_query import Coordinates, Totals, Wanted

KEY = bytes(range(32))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOPIC = "raw.crm"


@dataclass
class Message:
    """What a sender sent: ids of its elements; some are broken until the cause is mended."""

    ids: Sequence[str]
    broken: frozenset[int] = frozenset()
    unreadable: bool = False  # the body cannot be split
    replay: Replay | None = None

    def outcomes(self, mended: bool) -> list[Draft | Quarantine]:
        """What an adapter makes of it."""
        if self.unreadable and not mended:
            return [Undecodable("body: cannot be split")]
        return [
            ContractBroken("field: missing") if place in self.broken and not mended else draft(id_)
            for place, id_ in enumerate(self.ids)
        ]


def draft(id_: str) -> Draft:
    return Draft(
        id=id_,
        source="/t/demo/test/x",
        type=EventType.WEB_PAGE_VIEWED,
        time=NOON,
        channel=Channel.WEB,
        claims=(Claim(IdentifierType.ANONYMOUS_ID, f"cookie-{id_[-1]}"),),
    )


@dataclass
class Log:
    """One raw partition, read again from any earlier place as after a crash, and all that was sent for it."""

    engine: Engine
    messages: list[Message] = field(default_factory=list)
    mended: bool = False
    events: dict[tuple[str, int], bytes] = field(default_factory=dict)
    quarantined: list[tuple[str, int]] = field(default_factory=list)
    read_to: int = 0

    def __post_init__(self) -> None:
        metadata.create_all(self.engine)
        self.pipeline = Pipeline(self.engine, IdentityStore(self.engine, KEY), Vault(self.engine, KEY), tenant="demo")

    def raw(self, offset: int) -> RawMessage:
        message, sent = self.messages[offset], NOON + timedelta(minutes=offset)
        first = sent if message.replay is None else NOON + timedelta(minutes=message.replay.offset)
        return RawMessage(TOPIC, 0, offset, b"k", repr(message.ids).encode(), {}, first, message.replay)

    def read(self, start: int, end: int) -> Outcome:
        """One micro-batch."""
        elements: list[Element] = []
        for offset in range(start, end):
            elements += elements_of(self.raw(offset), self.messages[offset].outcomes(self.mended))
        outcome = self.pipeline.resolve(elements)
        assert accounting.unaccounted(elements, outcome) == {}
        for event in map(decode_event, (each.value for each in outcome.emissions if each.kind == "event")):
            self._send(event)
        self.quarantined += [element.place for element in outcome.quarantined]
        self.read_to = max(self.read_to, end)
        return outcome

    def _send(self, event: Event) -> None:
        assert event.receivedtime == NOON + timedelta(minutes=event.raw.offset), "known when it was sent"
        place = event.raw.stream, event.raw.position
        body = self.events.setdefault(place, event.id.encode())
        assert body == event.id.encode(), "other events under one position"

    def replay(self, offset: int) -> None:
        """What the quarantine holds of a message goes to the raw partition again."""
        original = self.messages[offset]
        assert original.replay is None
        sent = NOON + timedelta(minutes=len(self.messages))
        self.messages.append(Message(original.ids, original.broken, original.unreadable, Replay(offset, sent)))

    def totals(self) -> Totals:
        with self.engine.connect() as connection:
            return refused_query.totals(connection)

    def state_of(self, offset: int, index: int) -> State | None:
        at = Coordinates(TOPIC, 0, offset, index)
        with self.engine.connect() as connection:
            found = refused_query.newest(connection, Wanted(state=None, at=at), 10)
        return found[0].state if found else None

    def drop(self, offset: int, index: int | None = None) -> int:
        with self.engine.begin() as connection:
            wanted = Wanted(at=Coordinates(TOPIC, 0, offset, index))
            return refused_query.drop(connection, wanted, by="jo", why="a test", at=NOON)


@pytest.fixture(params=["sqlite", "postgres"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    url = f"sqlite:///{tmp_path}/leadline.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = open_database(url)
    yield Log(engine)
    engine.dispose()


def test_of_a_replayed_message_only_what_was_refused_is_read(log: Log) -> None:
    log.messages = [Message(["a1", "a2", "a3"], broken=frozenset({1}))]
    log.read(0, 1)
    assert log.totals() == Totals(good=2, duplicates=0, quarantined=1, dropped=0)
    log.mended = True
    log.replay(0)
    outcome = log.read(1, 2)
    assert [element.pointer.index for element in outcome.good] == [1]
    assert log.totals() == Totals(good=3, duplicates=0, quarantined=0, dropped=0)
    assert sorted(log.events.values()) == [b"a1", b"a2", b"a3"]
    assert log.state_of(0, 1) is State.PASSED


def test_a_body_that_can_be_split_at_last_gives_all_its_elements(log: Log) -> None:
    log.messages = [Message(["a1", "a2", "a3"], unreadable=True)]
    log.read(0, 1)
    assert log.totals().accepted == 1
    log.mended = True
    log.replay(0)
    log.replay(0)
    log.read(1, 3)
    assert log.totals() == Totals(good=3, duplicates=0, quarantined=0, dropped=0)
    assert len(log.events) == 3


def test_what_fails_again_lies_under_its_old_coordinates_with_its_new_reason(log: Log) -> None:
    log.messages = [Message(["a1", "a2"], broken=frozenset({1}))]
    log.read(0, 1)
    log.replay(0)
    outcome = log.pipeline.resolve(elements_of(log.raw(1), [draft("a1"), Undecodable("element: of another kind")]))
    assert [element.place for element in outcome.quarantined] == [(f"{TOPIC}/0", 1)]
    with log.engine.connect() as connection:
        (found,) = refused_query.newest(connection, Wanted(), 10)
    assert (str(found.at), found.reason, found.message) == (f"{TOPIC}/0/0/1", "Undecodable", "element: of another kind")
    assert log.totals() == Totals(good=1, duplicates=0, quarantined=1, dropped=0)


def test_a_body_that_cannot_be_read_for_a_while_keeps_its_good_elements_apart(log: Log) -> None:
    log.messages = [Message(["a1", "a2"], broken=frozenset({0}))]
    log.read(0, 1)
    log.replay(0)
    log.pipeline.resolve(elements_of(log.raw(1), [Undecodable("body: no adapter")]))
    log.mended = True
    log.replay(0)
    log.read(2, 3)
    assert log.totals() == Totals(good=2, duplicates=0, quarantined=0, dropped=0)
    assert sorted(log.events.values()) == [b"a1", b"a2"]


def test_a_replay_of_what_came_by_another_way_is_a_duplicate_once(log: Log) -> None:
    log.messages = [Message(["a1"], broken=frozenset({0})), Message(["a1"])]
    log.read(0, 2)
    log.mended = True
    log.replay(0)
    log.replay(0)
    log.read(2, 4)
    log.read(0, 4)
    assert log.totals() == Totals(good=1, duplicates=1, quarantined=0, dropped=0)


def test_what_was_dropped_stays_dropped_and_says_who_did_it(log: Log) -> None:
    log.messages = [Message(["a1", "a2"], broken=frozenset({0, 1}))]
    log.read(0, 1)
    assert log.drop(0, 1) == 1
    assert log.drop(0, 1) == 0
    log.mended = True
    log.replay(0)
    log.read(1, 2)
    log.read(0, 2)
    assert log.totals() == Totals(good=1, duplicates=0, quarantined=0, dropped=1)
    with log.engine.connect() as connection:
        (found,) = refused_query.newest(connection, Wanted(state=State.DROPPED), 10)
    assert found.dropped == "2026-03-01 12:00:00 UTC by jo: a test"


def test_a_body_that_was_dropped_unread_stays_dropped_as_a_whole(log: Log) -> None:
    log.messages = [Message(["a1", "a2"], unreadable=True)]
    log.read(0, 1)
    log.drop(0)
    log.mended = True
    log.replay(0)
    log.read(0, 2)
    assert log.totals() == Totals(good=0, duplicates=0, quarantined=0, dropped=1)


def test_a_batch_that_is_read_again_by_a_mended_worker_is_counted_once(log: Log) -> None:
    log.messages = [Message(["a1", "a2"], broken=frozenset({1})), Message(["b1"], unreadable=True)]
    log.read(0, 2)
    log.mended = True  # after a crash, before the offsets were committed
    log.read(0, 2)
    assert log.totals() == Totals(good=3, duplicates=0, quarantined=0, dropped=0)
    log.read(0, 2)
    assert log.totals() == Totals(good=3, duplicates=0, quarantined=0, dropped=0)


def test_postgres_and_sqlite_store_what_a_sender_calls_itself(log: Log) -> None:
    raw = RawMessage(TOPIC, 0, 0, None, b"", {"source-system": "a\0b" * 100}, NOON)
    log.pipeline.resolve(elements_of(raw, [Undecodable("\0" * 600)]))
    with log.engine.connect() as connection:
        (group,) = refused_query.groups(connection, Wanted())
    assert group.source.startswith("a\N{REPLACEMENT CHARACTER}b")
    assert len(group.example) == 500


def test_the_alarm_is_raised_when_an_element_becomes_nothing(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    metrics = IngestionMetrics(registry)
    elements = elements_of(log_message(), [draft("a1"), draft("a2"), Undecodable("broken")])
    outcome = log.pipeline.resolve(elements)
    accounting.count(metrics, elements, outcome)
    assert registry.get_sample_value("leadline_elements_unaccounted_total") == 0
    assert registry.get_sample_value("leadline_elements_accepted_total", {"source": "segment"}) == 3
    assert registry.get_sample_value("leadline_events_total", {"source": "segment"}) == 2
    refused = {"source": "segment", "reason": "Undecodable"}
    assert registry.get_sample_value("leadline_quarantined_total", refused) == 1
    outcome.good.pop()
    accounting.count(metrics, elements, outcome)
    assert registry.get_sample_value("leadline_elements_unaccounted_total") == 1
    assert "segment: 3 elements were read and 2 accounted for" in caplog.text


def log_message() -> RawMessage:
    return RawMessage(TOPIC, 0, 0, None, b"", {"source-system": "segment"}, NOON)


def _messages() -> st.SearchStrategy[list[Message]]:
    message = st.builds(
        Message,
        # Ids repeat across messages: the same event may be delivered twice, once broken and once not.
        st.lists(st.sampled_from([f"{a}{n}" for a in "abcd" for n in range(3)]), min_size=1, max_size=4),
        st.frozensets(st.integers(0, 3), max_size=3),
        st.booleans(),
    )
    return st.lists(message, min_size=1, max_size=5)


@given(messages=_messages(), data=st.data())
@bounds(max_examples=120)
def test_any_mix_of_reads_replays_drops_and_crashes_counts_each_element_once(
    messages: list[Message], data: st.DataObject
) -> None:
    log = Log(open_database("sqlite://"), list(messages))
    fresh = len(messages)
    for _ in range(data.draw(st.integers(1, 12), label="steps")):
        step = data.draw(st.sampled_from(["read", "read", "replay", "mend", "drop"]), label="step")
        if step == "read" and log.messages:
            start = data.draw(st.integers(0, min(log.read_to, len(log.messages) - 1)), label="from")
            log.read(start, data.draw(st.integers(start + 1, len(log.messages)), label="to"))
        elif step == "replay" and log.read_to:
            log.replay(data.draw(st.integers(0, min(log.read_to, fresh) - 1), label="of"))
        elif step == "mend":
            log.mended = True
        elif step == "drop" and log.read_to:
            offset = data.draw(st.integers(0, min(log.read_to, fresh) - 1), label="drop of")
            log.drop(offset)
        _check(log, fresh)
    # In the end the cause is mended, and everything is replayed.
    log.mended = True
    log.read(0, len(log.messages))
    for offset in range(fresh):
        log.replay(offset)
    log.read(min(log.read_to, len(log.messages) - 1), len(log.messages))
    totals = _check(log, fresh)
    assert totals.quarantined == 0
    log.read(0, len(log.messages))
    assert _check(log, fresh) == totals
    log.engine.dispose()


def _check(log: Log, fresh: int) -> Totals:
    """The equation, from the messages themselves; and no event under two positions."""
    totals = log.totals()
    assert totals.accepted == sum(_elements_of(log, offset) for offset in range(min(fresh, log.read_to)))
    ids = list(log.events.values())
    assert len(ids) == len(set(ids)) == totals.good
    return totals


def _elements_of(log: Log, offset: int) -> int:
    """As how many elements a message counts now: an unreadable one as one until it was read."""
    message = log.messages[offset]
    if not message.unreadable:
        return len(message.ids)
    whole = log.state_of(offset, 0)
    return 1 if whole in (State.QUARANTINED, State.DROPPED) else len(message.ids)
