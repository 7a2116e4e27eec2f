"""Which company an identifier or a hint speaks for. A company's name alone never decides."""

from __future__ import annotations

from enum import IntEnum

from ingestion.contracts.event import AccountHint
from ingestion.identity.lists import Lists


class AccountRule(IntEnum):
    """Why a component belongs to an account, strongest first."""

    VERIFIED_EMAIL_DOMAIN = 0
    COMPANY_DOMAIN = 1
    EMAIL_DOMAIN = 2
    CRM_ACCOUNT = 3


def hinted_accounts(hint: AccountHint, lists: Lists) -> list[tuple[AccountRule, str]]:
    """The accounts that a sender's hint names, by rule."""
    named = []
    domain = lists.business_domain(hint.domain) if hint.domain else None
    if domain is not None:
        named.append((AccountRule.COMPANY_DOMAIN, domain))
    if hint.crm_id:
        named.append((AccountRule.CRM_ACCOUNT, f"crm:{hint.crm_id}"))
    return named
