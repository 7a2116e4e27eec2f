"""What each job tells of itself, if anybody is to be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from features.feature_set import FeatureSet
from features.lineage.places import is_asked_for
from features.settings import feature_set
from ingestion.errors import SettingsError
from ingestion.kafka import Record
from ingestion.settings import PlatformSettings
from quality.verdict import Verdict

if TYPE_CHECKING:
    from features.lineage.outlet import Outlet

WINDOW = timedelta(minutes=1)  # of micro-batches that are told of together


Folded = Callable[[Sequence[Record], int], None]  # told of each micro-batch, when its rows are readable: how many


def untold(_records: Sequence[Record], _rows: int) -> None:
    """Nobody is to be told."""


def open_outlet(settings: PlatformSettings) -> Outlet | None:
    """Where events of lineage go; None if no place is named.

    Raises:
        SettingsError: a place is named, and `leadline[lineage]` is not installed.
    """
    if not is_asked_for(settings):
        return None
    try:
        from features.lineage.outlet import Outlet
    except ImportError as error:
        raise SettingsError(f"lineage is asked for and {error.name} is missing; install leadline[lineage]") from error
    return Outlet(settings)


class FoldLineage:
    """Collects a feature worker's micro-batches and tells of them a minute at a time; without an outlet, nothing."""

    def __init__(
        self,
        outlet: Outlet | None,
        features: FeatureSet,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._outlet = outlet
        self._features = features
        self._clock = clock
        self._offsets: dict[int, int] = {}  # the first of each partition since the last telling
        self._first: datetime | None = None  # the oldest record's time
        self._began = clock()
        self._rows = 0
        self._verdict: Verdict | None = None

    def judged(self, verdict: Verdict) -> None:
        """The gate's newest verdict."""
        self._verdict = verdict

    def folded(self, records: Sequence[Record], rows: int) -> None:
        """See `Folded`."""
        if self._outlet is None:
            return
        if not self._offsets:
            self._began = self._clock()
        for record in records:
            self._offsets.setdefault(record.partition, record.offset)
        oldest = datetime.fromtimestamp(min(record.timestamp_ms for record in records) / 1000, UTC)
        self._first = oldest if self._first is None else min(self._first, oldest)
        self._rows += rows
        if self._clock() - self._began >= WINDOW:
            self.tell()

    def tell(self) -> None:
        """Tell of what was folded since the last time, if anything was."""
        outlet, features = self._outlet, self._features
        if outlet is None or self._first is None:
            return
        from features.lineage.documents import events_of, features_out, history_out
        from features.lineage.outlet import JobRun

        run = JobRun(
            job="features.fold",
            moment=self._first,
            made_of=f"{features.hash}|{sorted(self._offsets.items())}",
            began=self._began,
            ended=self._clock(),
            kind="STREAMING",
            inputs=[events_of(outlet.namespace)],
            outputs=[
                history_out(outlet.namespace, features, self._rows),
                features_out(outlet.namespace, features.service, features, rows=self._rows, verdict=self._verdict),
            ],
        )
        outlet.tell(run)
        self._offsets, self._first, self._rows, self._verdict = {}, None, 0, None

    def close(self) -> None:
        """Tell the rest."""
        self.tell()
        if self._outlet is not None:
            self._outlet.close()


class Materialised:
    """What a job that reads the history and writes features found out about its run."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment
        self.made_of = ""
        self.version = ""
        self.rows = 0
        self.verdict: Verdict | None = None


@contextmanager
def materialising(settings: PlatformSettings, job: str, dataset: str, moment: datetime) -> Iterator[Materialised]:
    """Tell of a job that makes `dataset`, with a column for each feature, of the feature history and the events.

    Args:
        moment: up to which the job reads, which is the same if it is repeated.

    Yields:
        What the job is to fill in. Whatever it raises is told by its kind, and raised again.
    """
    outlet, began, found = open_outlet(settings), datetime.now(UTC), Materialised(moment)
    failed = ""
    try:
        yield found
    except Exception as error:
        failed = type(error).__name__
        raise
    finally:
        if outlet is not None:
            _tell(settings, outlet, job, dataset, began, found, failed)
            outlet.close()


def _tell(
    settings: PlatformSettings,
    outlet: Outlet,
    job: str,
    dataset: str,
    began: datetime,
    found: Materialised,
    failed: str,
) -> None:
    from features.lineage.documents import events_of, features_out, history_in
    from features.lineage.outlet import JobRun

    features, space = feature_set(settings), outlet.namespace
    outlet.tell(
        JobRun(
            job=job,
            moment=found.moment,
            made_of=f"{features.hash}|{found.made_of}",
            began=began,
            ended=datetime.now(UTC),
            inputs=[events_of(space), history_in(space, features, found.verdict)],
            outputs=[features_out(space, dataset, features, version=found.version, rows=found.rows)],
            failed=failed,
        )
    )
