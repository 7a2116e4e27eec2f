"""W3C trace context: one trace from the receiver's request to the canonical event and beyond.

The context travels in the Kafka header `traceparent` and in the event itself, so that it outlives every process. Spans
are kept where a tracer is passed; `None` stands for tracing that is off, and then nothing is made.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)

MAX_LINKS = 100  # of a batch, to the requests that it holds; the SDK keeps 128

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")

_NOTHING = nullcontext(INVALID_SPAN)
_ids = random.Random()  # noqa: S311  # ids are to differ, not to be secret; the system's source costs 3 µs a call


def continued(traceparent: str) -> str:
    """The current span, if there is one; else the sender's trace with a span of our own, or a new trace if the sender
    has none that is valid.
    """
    current = get_current_span().get_span_context()
    if current.is_valid:
        return f"00-{current.trace_id:032x}-{current.span_id:016x}-{current.trace_flags:02x}"
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None:
        ids = f"{_ids.getrandbits(192):048x}"
        return f"00-{ids[:32]}-{ids[32:]}-01"
    return f"00-{found[1]}-{_ids.getrandbits(64):016x}-{found[3]}"


def kept(traceparent: str) -> str:
    """The sender's context as it is, for who goes on with it later; a new trace if it is not valid."""
    return traceparent if _TRACEPARENT.fullmatch(traceparent) else continued("")


def traced(
    tracer: Tracer | None, name: str, kind: SpanKind = SpanKind.INTERNAL, within: Context | str | None = None
) -> AbstractContextManager[Span]:
    """A span around a block; its id is what `continued` gives within.

    An error is noted by its type alone: messages, above all a database's, may hold what nobody may see.

    Args:
        within: the parent, as a context or a `traceparent`; the current span if it is None.
    """
    return _NOTHING if tracer is None else _kept(tracer, name, kind, within)


@contextmanager
def _kept(tracer: Tracer, name: str, kind: SpanKind, within: Context | str | None) -> Iterator[Span]:
    parent = set_span_in_context(NonRecordingSpan(_remote(within)), Context()) if isinstance(within, str) else within
    with tracer.start_as_current_span(
        name, parent, kind, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise


def link(span: Span, traceparents: Iterable[str]) -> None:
    """Links a batch to where its messages come from: to the first `MAX_LINKS` that somebody keeps."""
    if span.is_recording():
        senders = (sender for sender in map(_remote, traceparents) if sender.trace_flags.sampled)
        for sender in islice(senders, MAX_LINKS):
            span.add_link(sender)


def _remote(traceparent: str) -> SpanContext:
    """Who sent it; an invalid context if it is not valid."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return INVALID_SPAN.get_span_context()
    return SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=TraceFlags(int(found[3], 16)))
