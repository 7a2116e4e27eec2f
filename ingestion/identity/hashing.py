"""Keyed hashes and the ids made from them. Nothing outside the worker sees a raw identifier.

Invariant: equal inputs under one key give equal hashes for ever; without the key nobody can try values out.
"""

from __future__ import annotations

import base64
import hmac
from functools import lru_cache

from ingestion.contracts.event import IdentifierType

CACHED = 65_536  # leads and bonds: one that comes once soon comes again
HASH_BYTES = 16  # 32 hex digits: 10 million leads collide with a probability of 1e-25
_SEPARATOR = "\x1f"


class KeyedHash:
    """HMAC-SHA256 under the tenant's identity key, cut to 128 bits."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.lead = lru_cache(CACHED)(self._lead)
        self.bond = lru_cache(CACHED)(self._bond)

    def identifier(self, kind: IdentifierType, scope: str, value: str) -> str:
        """32 hex digits for a normalised identifier."""
        return self._digest("identifier", kind.value, scope, value).hex()

    def text(self, text: str) -> str:
        """32 hex digits for a free text, so that equal texts are known without being read."""
        return self._digest("text", text).hex()

    def _lead(self, minted_from: str, account: str | None, withdrawn: int = 0) -> str:
        """The lead id of the component whose strongest identifier is `minted_from`: `ld_` and 26 characters.

        `withdrawn` counts the bonds that were withdrawn at its identifiers: whoever was parted has a new id.
        """
        parts = (str(withdrawn),) if withdrawn else ()
        return f"ld_{_base32(self._digest('lead', minted_from, account or '', *parts))}"

    def account(self, name: str) -> str:
        """The account id of a registrable domain or CRM account: `ac_` and 26 characters."""
        return f"ac_{_base32(self._digest('account', name))}"

    def _bond(self, a: str, b: str, rule: str) -> str:
        """32 hex digits that name an edge."""
        return self._digest("bond", a, b, rule).hex()

    def _digest(self, *parts: str) -> bytes:
        return hmac.digest(self._key, _SEPARATOR.join(parts).encode("utf-8", "surrogatepass"), "sha256")[:HASH_BYTES]


def _base32(digest: bytes) -> str:
    return base64.b32encode(digest).decode().rstrip("=").lower()
