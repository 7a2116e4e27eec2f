"""The names that adapters may put into `Draft.properties`, and what they mean.

Invariant: none of them holds a name, an e-mail address, a phone number, an IP address or free text; those go
to `claims`, `private` and `text`. Values are strings, numbers, booleans or lists of strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PROPERTIES: Mapping[str, str] = MappingProxyType(
    {
        # What the sender says of the person or the company; may come with any event type.
        "jobtitle": "job title, as sent",
        "industry": "industry, as sent",
        "company_size": "int: employees of the company; of a range its lower edge",
        "technologies": "list of technologies that the company uses",
        "country": "country, as sent",
        "plan": "the product's plan",
        "lead_source": "where the CRM says the lead came from",
        # web
        "path": "path of the page viewed, or of the link clicked in an e-mail; never with a query",
        "referrer": "host that the visitor came from",
        "content": "what was downloaded",
        # product
        "name": "name of the product's event: the feature used, or the tracked name that no table knows",
        # e-mail
        "category": "list of the mailing's categories",
        "unsubscribe_group": "int: the mailing's unsubscribe group",
        "bounce": "why a message did not arrive: bounce, blocked, dropped",
        "machine": "true where a mail client's privacy proxy opened the message",
        # support
        "status": "ticket: new, open, pending, hold, solved, closed, deleted",
        "priority": "ticket: low, normal, high, urgent",
        "via": "ticket: the channel it came by",
        # CRM
        "object": "crm.stage_changed, crm.outcome: contact or deal",
        "lifecyclestage": "contact: the CRM's lifecycle stage, in lower case",
        "dealstage": "deal: its stage, in lower case",
        "deal_status": "deal: open, won, lost, deleted; counts open opportunities",
        "outcome": "crm.outcome: won, lost, disqualified",
        "reason": "crm.outcome: the CRM's own code for why",
        "amount": "float: deal amount in the portal's currency",
        "pipeline": "deal: its pipeline",
        "action": "what happened to a CRM object where the type does not say: created, deleted, merged, …",
        "own_write_back": "true where our own integration wrote the field; never applies",
        # forms and ads
        "form": "form id",
        "campaign_id": "the advertising platform's campaign",
        "ad_id": "the advertising platform's advertisement",
    }
)
