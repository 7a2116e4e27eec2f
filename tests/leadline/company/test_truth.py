"""The truth about identities and fates, held against what the real adapters read from the same bytes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest

from ingestion.contracts.event import Actor, Draft, IdentifierType
from ingestion.decode import MAX_BYTES
from ingestion.errors import Quarantine
from ingestion.sources import ADAPTERS
from ingestion.sources.adapter import SourceContext, Tenant, source_uri
from leadline.company import Company, ElementTruth, Fate, Flag, Truth, firm, generate
from leadline.company.forms import ROLE_MAILBOXES
from leadline.company.visits import BLOCKED
from leadline.company.world import Kind

CAP = MAX_BYTES
TENANT = Tenant("demo", frozenset({firm.DOMAIN}), frozenset(), firm.WORKSPACE)
Identifier = tuple[str, str, str]
Read = list[tuple[ElementTruth, Draft | None]]


@pytest.fixture(scope="module")
def read(company: Company) -> Read:
    """Every element with the draft that its adapter makes of it, None where it refuses."""
    return list(_read(company))


def _read(company: Company) -> Iterator[tuple[ElementTruth, Draft | None]]:
    told = company.truth.elements()
    for message, fates in zip(company.messages, company.truth.fates, strict=True):
        system, account = message.headers["source-system"], message.headers["source-account"]
        context = SourceContext(TENANT, account, message.received, source_uri("demo", system, account))
        adapter = ADAPTERS.get(system)
        elements: list[msgspec.Raw | None] = [None]
        if adapter is not None and len(message.value) <= CAP:
            try:
                elements = list(adapter.elements(message.value))
            except (msgspec.DecodeError, Quarantine, RecursionError):
                elements = [None]
        assert len(elements) == len(fates)
        for element in elements:
            draft = None
            if adapter is not None and element is not None:
                try:
                    draft = adapter.draft(element, context)
                except (msgspec.DecodeError, Quarantine, RecursionError, UnicodeDecodeError):
                    draft = None
            yield next(told), draft


def own_claims(draft: Draft) -> set[Identifier]:
    """The claims that identity resolution may use."""
    usable = (IdentifierType.CRM, IdentifierType.USER_ID, IdentifierType.EMAIL, IdentifierType.ANONYMOUS_ID)
    return {
        (str(claim.type), claim.scope, claim.value)
        for claim in draft.claims
        if claim.type in usable
        and claim.value not in BLOCKED
        and claim.scope != "meta:leadgen"  # the form's own id, seen once
        and not claim.value.startswith(ROLE_MAILBOXES)
    }


def test_the_adapters_agree_with_every_fate(read: Read) -> None:
    seen: set[tuple[str, str]] = set()
    wrong: Counter[tuple[str, str]] = Counter()
    for told, draft in read:
        fate = Fate.QUARANTINED
        if draft is not None:
            fate = Fate.DUPLICATE if (draft.source, draft.id) in seen else Fate.GOOD
            seen.add((draft.source, draft.id))
        if fate is not told.fate:
            wrong[told.fate, fate] += 1
    assert wrong == Counter()


def test_the_adapters_agree_with_every_flag(read: Read) -> None:
    for told, draft in read:
        if draft is not None:
            assert draft.test == (told.flag is Flag.TEST)
            assert (draft.actor is Actor.BOT) == (told.flag is Flag.BOT)
            assert draft.actor is Actor.STAFF or told.flag is not Flag.STAFF


def test_the_truth_lists_exactly_the_identifiers_that_the_adapters_claim(read: Read, company: Company) -> None:
    claimed: dict[int, set[Identifier]] = defaultdict(set)
    for told, draft in read:
        if draft is not None and told.fate is Fate.GOOD:
            claimed[told.owner] |= own_claims(draft)
    for person in company.truth.people:
        if person.kind is not Kind.MAILBOX:
            assert set(person.identifiers) == claimed[person.number]


def test_an_identifier_belongs_to_one_person(company: Company) -> None:
    owners: dict[Identifier, int] = {}
    for person in company.truth.people:
        for kind, scope, value in person.identifiers:
            spelled = value.lower().replace("+news", "") if kind == "email" else value
            if spelled.endswith("@gmail.com"):
                spelled = spelled.removesuffix("@gmail.com").replace(".", "")
            assert owners.setdefault((kind, scope, spelled), person.number) == person.number


def test_everybodys_identifiers_hang_together_without_relying_on_cookies(read: Read, company: Company) -> None:
    check_connected(read, company)


def test_identifiers_hang_together_in_a_year_that_begins_in_the_middle_of_a_working_day() -> None:
    company = generate(seed=2, end=datetime(2025, 9, 20, 18, 17, tzinfo=UTC))
    check_connected(list(_read(company)), company)


def check_connected(read: Read, company: Company) -> None:
    """Strong identifiers are connected among themselves; each cookie is then tied to one of them."""
    strong: dict[Identifier, Identifier] = {}
    tied: set[Identifier] = set()

    def root(one: Identifier) -> Identifier:
        while strong.setdefault(one, one) != one:
            one = strong[one]
        return one

    for told, draft in read:
        if draft is None or told.fate is not Fate.GOOD:
            continue
        claims = {(kind, scope, _plain(value)) for kind, scope, value in own_claims(draft)}
        known = sorted(claim for claim in claims if claim[0] != "anonymous_id")
        for one in known:
            strong[root(one)] = root(known[0])
        if known:
            tied |= claims
    for person in company.truth.people:
        identifiers = {(kind, scope, _plain(value)) for kind, scope, value in person.identifiers}
        known = [one for one in identifiers if one[0] != "anonymous_id"]
        assert len({root(one) for one in known}) <= 1
        if known and person.kind is not Kind.MAILBOX:
            assert identifiers <= tied


def _plain(value: str) -> str:
    """Spellings of one address as one; other values as they are."""
    if "@" not in value:
        return value
    local, domain = value.lower().split("@")
    local = local.replace("+news", "")
    return f"{local.replace('.', '') if domain == 'gmail.com' else local}@{domain}"


def test_a_person_has_at_most_one_of_each_lifelong_identifier(company: Company) -> None:
    for person in company.truth.people:
        lifelong = Counter((kind, scope) for kind, scope, _ in person.identifiers if kind in ("crm", "user_id"))
        assert max(lifelong.values(), default=0) <= 1


def test_the_truth_survives_json(company: Company) -> None:
    assert Truth.from_json(company.truth.to_json()) == company.truth
