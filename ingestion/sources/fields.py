"""Small readers that every adapter uses: times, event ids, texts, paths, and the sentence for a broken field."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import msgspec

from ingestion.contracts.event import Claim, IdentifierType
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import SourceContext

Number = int | Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,30}$")]  # a vendor's account
Id = int | Annotated[str, msgspec.Meta(min_length=1, pattern=r"^\S+$")]  # a vendor's id of a thing
Moment = Annotated[datetime, msgspec.Meta(tz=True)]  # RFC 3339 with a zone

MAX_ID = 100  # characters of a canonical event's id
MAX_VALUE = 300  # characters of a property; a longer one is not a property but a text
MAX_NAMED = 60  # characters of a sender's value that a reason may repeat

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_SECOND = int(_EARLIEST.timestamp())
_LAST_SECOND = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())
_REDACTED = ":redacted"


def broken(field: str, value: object, expected: str) -> ContractBroken:
    """The reason for a field out of contract: its name, its value's type, the expectation. Never the value."""
    kind = "null" if value is None else type(value).__name__
    return ContractBroken(f"{field}: got {kind}, expected {expected}")


def named(value: str) -> str:
    """A sender's own word (a type, a version) as a reason may repeat it; anything that could be personal is not."""
    plain = len(value) <= MAX_NAMED and value.isascii() and value.isprintable() and "@" not in value
    return f"'{value}'" if plain else f"{len(value)} characters"


def from_seconds(value: float, field: str) -> datetime:
    """Epoch seconds as an aware datetime; raises `ContractBroken` before 2000 and after 9998."""
    if not _FIRST_SECOND <= value < _LAST_SECOND:
        raise ContractBroken(f"{field}: {value:.0f} s is no time from 2000 on, expected epoch seconds")
    return datetime.fromtimestamp(value, UTC)


def from_millis(value: int, field: str) -> datetime:
    """Epoch milliseconds as an aware datetime; raises `ContractBroken` before 2000 and after 9998."""
    if not _FIRST_SECOND * 1000 <= value < _LAST_SECOND * 1000:
        raise ContractBroken(f"{field}: is no time from 2000 on, expected epoch milliseconds")
    return datetime.fromtimestamp(value / 1000, UTC)


def from_moment(value: datetime, field: str) -> datetime:
    """An aware datetime in UTC; raises `ContractBroken` before 2000 and after 9998."""
    if not 1999 <= value.year < 9999:
        raise ContractBroken(f"{field}: the year {value.year} is out of range, expected 2000 or later")
    moment = value.astimezone(UTC)
    if moment < _EARLIEST:
        raise ContractBroken(f"{field}: the year {moment.year} is out of range, expected 2000 or later")
    return moment


def from_iso(value: str, field: str) -> datetime:
    """ISO 8601 with a zone, also in the form `+0000` that RFC 3339 forbids and Meta sends."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise broken(field, value, "an ISO 8601 date and time") from None
    if moment.tzinfo is None:
        raise broken(field, value, "an ISO 8601 date and time with a zone")
    return from_moment(moment, field)


def plain_id(value: str | int) -> str:
    """A vendor's id as it may stand in the clear: short printable ASCII as it is, else its SHA-256.

    Hashed too is what looks like an e-mail address, for some senders make ids of them.
    """
    if isinstance(value, int):
        value = str(value)
    if 0 < len(value) <= MAX_ID and value.isascii() and value.isprintable() and "@" not in value:
        return value
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def content_id(context: SourceContext, kind: str, reference: str, time: datetime, element: msgspec.Raw) -> str:
    """The id of an element that carries none: a hash of its source, type, object, time and content.

    The content is written anew with sorted names, so that a resent element with other spacing is the same one.
    """
    body = msgspec.json.encode(msgspec.json.decode(element), order="sorted")
    head = "\x1f".join((context.source, kind, reference, time.isoformat()))
    return sha256(head.encode("utf-8", "surrogatepass") + b"\x1f" + body).hexdigest()


def text_of(value: Any) -> str | None:
    """A value as a trimmed string; `None` for what is no string or number, and for an empty one."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def tag_of(value: Any) -> str | None:
    """A short label as a property may hold it: no longer than `MAX_VALUE` and without anything like an address."""
    text = text_of(value)
    if text is None or "@" in text or "%40" in text:
        return None
    return text[:MAX_VALUE]


def count_of(value: Any) -> int | None:
    """A head count: a number, or the first number of a range such as `51-200` or `10,001+`."""
    text = text_of(value)
    if text is None or len(text) > 20:
        return None
    digits = text.replace(",", "").replace(".0", "").split("-")[0].split("–")[0].strip(" +<>~")
    return int(digits) if digits.isascii() and digits.isdigit() else None


def list_of(value: Any) -> list[str]:
    """Labels from a list or from a string with `;` or `,` between them."""
    if isinstance(value, str):
        value = value.replace(";", ",").split(",")
    if not isinstance(value, list):
        return []
    return [tag for item in value[:100] if (tag := tag_of(item))]


def path_of(url: Any) -> str | None:
    """The path of an address, without query and fragment; a part that looks like an e-mail address is masked."""
    if not isinstance(url, str) or not url:
        return None
    path = url
    if not url.startswith("/") or url.startswith("//"):
        try:
            path = urlsplit(url).path or "/"
        except ValueError:
            return None
    path = path.partition("?")[0].partition("#")[0]
    if "@" in path or "%" in path:
        path = "/".join(_REDACTED if "@" in unquote(part) else part for part in path.split("/"))
    return path[:MAX_VALUE] or None


def host_of(url: Any) -> str | None:
    """The host of an address in lower case."""
    return _host(url) if isinstance(url, str) and url else None


@lru_cache(maxsize=4096)
def _host(url: str) -> str | None:
    try:
        return urlsplit(url if "//" in url else f"//{url}").hostname
    except ValueError:
        return None


def is_staff(email: str | None, context: SourceContext) -> bool:
    """Whether an e-mail address belongs to the tenant's own people."""
    domains = context.tenant.staff_domains
    return bool(domains) and email is not None and email.rpartition("@")[2].strip().lower() in domains


def claim(kind: IdentifierType, value: Any, *, verified: bool = False, scope: str = "") -> tuple[Claim, ...]:
    """A claim as a tuple of one, or of none where the value is empty."""
    text = text_of(value)
    return () if text is None else (Claim(kind, text, verified, scope),)
