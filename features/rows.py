"""The rows of the online store: a state with when it was known, and where it went; and their bytes.

Half of a state would be marks that repeat their origin: stored, they are a tree, and a lead takes less than 1 KB
nineteen times of twenty.

Invariant: `sequence` and `known_at` grow strictly with every row of a key, so the newest row is never in doubt.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import astuple, replace

from features.state import AccountState, LeadState
from ingestion.contracts.event import LeadSplit


class LeadRow(msgspec.Struct, array_like=True, frozen=True):
    """One lead as it is served."""

    state: LeadState
    known_at: datetime  # knowledge time, aware, UTC
    sequence: int
    account: str | None = None
    forward: str | None = None  # "{survivor}|{survivor's partition key}" once the lead has ended
    split: LeadSplit | None = None  # if it was several persons: `forward` is the first of them


class AccountRow(msgspec.Struct, array_like=True, frozen=True):
    """One account as it is served."""

    state: AccountState
    known_at: datetime
    sequence: int


class EnrichmentRow(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """The newest reading of a lead's free text. Without a `score` nothing has been read yet."""

    status: str  # fresh, pending or unavailable
    known_at: datetime
    sequence: int = 0  # given when it is written: see features.readings
    read_at: datetime
    content_hash: str
    score: float | None = None  # 0–100
    confidence: float = 0.0  # 0–1
    intent: str = "none"
    next_step: str = ""
    reasoning: str = ""
    provider: str = ""
    prompt_version: str = ""


class EncodedRow(NamedTuple):
    """A row ready to be stored."""

    key: str
    known_at: datetime
    encoded: bytes


class _Head(msgspec.Struct, array_like=True):
    """What rows begin with."""

    state: msgspec.Raw  # of readings their status
    known_at: datetime
    sequence: int


_RAW = "|raw."  # between the origin and the rest of the stream
_Tree = dict[str, int | dict[str, int]]  # origin -> rest of the stream -> position; or marks as they are


class _StoredLead(LeadState):
    marks: _Tree = msgspec.field(default_factory=dict)  # type: ignore[assignment]


class _StoredAccount(AccountState):
    marks: _Tree = msgspec.field(default_factory=dict)  # type: ignore[assignment]


class _StoredLeadRow(LeadRow, frozen=True):
    state: _StoredLead


class _StoredAccountRow(AccountRow, frozen=True):
    state: _StoredAccount


_encode = msgspec.msgpack.Encoder().encode
_decode_head = msgspec.msgpack.Decoder(_Head).decode
_decode_lead = msgspec.msgpack.Decoder(_StoredLeadRow).decode
_decode_account = msgspec.msgpack.Decoder(_StoredAccountRow).decode
decode_enrichment_row = msgspec.msgpack.Decoder(EnrichmentRow).decode


def encode_row(row: LeadRow | AccountRow | EnrichmentRow) -> bytes:
    """The row as it is stored, online and in the history."""
    if isinstance(row, EnrichmentRow):
        return _encode(row)
    return _encode(replace(row, state=replace(row.state, marks=_tree(row.state.marks))))


def decode_lead_row(encoded: bytes) -> LeadRow:
    """The row that `encode_row` turned into these bytes."""
    state, *others = astuple(_decode_lead(encoded))
    *fields, tree = astuple(state)
    return LeadRow(LeadState(*fields, _marks(tree)), *others)  # type: ignore[call-arg]  # the tuple has all


def decode_account_row(encoded: bytes) -> AccountRow:
    """As `decode_lead_row`."""
    state, *others = astuple(_decode_account(encoded))
    *fields, tree = astuple(state)
    return AccountRow(AccountState(*fields, _marks(tree)), *others)  # type: ignore[call-arg]


def is_newer(row: bytes, held: bytes) -> bool:
    """Whether an encoded row is newer than another of its key."""
    return _decode_head(row).sequence > _decode_head(held).sequence


def _tree(marks: dict[str, int]) -> _Tree:
    """Marks "{origin}|raw.{rest}" without what they repeat; if any is of another form, all as they are."""
    tree: dict[str, dict[str, int]] = {}
    for mark, position in marks.items():
        origin, raw, rest = mark.rpartition(_RAW)
        if not raw:
            return dict(marks)
        if origin in tree:
            tree[origin][rest] = position
        else:
            tree[origin] = {rest: position}
    return dict(tree)


def _marks(tree: _Tree) -> dict[str, int]:
    marks: dict[str, int] = {}
    for origin, streams in tree.items():
        if isinstance(streams, int):
            marks[origin] = streams
            continue
        for rest, position in streams.items():
            marks[f"{origin}{_RAW}{rest}"] = position
    return marks
