"""Meta lead ads: the page's notice holds ids, the Graph API holds the answers.

References: developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving (`GET /{leadgen_id}`; a day's limit is
200 × 24 × the page's leads of 90 days), …/docs/graph-api/overview/rate-limiting (a throttled request gets status 400
or 403 with one of these codes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ingestion.hydration.vendor import Vendor, Wanted, wanted
from ingestion.sources.meta_lead_ads import SOURCE, Change

FIELDS = "id,created_time,ad_id,form_id,campaign_id,campaign_name,field_data"

_decode = msgspec.json.Decoder(Change).decode


def _asks(element: msgspec.Raw) -> Iterable[Wanted]:
    change = _decode(element)
    if change.field != "leadgen" or change.value is None or change.value.field_data:
        return ()
    return wanted("lead", change.value.leadgen_id)


def _request(about: Wanted, version: str) -> tuple[str, Mapping[str, str]]:
    return f"/{version}/{about.id}", {"fields": FIELDS}


VENDOR = Vendor(
    system=SOURCE.system,
    base_url="https://graph.facebook.com",
    version="v23.0",
    asks=_asks,
    request=_request,
    code_at=("error", "code"),
    throttles=frozenset({"4", "17", "32", "613", "80005"}),
)
