"""Which companies raw messages name, by the domains of addresses and of what is said of a company.

Mail providers' and throw-away domains are nobody's company (ADR 16). A domain that was noted lately is not noted again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from ingestion.contracts.event import Actor, Draft, IdentifierType
from ingestion.contracts.raw import TRACEPARENT, RawMessage
from ingestion.decode import read
from ingestion.hydration.apis import Api
from ingestion.hydration.firmographics import COMPANY
from ingestion.hydration.table import Ask
from ingestion.hydration.vendor import Wanted
from ingestion.identity.lists import Lists
from ingestion.identity.normalise import domain_of
from ingestion.sources.adapter import Tenant
from ingestion.tracing import kept

LATELY = 3600.0  # seconds
REMEMBERED = 100_000  # domains
_ANYBODY = Tenant("-")  # whose events they are makes no difference to whom they name


class Companies:
    """Asks a provider of firmographics for every company that is named."""

    def __init__(self, api: Api, lists: Lists, clock: Callable[[], float] = time.time) -> None:
        self._api = api
        self._lists = lists
        self._clock = clock
        self._noted: dict[str, float] = {}

    def asks_of(self, raw: RawMessage) -> Iterator[Ask]:
        """What a raw message asks for. Elements that cannot be read name nobody."""
        now = self._clock()
        place = f"{raw.topic}/{raw.partition}/{raw.offset}"
        oldest = now - self._api.max_age.total_seconds()
        for domain in {name for draft in read(raw, _ANYBODY) for name in self._named(draft)}:
            if now - self._noted.get(domain, float("-inf")) < LATELY:
                continue
            if len(self._noted) >= REMEMBERED:
                self._noted.clear()
            self._noted[domain] = now
            about, trace = Wanted(COMPANY, domain), kept(raw.headers.get(TRACEPARENT, ""))
            yield Ask(*self._api.owner, about, raw.received.timestamp(), oldest, place, trace)

    def _named(self, draft: object) -> Iterator[str]:
        if not isinstance(draft, Draft) or draft.test or draft.actor is Actor.BOT:
            return
        said = [domain_of(each.value) for each in draft.claims if each.type is IdentifierType.EMAIL]
        if draft.account is not None and draft.account.domain:
            said.append(draft.account.domain)
        for domain in said:
            if company := self._lists.business_domain(domain):
                yield company
