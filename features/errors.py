"""Errors of the feature stage's stores and engines, grouped as ingestion's are by what the caller must do.

IngestionError
├── Retry
│   ├── OnlineStoreUnavailable   the online store did not answer in time, or refused
│   └── RebuildOvertaken         the store was lost once more, or somebody else rebuilds it
└── Stop
    ├── OnlineStoreForgets       the online store is set to drop leads when it is full
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
