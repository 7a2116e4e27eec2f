"""Northlight, the firm whose year is told: its domain, and its account with each vendor.

Invariant: every constant a sender's body or header needs to be consistent across vendors stands here once.
"""

from __future__ import annotations

from typing import Final

DOMAIN: Final = "northlight-data.com"  # people with this e-mail domain are staff
SITE: Final = "https://www.northlight-data.com"

# The vendor-side account of each sender: the header `source-account` of its messages.
WORKSPACE: Final = "northlight"  # of the web tracker and the product; website forms read the same cookie
HUBSPOT_PORTAL: Final = 50687303
HUBSPOT_APP: Final = 25681700
ZENDESK_ACCOUNT: Final = 12514403
META_PAGE: Final = "134587001928374"
GOOGLE_CUSTOMER: Final = "7781234567"
SENDGRID_ACCOUNT: Final = "northlight-marketing"
CHAT_PUBLISHER: Final = "chat"

# Scopes of identifiers, as adapters claim them.
CONTACT_SCOPE: Final = f"hubspot:{HUBSPOT_PORTAL}:contact"
DEAL_SCOPE: Final = f"hubspot:{HUBSPOT_PORTAL}:deal"
REQUESTER_SCOPE: Final = f"zendesk:{ZENDESK_ACCOUNT}:user"

TOPICS: Final = {
    "hubspot": "raw.crm",
    "segment": "raw.product",
    "zendesk": "raw.support",
    "canonical": "raw.support",  # the firm's own chat widget
    "sendgrid": "raw.marketing",
    "meta-lead-ads": "raw.marketing",
    "google-lead-form": "raw.marketing",
    "web-form": "raw.marketing",
}

ACCOUNTS: Final = {
    "hubspot": str(HUBSPOT_PORTAL),
    "segment": WORKSPACE,
    "zendesk": str(ZENDESK_ACCOUNT),
    "canonical": CHAT_PUBLISHER,
    "sendgrid": SENDGRID_ACCOUNT,
    "meta-lead-ads": META_PAGE,
    "google-lead-form": GOOGLE_CUSTOMER,
    "web-form": WORKSPACE,
}
