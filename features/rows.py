"""The rows of the online store: a state with when it was known, and where it went.

Invariant: `sequence` and `known_at` grow strictly with every row of a key, so the newest row is never in doubt.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

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
    """What rows of leads and of accounts begin with."""

    state: msgspec.Raw
    known_at: datetime
    sequence: int


encode_row = msgspec.msgpack.Encoder().encode
decode_lead_row = msgspec.msgpack.Decoder(LeadRow).decode
decode_account_row = msgspec.msgpack.Decoder(AccountRow).decode
decode_enrichment_row = msgspec.msgpack.Decoder(EnrichmentRow).decode
_decode_head = msgspec.msgpack.Decoder(_Head).decode


def is_behind(held: bytes, row: bytes) -> bool:
    """Whether the encoded row that is held, b"" for none, is older than `row`."""
    return not held or _decode_head(held).sequence < _decode_head(row).sequence
