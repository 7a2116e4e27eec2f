"""What the stage counts: every declared metric is on a running service's /metrics, and says what happened."""

from __future__ import annotations

import re
import socket
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from ingestion.contracts.raw import REPLAY_OF
from ingestion.gate import ROWS, SOURCES
from ingestion.kafka import read_topic
from scripts.check_docs import anchors
from scripts.metrics_page import DECLARED, declared, name_of
from tests.conftest import wait_until
from tests.ingestion.hydration.vendors import OBJECTS, Reply, listening
from tests.ingestion.services import Services
from tests.ingestion.sources.samples import META_WEBHOOK, SEGMENT_PAGE, ZENDESK_TICKET
from tests.ingestion.test_worker import Stage

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
VISITS = 5_100  # more than a window of the gate
# What must be zero when all is well and all is done.
CALM = {
    "leadline_elements_unaccounted_total",
    "leadline_ingestion_lag_messages",
    "leadline_lake_lag_records",
    "leadline_hydration_waiting",
}

Counts = dict[str, dict[frozenset[tuple[str, str]], float]]


@pytest.fixture
def services(empty_kafka: str, tmp_path: Path) -> Iterator[Services]:
    stage = Stage(empty_kafka, f"sqlite:///{tmp_path}/leadline.db")
    with listening() as vendors:
        vendors.says("/api/v2/users/20978392", Reply(503), Reply(body=OBJECTS["/api/v2/users/20978392"]))
        yield Services(stage, tmp_path, vendors.url)
    stage.close()


def _live(services: Services) -> None:
    """Everything that is counted happens at least once."""
    raw = services.stage.raw
    for number in range(VISITS):
        raw.visit(f"cookie-{number % 50}")
    raw.mixed(seed=3, people=30)
    raw.again(VISITS - 1)
    for person in ("jo", "flo"):  # at one machine
        raw.identify("kiosk", person, f"{person}@acme.com")
    raw.send("raw.product", "segment", "bot", SEGMENT_PAGE | {"context": {"userAgent": "Googlebot/2.1"}})
    raw.producer.flush()
    _half_refused_then_replayed(services)
    ticket, notice = msgspec.json.encode(ZENDESK_TICKET), msgspec.json.encode(META_WEBHOOK)
    assert services.deliver("meta-lead-ads", notice) == 200
    assert services.deliver("meta-lead-ads", notice, signed=False) == 401
    assert [services.deliver("zendesk", ticket) for _ in range(2)] == [200, 200]
    _hang_up(services.receiver_port)


def _half_refused_then_replayed(services: Services) -> None:
    """A message of which one element is good and one is not, sent again as the quarantine does."""
    raw = services.stage.raw
    raw.contact(77, "jo@acme.com")
    *_, (topic, system, key, value) = raw.bodies
    body: list[dict[str, Any]] = msgspec.json.decode(value)
    raw.send(topic, system, key, [body[0] | {"eventId": 1}, {"eventId": "?"}], elements=2)
    raw.producer.flush()
    sent = max(read_topic(services.stage.bootstrap, topic), key=lambda record: record.timestamp_ms)
    assert sent.value == raw.bodies[-1][3]
    raw.producer.send(
        topic,
        partition=sent.partition,
        key=key,
        value=sent.value,
        headers=sent.headers | {REPLAY_OF: str(sent.offset)},
        timestamp_ms=sent.timestamp_ms,
    )
    raw.producer.flush()


def _hang_up(port: int) -> None:
    """A sender that goes away half-way."""
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(b"POST /in/acme-zendesk HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")


def _counts(services: Services, name: str) -> Counts:
    found: Counts = defaultdict(dict)
    for sample in services.scrape(name):
        found[sample.name][frozenset(sample.labels.items())] = sample.value
    return found


def test_every_declared_metric_is_scraped_with_a_sensible_value(services: Services) -> None:
    kinds = {name.partition(" ")[2]: classes for name, classes in DECLARED.items()}
    with services.running():
        _live(services)
        wait_until(services.is_drained, "everything to be read", 120)
        wait_until(lambda: _is_counted(services), "everything to be counted", 60)
        counts = {name: _counts(services, name) for name in services.ports}
    for service, found in counts.items():
        for metric in declared(kinds[service]):
            name = name_of(metric)
            values = found[f"{name}_count"] if metric._type == "histogram" else found[name]
            assert values, f"{service} does not show {name}"
            if name in CALM:
                assert set(values.values()) == {0.0}, name
            elif metric._type == "gauge":
                assert min(values.values()) >= 0, name
            else:
                assert max(values.values()) > 0, name
            labels = {label for key in values for label, _ in key}
            assert labels == set(metric._labelnames) or metric._type == "info", name
            if metric._type == "histogram":
                assert all(0 < found[f"{name}_sum"][key] < 60 * count for key, count in values.items()), name
    _check_what_happened(counts)


def _is_counted(services: Services) -> bool:
    """Gauges are set after a batch, the second question to Zendesk waits a second, windows end by themselves."""
    ingest, hydrate = _counts(services, "ingest"), _counts(services, "hydrate")
    asked = {dict(key)["outcome"] for key in hydrate["leadline_hydration_requests_total"]}
    verdicts = sum(ingest["leadline_gate_verdicts_total"].values())
    lake = _counts(services, "lake")["leadline_lake_rows_total"][frozenset()]
    sent = sum(ingest["leadline_events_total"].values()) + sum(ingest["leadline_forwardings_total"].values())
    return asked >= {"fetched", "delayed"} and verdicts >= 2 and lake == sent


def _check_what_happened(counts: dict[str, Counts]) -> None:
    ingest, receive = counts["ingest"], counts["receive"]

    def total(name: str) -> float:
        return sum(ingest[name].values())

    read = total("leadline_elements_accepted_total") + total("leadline_elements_replayed_total")
    became = ("events", "quarantined", "duplicates", "elements_settled")
    assert read == sum(total(f"leadline_{name}_total") for name in became)
    assert total("leadline_elements_replayed_total") == 2
    steps = {dict(key)["step"] for key in ingest["leadline_ingestion_step_seconds_count"]}
    assert steps == {"read", "resolve", "send", "settle"}
    judged = {dict(key)["suite"].partition("@")[0] for key in ingest["leadline_gate_verdicts_total"]}
    assert judged == {ROWS.name, SOURCES.name}
    answers = {frozenset(dict(key).values()): n for key, n in receive["leadline_receiver_requests_total"].items()}
    assert answers == {
        frozenset(("acme-meta-lead-ads", "200")): 1,
        frozenset(("acme-meta-lead-ads", "401")): 1,
        frozenset(("acme-zendesk", "200")): 2,
    }


def test_alerts_name_metrics_and_labels_that_exist_and_a_page_that_helps() -> None:
    known = {name_of(metric): set(metric._labelnames) for kinds in DECLARED.values() for metric in declared(kinds)}
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    for rule in group["rules"]:
        used = set(re.findall(r"leadline_\w+", rule["expr"]))
        assert used <= known.keys(), rule["alert"]
        labels = {"job", "instance"}.union(*(known[name] for name in used))
        matched = re.findall(r"(\w+)=[\"~]", rule["expr"])
        shown = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
        assert {*matched, *shown} <= labels, rule["alert"]
        runbook, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert not anchor or anchor in anchors((ROOT / runbook).read_text()), rule["alert"]
        assert (ROOT / runbook).exists()
