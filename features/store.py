"""The online store, read and written through Feast's own store classes, one layer below its SDK.

Feast's `get_online_features` costs milliseconds a call; the `OnlineStore.online_read` beneath it costs tens of
microseconds and returns the same rows. A contract suite holds both equal on SQLite and Redis.

Invariant: a store that has forgotten anything is not whole until `features.rebuild` has gone through the history. Only
of a whole store does an absent row mean that nothing was ever stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self, TypeVar

from feast import FeatureStore
from feast.errors import FeastObjectNotFoundException
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from sqlalchemy.exc import OperationalError

from features.backends import Table, backend_of
from features.errors import NotBackfilled, OnlineStoreUnavailable
from features.feature_set import SHARED
from features.rows import (
    AccountRow,
    EncodedRow,
    EnrichmentRow,
    LeadRow,
    decode_account_row,
    decode_enrichment_row,
    decode_lead_row,
)
from features.settings import feature_set, open_feast
from ingestion.database import refused
from ingestion.settings import PlatformSettings

Row = TypeVar("Row", LeadRow, AccountRow, EnrichmentRow)
BACKFILLING = "backfilling "  # begins the mark of a store that is not filled yet
WORKERS_PATIENCE = 10.0  # seconds; a micro-batch is written in one go
_OF_A_COMMAND = " of pipeline caused error: "  # redis-py names the command before it, with the bytes of a row

__all__ = ["AccountRow", "EncodedRow", "EnrichmentRow", "LeadRow", "OnlineStore"]


class OnlineStore:
    """Rows by key. Reads and writes block for one round trip, however many keys. Not thread-safe.

    Every method raises `OnlineStoreUnavailable` if the store refuses or is silent for longer than the patience it was
    opened with, and `OnlineStoreForgets` if it is set to drop rows.
    """

    def __init__(self, feast: FeatureStore) -> None:
        self._store = feast._get_provider().online_store
        self._backend = backend_of(self._store, feast.config)
        shared = feast.config.model_copy(update={"project": SHARED})
        readings = feast.registry.get_feature_view("enrichment", SHARED)
        self._leads = Table(feast.config, feast.get_feature_view("lead_state"), "lead", "lead_row")
        self._accounts = Table(feast.config, feast.get_feature_view("account_state"), "account", "account_row")
        self._enrichment = Table(shared, readings, "lead", "enrichment_row")

    @classmethod
    def open(cls, settings: PlatformSettings, patience: float = WORKERS_PATIENCE) -> Self:
        """The online store of this platform's feature set; `patience` in seconds.

        Raises:
            NotBackfilled: its views were not applied.
            DatabaseRefused: the registry that says so is in a database, which is away.
        """
        try:
            return cls(open_feast(settings, patience))
        except FeastObjectNotFoundException as error:
            raise NotBackfilled(feature_set(settings).service, f"has no online store ({error})") from error
        except OperationalError as error:
            raise refused(settings.feast_registry, error) from error

    def is_filled(self) -> bool:
        """Whether no backfill is under way. Says nothing of what was lost."""
        return not (self.mark() or "").startswith(BACKFILLING)

    def read(self, leads: Sequence[str]) -> list[LeadRow | None]:
        """The leads' rows, in order; None for a lead without state."""
        return self._read(self._leads, leads, decode_lead_row)

    def read_accounts(self, accounts: Sequence[str]) -> list[AccountRow | None]:
        """The accounts' rows, in order; None for an account without state."""
        return self._read(self._accounts, accounts, decode_account_row)

    def read_enrichment(self, leads: Sequence[str]) -> list[EnrichmentRow | None]:
        """The newest readings, in order; None for a lead that has written nothing."""
        return self._read(self._enrichment, leads, decode_enrichment_row)

    def write(self, rows: Iterable[EncodedRow]) -> int:
        """Serve these leads' rows from now on, each unless what is served was known as late, whoever writes meanwhile.

        Durable in the store's own sense when it returns.

        Returns:
            How many are served.
        """
        return self._write(self._leads, rows)

    def write_accounts(self, rows: Iterable[EncodedRow]) -> int:
        """As `write`, of accounts."""
        return self._write(self._accounts, rows)

    def write_enrichment(self, rows: Iterable[EncodedRow]) -> int:
        """As `write`, of readings."""
        return self._write(self._enrichment, rows)

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

    def _read(self, table: Table, keys: Sequence[str], decode: Callable[[bytes], Row]) -> list[Row | None]:
        if not keys:
            return []
        asked = [_key(table.entity, key) for key in keys]
        with self._bounded():
            found = self._store.online_read(table.config, table.view, asked, [table.column])
        # SQLite leaves a row out that it does not hold; Redis gives it without a value.
        encoded = [values[table.column].bytes_val if values and table.column in values else b"" for _, values in found]
        return [decode(row) if row else None for row in encoded]

    def _write(self, table: Table, rows: Iterable[EncodedRow]) -> int:
        if not (given := list(rows)):
            return 0
        with self._bounded():
            return self._backend.write(table, given)

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        try:
            yield
        except self._backend.faults as error:
            why = str(error).rpartition(_OF_A_COMMAND)[2].rstrip(".")
            raise OnlineStoreUnavailable(
                f"the online store gave no answer: {why}. Nothing is lost: see that it runs, and try again"
            ) from error


def _key(entity: str, value: str) -> EntityKey:
    return EntityKey(join_keys=[entity], entity_values=[Value(string_val=value)])
