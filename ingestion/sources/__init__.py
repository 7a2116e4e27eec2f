"""The registry of source adapters: one line per source system, as the header `source-system` names it.

A new source is one file here with `SOURCE`, `elements` and `draft`, and one line below.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ingestion.sources import (
    amplitude,
    canonical,
    close,
    cloudevents,
    customerio,
    erpnext,
    firmographics,
    google_lead_form,
    hubspot,
    intercom,
    mailchimp,
    marketo,
    meta_lead_ads,
    mixpanel,
    operator,
    outreach,
    posthog,
    salesforce,
    segment,
    sendgrid,
    web_form,
    zendesk,
)
from ingestion.sources.adapter import Adapter

_REGISTERED: tuple[Adapter, ...] = (
    amplitude,
    canonical,
    close,
    cloudevents,
    customerio,
    erpnext,
    firmographics,
    google_lead_form,
    hubspot,
    intercom,
    mailchimp,
    marketo,
    meta_lead_ads,
    mixpanel,
    operator,
    outreach,
    posthog,
    salesforce,
    segment,
    sendgrid,
    web_form,
    zendesk,
)

ADAPTERS: Mapping[str, Adapter] = MappingProxyType({adapter.SOURCE.system: adapter for adapter in _REGISTERED})
