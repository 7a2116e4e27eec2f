"""`leadline features parity`: what is served beside what is recomputed, as a table, a page and an exit status."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from features.definitions import LEAD_SCORING
from features.state import LeadState
from features.store import OnlineStore
from ingestion.contracts.event import EventType
from leadline.parity import show_parity
from tests.features.members import Member
from tests.features.platforms import applied, overwrite
from tests.features.world import AL, COOKIE, CRM, JO, USER, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Three people, one of them with two ids, and a worker that has done its work."""
    found = World(applied(tmp_path))
    found.tell(COOKIE)
    found.tell(COOKIE, USER, type_=EventType.PRODUCT_FEATURE_USED)
    found.tell(CRM, JO, type_=EventType.MEETING_BOOKED)
    found.tell(AL, type_=EventType.EMAIL_CLICKED, days_ago=3)
    Member(found.settings, found.log).drain()
    yield found
    found.engine.dispose()


def shown(world: World, html: Path | None = None) -> tuple[int, str]:
    """The exit status, and what a person sees."""
    out = io.StringIO()
    status = show_parity(world.settings, 1.0, 0.0, html, Console(file=out, width=120))
    return status, out.getvalue()


def spoil(world: World) -> str:
    """Somebody empties a lead's row by hand."""
    person = world.identity.resolve(USER)
    assert person is not None
    online = OnlineStore.open(world.settings)
    (row,) = online.read([person.lead])
    assert row is not None
    overwrite(world.settings, person.lead, msgspec.structs.replace(row, state=LeadState()))
    return person.lead


def test_equal_features_end_with_status_0_and_a_line_each(world: World) -> None:
    status, text = shown(world)
    assert status == 0
    assert all(name in text for name in LEAD_SCORING.names)
    assert "4 leads looked at, 1 ended by a merge or split: 0 differ; 0 wait" in text


def test_a_difference_is_named_with_both_values_and_ends_with_status_1(world: World) -> None:
    lead = spoil(world)
    status, text = shown(world)
    assert status == 1
    assert f"altered: the online row of lead {lead}" in text
    assert f"{lead} feature_uses_7d: served 0.0, recomputed 1.0" in text
    assert "4 leads looked at, 1 ended by a merge or split: 1 differ" in text


def test_the_page_stands_alone_and_names_the_leads_that_differ(world: World, tmp_path: Path) -> None:
    lead, page = spoil(world), tmp_path / "parity.html"
    shown(world, page)
    html = page.read_text()
    assert "1 of 4 leads differ" in html
    assert html.count(lead) >= 2
    assert all(f"<code>{name}</code>" in html for name in LEAD_SCORING.names)
    assert "http" not in html
    assert "<script" not in html
    assert not any(claim.value in html for claim in (JO, AL, USER))


def test_a_row_that_is_on_its_way_is_looked_at_again(world: World) -> None:
    """The history has the row, the online store does not have it yet; before the second look it has."""
    world.tell(USER, type_=EventType.MEETING_BOOKED)
    member = Member(world.settings, world.log, crash_point=_stop_at_history)
    with pytest.raises(_Stopped):
        member.drain()
    status, text = shown(world)
    assert (status, "behind: the online row of lead" in text) == (1, True)
    Member(world.settings, world.log).drain()
    assert shown(world)[0] == 0


class _Stopped(BaseException):
    pass


def _stop_at_history(point: str) -> None:
    if point == "history":
        raise _Stopped
