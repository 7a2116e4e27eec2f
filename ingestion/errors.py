"""Errors of the ingestion stage, grouped by what the caller must do.

IngestionError
├── Quarantine          set this element aside with its reason and go on
│   ├── Undecodable     the bytes are not what the content type says
│   ├── UnknownSource   no adapter is registered for the source system
│   ├── UnknownVersion  the sender speaks a version that no contract describes
│   ├── ContractBroken  a field is missing, of the wrong type or out of range
│   └── GateRefused     a quality gate set the row aside
├── Retry               the effect may succeed later; nothing was lost
│   ├── DeliveryFailed  the broker did not acknowledge in time
│   ├── LakeUnwritable  a table of the lake could not be appended to
│   ├── DatabaseRefused the relational database is out of reach, full, or too busy
│   └── FetchDelayed    a vendor's API is busy, broken or out of reach
├── FetchRefused        record it: a vendor's API will not give an object, however often it is asked
└── Stop                a person must look before the stage goes on
    ├── SettingsError   the process was started with wrong settings
    ├── BadContract     a data contract's file is not right
    ├── FileUnreadable  a file to be imported, or the rest of it, cannot be read
    ├── OffsetLost      committed offsets point outside what the broker holds
    ├── Fenced          another worker owns the partition now
    └── GateStopped     a quality gate closed the stage
"""

from __future__ import annotations


class IngestionError(Exception):
    """Anything that ingestion raises on purpose."""


class Quarantine(IngestionError):
    """Set the element aside: original bytes, coordinates and this reason go to `events.quarantine`."""


class Undecodable(Quarantine):
    """The bytes are not what the content type says."""


class UnknownSource(Quarantine):
    """No adapter is registered for the source system."""


class UnknownVersion(Quarantine):
    """The sender speaks a version that no contract describes."""


class ContractBroken(Quarantine):
    """A field is missing, of the wrong type or out of range."""


class GateRefused(Quarantine):
    """A quality gate set the row aside."""


class Retry(IngestionError):
    """The effect may succeed later; nothing was lost."""


class DeliveryFailed(Retry):
    """The broker did not acknowledge in time."""


class LakeUnwritable(Retry):
    """A table of the lake could not be appended to. What was read is not committed, and is read again."""


class DatabaseRefused(Retry):
    """The relational database is out of reach, full, or too busy. What was at hand may be done again."""


class FetchDelayed(Retry):
    """A vendor's API is busy, broken or out of reach."""

    def __init__(self, reason: str, *, after: float | None = None, throttled: bool = False) -> None:
        super().__init__(reason)
        self.after = after  # seconds, if the API said so
        self.throttled = throttled  # it asks us to be slower: no other question before that


class FetchRefused(IngestionError):
    """A vendor's API will not give an object, however often it is asked; a person may ask again."""

    def __init__(self, reason: str, *, missing: bool = False) -> None:
        super().__init__(reason)
        self.missing = missing  # it has no such object


class Stop(IngestionError):
    """A person must look before the stage goes on."""


class SettingsError(Stop):
    """The process was started with wrong settings."""


class BadContract(Stop):
    """A data contract's file is not right."""


class FileUnreadable(Stop):
    """A file to be imported, or the rest of it, cannot be read."""


class OffsetLost(Stop):
    """Committed offsets point outside what the broker holds; no silent jump to either end."""


class Fenced(Stop):
    """Another worker owns the partition now; this one's effects were refused."""


class GateStopped(Stop):
    """A quality gate closed the stage."""
