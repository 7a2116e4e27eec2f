"""The online store, read and written through Feast's own store classes, one layer below its SDK.

Feast's `get_online_features` costs milliseconds a call; the `OnlineStore.online_read` beneath it costs tens of
microseconds and returns the same rows. A contract suite holds both equal on SQLite and Redis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Self, TypeVar

from feast import FeatureStore, FeatureView
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from features.rows import (
    AccountRow,
    EncodedRow,
    EnrichmentRow,
    LeadRow,
    decode_account_row,
    decode_enrichment_row,
    decode_lead_row,
    encode_row,
)
from features.settings import open_feast
from ingestion.settings import PlatformSettings

Row = TypeVar("Row", LeadRow, AccountRow, EnrichmentRow)

__all__ = ["AccountRow", "EncodedRow", "EnrichmentRow", "LeadRow", "OnlineStore"]


class OnlineStore:
    """Rows by key. Reads and writes block for one round trip, however many keys. Not thread-safe."""

    def __init__(self, feast: FeatureStore) -> None:
        self._config = feast.config
        self._store = feast._get_provider().online_store
        self._leads = feast.get_feature_view("lead_state")
        self._accounts = feast.get_feature_view("account_state")
        self._enrichment = feast.get_feature_view("enrichment")

    @classmethod
    def open(cls, settings: PlatformSettings) -> Self:
        """The online store of this platform; its views must have been applied."""
        return cls(open_feast(settings))

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
        encoded = [EncodedRow(lead, row.read_at, encode_row(row)) for lead, row in rows.items()]
        self._write(self._enrichment, "lead", "enrichment_row", encoded)

    def _read(
        self, view: FeatureView, entity: str, column: str, keys: Sequence[str], decode: Callable[[bytes], Row]
    ) -> list[Row | None]:
        if not keys:
            return []
        found = self._store.online_read(self._config, view, [_key(entity, key) for key in keys], [column])
        # SQLite leaves a row out that it does not hold; Redis gives it without a value.
        encoded = [values[column].bytes_val if values and column in values else b"" for _, values in found]
        return [decode(row) if row else None for row in encoded]

    def _write(self, view: FeatureView, entity: str, column: str, rows: Iterable[EncodedRow]) -> None:
        written_at = datetime.now(UTC)
        data = [
            (_key(entity, row.key), {column: Value(bytes_val=row.encoded)}, row.known_at, written_at) for row in rows
        ]
        if data:
            self._store.online_write_batch(self._config, view, data, None)


def _key(entity: str, value: str) -> EntityKey:
    return EntityKey(join_keys=[entity], entity_values=[Value(string_val=value)])
