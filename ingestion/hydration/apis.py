"""The APIs from which objects may be fetched: the `fetch` tables of the connections file.

    [acme-meta.fetch]
    token = "env:META_PAGE_TOKEN"        # read anew for each request: a file can be replaced while we run
    requests_per_second = 0.5            # what the vendor grants this account, less what others of its tokens use
    version = "v23.0"
    base_url = "https://graph.facebook.com"

Nothing else is ever asked: an address is made of the connection's base URL, the vendor's path, and ids of letters and
digits. Raw messages belong to an API by source system and account.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx2

from ingestion.errors import SettingsError
from ingestion.hydration import VENDORS
from ingestion.hydration.vendor import Vendor, Wanted
from ingestion.receiver.connections import Declared, declarations, secret_of
from ingestion.receiver.limits import Bucket
from ingestion.receiver.senders import SENDERS
from ingestion.sources import ADAPTERS
from ingestion.sources.adapter import Adapter

Owner = tuple[str, str]  # source system and account


@dataclass(frozen=True)
class Api:
    """One account's API with a vendor."""

    name: str  # the connection's
    vendor: Vendor
    account: str
    base_url: str
    version: str
    token: Callable[[], str] = field(repr=False)
    bucket: Bucket
    max_age: timedelta  # an answer that was fetched earlier does not count any more

    @property
    def owner(self) -> Owner:
        """Whose messages it belongs to."""
        return self.vendor.system, self.account

    @property
    def adapter(self) -> Adapter:
        """Who reads the answers."""
        return ADAPTERS[self.vendor.system]

    def request(self, about: Wanted) -> tuple[str, Mapping[str, str], Mapping[str, str]]:
        """Address, query and headers. Raises `SettingsError` if the token is gone."""
        path, query = self.vendor.request(about, self.version)
        return f"{self.base_url}{path}", query, {"authorization": self.vendor.authorize(self.token())}


def load_apis(path: Path, environment: Mapping[str, str] = os.environ, *, required: bool = True) -> dict[Owner, Api]:
    """The declared APIs, by owner; at least one, if it is `required`. No secret is read but the tokens.

    Raises:
        SettingsError: the file or a token is missing or wrong, or no connection has a `fetch` table.
    """
    found: dict[Owner, Api] = {}
    for name, declared in declarations(path).items():
        if declared.fetch is None:
            continue
        api = _api(name, declared, environment)
        other = found.setdefault(api.owner, api)
        if other is not api:
            raise SettingsError(f"connections {other.name} and {name} both fetch for account {api.account}: keep one")
    if required and not found:
        raise SettingsError(f"connections file {path}: no connection has a fetch table, so there is nothing to fetch")
    return found


def _api(name: str, declared: Declared, environment: Mapping[str, str]) -> Api:
    sender, fetch = SENDERS.get(declared.sender), declared.fetch
    vendor = None if sender is None else VENDORS.get(sender.system)
    if vendor is None or fetch is None:
        raise SettingsError(f"connection {name}: fetch is for {', '.join(VENDORS)}, not {declared.sender}")
    base_url = fetch.base_url or vendor.base_url
    if not base_url:
        raise SettingsError(f"connection {name}: fetch.base_url is missing, every customer of {vendor.system} has one")
    try:
        httpx2.URL(base_url)
    except httpx2.InvalidURL as error:
        raise SettingsError(f"connection {name}: fetch.base_url: {error}") from None

    def token() -> str:
        value = secret_of(name, fetch.token, environment).decode()
        if not value.isascii() or not value.isprintable():
            raise SettingsError(f"connection {name}: fetch.token has characters that no token has; copy it again")
        return value

    token()  # so that a missing one stops the start
    return Api(
        name,
        vendor,
        declared.account,
        base_url.rstrip("/"),
        fetch.version or vendor.version,
        token,
        Bucket(fetch.requests_per_second, max(1, int(fetch.requests_per_second))),
        timedelta(days=fetch.max_age_days),
    )
