"""The replay of the bank's calls: placed in time, sent as events, folded as of dialling, and the leak found."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from examples.bank_marketing.contacts import COLUMNS, MONTHS, Call, read_calls
from examples.bank_marketing.definitions import FEATURE_SET
from examples.bank_marketing.direct import direct_auroc
from examples.bank_marketing.events import messages, person_id
from examples.bank_marketing.frame import training_frame, with_duration
from ingestion.contracts.event import Channel, Event, EventData, RawPointer
from ingestion.contracts.raw import RawMessage
from ingestion.decode import read
from ingestion.errors import Quarantine
from ingestion.settings import PlatformSettings
from ingestion.sources.adapter import Tenant
from quality.verdict import Action
from registry.evaluate import auroc
from registry.frame import TrainingFrame
from registry.gate import examine
from registry.leakage import leaks
from registry.split import split_by_time
from registry.train import Parameters, predict, train
from tests.features.told import tell

ROWS = 3000
_POUTCOMES = {"failure": 0, "other": 1, "success": 2, "unknown": 3}
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up file in the real one's shape: a year and a half in date order, wins by age, poutcome and duration."""
    generator = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("bank") / "bank.csv"
    days = np.sort(generator.integers(0, 540, ROWS))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter=";")
        writer.writeheader()
        for day in days:
            date = datetime(2008, 5, 5) + timedelta(days=int(day))  # noqa: DTZ001
            known = generator.random() < 0.3
            age, outcome = (
                int(generator.integers(18, 90)),
                generator.choice(["success", "failure"]) if known else "unknown",
            )
            won = generator.random() < 0.1 + 0.3 * (outcome == "success") + 0.2 * (age > 60)
            writer.writerow(
                {
                    "age": age,
                    "job": generator.choice(["management", "technician", "`"]),
                    "marital": generator.choice(["married", "single"]),
                    "education": generator.choice(["tertiary", "unknown"]),
                    "default": "no",
                    "balance": int(generator.normal(1000, 500)),
                    "housing": generator.choice(["yes", "no"]),
                    "loan": "no",
                    "contact": "cellular",
                    "day": date.day,
                    "month": MONTHS[date.month - 1],
                    "duration": int(generator.exponential(600 if won else 200)),
                    "campaign": int(generator.integers(1, 5)),
                    "pdays": int(generator.integers(1, 300)) if known else -1,
                    "previous": int(generator.integers(1, 4)) if known else 0,
                    "poutcome": outcome,
                    "y": "yes" if won else "no",
                }
            )
    return path


@pytest.fixture(scope="module")
def calls(data: Path) -> list[Call]:
    return read_calls(data)


@pytest.fixture(scope="module")
def events(calls: Sequence[Call]) -> list[Event]:
    """What ingestion makes of the messages, with the bank's own number as lead."""
    found = []
    for offset, message in enumerate(messages(calls)):
        raw = RawMessage(message.topic, 0, offset, message.key, message.value, message.headers, message.received)
        (draft,) = read(raw, Tenant("demo"))
        assert not isinstance(draft, Quarantine), draft
        assert draft.object is not None
        found.append(
            Event(
                id=draft.id,
                source=draft.source,
                type=draft.type,
                time=draft.time,
                receivedtime=raw.received,
                tenant="demo",
                lead=f"ld_{draft.object.id}",
                partitionkey=draft.object.id,
                data=EventData(
                    channel=Channel.CRM, object=draft.object, properties=draft.properties, actor=draft.actor
                ),
                raw=RawPointer(raw.topic, 0, offset, 0, raw.digest),
                imported=True,
            )
        )
    return found


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> PlatformSettings:
    keys = {"LEADLINE_IDENTITY_KEY": "11" * 32, "LEADLINE_MASTER_KEY": "22" * 32}
    home = tmp_path_factory.mktemp("home")
    return PlatformSettings.model_validate({"LEADLINE_HOME": home, "LEADLINE_FEATURE_SET": FEATURE_SET, **keys})


@pytest.fixture(scope="module")
def frame(settings: PlatformSettings, events: Sequence[Event], calls: Sequence[Call]) -> TrainingFrame:
    """The features that the platform served at the moments of dialling."""
    tell(settings, events)
    return training_frame(settings, events, calls)


def test_the_years_turn_where_the_months_fall_back(calls: Sequence[Call]) -> None:
    moments = [call.dialled_at for call in calls]
    assert moments == sorted(moments)
    assert len(set(moments)) == len(moments)
    assert (moments[0].year, moments[-1].year) == (2008, 2009)


def test_every_call_is_an_outcome_a_profile_and_what_was_before(calls: Sequence[Call]) -> None:
    sent = messages(calls)
    earlier = sum(call.earlier is not None for call in calls)
    assert len(sent) == 2 * len(calls) + earlier
    assert [message.received for message in sent] == sorted(message.received for message in sent)


def test_features_are_the_files_columns(calls: Sequence[Call], frame: TrainingFrame) -> None:
    columns = dict(zip(frame.feature_names, frame.values.T, strict=True))
    assert columns["age"].tolist() == [call.profile["age"] for call in calls]
    assert columns["poutcome"].tolist() == [
        3 if call.earlier is None else _POUTCOMES[call.earlier.outcome] for call in calls
    ]
    days = [np.nan if call.earlier is None else (call.dialled_at - call.earlier.at).days for call in calls]
    np.testing.assert_array_equal(columns["pdays"], days)
    assert np.isnan(columns["job"]).tolist() == [call.profile["job"] == "`" for call in calls]
    assert frame.labels.tolist() == [call.won for call in calls]
    assert leaks(frame) == ()


def test_the_duration_of_the_call_is_stopped_by_its_time_though_it_is_not_suspiciously_good(
    frame: TrainingFrame, events: Sequence[Event]
) -> None:
    leaking = with_duration(frame, events)
    assert auroc(leaking.labels, leaking.values[:, -1]) < 0.95
    verdict = examine(leaking, NOW)
    assert verdict.action is Action.STOP
    (finding,) = [finding for finding in verdict.findings if finding.action is Action.STOP]
    assert finding.column == "duration"
    assert f"in {ROWS:,} of {ROWS:,} rows it was known only after the snapshot" in finding.observed


def test_the_whole_way_ranks_as_scikit_learn_on_the_file_does(data: Path, frame: TrainingFrame) -> None:
    parameters = Parameters(max_iter=60)
    split = split_by_time(frame)
    ours = auroc(split.holdout.labels, predict(train(split, parameters).model, split.holdout))
    assert ours > 0.6
    assert abs(ours - direct_auroc(data, parameters)) < 0.005


def test_a_call_whose_events_are_not_in_the_lake_is_named(
    settings: PlatformSettings, calls: Sequence[Call], events: Sequence[Event]
) -> None:
    lost = person_id(calls[7])
    kept = [event for event in events if event.data.object is None or event.data.object.id != lost]
    with pytest.raises(ValueError, match=f"{lost} has 0 events"):
        training_frame(settings, kept, calls)


def test_another_file_is_refused_by_its_columns(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"bank-full\.csv"):
        read_calls(other)
