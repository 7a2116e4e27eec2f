"""What must come of the demo company's messages, worked out slowly from its generator's own truth.

Nothing of the pipeline is imported: fates and persons are what the generator meant, and features are counted by looking
at every body.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from leadline.company import Company, ElementTruth, Fate, Flag, RawOut

ElementName = tuple[int, int]  # number of the message in publish order, element
Message = tuple[str, int, int]  # topic, partition, offset
FORMS = ("meta-lead-ads", "google-lead-form", "web-form")
COUNTED = ("page_views_7d", "content_downloads_30d", "email_opens_30d", "form_submissions_ever")


@dataclass(frozen=True)
class Ending:
    """How a run ends: what became of each element, who is who, and how often people did what.

    Persons are named by the good elements that are about them.
    """

    fates: dict[ElementName, Counter[Fate]]  # one a delivery
    people: frozenset[frozenset[ElementName]]
    counts: dict[frozenset[ElementName], tuple[float, ...]]  # in the order of `COUNTED`


def expected(company: Company, deliveries: Mapping[int, int], as_of: datetime) -> Ending:
    """The right ending, features as of a moment. `deliveries` says how often each message was sent."""
    people: dict[int, set[ElementName]] = defaultdict(set)
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    fates: dict[ElementName, Counter[Fate]] = {}
    for element in company.truth.elements():
        times, name = deliveries.get(element.message, 0), (element.message, element.index)
        if not times:
            continue
        fates[name] = Counter({element.fate: times})
        if element.fate is Fate.GOOD:
            fates[name] = Counter({Fate.GOOD: 1, Fate.DUPLICATE: times - 1}) if times > 1 else Counter({Fate.GOOD: 1})
            people[element.owner].add(name)
            counts[element.owner].update(_counted(company.messages[element.message], element, as_of))
    named = {owner: frozenset(elements) for owner, elements in people.items()}
    return Ending(
        fates,
        frozenset(named.values()),
        {named[owner]: tuple(float(counts[owner][name]) for name in COUNTED) for owner in named},
    )


def _counted(message: RawOut, told: ElementTruth, as_of: datetime) -> Iterator[str]:
    """The features that an element adds one to."""
    if told.flag is not Flag.NONE:
        return
    system, body = message.headers["source-system"], _element(message, told.index)
    happened = min(_when(system, body), message.received)
    this_week = as_of - timedelta(days=7) <= happened  # moments of whole hours: `as_of` is midnight
    this_month = as_of - timedelta(days=30) <= happened
    if system in FORMS:
        yield "form_submissions_ever"
    elif system == "sendgrid" and body["event"] == "open" and this_month:
        yield "email_opens_30d"
    elif system == "segment" and body["type"] == "page" and this_week:
        yield "page_views_7d"
    elif system == "segment" and body.get("event") == "Content Downloaded" and this_month:
        yield "content_downloads_30d"


def _element(message: RawOut, index: int) -> dict[str, Any]:
    body = json.loads(message.value)
    found: dict[str, Any] = body[index] if isinstance(body, list) else body
    return found


def _when(system: str, body: dict[str, Any]) -> datetime:
    if system == "sendgrid":
        return datetime.fromtimestamp(body["timestamp"], UTC)
    if system == "segment":
        return datetime.fromisoformat(body["timestamp"])
    return datetime.min.replace(tzinfo=UTC)  # it is counted whenever it was
