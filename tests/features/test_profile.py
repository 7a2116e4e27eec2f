"""Of what sources say about a profile the most believed one's counts, in every order, and it is shown who said it."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from features.definitions import LEAD_SCORING
from features.priority import PROFILE, RANKS
from features.profile import Belief, profile_of
from features.state import LeadState
from ingestion.contracts.event import Consent, Event, EventType
from ingestion.sources import ADAPTERS
from tests.features.conftest import ACME, NOW, event_of, record, said
from tests.features.oracle import Worker

DAY = timedelta(days=1)


def title(system: str, words: str, days_ago: float, offset: int) -> Event:
    """Somebody says what the lead's job is."""
    return event_of(record(jobtitle=words), at=NOW - days_ago * DAY, lead="ld_0", system=system, offset=offset)


def profile(*events: Event) -> dict[str, Belief]:
    """The lead's, after these events."""
    worker = Worker()
    worker.handle(events)
    (lead,) = {event.lead for event in events}
    return profile_of(worker.leads[lead], worker.accounts.get(ACME))


def test_a_crm_is_believed_over_a_form_and_a_form_over_a_mailing_tool_however_old() -> None:
    events = title("hubspot", "CEO", 300, 0), title("web-form", "VP Sales", 30, 1), title("mailchimp", "Intern", 3, 2)
    for number, order in enumerate(permutations(events)):
        renumbered = [
            title(event.source.split("/")[3], event.data.properties["jobtitle"], days, place)
            for place, (event, days) in enumerate((e, (NOW - e.time) / DAY) for e in order)
        ]
        assert profile(*renumbered)["seniority"] == Belief(5.0, "hubspot", NOW - 300 * DAY), number
    assert profile(*events[1:])["seniority"] == Belief(4.0, "web-form", NOW - 30 * DAY)


def test_among_equally_believed_sources_the_newest_counts() -> None:
    older, newer = title("hubspot", "CEO", 3, 0), title("salesforce", "Manager", 2, 1)
    assert profile(older, newer)["seniority"] == Belief(2.0, "salesforce", NOW - 2 * DAY)


def test_consent_is_what_was_said_last_whoever_said_it() -> None:
    def decided(system: str, granted: bool, days_ago: int, offset: int) -> Event:
        what = said(EventType.CONSENT_CHANGED, consent=Consent("marketing", granted))
        return event_of(what, at=NOW - days_ago * DAY, lead="ld_0", system=system, offset=offset)

    found = profile(decided("hubspot", True, 9, 0), decided("mailchimp", False, 1, 1))["consent"]
    assert found == Belief(0.0, "mailchimp", NOW - DAY)


def test_what_a_form_said_of_the_company_gives_way_to_what_the_crm_says_of_the_account() -> None:
    form = event_of(record(industry="Mining"), at=NOW, lead="ld_2", system="web-form", offset=0)
    crm = event_of(record(industry="Software"), at=NOW - 9 * DAY, lead="ld_2", account=ACME, offset=1)
    assert profile(form)["industry"] == Belief("mining", "web-form", NOW)
    assert profile(form, crm)["industry"] == Belief("software", "hubspot", NOW - 9 * DAY)
    worker = Worker()
    worker.handle([form, crm])
    assert worker.served(NOW)["ld_2"]["industry_match"] == 1.0


def test_who_is_believed_is_part_of_the_feature_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = LEAD_SCORING.hash
    monkeypatch.setitem(RANKS, "web-form", 9)
    changed = type(LEAD_SCORING)(
        service="s", revision=LEAD_SCORING.revision, tables=LEAD_SCORING.tables, features=LEAD_SCORING.features
    )
    assert changed.hash != before


def test_every_ranked_source_is_one_that_events_come_from() -> None:
    assert set(RANKS) <= set(ADAPTERS)
    assert profile_of(LeadState(), None) == {}
    assert PROFILE
