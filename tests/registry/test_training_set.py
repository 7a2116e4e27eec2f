"""A training row is what serving would have seen at its snapshot: on a real lake, through Feast's own join."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingestion.contracts.event import (
    Channel,
    Event,
    EventData,
    EventType,
    LeadMerged,
    RawPointer,
)
from ingestion.settings import PlatformSettings
from registry.app import run_training
from registry.errors import TrainingStopped
from registry.frame import TrainingFrame
from registry.training_set import build_training_set
from tests.features.told import tell

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MONTH = timedelta(days=30)


class Story:
    """Events and merges as ingestion would send them, in received order, on one partition of `events`."""

    def __init__(self) -> None:
        self._sent: list[Event | LeadMerged] = []

    def event(self, lead: str, kind: EventType, day: float, *, told: float | None = None, **properties: Any) -> None:
        """`told`: the day on which it was received, if later than it happened."""
        received = T0 + (day if told is None else told) * DAY
        event = Event(
            id=f"e{len(self._sent)}",
            source="/t/demo/canonical/test",
            type=kind,
            time=T0 + day * DAY,
            receivedtime=received,
            tenant="demo",
            lead=lead,
            partitionkey=lead,
            data=EventData(channel=Channel.WEB, properties=properties),
            raw=self._pointer(),
            imported=True,
        )
        self._sent.append(event)

    def merge(self, absorbed: str, survivor: str, day: float) -> None:
        merge = LeadMerged(
            absorbed=absorbed,
            survivor=survivor,
            survivor_key=survivor,
            survivor_account=None,
            joined=True,
            rule="email",
            receivedtime=T0 + day * DAY,
            imported=True,
            raw=self._pointer(),
        )
        self._sent.append(merge)

    def _pointer(self) -> RawPointer:
        return RawPointer("raw.marketing", 0, len(self._sent), 0, "")

    def tell(self, settings: PlatformSettings) -> None:
        """Write the lake's events and the feature history, as the lake writer and the feature worker do."""
        tell(settings, self._sent)


@pytest.fixture
def settings(tmp_path: Path) -> PlatformSettings:
    keys = {"LEADLINE_IDENTITY_KEY": "11" * 32, "LEADLINE_MASTER_KEY": "22" * 32}
    return PlatformSettings.model_validate({"LEADLINE_HOME": tmp_path, **keys})


def build(settings: PlatformSettings, every: timedelta = MONTH) -> TrainingFrame:
    return build_training_set(settings, every=every, progress=lambda message: None)


def column(frame: TrainingFrame, name: str) -> list[float]:
    found: list[float] = frame.values[:, frame.feature_names.index(name)].tolist()
    return found


def days(frame: TrainingFrame) -> list[float]:
    found: list[float] = (
        (frame.snapshot_at - np.datetime64(T0.replace(tzinfo=None))) / np.timedelta64(1, "D")
    ).tolist()
    return found


def test_a_late_event_is_in_no_row_from_before_it_was_known(settings: PlatformSettings) -> None:
    story = Story()
    story.event("ld_a", EventType.WEB_PAGE_VIEWED, 0, path="/")
    story.event("ld_a", EventType.LEAD_FORM_SUBMITTED, 20, told=40)
    story.event(
        "ld_z", EventType.WEB_PAGE_VIEWED, 150, path="/"
    )  # the data reach to here, so day 60 is the last snapshot
    story.tell(settings)
    frame = build(settings)
    assert days(frame) == [0, 30, 60]
    assert column(frame, "form_submissions_ever") == [0, 0, 1]
    assert all(
        (known[~np.isnat(known)] <= frame.snapshot_at[~np.isnat(known)]).all() for known in frame.known_at.values()
    )


def test_a_merged_lead_is_trained_on_under_its_old_id_and_labelled_by_what_became_of_the_person(
    settings: PlatformSettings,
) -> None:
    story = Story()
    story.event("ld_cookie", EventType.WEB_PAGE_VIEWED, 0, path="/pricing")
    story.event("ld_crm", EventType.LEAD_FORM_SUBMITTED, 40)
    story.merge("ld_cookie", "ld_crm", 40)
    story.event("ld_crm", EventType.CRM_OUTCOME, 80, outcome="won")
    story.event("ld_z", EventType.WEB_PAGE_VIEWED, 180, path="/")
    story.tell(settings)
    frame = build(settings)
    assert days(frame) == [0, 30, 60]
    assert frame.leads.tolist() == ["ld_cookie", "ld_cookie", "ld_crm"]
    assert frame.labels.tolist() == [True, True, True]
    assert column(frame, "form_submissions_ever") == [0, 0, 1]


def test_nothing_is_trained_on_after_the_decision(settings: PlatformSettings) -> None:
    story = Story()
    story.event("ld_a", EventType.WEB_PAGE_VIEWED, 0, path="/")
    story.event("ld_a", EventType.CRM_OUTCOME, 45, outcome="lost")
    story.event("ld_a", EventType.WEB_PAGE_VIEWED, 50, path="/")
    story.event("ld_z", EventType.WEB_PAGE_VIEWED, 180, path="/")
    story.tell(settings)
    frame = build(settings)
    assert days(frame) == [0, 30]
    assert frame.labels.tolist() == [False, False]


def test_without_a_history_or_before_the_first_label_the_training_stops_and_says_what_is_missing(
    settings: PlatformSettings,
) -> None:
    with pytest.raises(TrainingStopped, match="no feature history"):
        build(settings)
    story = Story()
    story.event("ld_a", EventType.WEB_PAGE_VIEWED, 0, path="/")
    story.event("ld_a", EventType.WEB_PAGE_VIEWED, 80, path="/")
    story.tell(settings)
    with pytest.raises(TrainingStopped, match="outcomes are judged after 90 days"):
        build(settings)


def test_the_training_job_goes_from_the_lake_to_the_champion(settings: PlatformSettings) -> None:
    from registry.app import model_cache
    from registry.champion import current

    told: list[str] = []
    _year(np.random.default_rng(2), 700).tell(settings)
    report = run_training(settings, told.append)
    assert report.promoted, report.why
    assert report.rows > 1000
    champion = current(settings.mlflow_tracking_uri, model_cache(settings))
    assert champion is not None
    assert champion.digest == report.bundle_digest
    assert any(sentence.startswith("version 1 promoted") for sentence in told)


def _year(dice: np.random.Generator, leads: int) -> Story:
    """Buyers look around a little every week; most people look once, and students look all day and never buy."""
    happenings: list[tuple[float, str, EventType, dict[str, Any]]] = []
    for number in range(leads):
        lead, began, kind_of_person = f"ld_{number}", dice.uniform(0, 270), dice.choice(3)
        closes = began + dice.uniform(30, 80)
        visits = (1, 15, 60)[kind_of_person]
        for day in np.append(began, dice.uniform(began, closes, dice.poisson(visits))):
            kind = EventType.LEAD_FORM_SUBMITTED if dice.random() < 0.1 else EventType.WEB_PAGE_VIEWED
            happenings.append((day, lead, kind, {"path": "/pricing" if dice.random() < 0.3 else "/"}))
        if dice.random() < (0.05, 0.7, 0.05)[kind_of_person]:
            happenings.append((closes, lead, EventType.CRM_OUTCOME, {"outcome": "won"}))
        elif dice.random() < 0.5:
            happenings.append((closes, lead, EventType.CRM_OUTCOME, {"outcome": "lost"}))
    story = Story()
    for day, lead, kind, properties in sorted(happenings, key=lambda happening: happening[0]):
        story.event(lead, kind, day, **properties)
    return story
