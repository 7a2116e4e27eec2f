"""What an operator types, and what the terminal shows: the quarantine, and the events of a lead."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner, Result

from ingestion.app import HYDRATION_GROUP, LAKE_GROUP, run_lake
from ingestion.contracts.raw import CHANGES_TOPIC, DECISIONS_TOPIC, EVENTS_TOPIC, RAW_TOPICS
from ingestion.kafka import AlignedConsumer, create_topics, group_lag
from ingestion.settings import load
from leadline.cli import app
from tests.conftest import wait_until
from tests.ingestion.rawstream import START
from tests.ingestion.test_replay import Titleless, knowing
from tests.ingestion.test_worker import KEY, Stage

Run = Callable[..., Result]


@pytest.fixture
def stage(empty_kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    environment = {
        "LEADLINE_HOME": str(tmp_path),
        "KAFKA_BOOTSTRAP_SERVERS": empty_kafka,
        "LEADLINE_IDENTITY_KEY": KEY.hex(),
        "LEADLINE_MASTER_KEY": KEY.hex(),
        "COLUMNS": "200",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stage = Stage(empty_kafka, f"sqlite:///{tmp_path}/leadline.db")
    yield stage
    stage.close()


@pytest.fixture
def leadline() -> Run:
    def run(*words: str, answer: str = "") -> Result:
        result: Result = CliRunner().invoke(app, list(words), input=answer)
        return result

    return run


@pytest.fixture
def broken(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Three bodies with a good element and a refused one each, and one with neither."""
    knowing(monkeypatch, hubspot=Titleless("[1]: jobtitle is not expected"))
    for number in range(3):
        stage.raw.contact(number, f"p{number}@acme.com")
    stage.raw.poison(b'{"name": "Jo Doe", \xff')
    stage.raw.producer.flush()
    stage.work()
    return stage


def elements(leadline: Run, *filters: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(leadline("quarantine", "list", "--json", *filters).output)["elements"]
    return found


def test_the_list_sums_up_by_source_and_reason_and_shows_where_each_lies(broken: Stage, leadline: Run) -> None:
    shown = leadline("quarantine", "list", "--totals").output
    assert "4 elements quarantined" in shown
    assert "[1]: jobtitle is not expected" in shown
    assert "raw.marketing/" in shown
    assert "7 elements accepted = 3 good + 0 duplicates + 4 quarantined + 0 dropped" in shown
    assert {each["source"] for each in elements(leadline)} == {"hubspot", "web-form"}


def test_filters_choose_by_reason_source_and_time(broken: Stage, leadline: Run) -> None:
    assert len(elements(leadline, "--reason", "Undecodable")) == 1
    assert len(elements(leadline, "--source", "hubspot")) == 3
    third = f"{START + timedelta(minutes=2):%Y-%m-%dT%H:%M:%S}"
    assert len(elements(leadline, "--since", third)) == 2
    assert len(elements(leadline, "--until", third)) == 2
    assert len(elements(leadline, "--limit", "1")) == 1
    assert "expected one of Undecodable" in leadline("quarantine", "list", "--reason", "Nothing").output.replace(
        "\n", " "
    )


def test_a_body_is_shown_only_when_it_is_asked_for(broken: Stage, leadline: Run) -> None:
    (poison,) = elements(leadline, "--source", "web-form")
    shown = leadline("quarantine", "show", poison["at"])
    assert "Undecodable" in shown.output
    assert "source-account" in shown.output
    assert "Jo Doe" not in shown.output
    assert "personal" in shown.output
    assert b'{"name": "Jo Doe", \xff' in leadline("quarantine", "show", poison["at"], "--body").stdout_bytes
    assert leadline("quarantine", "show", "raw.crm/0/999").exit_code == 1
    assert leadline("quarantine", "show", "raw.crm").exit_code == 2


def test_a_replay_asks_first_and_what_is_mended_leaves_the_quarantine(
    broken: Stage, leadline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowing(monkeypatch)
    refused = leadline("quarantine", "replay", "--source", "hubspot", answer="n\n")
    assert refused.exit_code == 1
    assert "Send 3 messages again?" in refused.output
    (first, *_) = elements(leadline, "--source", "hubspot")
    assert "Sent again: 1 message." in leadline("quarantine", "replay", first["at"], "--yes").output
    broken.work()
    assert len(elements(leadline, "--source", "hubspot")) == 2
    assert leadline("quarantine", "replay", "--source", "hubspot", answer="y\n").exit_code == 0
    broken.work()
    assert elements(leadline, "--source", "hubspot") == []
    passed = next(each for each in elements(leadline, "--state", "passed") if each["at"] == first["at"])
    message = first["at"].rpartition("/")[0]
    again = leadline("quarantine", "show", passed["passed_as"]).output
    assert f"is a replay of {message}" in again
    assert leadline("quarantine", "replay", "--source", "hubspot", "--yes").exit_code == 1


def test_what_is_dropped_says_who_gave_it_up_and_why(broken: Stage, leadline: Run) -> None:
    words = ("quarantine", "drop", "--source", "web-form", "--why", "a test page's form", "--by", "ana")
    assert leadline(*words, answer="n\n").exit_code == 1
    assert len(elements(leadline, "--state", "dropped")) == 0
    assert "Dropped by ana: 1 element." in leadline(*words, "--yes").output
    (dropped,) = elements(leadline, "--state", "dropped")
    assert dropped["dropped"].endswith("by ana: a test page's form")
    assert "dropped" in leadline("quarantine", "show", dropped["at"]).output
    assert "3 quarantined + 1 dropped" in leadline("quarantine", "list", "--totals").output


def test_lag_shows_what_is_unread_and_whom_to_start(stage: Stage, leadline: Run) -> None:
    create_topics(stage.bootstrap, {CHANGES_TOPIC: 1, DECISIONS_TOPIC: 1})
    for _ in range(3):
        stage.raw.visit("cookie-1")
    stage.raw.producer.flush()
    ingest, *_ = (line for line in leadline("lag").output.splitlines() if " ingest " in line)
    assert " 3 " in ingest
    assert "none is running" in ingest
    stage.work()
    ingest, lake, *_ = (line for line in leadline("lag").output.splitlines() if "│" in line)
    assert " 0 " in ingest
    assert " 3 " in lake


def test_lag_shows_hydration_where_it_has_ever_run(stage: Stage, leadline: Run) -> None:
    create_topics(stage.bootstrap, {CHANGES_TOPIC: 1, DECISIONS_TOPIC: 1})
    assert "hydrate" not in leadline("lag").output
    consumer = AlignedConsumer(stage.bootstrap, HYDRATION_GROUP, list(RAW_TOPICS))
    while not consumer.assignment:
        consumer.poll(1, 0.1)
    consumer.close()
    assert "hydrate" in leadline("lag").output


def test_events_of_a_lead_are_those_that_were_known_then(stage: Stage, leadline: Run) -> None:
    for _ in range(3):
        stage.raw.visit("cookie-1")
    stage.raw.identify("cookie-1", "user-1", "jo@acme.com")
    stage.raw.visit("cookie-1", user="user-1")
    stage.raw.producer.flush()
    stage.work()
    _fill_lake(stage.bootstrap)
    known = [event for event in _lake_events() if event["type"] == "web.page_viewed"]
    visitor, person = known[0]["lead"], known[-1]["lead"]
    assert visitor != person

    def found(*words: str) -> list[dict[str, str]]:
        events: list[dict[str, str]] = json.loads(leadline("events", *words, "--json").output)
        return events

    assert len(found(person)) == len(found(visitor)) == 5
    assert len(found(person, "--type", "web.page_viewed")) == 4
    assert [each["id"] for each in found(person, "--limit", "2")] == [each["id"] for each in found(person)][-2:]
    before = f"{START + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}"
    assert len(found(visitor, "--as-of", before)) == 2
    assert found(person, "--as-of", before) == []
    assert len(found(known[-1]["account"])) == 2
    shown = leadline("events", person)
    assert "sealed: " in shown.output
    assert "jo@acme.com" not in shown.output + json.dumps(found(person))
    assert "raw.product/" in shown.output
    assert leadline("events", "ld_nobody").exit_code == 1


def _fill_lake(bootstrap: str) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=run_lake, args=(load(), stop, CollectorRegistry()))
    thread.start()
    try:
        wait_until(lambda: group_lag(bootstrap, LAKE_GROUP, [EVENTS_TOPIC]) == 0, "the lake to follow")
    finally:
        stop.set()
        thread.join()


def _lake_events() -> list[dict[str, str]]:
    from ingestion.lake import scan

    return [json.loads(body.as_py()) for body in scan(load().lake, columns=["body"])["body"]]
