"""Registrable domains by the public-suffix list that comes with `tldextract`: nothing is fetched or written."""

from __future__ import annotations

from functools import cache, lru_cache

from tldextract import TLDExtract

from ingestion.identity.normalise import normalise_domain


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


@cache
def _suffixes() -> TLDExtract:
    return TLDExtract(suffix_list_urls=(), cache_dir=None)
