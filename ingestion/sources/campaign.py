"""UTM parameters and click ids, from a tracker's context, a form's fields or a page's address."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from ingestion.contracts.event import Campaign
from ingestion.sources.fields import tag_of

CLICK_IDS = ("gclid", "fbclid", "msclkid", "li_fat_id")
_MAX_QUERY = 4096


def campaign_of(
    *,
    source: Any = None,
    medium: Any = None,
    name: Any = None,
    term: Any = None,
    content: Any = None,
    click_ids: dict[str, Any] | None = None,
) -> Campaign | None:
    """A campaign of whatever was sent; `None` if nothing was."""
    clicks = {key: tag for key, value in (click_ids or {}).items() if (tag := tag_of(value))}
    found = Campaign(tag_of(source), tag_of(medium), tag_of(name), tag_of(term), tag_of(content), clicks)
    return None if found == Campaign() else found


def campaign_in(address: Any) -> Campaign | None:
    """The campaign that a page's address or query string names."""
    if not isinstance(address, str) or (
        "utm_" not in address and "clid=" not in address and "li_fat_id=" not in address
    ):
        return None
    try:
        query = parse_qs(address.partition("?")[2].partition("#")[0][:_MAX_QUERY], max_num_fields=100)
    except ValueError:
        return None
    first = {name: values[0] for name, values in query.items()}
    return campaign_of(
        source=first.get("utm_source"),
        medium=first.get("utm_medium"),
        name=first.get("utm_campaign"),
        term=first.get("utm_term"),
        content=first.get("utm_content"),
        click_ids={name: first.get(name) for name in CLICK_IDS},
    )
