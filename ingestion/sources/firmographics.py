"""Firmographics: what a data provider, or a file of one's own, says of a company by its domain.

An element is a row of a file (`domain`, `employees`, `industry`, `technologies`, …), or what hydration makes of a
provider's answer: `{"domain": …, "company": …}`. Providers group their fields (`category.industry`), so a field counts
by its own name. It names nobody: whatever an answer says of people is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from ingestion.contracts.event import AccountHint, Actor, Channel, Draft, EventType, ObjectRef
from ingestion.errors import ContractBroken
from ingestion.identity.domains import registrable_domain
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import broken, host_of, plain_id
from ingestion.sources.product_draft import company_of
from ingestion.sources.split import one_or_many

SOURCE = Source(
    system="firmographics",
    sender="Data providers and files of companies, by domain",
    topic="raw.crm",
    makes=(EventType.ACCOUNT_CHANGED,),
    dedupe="hash of domain, day of receipt and content: what is said again on another day is said anew",
    ordering="none",
    leaves_out={"fields about people": "a company is asked for, and nobody in it"},
    about=("domain", "website"),
)

_FACTS = ("company_size", "country", "industry", "technologies")
_ALSO = {"tech": "technologies", "numberofemployees": "employees", "size": "employees"}

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def elements(body: bytes) -> Sequence[msgspec.Raw]:
    """One company, or an array of them."""
    return one_or_many(body)


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """What is said of one company."""
    fields = _decode(element)
    answer = fields.get("company")
    said = company_of(_flat(answer if isinstance(answer, dict) else fields))
    named = fields.get("domain") or fields.get("website")
    domain = registrable_domain(host_of(named) or "")
    if domain is None:
        raise broken("domain", named, "the company's domain")
    facts = {name: said.properties[name] for name in _FACTS if name in said.properties}
    if not facts and said.company is None:
        raise ContractBroken("company: got nothing that is known, expected name, industry, employees or technologies")
    return Draft(
        id=sha256(b"%b %b %b" % (domain.encode(), str(context.received.date()).encode(), element)).hexdigest(),
        source=context.source,
        type=EventType.ACCOUNT_CHANGED,
        time=context.received,
        channel=Channel.CRM,
        account=AccountHint(domain=domain, name=said.company),
        object=ObjectRef("company", plain_id(domain)),
        properties=facts,
        actor=Actor.AUTOMATION,
    )


def _flat(said: dict[str, Any]) -> dict[str, Any]:
    """Fields and those of groups by their own names; a field of the company itself counts before a group's."""
    inner = {name: each for group in said.values() if isinstance(group, dict) for name, each in group.items()}
    return {_ALSO.get(name.lower(), name): value for name, value in {**inner, "name": None, **said}.items()}
