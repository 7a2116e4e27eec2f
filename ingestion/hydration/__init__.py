"""Hydration: what a vendor's message only points to is fetched from its API, and enters as a raw message of its own.

Invariant: a message that asks for something is committed only when the ask is in the table `hydrations`, and an ask is
done only when the answer's bytes are durable on the raw topic (ADR 14). Repeating either changes nothing.

A vendor is one file here with a `VENDOR`, and one line below; its adapter in `ingestion/sources/` reads the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ingestion.hydration import hubspot, meta_lead_ads, salesforce, zendesk
from ingestion.hydration.vendor import Vendor

_REGISTERED = (hubspot.VENDOR, meta_lead_ads.VENDOR, salesforce.VENDOR, zendesk.VENDOR)

VENDORS: Mapping[str, Vendor] = MappingProxyType({vendor.system: vendor for vendor in _REGISTERED})
