"""A snapshot is taken under the lead id that was live then, and only of leads one would have scored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from features.sampling import ACTIVE
from ingestion.contracts.event import LeadMerged, RawPointer
from ingestion.contracts.forwards import Forwards
from registry.snapshots import Known, Snapshot, grid, snapshots

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def known(lead: str, day: float, *, forwarded: bool = False, account: str | None = None) -> Known:
    return Known(lead, account, T0 + day * DAY, forwarded)


def merge(absorbed: str, survivor: str) -> LeadMerged:
    raw = RawPointer("raw.crm", 0, 0, 0, "digest")
    return LeadMerged(
        absorbed=absorbed,
        survivor=survivor,
        survivor_key=survivor,
        survivor_account=None,
        joined=True,
        rule="test",
        receivedtime=T0,
        imported=True,
        raw=raw,
    )


def test_moments_reach_back_from_the_last_one() -> None:
    moments = grid(T0, T0 + 30 * DAY, 14 * DAY)
    assert moments == [T0 + 2 * DAY, T0 + 16 * DAY, T0 + 30 * DAY]
    assert grid(T0, T0 - DAY) == []


def test_a_lead_that_was_renamed_is_taken_under_its_old_id_before_and_its_new_one_after() -> None:
    history = [known("old", 0), known("old", 10, forwarded=True), known("new", 10, account="ac_1"), known("new", 11)]
    at = [T0 + 5 * DAY, T0 + 10 * DAY, T0 + 12 * DAY]
    assert list(snapshots(history, Forwards([merge("old", "new")]), at)) == [
        Snapshot("old", None, at[0], "new"),
        Snapshot("new", "ac_1", at[1], "new"),
        Snapshot("new", None, at[2], "new"),
    ]


def test_a_person_with_two_ids_at_once_is_taken_once_under_the_one_heard_of_last() -> None:
    history = [known("cookie", 1), known("crm", 2), known("cookie", 9), known("cookie", 20, forwarded=True)]
    taken = list(snapshots(history, Forwards([merge("cookie", "crm")]), [T0 + 5 * DAY, T0 + 10 * DAY, T0 + 21 * DAY]))
    assert [snapshot.lead for snapshot in taken] == ["crm", "cookie", "crm"]


def test_nobody_is_taken_before_they_were_known_or_long_after_they_fell_silent() -> None:
    moments = [T0, T0 + 5 * DAY, T0 + 5 * DAY + ACTIVE, T0 + 6 * DAY + ACTIVE]
    taken = list(snapshots([known("a", 5)], Forwards([]), moments))
    assert [snapshot.at for snapshot in taken] == moments[1:3]
