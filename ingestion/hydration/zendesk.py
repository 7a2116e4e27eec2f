"""Zendesk: a ticket names its requester by an id, the users API ties that id to an address.

References: developer.zendesk.com/api-reference/ticketing/users/users ("Show User"), …/introduction/security-and-auth
(an API token goes as Basic `{e-mail}/token:{token}`, an OAuth token as Bearer).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping

import msgspec

from ingestion.hydration.vendor import Vendor, Wanted, bearer, wanted
from ingestion.sources.zendesk import SOURCE, Notice, requester_of

_decode = msgspec.json.Decoder(Notice).decode


def _asks(element: msgspec.Raw) -> Iterable[Wanted]:
    notice = _decode(element)
    requester = requester_of(notice)
    return () if requester is None else wanted("user", requester, notice.account_id)


def _request(about: Wanted, version: str) -> tuple[str, Mapping[str, str]]:
    return f"/api/{version}/users/{about.id}", {}


def _wrap(about: Wanted, answer: bytes) -> bytes:
    return b'{"account_id":"%b","answer":%b}' % (about.scope.encode(), answer)


def _authorize(token: str) -> str:
    return f"Basic {b64encode(token.encode()).decode()}" if ":" in token else bearer(token)


VENDOR = Vendor(
    system=SOURCE.system,
    base_url="",
    version="v2",
    asks=_asks,
    request=_request,
    wrap=_wrap,
    authorize=_authorize,
    code_at=("error",),
)
