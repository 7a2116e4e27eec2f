"""Readings by content: the same text, prompt and reader are never paid for twice.

The key is a digest, the body is a masked reading: neither names a person.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Column, Engine, String, Table, Text, insert, select
from sqlalchemy.exc import IntegrityError

from ingestion.database import metadata, reading
from scoring.enrichment.provider import Provider
from scoring.enrichment.reading import Reading

readings = Table(
    "readings",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("provider", String(120), nullable=False),
    Column("prompt_version", String(80), nullable=False),
    Column("body", Text, nullable=False),  # Reading as JSON
    Column("read_at", String(32), nullable=False),
)


class ReadingCache:
    """Readings in SQL. Blocks for one short query a call."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def get(self, provider: Provider, text_hash: str) -> Reading | None:
        """The reading that `provider` gave of that text with its present prompt."""
        with reading(self._engine) as connection:
            body = connection.scalar(select(readings.c.body).where(readings.c.key == _key(provider, text_hash)))
        return None if body is None else Reading.model_validate_json(body)

    def put(self, provider: Provider, text_hash: str, answer: Reading) -> None:
        """Keep a reading; the first one stays if two workers read at once."""
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    insert(readings).values(
                        key=_key(provider, text_hash),
                        provider=provider.name,
                        prompt_version=provider.prompt_version,
                        body=answer.model_dump_json(),
                        read_at=self._clock().isoformat(),
                    )
                )
        except IntegrityError:
            pass


def _key(provider: Provider, text_hash: str) -> str:
    return sha256("\n".join((provider.name, provider.prompt_version, text_hash)).encode()).hexdigest()
