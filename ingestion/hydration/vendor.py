"""What hydration knows of a vendor: what its messages only point to, how to ask for that, how an answer is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

_ID = re.compile(r"[0-9A-Za-z]{1,40}")


class Wanted(NamedTuple):
    """An object that a message points to without holding it."""

    kind: str  # the vendor's word for it
    id: str  # letters and digits: it becomes part of an address
    scope: str = ""  # the vendor's own account, where ids are counted by it and an answer does not name it
    anew: bool = False  # it has changed: an answer that was fetched before does not count


def wanted(kind: str, id_: object, scope: object = "", *, anew: bool = False) -> tuple[Wanted, ...]:
    """A tuple of one, or of none where an id is no id: ingestion says so, and nobody asks a vendor for it."""
    about = Wanted(kind, str(id_), str(scope), anew)
    is_plain = _ID.fullmatch(about.id) and (not about.scope or _ID.fullmatch(about.scope))
    return (about,) if is_plain else ()


def bearer(token: str) -> str:
    """The header `Authorization` by which most APIs know who asks."""
    return f"Bearer {token}"


def as_it_is(_: Wanted, answer: bytes) -> bytes:
    """The answer says of itself what it is about."""
    return answer


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor. All functions are pure."""

    system: str  # whose adapter reads the answers
    base_url: str  # empty where every customer has one of its own
    version: str  # of the API
    asks: Callable[[msgspec.Raw], Iterable[Wanted]]  # of an element; may raise what the adapter's `draft` may
    request: Callable[[Wanted, str], tuple[str, Mapping[str, str]]]  # and a version: the path and the query
    wrap: Callable[[Wanted, bytes], bytes] = as_it_is  # an answer, its bytes untouched, as the adapter reads it
    authorize: Callable[[str], str] = bearer  # a token
    code_at: tuple[str | int, ...] = ()  # where a refusal has the vendor's own word for the reason
    throttles: frozenset[str] = frozenset()  # those of them that mean "too many requests", whatever the status
