"""Salesforce: a gap event, or a change of which only a difference was sent, says that a record must be read again.

References: developer.salesforce.com/docs/platform/change-data-capture/guide ("Gap Events"), …/docs/platform/api_rest
("sObject Rows"; a refusal is an array of errors, a spent day's limit has the status 403).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ingestion.hydration.vendor import Vendor, Wanted, wanted
from ingestion.sources import salesforce_outbound, salesforce_snapshot
from ingestion.sources.salesforce import SOURCE
from ingestion.sources.salesforce_change import change_of, record_of
from ingestion.sources.salesforce_objects import READERS


def _asks(element: msgspec.Raw) -> Iterable[Wanted]:
    if salesforce_outbound.is_notification(element) or salesforce_snapshot.is_snapshot(element):
        return ()
    record = record_of(change_of(element))
    if record.entity not in READERS or record.verb == "deleted" or not (record.gap or record.unread):
        return ()
    return wanted(record.entity, record.id or "", anew=True)


def _request(about: Wanted, version: str) -> tuple[str, Mapping[str, str]]:
    return f"/services/data/{version}/sobjects/{about.kind}/{about.id}", {}


VENDOR = Vendor(
    system=SOURCE.system,
    base_url="",
    version="v60.0",
    asks=_asks,
    request=_request,
    code_at=(0, "errorCode"),
    throttles=frozenset({"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE"}),
)
