"""The vendors' APIs, and connections that fetch from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.hydration.apis import Api, Owner, load_apis
from tests.ingestion.hydration.vendors import Vendors, listening

TOKENS = {
    "META_TOKEN": "meta-page-token",
    "HUBSPOT_TOKEN": "pat-eu1-token",
    "ZENDESK_TOKEN": "jo@acme.com/token:abc",
    "SALESFORCE_TOKEN": "00D!AQ4AQ",
}
SENDERS = {"meta-lead-ads": "META", "hubspot": "HUBSPOT", "zendesk": "ZENDESK", "salesforce": "SALESFORCE"}


def write_connections(path: Path, url: str, **fetch: object) -> Path:
    """A connections file with an API of each vendor at `url`. `fetch` adds to each of their tables."""
    lines: list[str] = []
    for sender, name in SENDERS.items():
        lines += [f"[acme-{sender}]", f'sender = "{sender}"', 'account = "northlight"', 'secrets = ["env:UNSET"]']
        lines += [f"[acme-{sender}.fetch]", f'token = "env:{name}_TOKEN"', f'base_url = "{url}"']
        lines += [f"{key} = {value}" for key, value in ({"requests_per_second": 1000} | fetch).items()]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def vendors() -> Iterator[Vendors]:
    with listening() as vendors:
        yield vendors


@pytest.fixture
def apis(vendors: Vendors, tmp_path: Path) -> dict[Owner, Api]:
    """An API of each vendor, as `northlight`."""
    return load_apis(write_connections(tmp_path / "connections.toml", vendors.url), TOKENS)
