"""Sends a process's spans to a collector, by OTLP over HTTP, if the settings name one. Nobody else ever gets them."""

from __future__ import annotations

from importlib.metadata import version

from opentelemetry.trace import Tracer

from ingestion.errors import SettingsError
from ingestion.settings import ReceiverSettings


def tracer_of(settings: ReceiverSettings, service: str) -> Tracer | None:
    """The tracer of this process; `None` where no collector is named, and then no SDK is imported.

    Spans are sent from a thread of their own, and the last of them when the process ends. A collector that is away
    costs spans, never an event. The SDK's own variables (`OTEL_TRACES_SAMPLER`, …) hold.

    Args:
        service: the command's name; the collector sees `leadline-{service}`.

    Raises:
        SettingsError: a collector is named, and the SDK is not installed.
    """
    if not settings.traces_endpoint:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but nothing here can send traces: install leadline[tracing]"
        ) from None
    named = {
        "service.name": f"leadline-{service}",
        "service.namespace": "leadline",
        "service.version": version("leadline"),
    }
    provider = TracerProvider(resource=Resource.create(named))
    exporter = OTLPSpanExporter(f"{settings.traces_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider.get_tracer("leadline.ingestion")
