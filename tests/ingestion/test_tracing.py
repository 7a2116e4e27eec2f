"""Traces, from a sender's request to the canonical event: sent to a collector that is named, and to nobody else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.trace import INVALID_SPAN, Tracer, get_current_span

from ingestion.contracts.event import decode_event
from ingestion.contracts.raw import EVENTS_TOPIC
from ingestion.kafka import read_topic
from ingestion.settings import ReceiverSettings
from ingestion.trace_export import tracer_of
from ingestion.tracing import MAX_LINKS, continued, kept, link, traced
from tests.conftest import free_port, wait_until
from tests.ingestion.collector import Collector, collecting
from tests.ingestion.hydration.vendors import listening
from tests.ingestion.services import Services
from tests.ingestion.sources.samples import META_WEBHOOK
from tests.ingestion.test_worker import Stage

TRACE = "0af7651916cd43dd8448eb211c80319c"
SENT = f"00-{TRACE}-b7ad6b7169203331-01"
BODY = msgspec.json.encode(META_WEBHOOK)


@contextmanager
def tracer_to(url: str) -> Iterator[Tracer]:
    """A tracer whose thread ends with the block; it would go on beside the next tests, and draw from `random`."""
    tracer = tracer_of(ReceiverSettings.model_validate({"traces_endpoint": url}), "ingest")
    assert isinstance(tracer, SdkTracer)
    yield tracer
    tracer.span_processor.shutdown()


@pytest.fixture(autouse=True)
def _sent_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")


def events(stage: Stage) -> list[str]:
    """The traceparents of the canonical events."""
    found = [record for record in read_topic(stage.bootstrap, EVENTS_TOPIC) if record.headers["record"] == "event"]
    return [decode_event(record.value).traceparent or "" for record in found]


def test_one_trace_leads_from_a_webhook_to_its_canonical_events(empty_kafka: str, tmp_path: Path) -> None:
    stage = Stage(empty_kafka, f"sqlite:///{tmp_path}/leadline.db")
    with collecting() as collector, listening() as vendors:
        services = Services(stage, tmp_path, vendors.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        with services.running():
            assert services.deliver("meta-lead-ads", BODY, headers={"traceparent": SENT}) == 200
            assert services.deliver("meta-lead-ads", BODY, signed=False) == 401
            # The notice, and the lead that hydration fetches for it.
            wait_until(lambda: len(events(stage)) == 2 and services.is_drained(), "both events", 60)
        _check_trace(collector, events(stage))
    stage.close()


def _check_trace(collector: Collector, events: list[str]) -> None:
    refused, request = sorted(collector.named("POST /in/{connection}"), key=lambda span: span.trace == TRACE)
    assert (request.service, request.trace, request.parent) == ("leadline-receive", TRACE, "b7ad6b7169203331")
    assert refused.trace != TRACE
    [fetch] = collector.named("fetch lead")
    assert (fetch.service, fetch.trace, fetch.parent) == ("leadline-hydrate", TRACE, request.id)

    assert set(events) == {f"00-{TRACE}-{request.id}-01", f"00-{TRACE}-{fetch.id}-01"}
    batches = collector.named("process raw")
    assert {trace for batch in batches for trace in batch.links} == {TRACE}
    for step in ("read", "resolve", "send", "settle"):
        assert {span.parent for span in collector.named(step)} == {batch.id for batch in batches}, step
    appends = collector.named("append events")
    assert {trace for append in appends for trace in append.links} == {TRACE}

    told = " ".join(value for span in collector.spans for value in span.attributes.values())
    assert {name for span in collector.spans for name in span.attributes} == {
        "http.response.status_code",
        "leadline.connection",
        "leadline.outcome",
        "leadline.events",
        "leadline.quarantined",
        "leadline.duplicates",
        "messaging.system",
        "messaging.operation.type",
        "messaging.batch.message_count",
    }, told


def test_collector_that_is_away_costs_spans_and_no_event(
    empty_kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")  # seconds, after which it gives up
    stage = Stage(empty_kafka, f"sqlite:///{tmp_path}/leadline.db")
    stage.raw.visit("cookie")
    stage.raw.producer.flush()
    with tracer_to(f"http://127.0.0.1:{free_port()}") as tracer:
        stage.work(tracer=tracer)
    assert len(events(stage)) == 1
    stage.close()


def test_without_a_collector_no_sdk_is_imported() -> None:
    code = """
import sys
import ingestion.app, ingestion.receiver.asgi, ingestion.hydration.fetcher
from ingestion.settings import ReceiverSettings
from ingestion.trace_export import tracer_of
assert tracer_of(ReceiverSettings(), "ingest") is None
assert not [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_a_tracer_nothing_is_made() -> None:
    with traced(None, "read") as span:
        assert span is INVALID_SPAN
        assert get_current_span() is INVALID_SPAN


@pytest.mark.parametrize(
    "said", ["", "nonsense", f"01-{TRACE}-b7ad6b7169203331-01", f"00-{'0' * 32}-b7ad6b7169203331-01"]
)
def test_sender_without_a_valid_trace_gets_a_new_one(said: str) -> None:
    assert continued(said) != continued(said)
    assert kept(said) not in (said, "")
    assert kept(SENT) == SENT


def test_batch_is_linked_to_a_limited_number_of_requests() -> None:
    with collecting() as collector, tracer_to(collector.url) as tracer:
        with traced(tracer, "process raw") as span:
            link(span, (f"00-{number:032x}-b7ad6b7169203331-{number % 2:02x}" for number in range(1, 1000)))
        wait_until(lambda: bool(collector.spans), "the span")
        [batch] = collector.spans
        assert len(batch.links) == MAX_LINKS
        assert all(int(trace, 16) % 2 for trace in batch.links), "who is not kept is not linked to"


def test_error_is_noted_by_its_type_alone() -> None:
    with collecting() as collector, tracer_to(collector.url) as tracer:
        with pytest.raises(ValueError, match="jo@acme"), traced(tracer, "resolve"):
            raise ValueError("jo@acme.com is broken")
        wait_until(lambda: bool(collector.spans), "the span")
        assert collector.spans[0].attributes["error.type"] == 'string_value: "ValueError"'
        assert "jo@acme" not in str(collector.spans)
