"""API keys: who may do what. Only hashes are configured; a key is shown once, when it is made.

Keys are 256 random bits, so a plain SHA-256 suffices: there is nothing to guess.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from ingestion.errors import SettingsError


class Scope(StrEnum):
    """What a key may do."""

    SCORE = "score"  # ask for scores
    READ = "read"  # read leads and decisions
    ADMIN = "admin"  # read metrics, rule on identity


@dataclass(frozen=True, slots=True)
class Client:
    """Who holds a key."""

    name: str
    scopes: frozenset[Scope]
    digest: bytes


class Access:
    """The configured clients."""

    def __init__(self, clients: tuple[Client, ...]) -> None:
        self._clients = clients

    def client(self, key: str) -> Client | None:
        """Whose key this is. Every hash is compared, in constant time each."""
        digest = sha256(key.encode()).digest()
        found = None
        for client in self._clients:
            if hmac.compare_digest(client.digest, digest):
                found = client
        return found


def parse(configured: str) -> Access:
    """The clients in `name:scope+scope:sha256hex`, comma-separated, or in a JSON list of such strings.

    Raises:
        SettingsError: an entry is malformed or a name is used twice; the entry is counted, never shown.
    """
    text = configured.strip()
    try:
        entries = json.loads(text) if text.startswith("[") else [part for part in text.split(",") if part.strip()]
    except ValueError:
        raise SettingsError("LEADLINE_API_KEYS starts like a JSON list and is none") from None
    clients = tuple(_client(number, str(entry)) for number, entry in enumerate(entries, 1))
    if len({client.name for client in clients}) != len(clients):
        raise SettingsError("LEADLINE_API_KEYS names a client twice; give every key a name of its own")
    return Access(clients)


def _client(number: int, entry: str) -> Client:
    try:
        name, scopes, digest = entry.strip().split(":")
        client = Client(name, frozenset(map(Scope, scopes.split("+"))), bytes.fromhex(digest))
    except ValueError:
        client = Client("", frozenset(), b"")
    if not client.name or len(client.digest) != sha256().digest_size:
        raise SettingsError(
            f"entry {number} of LEADLINE_API_KEYS is not name:scope+scope:sha256hex with scopes of "
            f"{'+'.join(Scope)}; hash a key with `printf %s KEY | sha256sum`"
        )
    return client
