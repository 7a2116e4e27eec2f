"""How bodies fall into elements. An element stays bytes until it is mapped, so that one cannot spoil the others."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ingestion.errors import ContractBroken

_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder(msgspec.Raw).decode


def is_array(body: bytes) -> bool:
    """Whether the JSON in `body` is an array."""
    return body.lstrip(b" \t\r\n")[:1] == b"["


def one_or_many(body: bytes) -> Sequence[msgspec.Raw]:
    """An array's elements, or the one object that the body is. Raises `msgspec.DecodeError`."""
    return nonempty(_decode_array(body)) if is_array(body) else (_decode_any(body),)


def nonempty(elements: Sequence[msgspec.Raw]) -> Sequence[msgspec.Raw]:
    """The elements; raises `ContractBroken` if there are none, for a message may not vanish."""
    if not elements:
        raise ContractBroken("body: an array of 0 elements, expected at least one")
    return elements
