"""Asks a schema registry which subjects a schema belongs to, and whether they are allowed.

Reference: docs.confluent.io/platform/current/schema-registry/develop/api.html; Karapace, Apicurio and Redpanda speak it
too. A registry never gives an id to another schema, so an answer holds for ever and a replay meets the same one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import httpx2
import msgspec

from ingestion.errors import Retry, SettingsError, UnknownVersion
from ingestion.framing import Schemas, schema_id
from ingestion.sources.fields import named

TIMEOUT_SECONDS = 5.0
_TRIES_TO_CONNECT = 2
_NO_SUCH_SCHEMA = 40403
_LAST_ID = 2**31 - 1  # what asks for more is answered as if nobody lived at the address


class _Use(msgspec.Struct):
    """A place where a schema is registered."""

    subject: str
    version: int


class _Fault(msgspec.Struct):
    """What a registry says instead of an answer."""

    error_code: int


_decode_uses = msgspec.json.Decoder(list[_Use]).decode
_decode_fault = msgspec.json.Decoder(_Fault).decode


class SchemaRegistry:
    """A registry, and the subjects whose schemas are allowed. Not safe for several threads."""

    def __init__(self, url: str, subjects: Collection[str], credentials: str = "") -> None:
        """`credentials`: `user:password`, or a cloud's `key:secret`; none if empty.

        Raises `SettingsError` if no subject is allowed.
        """
        if not subjects:
            raise SettingsError("LEADLINE_SCHEMA_SUBJECTS: is empty, expected the subjects whose schemas are allowed")
        self._url, self._subjects = url.rstrip("/"), frozenset(subjects)
        user, _, password = credentials.partition(":")
        self._client = httpx2.Client(
            auth=(user, password) if credentials else None,
            transport=httpx2.HTTPTransport(retries=_TRIES_TO_CONNECT),
            timeout=TIMEOUT_SECONDS,
        )
        self._allowed: set[int] = set()

    def resolve(self, values: Iterable[bytes]) -> Schemas:
        """What is to be said of each schema that these values are framed with. A request for each id not met before.

        Raises:
            Retry: the registry does not answer; nothing was decided about any value.
            SettingsError: it does not let us in, or it is no registry.
        """
        numbers = {number for value in values if (number := schema_id(value)) is not None}
        return {number: self._refusal(number) for number in numbers}

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _refusal(self, number: int) -> UnknownVersion | None:
        if number in self._allowed:
            return None
        uses = self._uses(number) if number <= _LAST_ID else []
        if any(use.subject in self._subjects for use in uses):
            self._allowed.add(number)
            return None
        known = ", ".join(f"{named(use.subject)} version {use.version}" for use in uses) or "not known to the registry"
        expected = ", ".join(sorted(self._subjects))
        return UnknownVersion(f"body: schema id {number} is {known}, expected a subject of {expected}")

    def _uses(self, number: int) -> list[_Use]:
        """Where a schema is registered, or was: what lies on a topic outlives its deletion."""
        try:
            answer = self._client.get(f"{self._url}/schemas/ids/{number}/versions", params={"deleted": "true"})
            if answer.status_code == httpx2.codes.OK:
                return _decode_uses(answer.content)
            if answer.status_code == httpx2.codes.NOT_FOUND and _is_registrys(answer.content):
                return []
        except (httpx2.TransportError, msgspec.DecodeError) as error:
            raise Retry(f"schema registry {self._url}: {type(error).__name__} for schema id {number}") from None
        if answer.status_code in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN, httpx2.codes.NOT_FOUND):
            raise SettingsError(
                f"schema registry {self._url} answers {answer.status_code}: "
                "mend LEADLINE_SCHEMA_REGISTRY_URL or LEADLINE_SCHEMA_REGISTRY_KEY"
            )
        raise Retry(f"schema registry {self._url} answers {answer.status_code} for schema id {number}")


def _is_registrys(content: bytes) -> bool:
    """Whether a 404 says that there is no such schema, not that nobody lives at the address."""
    try:
        return _decode_fault(content).error_code == _NO_SUCH_SCHEMA
    except msgspec.DecodeError:
        return False
