"""One run with a fault: traffic flows, workers work, something breaks, heals and comes to rest, and is compared.

A fault is a function of the plant that runs while the traffic flows and leaves everything able to work.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.app import comparison_of, features_group
from features.definitions import LEAD_SCORING
from features.store import OnlineStore
from ingestion import duplicates
from ingestion.app import INGESTION_GROUP, LAKE_GROUP
from ingestion.contracts.event import MAX_PARTS
from ingestion.contracts.forwards import Forwards
from ingestion.contracts.raw import EVENTS_TOPIC, QUARANTINE_TOPIC, RAW_TOPICS
from ingestion.database import open_database, reading
from ingestion.errors import Retry
from ingestion.kafka import Lags, create_topics, read_topic
from ingestion.lake import read_events, read_forwardings
from ingestion.quarantine import failure_of
from ingestion.settings import PlatformSettings
from leadline.company import Company, Fate, firm, generate
from leadline.migrations import upgrade
from leadline.seed import Publisher
from leadline.setup import PARTITIONS, prepare
from tests.conftest import wait_until
from tests.faults.oracle import COUNTED, ElementName, Ending, Message, expected
from tests.faults.workers import Workers
from tests.features.members import require_sound_history
from tests.features.versions import beside

END = datetime(2026, 1, 1, tzinfo=UTC)
KEY = "11" * 32
DRAINED_SECONDS = 300  # minutes only where many share a machine
TIMEOUT = pytest.mark.timeout(3 * DRAINED_SECONDS)
NUMBER = "number"  # header: which of the company's messages it is
HISTORIC = {"imported", "received-time"}  # headers of what was known before
SLICES = 40  # into which the traffic is cut, so that workers meet many batches
INGESTING = ("ingest-1", "lake-1")
TWO_INGESTING = ("ingest-1", "ingest-2", "lake-1")
EVERYTHING = ("ingest-1", "features-1", "lake-1")


@dataclass
class Plant:
    """Topics, stores and workers of one run, and the demo company whose year comes in."""

    bootstrap: str
    home: Path
    names: Sequence[str] = INGESTING
    seed: int = 0
    leads: int = 30
    seconds: float = 3.0  # that the traffic takes
    company: Company = field(init=False)
    chance: random.Random = field(init=False)
    workers: Workers = field(init=False)
    settings: PlatformSettings = field(init=False)
    sending: list[int] = field(init=False)  # the messages' numbers, in the order in which they are sent
    anywhere: bool = False  # whether a message may go to any partition of its topic
    end: datetime = END  # of the company's year
    online_store: str = "sqlite"
    live: bool = False  # whether it is told as news: known when it is sent, and so late
    sent: dict[Message, int] = field(default_factory=dict)  # coordinates to the message's number, once it is checked

    def __post_init__(self) -> None:
        self.company = generate(seed=self.seed, leads=self.leads, end=self.end)
        self.sending = list(range(len(self.company.messages)))
        self.chance = random.Random(self.seed)
        given = {"home": self.home, "kafka_bootstrap_servers": self.bootstrap, "identity_key": KEY, "master_key": KEY}
        given |= {"staff_domains": firm.DOMAIN, "product_scope": firm.WORKSPACE, "online_store": self.online_store}
        self.settings = PlatformSettings.model_validate(given)
        if self._runs("features"):
            prepare(self.settings)
        else:
            create_topics(self.bootstrap, PARTITIONS)
            engine = open_database(self.settings.database_url)
            upgrade(engine)
            engine.dispose()
        self.workers = Workers(self.settings)

    @property
    def groups(self) -> dict[str, str]:
        """The consumer group of each role, in the order of the data's way."""
        first, second = features_group(self.settings), features_group(beside(self.settings))
        return {"ingest": INGESTION_GROUP, "features": first, "second": second, "lake": LAKE_GROUP}

    def endure(self, fault: Callable[[Plant], None]) -> None:
        """Let the traffic flow and the fault happen, then wait until everything is worked off."""
        try:
            for name in self.names:
                self.workers.start(name)
            with self.traffic():
                fault(self)
            self.come_to_rest()
        finally:
            self.workers.stop()

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """The company's year, in slices; on leaving, the rest of it at once."""
        hurry = threading.Event()
        sender = threading.Thread(target=self._publish, args=(hurry,))
        sender.start()
        try:
            yield
        finally:
            hurry.set()
            sender.join()

    def _publish(self, hurry: threading.Event) -> None:
        publisher = Publisher(self.settings)
        size = -(-len(self.sending) // SLICES)
        for start in range(0, len(self.sending), size):
            for number in self.sending[start : start + size]:
                message = self.company.messages[number]
                if self.anywhere:
                    message = replace(message, key=b"%d" % self.chance.getrandbits(32))
                if self.live:
                    headers = {name: message.headers[name] for name in message.headers.keys() - HISTORIC}
                    message = replace(message, headers=headers, received=datetime.now(UTC))
                publisher.publish(replace(message, headers={**message.headers, NUMBER: str(number)}))
            publisher.flush()
            hurry.wait(self.seconds / SLICES)
        publisher.close()

    def wait_for_members(self, name: str) -> None:
        """Wait until the group of a worker has one with partitions."""
        lags, group = Lags(self.bootstrap), self.groups[name.split("-")[0]]

        def is_there() -> bool:
            with suppress(Retry):
                return lags.has_members(group)
            return False

        wait_until(is_there, f"the group of {name} to form", DRAINED_SECONDS)
        lags.close()

    def come_to_rest(self) -> None:
        """Tend the workers until they have caught up."""
        lags = Lags(self.bootstrap)
        groups = [
            group for role, group in self.groups.items() if self._runs(role)
        ]  # who writes first: it may write yet
        behind: dict[str, int] = {}

        def caught_up() -> bool:
            self.workers.tend()
            behind.clear()
            try:
                for group in groups:
                    behind[group] = lags.of(group, RAW_TOPICS if group == INGESTION_GROUP else [EVENTS_TOPIC])
            except Retry:
                return False
            return not any(behind.values())

        try:
            wait_until(caught_up, "the workers to catch up", DRAINED_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"behind: {behind}; fell and rose again: {self.workers.fallen}") from error
        finally:
            lags.close()

    def check(self) -> None:
        """Everything came out as it must."""
        self.sent = self._on_the_topics()
        assert set(self.sent.values()) == set(self.sending), "what was acknowledged is not on the raw topics"
        right, found = expected(self.company, Counter(self.sent.values()), self.end), self._found()
        other = {
            name: (found.fates.get(name), right.fates.get(name))
            for name in found.fates.keys() | right.fates.keys()
            if found.fates.get(name) != right.fates.get(name)
        }
        some = dict(list(other.items())[:8])
        assert not other, f"{len(other)} elements lost, doubled or judged otherwise, found and right: {some}"
        assert found.people == right.people, "somebody was taken for somebody else"
        if self._runs("features"):
            assert found.counts == right.counts, "features were counted wrongly"
            require_sound_history(self.settings)
        if self._runs("features") and self._runs("lake"):
            self.require_parity()

    def require_parity(self, settings: PlatformSettings | None = None) -> None:
        """What is served of everybody is what the recompute says, and nothing is on its way any more.

        `settings`: the platform's, with another feature set as its own.
        """
        comparison = comparison_of(settings or self.settings)
        leads = comparison.sampled(1.0)
        look = comparison.look(leads, comparison.look(leads, {}).due)
        assert look.compared
        assert look.disorderly == [], "what is served is not what the recompute says"

    def _runs(self, role: str) -> bool:
        return any(name.startswith(role) for name in self.names)

    def _found(self) -> Ending:
        forwards = Forwards(read_forwardings(self.settings.lake))
        fates: dict[ElementName, Counter[Fate]] = defaultdict(Counter)
        people: dict[str, set[ElementName]] = defaultdict(set)
        for event in read_events(self.settings.lake):
            name = self._name(event.raw.topic, event.raw.partition, event.raw.offset, event.raw.index)
            fates[name][Fate.GOOD] += 1
            people[forwards.of(event)].add(name)
        for name in self._refused():
            fates[name][Fate.QUARANTINED] += 1
        for name in self._dropped():
            fates[name][Fate.DUPLICATE] += 1
        named = {lead: frozenset(elements) for lead, elements in people.items()}
        return Ending(dict(fates), frozenset(named.values()), self._counts(named) if self._runs("features") else {})

    def _on_the_topics(self) -> dict[Message, int]:
        """A message that its client repeats as the broker restarts (confluentinc/librdkafka#4953) is there twice."""
        records = (record for topic in RAW_TOPICS for record in read_topic(self.bootstrap, topic))
        return {(each.topic, each.partition, each.offset): int(each.headers[NUMBER]) for each in records}

    def _name(self, topic: str, partition: int, offset: int, index: int) -> ElementName:
        return self.sent[topic, partition, offset], index

    def _refused(self) -> list[ElementName]:
        failures = map(failure_of, read_topic(self.bootstrap, QUARANTINE_TOPIC))
        places = {(each.topic, each.partition, each.offset, each.index) for each in failures}  # a replay repeats them
        return [self._name(*place) for place in places]

    def _dropped(self) -> list[ElementName]:
        engine = open_database(self.settings.database_url)
        with reading(engine) as connection:
            dropped = duplicates.dropped(connection)
        engine.dispose()
        split = ((stream.split("/"), divmod(position, MAX_PARTS)) for stream, position in dropped)
        return [self._name(topic, int(partition), *place) for (topic, partition), place in split]

    def _counts(self, named: dict[str, frozenset[ElementName]]) -> dict[frozenset[ElementName], tuple[float, ...]]:
        rows = OnlineStore.open(self.settings).read(list(named))
        served = {
            lead: {} if row is None else LEAD_SCORING.features_at(row.state, None, self.end)
            for lead, row in zip(named, rows, strict=True)
        }
        return {named[lead]: tuple(served[lead].get(name) or 0.0 for name in COUNTED) for lead in named}


def pause(seconds: float) -> None:
    """The fault itself lasts."""
    time.sleep(seconds)
