"""One question to a vendor's API: its answer's bytes, or a reason to ask later, or a reason not to.

Invariant: nothing but the address asked for is visited (no redirect is followed), no more than `MAX_ANSWER_BYTES` are
held, nothing lasts longer than `ASK_SECONDS`, and no reason repeats what was sent or received beyond the vendor's own
code for an error.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import msgspec

from ingestion.decode import MAX_BYTES
from ingestion.errors import FetchDelayed, FetchRefused, SettingsError
from ingestion.hydration.apis import Api
from ingestion.hydration.vendor import Vendor, Wanted
from ingestion.sources.fields import named

MAX_ANSWER_BYTES = MAX_BYTES - 1024  # what `Vendor.wrap` puts around it fits as well
ASK_SECONDS = 20.0
LONGEST_RETRY_AFTER_SECONDS = 24 * 3600.0

_OK = 200
_NOT_FOUND = 404
_TOO_MANY = 429
_LATER = frozenset({408, 425, _TOO_MANY})
_NEXT_STEPS = {
    301: "set fetch.base_url to where the API is now",
    302: "set fetch.base_url to where the API is now",
    401: "the token is not valid: renew it",
    403: "the token may not read this: look at its scopes",
    _NOT_FOUND: "the vendor has no such object, or the token may not see it",
}
_HEADERS = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "leadline"}

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def client_for(in_flight: int) -> httpx2.AsyncClient:
    """A client that asks one API, at most so many questions at once."""
    limits = httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    return httpx2.AsyncClient(headers=_HEADERS, limits=limits, timeout=ASK_SECONDS, follow_redirects=False)


async def ask(client: httpx2.AsyncClient, api: Api, about: Wanted, *, seconds: float = ASK_SECONDS) -> bytes:
    """The body of the API's answer, a JSON object.

    Raises:
        FetchDelayed: busy, broken or out of reach; says for how long, if the API did.
        FetchRefused: it will not give the object, however often it is asked.
    """
    try:
        url, query, headers = api.request(about)
        async with asyncio.timeout(seconds), client.stream("GET", url, params=query, headers=headers) as response:
            body = await _body_of(response)
    except TimeoutError:
        raise FetchDelayed(f"no whole answer within {seconds:.0f} s") from None
    except httpx2.HTTPError as error:
        raise FetchDelayed(f"no answer: {type(error).__name__}") from None
    except SettingsError as error:
        raise FetchDelayed(str(error)) from None
    if response.status_code != _OK:
        raise _reason(api.vendor, response, body)
    try:
        body.decode()
        _decode_object(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FetchDelayed("status 200, but the body is no JSON object") from None
    return body


async def _body_of(response: httpx2.Response) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise FetchDelayed("the answer is packed, although it was asked for as it is")
    chunks, size = [], 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise FetchRefused(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _reason(vendor: Vendor, response: httpx2.Response, body: bytes) -> FetchDelayed | FetchRefused:
    status, code = response.status_code, _code(vendor, body)
    told = f"status {status}" + (f", code {named(code)}" if code else "")
    if status == _TOO_MANY or code in vendor.throttles:
        return FetchDelayed(told, after=_retry_after(response), throttled=True)
    if status in _LATER or status >= 500:
        return FetchDelayed(told, after=_retry_after(response))
    why = _NEXT_STEPS.get(status, "the vendor does not take the request")
    return FetchRefused(f"{told}: {why}", missing=status == _NOT_FOUND)


def _code(vendor: Vendor, body: bytes) -> str:
    """The vendor's own word for what is wrong; empty if it has none."""
    try:
        found: Any = msgspec.json.decode(body)
        for step in vendor.code_at:
            found = found[step]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        return ""
    return str(found) if isinstance(found, str | int) else ""


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds; the header holds a number of them or a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value) if value.isdigit() else _until(parsedate_to_datetime(value))
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def _until(moment: datetime) -> float:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()
