"""The worker on a real broker: what messages only name comes as a raw message of its own, whatever fails meanwhile."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from rich.console import Console

from ingestion.app import HYDRATION_GROUP, run_hydration
from ingestion.contracts.event import Event, EventType, LeadMerged, RecordKind, decode_event, decode_merge
from ingestion.contracts.raw import EVENTS_TOPIC, FETCHED_FOR, RAW_TOPICS
from ingestion.decode import read
from ingestion.hydration.fetcher import Patience
from ingestion.hydration.table import Hydrations
from ingestion.kafka import AlignedConsumer, Record, group_lag, read_topic
from ingestion.receiver.outlet import KafkaOutlet
from ingestion.settings import PlatformSettings
from ingestion.worker import raw_of
from leadline.hydration import retry_failed, show_failed
from tests.conftest import wait_until
from tests.ingestion.hydration.conftest import TOKENS, write_connections
from tests.ingestion.hydration.vendors import OBJECTS, Reply, Vendors
from tests.ingestion.sources.samples import HUBSPOT_STAGE, META_LEAD, META_WEBHOOK, ZENDESK_TICKET
from tests.ingestion.sources.samples_crm import SALESFORCE_PUBSUB
from tests.ingestion.test_worker import KEY, TENANT, Stage

QUICK = Patience(ask=1.0, first_pause=0.02, longest_pause=0.1, attempts=4, lease=1.0)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LEAD_PATH = "/v23.0/1459076748710713"
USER_PATH = "/api/v2/users/20978392"


class Crash(BaseException):
    """The process ends here."""


class Hydration:
    """A platform with the vendors' APIs, and workers on it, one after the other."""

    def __init__(self, stage: Stage, vendors: Vendors, folder: Path, url: str) -> None:
        self.stage, self.vendors = stage, vendors
        self.hydrations = Hydrations(stage.engine)
        self.settings = PlatformSettings.model_validate(
            {
                "kafka_bootstrap_servers": stage.bootstrap,
                "database_url": url,
                "connections": write_connections(folder / "connections.toml", vendors.url),
                "identity_key": KEY.hex(),
                "master_key": KEY.hex(),
            }
        )

    def send(self, topic: str, system: str, key: str, body: Any, **headers: str) -> None:
        """A raw message as the receiver stores it."""
        given = {"source-system": system, "source-account": "northlight", "connection": f"acme-{system}"}
        value = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self.stage.raw.producer.send(topic, key=key, value=value, headers=given | headers)
        self.stage.raw.producer.flush()

    @contextmanager
    def working(self, patience: Patience = QUICK) -> Iterator[CollectorRegistry]:
        """A worker in a thread, and what it counts; what it raises, the block raises at its end."""
        stop, counts = threading.Event(), CollectorRegistry()
        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(run_hydration, self.settings, stop, patience, counts)
            try:
                yield counts
            finally:
                stop.set()
            working.result()

    def fetched(self) -> list[Record]:
        """The raw messages that were fetched."""
        records = [record for topic in RAW_TOPICS for record in read_topic(self.stage.bootstrap, topic)]
        return [record for record in records if FETCHED_FOR in record.headers]

    def is_settled(self) -> bool:
        """Whether everything was read, and nothing waits."""
        lag = group_lag(self.stage.bootstrap, HYDRATION_GROUP, list(RAW_TOPICS))
        owners = [(system, "northlight") for system in ("meta-lead-ads", "hubspot", "zendesk", "salesforce")]
        return not lag and not any(self.hydrations.count(owner, "waiting") for owner in owners)

    def settle(self, patience: Patience = QUICK) -> None:
        """Work until nothing is left."""
        with self.working(patience):
            wait_until(self.is_settled, "everything to be fetched")

    def events(self) -> list[Event | LeadMerged]:
        """Everything on `events`, after an ingestion worker has run."""
        self.stage.work()
        return [
            decode_event(record.value) if record.headers["record"] == RecordKind.EVENT else decode_merge(record.value)
            for record in self.stage.read(EVENTS_TOPIC)
        ]


@pytest.fixture
def hydration(
    empty_kafka: str, vendors: Vendors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hydration]:
    for name, token in TOKENS.items():
        monkeypatch.setenv(name, token)
    url = f"sqlite:///{tmp_path}/leadline.db"
    stage = Stage(empty_kafka, url)
    yield Hydration(stage, vendors, tmp_path, url)
    stage.close()


def notice(number: int) -> dict[str, Any]:
    """Meta's notice of a lead."""
    value = META_WEBHOOK["entry"][0]["changes"][0]["value"] | {"leadgen_id": str(number)}
    return {"object": "page", "entry": [{"id": "134587", "changes": [{"field": "leadgen", "value": value}]}]}


def lead(number: int) -> dict[str, Any]:
    """The lead of that notice, as the Graph API answers it."""
    answers = [{"name": "email", "values": [f"p{number}@acme.com"]}]
    return META_LEAD | {"id": str(number), "field_data": answers}


def test_notice_of_meta_becomes_the_form_that_its_person_filled_in(hydration: Hydration) -> None:
    hydration.send("raw.marketing", "meta-lead-ads", "1459076748710713", META_WEBHOOK, traceparent=TRACE)
    hydration.settle()
    [record] = hydration.fetched()
    assert (record.topic, record.key) == ("raw.marketing", b"1459076748710713")
    assert msgspec.json.decode(record.value) == META_LEAD
    headers = record.headers
    [asked] = [each for each in read_topic(hydration.stage.bootstrap, "raw.marketing") if each != record]
    assert headers[FETCHED_FOR] == f"raw.marketing/{asked.partition}/{asked.offset}"
    assert (headers["source-system"], headers["source-account"]) == ("meta-lead-ads", "northlight")
    assert headers["connection"] == "acme-meta-lead-ads"
    assert headers["traceparent"].split("-")[1] == TRACE.split("-")[1]

    found = hydration.events()
    events = {event.type: event for event in found if isinstance(event, Event)}
    assert events.keys() == {EventType.LEAD_CREATED, EventType.LEAD_FORM_SUBMITTED}
    form, bare = events[EventType.LEAD_FORM_SUBMITTED], events[EventType.LEAD_CREATED]
    assert form.data.properties["form"] == "1616801872291121"
    assert set(form.pii_fields) == {"email", "text"}
    into = {merge.absorbed: merge.survivor for merge in found if isinstance(merge, LeadMerged)}
    assert into.get(bare.lead, bare.lead) == into.get(form.lead, form.lead), "the notice is tied to the form"


def test_every_vendors_objects_become_events(hydration: Hydration) -> None:
    hydration.send("raw.marketing", "meta-lead-ads", "1", META_WEBHOOK)
    hydration.send("raw.support", "zendesk", "2", ZENDESK_TICKET)
    hydration.send("raw.crm", "hubspot", "3", [HUBSPOT_STAGE])
    hydration.send("raw.crm", "salesforce", "4", SALESFORCE_PUBSUB)
    hydration.settle()
    assert hydration.vendors.times() == dict.fromkeys(
        (
            LEAD_PATH,
            USER_PATH,
            "/crm/objects/2026-03/contacts/173595202426",
            "/services/data/v60.0/sobjects/Contact/0035f00000CpXYZAA3",
        ),
        1,
    )
    records = {record.headers["source-system"]: record for record in hydration.fetched()}
    drafts = {system: read(raw_of(record), TENANT) for system, record in records.items()}
    assert {system: [getattr(one, "type", one) for one in found] for system, found in drafts.items()} == {
        "meta-lead-ads": [EventType.LEAD_FORM_SUBMITTED],
        "zendesk": [EventType.IDENTITY_LINK],
        "hubspot": [EventType.CRM_STAGE_CHANGED],
        "salesforce": [EventType.CONTACT_CHANGED],
    }


def test_messages_read_again_and_senders_unknown_cost_the_vendor_nothing(hydration: Hydration) -> None:
    hydration.send("raw.marketing", "meta-lead-ads", "1", META_WEBHOOK)
    hydration.send("raw.marketing", "meta-lead-ads", "2", notice(2), **{"source-account": "somebody-else"})
    hydration.send("raw.marketing", "meta-lead-ads", "3", b"\xff{")
    hydration.settle()
    consumer = AlignedConsumer(hydration.stage.bootstrap, HYDRATION_GROUP, list(RAW_TOPICS))
    wait_until(lambda: not consumer.poll(1, 0.1) and bool(consumer.assignment), "an assignment")
    consumer.commit(dict.fromkeys(consumer.assignment, 0))
    consumer.close()
    hydration.send("raw.marketing", "meta-lead-ads", "1", META_WEBHOOK)
    hydration.settle()
    assert hydration.vendors.times() == {LEAD_PATH: 1}
    assert len(hydration.fetched()) == 1


def test_vendor_that_does_not_answer_stops_no_other(hydration: Hydration) -> None:
    answering = threading.Event()
    hydration.vendors.says(USER_PATH, Reply(body=OBJECTS[USER_PATH], until=answering))
    for number in range(8):
        ticket = {"id": "1", "requester_id": str(number + 1)}
        hydration.vendors.says(f"/api/v2/users/{number + 1}", Reply(body=OBJECTS[USER_PATH], until=answering))
        hydration.send("raw.support", "zendesk", "1", ZENDESK_TICKET | {"detail": ticket})
    with hydration.working(Patience(lease=30)):
        wait_until(lambda: len(hydration.vendors.asked) == 4, "all that may be in flight at once to be asked")
        hydration.send("raw.marketing", "meta-lead-ads", "1", META_WEBHOOK)
        wait_until(lambda: len(hydration.fetched()) == 1, "the lead to be fetched")
        assert len(hydration.vendors.asked) == 5
        assert group_lag(hydration.stage.bootstrap, HYDRATION_GROUP, ["raw.support"]) == 0
        answering.set()
        wait_until(hydration.is_settled, "the users to be fetched")


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_however_a_vendor_fails(hydration: Hydration, seed: int) -> None:
    rng, vendors = random.Random(seed), hydration.vendors
    faults = [
        Reply(500, {}),
        Reply(429, {}, {"Retry-After": "0"}),
        Reply(400, {"error": {"code": 613}}),
        Reply(200, b"{"),
        Reply(200, b"{}", {"Content-Length": "9", "Connection": "close"}),
        Reply(503, b"busy"),
    ]
    for number in range(100, 130):
        vendors.says(f"/v23.0/{number}", *rng.choices(faults, k=rng.randint(0, 3)), Reply(body=lead(number)))
        hydration.send("raw.marketing", "meta-lead-ads", str(number), notice(number))
    hydration.settle()
    assert hydration.hydrations.failures(10) == []
    bodies = [msgspec.json.decode(record.value) for record in hydration.fetched()]
    assert sorted(body["id"] for body in bodies) == [str(number) for number in range(100, 130)]


def test_too_many_requests_hold_the_whole_api_until_it_says(hydration: Hydration) -> None:
    hydration.vendors.says("/v23.0/1", Reply(429, {}, {"Retry-After": "1"}), Reply(body=lead(1)))
    hydration.send("raw.marketing", "meta-lead-ads", "1", notice(1))
    with hydration.working():
        wait_until(lambda: bool(hydration.vendors.asked), "the first question")
        hydration.send("raw.marketing", "meta-lead-ads", "1459076748710713", META_WEBHOOK)
        wait_until(hydration.is_settled, "both to be fetched")
    assert hydration.vendors.seconds(0, 1) >= 1
    assert hydration.vendors.times() == {"/v23.0/1": 2, LEAD_PATH: 1}


def test_api_that_goes_on_saying_too_many_is_asked_less_and_less(hydration: Hydration) -> None:
    for number in range(30):
        hydration.vendors.says(f"/v23.0/{number}", Reply(400, {"error": {"code": 80005}}))
        hydration.send("raw.marketing", "meta-lead-ads", str(number), notice(number))
    with hydration.working(Patience(first_pause=0.05)):
        wait_until(lambda: len(hydration.vendors.asked) > 16, "the fifth round of questions")
    assert hydration.vendors.seconds(0, 16) > 0.35


def test_rate_is_kept(hydration: Hydration, tmp_path: Path) -> None:
    write_connections(tmp_path / "connections.toml", hydration.vendors.url, requests_per_second=10)
    for number in range(24):
        hydration.vendors.says(f"/v23.0/{number}", Reply(body=lead(number)))
        hydration.send("raw.marketing", "meta-lead-ads", str(number), notice(number))
    with hydration.working():
        wait_until(hydration.is_settled, "everything to be fetched")
    assert hydration.vendors.seconds(0, 23) > 0.9, "ten at once, and ten a second from then on"


def test_what_a_revoked_token_cost_is_seen_and_fetched_once_it_is_renewed(hydration: Hydration) -> None:
    refusal = Reply(401, {"error": {"message": "Error validating access token", "code": 190}})
    hydration.vendors.says(LEAD_PATH, refusal, Reply(body=META_LEAD))
    hydration.send("raw.marketing", "meta-lead-ads", "1", META_WEBHOOK)
    with hydration.working() as counts:
        wait_until(lambda: bool(hydration.hydrations.failures(10)), "the failure to be recorded")
        hydration.send("raw.marketing", "meta-lead-ads", "1", META_WEBHOOK)
        console = Console(record=True, width=200)
        show_failed(hydration.settings, console)
        shown = console.export_text()
        assert "1 could not be fetched" in shown
        assert "status 401, code '190': the token is not valid: renew it" in shown
        assert "raw.marketing/" in shown
        retry_failed(hydration.settings, console)
        assert "1 wait again" in console.export_text()
        wait_until(hydration.is_settled, "the lead to be fetched")
    assert hydration.vendors.times() == {LEAD_PATH: 2}
    assert len(hydration.fetched()) == 1
    for outcome in ("failed", "fetched"):
        labels = {"connection": "acme-meta-lead-ads", "outcome": outcome}
        assert counts.get_sample_value("leadline_hydration_requests_total", labels) == 1


def test_vendor_that_is_down_for_too_long_is_given_up(hydration: Hydration) -> None:
    hydration.vendors.says(LEAD_PATH, Reply(503, {}))
    hydration.send("raw.marketing", "meta-lead-ads", "1", META_WEBHOOK)
    hydration.settle()
    [failure] = hydration.hydrations.failures(10)
    assert failure.error == "status 503; given up after 4 attempts"
    assert hydration.vendors.times() == {LEAD_PATH: 4}


def test_no_answer_and_no_header_ends_the_worker(hydration: Hydration) -> None:
    depths = (10, 400, 900, 980, 1_000, 1_020, 10_000)
    for number, depth in enumerate(depths):
        body = b'{"id": "%d", "deep": %b}' % (number, b"[" * depth + b"]" * depth)
        hydration.vendors.says(f"/v23.0/{number}", Reply(body=body))
        hydration.send("raw.marketing", "meta-lead-ads", str(number), notice(number), traceparent="\x00" * 99)
    hydration.settle()
    failed = {failure.object for failure in hydration.hydrations.failures(10)}
    done = {record.key.decode() for record in hydration.fetched() if record.key}
    assert failed | done == {str(number) for number in range(len(depths))}
    assert "0" in done
    assert "6" in failed


def _event_ids(hydration: Hydration) -> set[str]:
    return {event.id for event in hydration.events() if isinstance(event, Event)}


def test_crash_after_publishing_repeats_the_answer_and_no_event(
    hydration: Hydration, monkeypatch: pytest.MonkeyPatch
) -> None:
    append: Callable[..., Any] = KafkaOutlet.append

    async def append_and_crash(*arguments: Any) -> None:
        await append(*arguments)
        raise Crash

    hydration.send("raw.marketing", "meta-lead-ads", "1", META_WEBHOOK)
    hydration.send("raw.crm", "hubspot", "1", [HUBSPOT_STAGE])
    with monkeypatch.context() as crashing:
        crashing.setattr(KafkaOutlet, "append", append_and_crash)
        with pytest.raises(Crash), hydration.working():
            wait_until(lambda: len(hydration.fetched()) > 0, "an answer to be published")
    before = len(hydration.fetched())
    hydration.settle()
    assert len(hydration.fetched()) > before
    assert _event_ids(hydration) >= {"1459076748710713", "1459076748710713:notice"}
    assert len(_event_ids(hydration)) == 4, "a notice and an object of each vendor"


CHILD = """
import threading
from ingestion.app import run_hydration
from ingestion.hydration.fetcher import Patience
from ingestion.settings import load
run_hydration(load(), threading.Event(), Patience(first_pause=0.02, lease=1.0))
"""


def _environment(settings: PlatformSettings) -> Mapping[str, str]:
    return os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "LEADLINE_DATABASE_URL": settings.database_url,
        "LEADLINE_CONNECTIONS": str(settings.connections),
        "LEADLINE_IDENTITY_KEY": KEY.hex(),
        "LEADLINE_MASTER_KEY": KEY.hex(),
    }


def _wait_for_questions(vendors: Vendors, number: int) -> None:
    wait_until(lambda: len(vendors.asked) >= number, f"{number} questions")


def test_kill_nine_while_fetching_loses_nothing(hydration: Hydration) -> None:
    rng, leads = random.Random(7), range(200, 320)
    for number in leads:
        hydration.vendors.says(f"/v23.0/{number}", Reply(body=lead(number)))
        hydration.send("raw.marketing", "meta-lead-ads", str(number), notice(number))
    for _ in range(3):
        enough = len(hydration.vendors.asked) + rng.randint(1, 30)
        child = subprocess.Popen([sys.executable, "-c", CHILD], env=_environment(hydration.settings))
        try:
            _wait_for_questions(hydration.vendors, enough)
        finally:
            child.kill()
            child.wait()
    hydration.settle()
    forms = [
        event.id
        for event in hydration.events()
        if isinstance(event, Event) and event.type is EventType.LEAD_FORM_SUBMITTED
    ]
    assert sorted(forms) == [str(number) for number in leads]
