"""Errors of the feature stage's stores and engines, grouped as ingestion's are by what the caller must do.

IngestionError
├── Retry
│   ├── OnlineStoreUnavailable   the online store did not answer in time, or refused
│   └── RebuildOvertaken         the store was lost once more, or somebody else rebuilds it
└── Stop
    ├── OnlineStoreForgets       the online store is set to drop leads when it is full
    ├── NotBackfilled            a feature set lacks what happened before, or is only half filled
    ├── AlreadyFolded            a feature set is to be backfilled that workers have filled
    ├── DefinitionsChanged       a feature set means something else than what its history was folded for
    └── SparkMissing             the engine is to be Spark, which is not installed or cannot start
"""

from __future__ import annotations

from ingestion.errors import Retry, Stop


class OnlineStoreUnavailable(Retry):
    """The online store did not answer in time, or refused. Nothing was lost: the history has every row (ADR 6)."""


class RebuildOvertaken(Retry):
    """The online store was lost once more while it was rebuilt, or somebody else began to rebuild it."""


class OnlineStoreForgets(Stop):
    """The online store is set to drop leads when it is full, which would look as if they were unknown."""


class SparkMissing(Stop):
    """The offline engine is to be Spark, and pyspark or Java is missing."""


class NotBackfilled(Stop):
    """A feature set lacks what happened before its workers began, or is only half filled."""

    def __init__(self, service: str, why: str) -> None:
        super().__init__(
            f"feature set {service} {why}: run `leadline features backfill --set module:name`, which goes on where it "
            "was cut short, then start its worker"
        )


class AlreadyFolded(Stop):
    """A feature set is to be backfilled that workers have filled from the topic."""

    def __init__(self, service: str) -> None:
        super().__init__(
            f"feature set {service} has a history that its workers have folded: there is nothing to backfill. "
            "Changed definitions get a service of another name"
        )


class DefinitionsChanged(Stop):
    """A feature set means something else than what its history was folded for."""

    def __init__(self, service: str, folded: str, declared: str) -> None:
        super().__init__(
            f"feature set {service} was folded with other definitions ({folded[:12]}…) than are declared now "
            f"({declared[:12]}…): give the changed set a service of another name and backfill it, or undo the change"
        )
