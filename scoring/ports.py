"""What scoring needs of the other stages, as narrow as it uses it; tests stand small ones in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from features.rows import AccountRow, EnrichmentRow, LeadRow
from ingestion.contracts.event import Claim
from ingestion.identity import Resolved


class Rows(Protocol):
    """The online store. Every call blocks for one read of all keys; the answer is in the order of the keys."""

    def read(self, leads: Sequence[str]) -> Sequence[LeadRow | None]:
        """The leads' rows."""
        ...

    def read_accounts(self, accounts: Sequence[str]) -> Sequence[AccountRow | None]:
        """The accounts' rows."""
        ...

    def read_enrichment(self, leads: Sequence[str]) -> Sequence[EnrichmentRow | None]:
        """The newest readings."""
        ...

    def is_whole(self) -> bool:
        """Whether the store holds everything that was ever written to it; asked after reading."""
        ...


class Identities(Protocol):
    """Who an identifier belongs to."""

    def resolve(self, claim: Claim) -> Resolved | None:
        """The live lead; blocks for a database query."""
        ...


class Recorder(Protocol):
    """Where decisions become durable."""

    async def record(self, lead: str, body: bytes) -> None:
        """Return once the record is acknowledged.

        Raises:
            NotRecorded: it was not, in time.
        """
        ...
