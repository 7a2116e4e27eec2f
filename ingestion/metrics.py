"""What the ingestion stage counts, and the small HTTP server on which every worker shows its counts."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Info, start_http_server

BATCH_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
ASK_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


class IngestionMetrics:
    """Counters of one worker since it started. Elements are entries of raw messages."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.raw_accepted = Counter("leadline_raw_messages_total", "Raw messages read", ["topic"], registry=registry)
        self.accepted = Counter(
            "leadline_elements_accepted_total",
            "Elements read but for replays",
            ["source"],
            registry=registry,
        )
        self.replayed = Counter(
            "leadline_elements_replayed_total", "Elements of replays read", ["source"], registry=registry
        )
        self.good = Counter("leadline_events_total", "Canonical events sent", ["source"], registry=registry)
        self.quarantined = Counter(
            "leadline_quarantined_total", "Elements set aside, by reason", ["source", "reason"], registry=registry
        )
        self.duplicates = Counter(
            "leadline_duplicates_total", "Duplicate deliveries dropped", ["source"], registry=registry
        )
        self.settled = Counter(
            "leadline_elements_settled_total",
            "Elements read again that had been counted: beside a replayed one, dropped, or passed since",
            ["source"],
            registry=registry,
        )
        self.unaccounted = Counter(
            "leadline_elements_unaccounted_total",
            "Elements by which accepted + replayed differs from events + quarantined + duplicates + settled: always 0",
            registry=registry,
        )
        self.test_or_bot = Counter(
            "leadline_test_or_bot_total",
            "Canonical events of tests and bots, never counted as engagement",
            registry=registry,
        )
        self.forwardings = Counter(
            "leadline_forwardings_total",
            "Lead ids that ended: renamed, joined with another lead, or split",
            ["why"],
            registry=registry,
        )
        self.conflicts = Counter(
            "leadline_identity_conflicts_total",
            "Bonds that resolution refused and identifiers that it froze, when first met",
            ["reason"],
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "leadline_ingestion_batch_seconds", "Time of a micro-batch", buckets=BATCH_SECONDS, registry=registry
        )
        self.step_seconds = Histogram(
            "leadline_ingestion_step_seconds",
            "Time of a micro-batch's steps: read, resolve, send; and settle, when the broker has it all",
            ["step"],
            buckets=BATCH_SECONDS,
            registry=registry,
        )
        self.lists = Info(
            "leadline_identity_lists",
            "Digest of the lists that identity goes by; one for all workers",
            registry=registry,
        )
        self.lag = Gauge("leadline_ingestion_lag_messages", "Raw messages not read yet", registry=registry)


class GateMetrics:
    """What one worker's gates said since it started, of whichever stage they are."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._verdicts = Counter(
            "leadline_gate_verdicts_total",
            "Windows that a gate's suite judged: pass, warn, quarantine or stop",
            ["suite", "action"],
            registry=registry,
        )

    def judged(self, suite: str, action: str) -> None:
        """A window came to this verdict."""
        self._verdicts.labels(suite, action).inc()


class LakeMetrics:
    """Counters of one lake writer since it started."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.rows = Counter(
            "leadline_lake_rows_total", "Events, merges and splits appended to the table `events`", registry=registry
        )
        self.batch_seconds = Histogram(
            "leadline_lake_batch_seconds", "Time of an append", buckets=BATCH_SECONDS, registry=registry
        )
        self.lag = Gauge("leadline_lake_lag_records", "Records of `events` not read yet", registry=registry)


class ReceiverMetrics:
    """Counters of one receiver since it started."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._requests = Counter(
            "leadline_receiver_requests_total", "Requests answered", ["connection", "status"], registry=registry
        )
        self._stored = Counter(
            "leadline_receiver_stored_total", "Deliveries on the raw topics", ["connection"], registry=registry
        )
        self._bytes = Counter(
            "leadline_receiver_stored_bytes_total", "Bytes on the raw topics", ["connection"], registry=registry
        )
        self._repeated = Counter(
            "leadline_receiver_repeated_total",
            "Signed deliveries that were stored before",
            ["connection"],
            registry=registry,
        )
        self._aborted = Counter(
            "leadline_receiver_aborted_total", "Requests whose sender hung up half-way", registry=registry
        )
        self._seconds = Histogram(
            "leadline_receiver_seconds", "From the headers to the answer", buckets=BATCH_SECONDS, registry=registry
        )

        # Looking a labelled counter up costs more than counting.
        self._by_answer: dict[tuple[str, int], Counter] = {}
        self._by_connection: dict[str, tuple[Counter, Counter]] = {}

    def answered(self, connection: str, status: int, seconds: float) -> None:
        """A request to a connection was answered."""
        counter = self._by_answer.get((connection, status))
        if counter is None:
            counter = self._by_answer[connection, status] = self._requests.labels(connection, status)
        counter.inc()
        self._seconds.observe(seconds)

    def stored(self, connection: str, size: int) -> None:
        """A delivery of `size` bytes is durable."""
        counters = self._by_connection.get(connection)
        if counters is None:
            counters = self._stored.labels(connection), self._bytes.labels(connection)
            self._by_connection[connection] = counters
        counters[0].inc()
        counters[1].inc(size)

    def repeated(self, connection: str) -> None:
        """A delivery was stored before."""
        self._repeated.labels(connection).inc()

    def aborted(self) -> None:
        """A sender hung up before its body was complete."""
        self._aborted.inc()


class HydrationMetrics:
    """Counters of one hydration worker since it started; what waits and what failed is of all workers together."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._requests = Counter(
            "leadline_hydration_requests_total",
            "Questions to vendors' APIs: fetched, delayed or failed",
            ["connection", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "leadline_hydration_seconds",
            "From a question to its answer's acknowledgement by the broker",
            ["connection"],
            buckets=ASK_SECONDS,
            registry=registry,
        )
        self._waiting = Gauge("leadline_hydration_waiting", "Objects to be fetched", ["connection"], registry=registry)
        self._failed = Gauge(
            "leadline_hydration_failed",
            "Objects given up, until `leadline hydrate --retry`",
            ["connection"],
            registry=registry,
        )

    def asked(self, connection: str, outcome: str, seconds: float) -> None:
        """A question came to its outcome."""
        self._requests.labels(connection, outcome).inc()
        self._seconds.labels(connection).observe(seconds)

    def standing(self, connection: str, waiting: int, failed: int) -> None:
        """So many objects wait, and so many failed."""
        self._waiting.labels(connection).set(waiting)
        self._failed.labels(connection).set(failed)


def serve_metrics(port: int | None) -> None:
    """Answer `/metrics` on all addresses at `port` from a thread of its own; nothing if there is no port.

    A process that answers is alive: health checks ask the same address.
    """
    if port is not None:
        start_http_server(port)
