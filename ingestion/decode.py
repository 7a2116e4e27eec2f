"""From a raw message to drafts: any bytes in, one draft or one typed reason out for every element.

Invariant: `read` never raises and never drops an element. A body that cannot be split is one element.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from ingestion.contracts.event import MAX_PARTS, Draft
from ingestion.contracts.raw import CONTENT_TYPE, SOURCE_ACCOUNT, SOURCE_SYSTEM, RawMessage
from ingestion.errors import ContractBroken, Quarantine, Undecodable, UnknownSource
from ingestion.framing import NO_SCHEMAS, Schemas, payload, refusal
from ingestion.sources import ADAPTERS
from ingestion.sources.adapter import Adapter, Opener, SourceContext, Tenant, source_uri
from ingestion.sources.fields import named, plain_id

MAX_BYTES = 800 * 1024  # of a body; SendGrid's batches, the largest of the senders', end at 768 KB
DEFAULT_ACCOUNT = "default"

# Half of a surrogate pair, as JavaScript writes a text that was cut inside an emoji.
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_TYPES = {'"': "string", "{": "object", "[": "array", "t": "boolean", "f": "boolean", "n": "null"}
_QUOTED = re.compile(r"'([^']*)'")


def read(raw: RawMessage, tenant: Tenant, schemas: Schemas = NO_SCHEMAS) -> list[Draft | Quarantine]:
    """What a raw message holds: a draft for every element, or the reason why it must be set aside.

    Pure in its arguments, so that a replay of the same message gives the same list. Does not block.

    Args:
        schemas: what a schema registry said of the message's schema, where its value is framed with one.
    """
    refused = refusal(raw.value, schemas)
    if refused is not None:
        return [refused]
    system = raw.headers.get(SOURCE_SYSTEM, "")
    adapter = ADAPTERS.get(system)
    if adapter is None:
        known = ", ".join(sorted(ADAPTERS))
        return [UnknownSource(f"header {SOURCE_SYSTEM}: {named(system)} has no adapter, expected one of {known}")]
    try:
        elements = _split(raw, adapter)
    except Quarantine as reason:
        return [reason]
    account = raw.headers.get(SOURCE_ACCOUNT) or DEFAULT_ACCOUNT
    context = SourceContext(tenant, account, raw.received, source_uri(tenant.name, system, account))
    return [_draft(adapter, element, context) for element in elements]


def _split(raw: RawMessage, adapter: Adapter) -> Sequence[msgspec.Raw]:
    body = payload(raw.value)
    if len(body) > MAX_BYTES:
        raise Undecodable(f"body: {len(body)} bytes, expected at most {MAX_BYTES}")
    media = _media_type(raw.headers.get(CONTENT_TYPE, ""))
    opener = adapter.SOURCE.opens.get(media)
    if opener is None:
        _require_json(media, adapter)
    try:
        body.decode()  # the JSON reader skips unknown fields without looking at their encoding
        elements = _elements(body, raw.headers, adapter, opener)
    except UnicodeDecodeError as error:
        raise Undecodable(f"body: byte {error.start} is not UTF-8") from None
    except msgspec.ValidationError as error:
        raise ContractBroken(_reason(error)) from None
    except msgspec.DecodeError as error:
        raise Undecodable(f"body: {_reason(error)}") from None
    except RecursionError:
        raise Undecodable("body: nested too deeply to read") from None
    if len(elements) > MAX_PARTS:
        raise ContractBroken(f"body: {len(elements)} elements, expected at most {MAX_PARTS}")
    return elements


def _elements(
    body: bytes, headers: Mapping[str, str], adapter: Adapter, opener: Opener | None
) -> Sequence[msgspec.Raw]:
    """The adapter's split; halves of surrogate pairs, which JSON allows and the reader does not, become U+FFFD."""

    def split(body: bytes) -> Sequence[msgspec.Raw]:
        return adapter.elements(body if opener is None else opener(body, headers))

    try:
        return split(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        mended = _LONE_SURROGATE.sub(lambda found: found[1] + (found[2] or rb"\ufffd"), body)
        if mended == body:
            raise
        return split(mended)


def _draft(adapter: Adapter, element: msgspec.Raw, context: SourceContext) -> Draft | Quarantine:
    try:
        return adapter.draft(element, context)
    except Quarantine as reason:
        return reason
    except msgspec.ValidationError as error:
        return ContractBroken(_reason(error))
    except msgspec.DecodeError as error:
        return Undecodable(_reason(error))
    except RecursionError:
        return Undecodable("element: nested too deeply to read")
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # A fault of the adapter. It must not stop the partition; the element can be replayed when it is mended.
        return Undecodable(f"element: the adapter failed with {type(error).__name__}; mend it, then replay")


@lru_cache(maxsize=256)
def _media_type(content_type: str) -> str:
    """The media type in lower case; raises `Undecodable` for another charset than UTF-8."""
    media, *parameters = (part.strip() for part in content_type.lower().split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise Undecodable(f"header {CONTENT_TYPE}: charset {named(value)}, expected utf-8")
    return media


def _require_json(media: str, adapter: Adapter) -> None:
    """Raises `Undecodable` for a content type that nobody opens. A missing one is JSON: not every sender names it."""
    if media and media not in ("application/json", "text/json") and not media.endswith("+json"):
        expected = " or ".join(dict.fromkeys(("application/json", *filter(None, adapter.SOURCE.opens))))
        raise Undecodable(f"header {CONTENT_TYPE}: {named(media)}, expected {expected}")


def _reason(error: msgspec.MsgspecError) -> str:
    """The reader's own words (field, type, expectation), without a sender's value that might be personal."""
    return _QUOTED.sub(lambda found: named(found[1]), str(error))


def elements(raw: RawMessage) -> Sequence[msgspec.Raw]:
    """The elements of a raw message; empty for what cannot be read: `read` says why."""
    adapter = ADAPTERS.get(raw.headers.get(SOURCE_SYSTEM, ""))
    try:
        return () if adapter is None else _split(raw, adapter)
    except Quarantine:
        return ()


def field_types(raw: RawMessage) -> dict[str, str]:
    """The first element's fields and their JSON types, by which a sender's habits are watched.

    Empty for what cannot be read or is no object.
    """
    found = elements(raw)
    try:
        fields = _decode_fields(found[0]) if found else {}
    except (msgspec.DecodeError, RecursionError):
        return {}
    return {
        name: _TYPES.get(chr(memoryview(value)[0]), "number") for name, value in fields.items() if named(name)[0] == "'"
    }


def subject(body: bytes, headers: Mapping[str, str], adapter: Adapter) -> str | None:
    """The id of the object that a body's first element is about: the key of a raw message. `None` if none is found.

    Messages about one object then keep their order on the raw topic. Bodies about several go with the first.
    Raises `RecursionError` for a body that is nested more deeply than any reader follows.
    """
    try:
        media = _media_type(headers.get(CONTENT_TYPE, ""))
        opener = adapter.SOURCE.opens.get(media)
        first = adapter.elements(body if opener is None else opener(body, headers))[0]
        for path in adapter.SOURCE.about:
            found: msgspec.Raw | None = first
            for name in path.split("."):
                found = None if found is None else _decode_fields(found).get(name)
            if found is not None and (value := msgspec.json.decode(found, type=str | int | list[str] | None)):
                return plain_id(value[0] if isinstance(value, list) else value)
    except (Quarantine, msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return None
    return None
