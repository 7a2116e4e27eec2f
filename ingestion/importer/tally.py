"""What became of a file's rows."""

from __future__ import annotations

from dataclasses import dataclass, field

OBJECTIONS_NAMED, TOO_LARGE_NAMED = 3, 20


@dataclass(slots=True)
class Tally:
    """One file's rows: when the import is done, `rows` = `sent` + `too_large`."""

    name: str
    rows: int = 0
    sent: int = 0  # acknowledged by Kafka, in this run or an earlier one
    objected: int = 0  # rows of which ingestion will set something aside; they are sent
    too_large: int = 0  # not sent
    objections: list[str] = field(default_factory=list)  # the first few, with their places
    too_large_at: list[str] = field(default_factory=list)  # the first places
    last: str = ""  # the last row's place
    fault: str = ""  # why the file, or the rest of it, could not be read

    def object(self, place: str, reason: str) -> None:
        """Note a row with a fault."""
        self.objected += 1
        if len(self.objections) < OBJECTIONS_NAMED:
            self.objections.append(f"{place}: {reason}")

    def refuse(self, place: str) -> None:
        """Note a row that is too large to be sent."""
        self.too_large += 1
        if len(self.too_large_at) < TOO_LARGE_NAMED:
            self.too_large_at.append(place)


@dataclass(slots=True)
class Meter:
    """How far an import is."""

    bytes_read: int = 0
    objected: int = 0
    too_large: int = 0
    messages: int | None = None  # to be sent in all, once that is known
    sent: int = 0  # acknowledged in this run
    sent_before: int = 0  # acknowledged in earlier runs
