"""An import, from its files to acknowledged messages.

Invariant: every row of every file that could be read is sent, or named as too large. Memory does not grow with the
files.

History is sent in the order in which it became known, over all files of the import: see `ingestion.importer.sort`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path

from ingestion.errors import FileUnreadable
from ingestion.importer.formats import rows
from ingestion.importer.inputs import Input
from ingestion.importer.known_at import KnownAt
from ingestion.importer.message import Message, MessageMaker
from ingestion.importer.progress import ProgressFile
from ingestion.importer.publish import SETTLE_MESSAGES, Publisher
from ingestion.importer.row import TooLarge
from ingestion.importer.sort import TimeSorter
from ingestion.importer.tally import Meter, Tally
from ingestion.importer.unpack import parts
from ingestion.kafka import DurableProducer

Watch = Callable[[Meter], None]


class Import:
    """One import. `tallies` and `meter` hold at any moment, also after an error."""

    def __init__(
        self,
        inputs: Sequence[Input],
        maker: MessageMaker,
        producer: DurableProducer,
        progress: ProgressFile,
        *,
        scratch: Path,
        watch: Watch = lambda _: None,
        settle_messages: int = SETTLE_MESSAGES,
    ) -> None:
        """Args:
        scratch: folder for nameless temporary files; to sort, it takes about as much room as the files unpacked.
        watch: called now and then, with the meter.
        settle_messages: see `Publisher`.
        """
        self._inputs, self._maker, self._producer, self._file = inputs, maker, producer, progress
        self._scratch, self._watch, self._settle_messages = scratch, watch, settle_messages
        self.tallies: list[Tally] = []
        self.meter = Meter()

    def run(self) -> None:
        """Send everything that an earlier run has not sent.

        Raises:
            DeliveryFailed: Kafka did not acknowledge; what it did is noted, and another run goes on behind it.
            OSError: the disk of `scratch` is full.
        """
        if self._maker.known_at is KnownAt.NOW:
            self._publish(self._read)
        else:
            with TimeSorter(self._scratch) as sorter:
                for message in self._read():
                    sorter.add(message)
                self.meter.messages = sorter.total
                self._publish(sorter.__iter__)
        self._file.forget()

    def _publish(self, messages: Callable[[], Iterator[Message]]) -> None:
        Publisher(
            self._producer,
            self._maker.adapter.SOURCE.topic,
            self._maker.headers,
            self._file,
            before=self._sent_before,
            now=self._sent_now,
            settle_messages=self._settle_messages,
        ).publish(messages)

    def _sent_before(self, by_file: Mapping[int, int]) -> None:
        self.meter.sent_before = self._count(by_file)

    def _sent_now(self, by_file: Mapping[int, int]) -> None:
        self.meter.sent += self._count(by_file)
        self._watch(self.meter)

    def _count(self, by_file: Mapping[int, int]) -> int:
        for file, sent in by_file.items():
            self.tallies[file].sent += sent
        return sum(by_file.values())

    def _read(self) -> Iterator[Message]:
        """The messages of all files, in the files' order; one that cannot be read on ends alone."""
        self.tallies, self.meter = [Tally(given.name) for given in self._inputs], Meter()
        numbers = count()
        for file, (given, tally) in enumerate(zip(self._inputs, self.tallies, strict=True)):
            try:
                yield from self._read_file(given, file, tally, numbers)
            except (FileUnreadable, OSError) as error:
                reason = (isinstance(error, OSError) and error.strerror) or str(error)
                tally.fault = f"{tally.last}, then: {reason}" if tally.last else reason

    def _read_file(self, given: Input, file: int, tally: Tally, numbers: Iterator[int]) -> Iterator[Message]:
        before = self._maker.began
        for part in parts(given, self._scratch, self._taken):
            for row in rows(part.name, part.stream, self._scratch):
                tally.rows += 1
                tally.last = place = f"{part.label}{row.place}"
                if isinstance(row, TooLarge):
                    tally.refuse(place)
                    self.meter.too_large += 1
                    continue
                message, objection = self._maker.make(row, file=file, number=next(numbers), before=before)
                if objection is not None:
                    tally.object(place, row.fault or str(objection))
                    self.meter.objected += 1
                before = message.received
                yield message

    def _taken(self, size: int) -> None:
        self.meter.bytes_read += size
        self._watch(self.meter)
