"""The online store, read and written through Feast's own store classes, one layer below its SDK.

Feast's `get_online_features` costs milliseconds a call; the `OnlineStore.online_read` beneath it costs tens of
microseconds and returns the same rows. A contract suite holds both equal on SQLite and Redis.

Invariant: a store that has forgotten anything is not whole until `features.rebuild` has gone through the history. Only
of a whole store does an absent row mean that nothing was ever stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Self, TypeVar

from feast import FeatureStore, FeatureView
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from features.backends import StoredRow, backend_of
from features.errors import OnlineStoreUnavailable
from features.rows import (
    AccountRow,
    EncodedRow,
    EnrichmentRow,
    LeadRow,
    decode_account_row,
    decode_enrichment_row,
    decode_lead_row,
    encode_row,
    is_behind,
)
from features.settings import open_feast
from ingestion.settings import PlatformSettings

Row = TypeVar("Row", LeadRow, AccountRow, EnrichmentRow)
WORKERS_PATIENCE = 10.0  # seconds; a micro-batch is written in one go
_OF_A_COMMAND = " of pipeline caused error: "  # redis-py names the command before it, with the bytes of a row

__all__ = ["AccountRow", "EncodedRow", "EnrichmentRow", "LeadRow", "OnlineStore"]


class OnlineStore:
    """Rows by key. Reads and writes block for one round trip, however many keys. Not thread-safe.

    Every method raises `OnlineStoreUnavailable` if the store refuses or is silent for longer than the patience it was
    opened with, and `OnlineStoreForgets` if it is set to drop rows.
    """

    def __init__(self, feast: FeatureStore) -> None:
        self._config = feast.config
        self._store = feast._get_provider().online_store
        self._backend = backend_of(self._store, feast.config)
        self._leads = feast.get_feature_view("lead_state")
        self._accounts = feast.get_feature_view("account_state")
        self._enrichment = feast.get_feature_view("enrichment")

    @classmethod
    def open(cls, settings: PlatformSettings, patience: float = WORKERS_PATIENCE) -> Self:
        """The online store of this platform; its views must have been applied. `patience` in seconds."""
        return cls(open_feast(settings, patience))

    def read(self, leads: Sequence[str]) -> list[LeadRow | None]:
        """The leads' rows, in order; None for a lead without state."""
        return self._read(self._leads, "lead", "lead_row", leads, decode_lead_row)

    def read_accounts(self, accounts: Sequence[str]) -> list[AccountRow | None]:
        """The accounts' rows, in order; None for an account without state."""
        return self._read(self._accounts, "account", "account_row", accounts, decode_account_row)

    def read_enrichment(self, leads: Sequence[str]) -> list[EnrichmentRow | None]:
        """The newest readings, in order; None for a lead that has written nothing."""
        return self._read(self._enrichment, "lead", "enrichment_row", leads, decode_enrichment_row)

    def write(self, rows: Iterable[EncodedRow]) -> None:
        """Serve these leads' rows from now on. Durable in the store's own sense when it returns."""
        self._write(self._leads, "lead", "lead_row", rows)

    def write_accounts(self, rows: Iterable[EncodedRow]) -> None:
        """Serve these accounts' rows from now on."""
        self._write(self._accounts, "account", "account_row", rows)

    def write_enrichment(self, rows: Mapping[str, EnrichmentRow]) -> None:
        """Serve these readings from now on."""
        encoded = [EncodedRow(lead, row.known_at, encode_row(row)) for lead, row in rows.items()]
        self._write(self._enrichment, "lead", "enrichment_row", encoded)

    def restore(self, rows: Iterable[EncodedRow]) -> int:
        """Serve these leads' rows, each only if it is newer than what is served, whoever writes meanwhile.

        Returns:
            How many were.
        """
        return self._restore(self._leads, "lead", "lead_row", rows)

    def restore_accounts(self, rows: Iterable[EncodedRow]) -> int:
        """As `restore`, of accounts."""
        return self._restore(self._accounts, "account", "account_row", rows)

    def restore_enrichment(self, rows: Iterable[EncodedRow]) -> int:
        """As `restore`, of readings."""
        return self._restore(self._enrichment, "lead", "enrichment_row", rows)

    def is_whole(self) -> bool:
        """Whether the store holds everything that was ever written to it. Ask after reading: it may be lost between."""
        return self.mark() == self._backend.incarnation()

    def declare_whole(self) -> None:
        """Say that it does."""
        self.set_mark(self.incarnation())

    def incarnation(self) -> str:
        """What the store must be marked with to count as whole; another one if it may have forgotten anything."""
        self.mark()  # a new connection learns it
        return self._backend.incarnation()

    def mark(self) -> str | None:
        """What was said last of the store as a whole; None if that is lost."""
        with self._bounded():
            return self._backend.mark()

    def set_mark(self, mark: str, if_still: str | None = None) -> bool:
        """Say something of the store as a whole; `if_still`: only if that was said last, and is not lost.

        Returns:
            Whether it was said.
        """
        with self._bounded():
            return self._backend.set_mark(mark, if_still)

    def _read(
        self, view: FeatureView, entity: str, column: str, keys: Sequence[str], decode: Callable[[bytes], Row]
    ) -> list[Row | None]:
        if not keys:
            return []
        with self._bounded():
            found = self._store.online_read(self._config, view, [_key(entity, key) for key in keys], [column])
        # SQLite leaves a row out that it does not hold; Redis gives it without a value.
        encoded = [values[column].bytes_val if values and column in values else b"" for _, values in found]
        return [decode(row) if row else None for row in encoded]

    def _write(self, view: FeatureView, entity: str, column: str, rows: Iterable[EncodedRow]) -> None:
        if data := _data(entity, column, rows):
            with self._bounded():
                self._store.online_write_batch(self._config, view, data, None)

    def _restore(self, view: FeatureView, entity: str, column: str, rows: Iterable[EncodedRow]) -> int:
        if not (data := _data(entity, column, rows)):
            return 0
        with self._bounded():
            return self._backend.restore(view, column, data, is_behind)

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        try:
            yield
        except self._backend.faults as error:
            why = str(error).rpartition(_OF_A_COMMAND)[2].rstrip(".")
            raise OnlineStoreUnavailable(
                f"the online store gave no answer: {why}. Nothing is lost: see that it runs, and try again"
            ) from error


def _data(entity: str, column: str, rows: Iterable[EncodedRow]) -> list[StoredRow]:
    written_at = datetime.now(UTC)
    return [(_key(entity, row.key), {column: Value(bytes_val=row.encoded)}, row.known_at, written_at) for row in rows]


def _key(entity: str, value: str) -> EntityKey:
    return EntityKey(join_keys=[entity], entity_values=[Value(string_val=value)])
