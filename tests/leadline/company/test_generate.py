"""The year of raw messages: determinism, volume, order, headers, well-formed bodies, planted traps."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from ingestion.contracts.raw import RAW_TOPICS
from ingestion.decode import MAX_BYTES
from leadline.company import Company, Fate, generate

ARRAYS = {"hubspot", "sendgrid"}
CAP = MAX_BYTES


def test_the_same_seed_gives_the_same_bytes(small: Company, end: datetime) -> None:
    again = generate(seed=3, leads=150, end=end)
    assert again.messages == small.messages
    assert again.truth == small.truth


def test_another_seed_gives_another_year(small: Company, end: datetime) -> None:
    other = generate(seed=4, leads=150, end=end)
    assert {message.value for message in other.messages}.isdisjoint(
        message.value for message in small.messages if len(message.value) > 100
    )


def test_the_default_company_has_about_two_thousand_people_and_sixty_thousand_events(company: Company) -> None:
    assert 54_000 <= company.truth.totals["elements"] <= 66_000
    people = sum(company.truth.totals[f"{kind}_entities"] for kind in ("buyer", "prospect", "visitor"))
    assert 1_950 <= people <= 2_000


def test_events_grow_with_leads(small: Company, company: Company) -> None:
    per_lead = [small.truth.totals["elements"] / 150, company.truth.totals["elements"] / 2000]
    assert all(25 < ratio < 45 for ratio in per_lead)


def test_messages_come_in_received_order_within_the_year(company: Company, end: datetime) -> None:
    received = [message.received for message in company.messages]
    assert received == sorted(received)
    assert company.truth.start <= received[0]
    assert received[-1] <= end


def test_every_message_says_where_it_came_from_and_that_it_is_history(company: Company) -> None:
    systems: set[str] = set()
    for message in company.messages:
        assert message.topic in RAW_TOPICS
        assert message.key
        assert message.headers["imported"] == "true"
        assert message.headers["source-account"]
        assert datetime.fromisoformat(message.headers["received-time"]) == message.received
        systems.add(message.headers["source-system"])
    assert {"hubspot", "segment", "zendesk", "sendgrid", "meta-lead-ads", "google-lead-form", "web-form"} <= systems
    assert "canonical" in systems


def test_every_body_parses_except_planted_poison(company: Company) -> None:
    for message, fates in zip(company.messages, company.truth.fates, strict=True):
        if Fate.QUARANTINED in fates and len(fates) == 1:
            continue
        body = json.loads(message.value)
        is_array = message.headers["source-system"] in ARRAYS
        assert isinstance(body, list) == is_array
        assert len(fates) == (len(body) if is_array else 1)
        assert len(message.value) <= CAP
        assert len(fates) <= 20


def test_poison_stays_below_the_brokers_limit_and_some_is_above_ours(company: Company) -> None:
    sizes = sorted(len(message.value) for message in company.messages)
    assert CAP < sizes[-1] < 1_000_000


def test_counts_add_up_and_every_element_has_one_fate(company: Company) -> None:
    truth = company.truth
    totals, elements = truth.totals, list(truth.elements())
    fates = Counter(element.fate for element in elements)
    assert totals["messages"] == len(company.messages) == len(truth.fates)
    assert totals["elements"] == len(elements) == totals["good"] + totals["quarantined"] + totals["duplicates"]
    assert fates == {
        Fate.GOOD: totals["good"],
        Fate.QUARANTINED: totals["quarantined"],
        Fate.DUPLICATE: totals["duplicates"],
    }
    assert totals["quarantined"] == truth.planted["poison"]
    assert totals["duplicates"] == truth.planted["duplicates"]
    assert totals["good"] == sum(person.events for person in truth.people)
    assert totals["entities"] == len(truth.people) == truth.expected_entities
    flagged = truth.planted["test_pings"] + truth.planted["bot_events"] + truth.planted["staff_events"]
    assert totals["flagged"] == flagged


@pytest.mark.parametrize("leads", [20, 150])
def test_every_trap_is_planted_even_in_a_small_company(leads: int, end: datetime) -> None:
    planted = generate(leads=leads, end=end).truth.planted
    always = {"late", "out_of_order", "duplicates", "poison", "test_pings", "bot_events", "staff_events"}
    always |= {"shared_mailboxes", "anonymous_to_known", "blocked_identifiers", "free_mail_people", "address_variants"}
    always |= {"prompt_injections", "poison_unknown_version", "poison_huge", "poison_unknown_source"}
    assert {name for name in always if not planted.get(name)} == set()


def test_a_repeated_delivery_has_its_originals_events_and_key(company: Company) -> None:
    originals: dict[object, bytes] = {}
    repeated = 0
    for message, fates in zip(company.messages, company.truth.fates, strict=True):
        if Fate.QUARANTINED in fates:
            continue
        body = json.loads(message.value)
        for element in body if isinstance(body, list) else [body]:
            identity = json.dumps({name: value for name, value in element.items() if name != "attemptNumber"})
            if Fate.DUPLICATE in fates:
                assert originals[identity] == message.key
                repeated += 1
            else:
                assert identity not in originals
                originals[identity] = message.key
    assert 0 < repeated <= company.truth.planted["duplicates"]


def test_free_text_comes_in_six_languages(company: Company) -> None:
    everything = b"".join(message.value for message in company.messages if len(message.value) < CAP).decode(
        errors="ignore"
    )
    for words in ("We have budget", "Das Budget ist", "Le budget", "Tenemos presupuesto", "हमारा बजट", "O orçamento"):
        assert words in everything or json.dumps(words)[1:-1] in everything


def test_a_naive_end_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        generate(end=datetime(2025, 1, 1))  # noqa: DTZ001


def test_too_few_leads_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 20"):
        generate(leads=5, end=datetime(2025, 1, 1, tzinfo=UTC))
