"""Personal data, sealed under a key of each person's own, so that erasing the key erases the person.

Invariant: a data key is stored only wrapped by the master key; once erased it is never made again, and what later
arrives about that lead is kept without its personal part. AES-256-GCM with the lead id as associated data; data keys
wrapped as in RFC 3394.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from sqlalchemy import Column, Connection, DateTime, Engine, LargeBinary, String, Table, insert, select, update

from ingestion.contracts.event import RawPointer
from ingestion.database import metadata, reading
from ingestion.errors import Stop
from ingestion.identity.tables import among

KEY_BYTES = 32
NONCE_BYTES = 12

person_keys = Table(
    "person_keys",
    metadata,
    Column("lead", String(40), primary_key=True),
    Column("wrapped", LargeBinary, nullable=True),  # NULL once erased
    Column("erased_at", DateTime(timezone=True), nullable=True),
)
_KEYS_OF = select(person_keys.c.lead, person_keys.c.wrapped).where(among(person_keys.c.lead, "leads"))
_INSERT = insert(person_keys)

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(dict[str, str]).decode


class Sealed(Stop):
    """The personal data cannot be opened."""


class PersonErased(Sealed):
    """The person's key was destroyed; the data is gone for good."""


class PersonKey:
    """One person's data key, unwrapped. Lives for one micro-batch or one question."""

    __slots__ = ("_cipher", "_key", "_lead")

    def __init__(self, lead: str, key: bytes) -> None:
        self._lead = lead.encode()
        self._key = key
        self._cipher = AESGCM(key)

    def seal(self, values: Mapping[str, str], raw: RawPointer) -> str:
        """Base64 of nonce and ciphertext. The nonce follows from coordinates and content: a replay seals equal bytes.

        The content is in it because a newer adapter may read the same element otherwise, and one nonce for two
        contents would give both away.
        """
        content = _encode(values)
        place = f"{raw.topic}/{raw.partition}/{raw.offset}/{raw.index}\0".encode()
        nonce = hmac.digest(self._key, place + content, "sha256")[:NONCE_BYTES]
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, content, self._lead)).decode()

    def open(self, sealed: str) -> dict[str, str]:
        """What was sealed.

        Raises:
            Sealed: it was sealed for another person or was changed since.
        """
        data = base64.b64decode(sealed)
        try:
            return _decode(self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], self._lead))
        except InvalidTag:
            raise Sealed(f"personal data of {self._lead.decode()} was sealed for another lead, or changed") from None


class Vault:
    """The keys table and the master key."""

    def __init__(self, engine: Engine, master_key: bytes) -> None:
        self._engine = engine
        self._master_key = master_key

    def keys_for(self, connection: Connection, leads: Iterable[str]) -> dict[str, PersonKey]:
        """Each lead's key, made where there is none; erased leads are left out. Two round trips."""
        wanted = sorted(set(leads))
        if not wanted:
            return {}
        known = {row.lead: row.wrapped for row in connection.execute(_KEYS_OF, {"leads": wanted})}
        keys = {
            lead: PersonKey(lead, aes_key_unwrap(self._master_key, wrapped))
            for lead, wrapped in known.items()
            if wrapped is not None
        }
        made = []
        for lead in wanted:
            if lead not in known:
                key = os.urandom(KEY_BYTES)
                keys[lead] = PersonKey(lead, key)
                made.append({"lead": lead, "wrapped": aes_key_wrap(self._master_key, key)})
        if made:
            connection.execute(_INSERT, made)
        return keys

    def known_keys(self, leads: Collection[str]) -> dict[str, PersonKey]:
        """Each lead's key; erased leads, and those that have none, are left out. One round trip."""
        query = _KEYS_OF.where(person_keys.c.wrapped.is_not(None))
        with reading(self._engine) as connection:
            rows = connection.execute(query, {"leads": leads}).all()
        return {row.lead: PersonKey(row.lead, aes_key_unwrap(self._master_key, row.wrapped)) for row in rows}

    def open(self, lead: str, sealed: str) -> dict[str, str]:
        """The personal data that an event of `lead` carries. One round trip.

        Raises:
            PersonErased: the key was destroyed.
            Sealed: there is no such key, or the data was changed.
        """
        with reading(self._engine) as connection:
            query = select(person_keys.c.wrapped, person_keys.c.erased_at).where(person_keys.c.lead == lead)
            row = connection.execute(query).first()
        if row is None:
            raise Sealed(f"there is no key for {lead}: was the event sealed with another database?")
        if row.wrapped is None:
            raise PersonErased(f"{lead} was erased at {row.erased_at}; its personal data cannot be read any more")
        return PersonKey(lead, aes_key_unwrap(self._master_key, row.wrapped)).open(sealed)

    def erase(self, lead: str) -> None:
        """Destroy the lead's key. Safe to repeat."""
        with self._engine.begin() as connection:
            gone = {"wrapped": None, "erased_at": datetime.now(UTC)}
            if not connection.execute(update(person_keys).where(person_keys.c.lead == lead).values(gone)).rowcount:
                connection.execute(insert(person_keys).values(lead=lead, **gone))
