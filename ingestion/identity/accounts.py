"""Which company an identifier or a hint speaks for. A company's name alone never decides.

The public-suffix list is the one bundled with `tldextract`: nothing is fetched and nothing is written to disk.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache, lru_cache

from disposable_email_domains import blocklist
from tldextract import TLDExtract

from ingestion.contracts.event import AccountHint
from ingestion.identity.normalise import normalise_domain, read_list


class AccountRule(IntEnum):
    """Why a component belongs to an account, strongest first."""

    VERIFIED_EMAIL_DOMAIN = 0
    COMPANY_DOMAIN = 1
    EMAIL_DOMAIN = 2
    CRM_ACCOUNT = 3


@lru_cache(maxsize=65_536)
def business_domain(domain: str) -> str | None:
    """The registrable domain of a company; None for mail providers, throw-away addresses and bare suffixes."""
    name = registrable_domain(domain)
    return None if name is None or name in free_mail_domains() or is_disposable(domain) else name


@lru_cache(maxsize=65_536)
def registrable_domain(domain: str) -> str | None:
    """The domain one level below its public suffix: `mail.acme.co.uk` → `acme.co.uk`."""
    host = normalise_domain(domain)
    if host is None:
        return None
    found = _suffixes()(host)
    if found.suffix:
        return f"{found.domain}.{found.suffix}" if found.domain else None
    return ".".join(host.split(".")[-2:])  # the list's own rule for a suffix it does not hold: the last label


@lru_cache(maxsize=65_536)
def is_disposable(domain: str) -> bool:
    """Whether the domain gives throw-away addresses (list: disposable-email-domains, CC0)."""
    return domain in blocklist or registrable_domain(domain) in blocklist


@cache
def free_mail_domains() -> frozenset[str]:
    """Registrable domains of mail providers for everybody."""
    return read_list("free_mail_domains.txt")


def hinted_accounts(hint: AccountHint) -> list[tuple[AccountRule, str]]:
    """The accounts that a sender's hint names, by rule."""
    named = []
    domain = business_domain(hint.domain) if hint.domain else None
    if domain is not None:
        named.append((AccountRule.COMPANY_DOMAIN, domain))
    if hint.crm_id:
        named.append((AccountRule.CRM_ACCOUNT, f"crm:{hint.crm_id}"))
    return named


@cache
def _suffixes() -> TLDExtract:
    return TLDExtract(suffix_list_urls=(), cache_dir=None)
