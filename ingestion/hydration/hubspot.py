"""HubSpot: notices name objects by their ids and at most one property; the CRM API has the others.

An object is fetched when it is first mentioned, and again when contacts were merged into it or it was restored: what
changes later comes as notices. References: developers.hubspot.com/docs/api-reference (crm/objects, by date since
2026-03, before that as `v3`; properties that a portal does not have are left out of the answer).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ingestion.hydration.vendor import Vendor, Wanted, wanted
from ingestion.sources.hubspot import OBJECT_TYPES, SOURCE, TEST_EVENT, Notice, ends_of
from ingestion.sources.hubspot_object import READ

_PATHS: Mapping[str, str] = {"contact": "contacts", "company": "companies", "deal": "deals"}
_GONE = frozenset({"deletion", "privacyDeletion"})
_MADE_ANEW = frozenset({"merge", "restore"})

_decode = msgspec.json.Decoder(Notice).decode


def _asks(element: msgspec.Raw) -> Iterable[Wanted]:
    notice = _decode(element)
    _, _, action = notice.subscription_type.partition(".")
    if notice.event_id == TEST_EVENT or action in _GONE or notice.association_removed:
        return ()
    anew = action in _MADE_ANEW
    return [
        one
        for kind, id_ in _objects(notice)
        if kind in _PATHS
        for one in wanted(kind, id_, notice.portal_id, anew=anew)
    ]


def _objects(notice: Notice) -> Iterable[tuple[str, int | str | None]]:
    """What a notice is about, by kind and id."""
    kind, _, action = notice.subscription_type.partition(".")
    if action == "associationChange":
        return zip(ends_of(notice, kind), (notice.from_object_id, notice.to_object_id), strict=True)
    named = OBJECT_TYPES.get(notice.object_type_id or "", "") if kind == "object" else kind
    return ((named, notice.new_object_id or notice.primary_object_id or notice.object_id),)


def _request(about: Wanted, version: str) -> tuple[str, Mapping[str, str]]:
    place = f"{version}/objects" if version.startswith("v") else f"objects/{version}"
    return f"/crm/{place}/{_PATHS[about.kind]}/{about.id}", {"properties": ",".join(READ[about.kind])}


def _wrap(about: Wanted, answer: bytes) -> bytes:
    return b'{"portalId":"%b","objectType":"%b","object":%b}' % (about.scope.encode(), about.kind.encode(), answer)


VENDOR = Vendor(
    system=SOURCE.system,
    base_url="https://api.hubapi.com",
    version="2026-03",
    asks=_asks,
    request=_request,
    wrap=_wrap,
    code_at=("category",),
)
