"""Files with rows, and imports of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingestion.contracts.raw import RAW_TOPICS
from ingestion.importer.formats import rows
from ingestion.importer.inputs import find_inputs
from ingestion.importer.known_at import KnownAt
from ingestion.importer.message import MessageMaker
from ingestion.importer.progress import ProgressFile
from ingestion.importer.row import Row, TooLarge
from ingestion.importer.run import Import, Watch
from ingestion.importer.unpack import parts
from ingestion.kafka import DurableProducer, Record, create_topics, read_topic
from ingestion.sources import ADAPTERS
from ingestion.sources.adapter import Tenant

TENANT = Tenant("demo")
PARTITIONS = 3


def rows_of(path: Path) -> Iterator[Row | TooLarge]:
    """The rows of one file."""
    (given,) = find_inputs([str(path)])
    for part in parts(given, path.parent, lambda _: None):
        yield from rows(part.name, part.stream, path.parent)


def objects_of(path: Path) -> list[Any]:
    """The rows of one file, read as JSON."""
    return [msgspec.json.decode(body) for body in bodies_of(path)]


def bodies_of(path: Path) -> list[bytes]:
    """The rows of one file that are not too large, as bytes."""
    return [row.body for row in rows_of(path) if isinstance(row, Row)]


def call(number: int, *, second: int | None = None, **more: Any) -> dict[str, Any]:
    """A Segment call, one a second."""
    at = number if second is None else second
    return {
        "type": "track",
        "messageId": f"m{number}",
        "userId": f"u{number % 7}",
        "event": "Report Exported",
        "timestamp": f"2025-03-01T{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}Z",
        **more,
    }


def write_lines(path: Path, values: Sequence[Any]) -> Path:
    """A file of JSON lines; bytes are written as they are."""
    lines = (value if isinstance(value, bytes) else msgspec.json.encode(value) for value in values)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


class Topics:
    """Empty raw topics, and imports into them."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap, self.folder = bootstrap, folder
        create_topics(bootstrap, dict.fromkeys(RAW_TOPICS, PARTITIONS))

    def importing(
        self,
        *files: Path,
        source: str = "segment",
        known_at: KnownAt = KnownAt.NOW,
        settle_messages: int = 100,
        watch: Watch = lambda _: None,
    ) -> tuple[Import, Callable[[], None]]:
        """An import, and what ends it."""
        inputs = find_inputs(map(str, files))
        producer = DurableProducer(self.bootstrap)
        progress = ProgressFile(self.folder, inputs, source, known_at)
        maker = MessageMaker(ADAPTERS[source], "northlight", TENANT, known_at, progress.done.began)
        importing = Import(
            inputs, maker, producer, progress, scratch=self.folder, watch=watch, settle_messages=settle_messages
        )
        return importing, producer.close

    def run(self, *files: Path, source: str = "segment", known_at: KnownAt = KnownAt.NOW) -> Import:
        """An import that has run."""
        importing, close = self.importing(*files, source=source, known_at=known_at)
        importing.run()
        close()
        return importing

    def read(self, topic: str = "raw.product") -> list[Record]:
        """Everything on a raw topic, partition by partition."""
        return read_topic(self.bootstrap, topic)


@pytest.fixture
def topics(empty_kafka: str, tmp_path: Path) -> Topics:
    folder = tmp_path / "imports"
    folder.mkdir()
    return Topics(empty_kafka, folder)
