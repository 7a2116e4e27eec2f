"""What is remembered of a lead and of an account: tiles, newest values, marks.

Invariant: a state is a function of the set of events applied to it, whatever their order. Counts add, newest
values and best weights win by maximum, and what falls out of the horizon is judged by the state's own newest
event, so forgetting commutes too. `marks` says which events those are: the highest raw position applied, by
"{origin}|{raw stream}".
"""

from __future__ import annotations

import msgspec

Stamped = tuple[int, str, float | str]  # (µs of the event, event id, value); the greatest wins
Tiles = dict[int, int]  # tile -> count

# Retention, from the newest event. Windows reach 7 d in hour tiles and 30 d in day tiles at most.
HOURS_KEPT = 8 * 24
DAYS_KEPT = 32
ITEM_DAYS = 90  # a ticket or deal untouched for longer counts as closed


class LeadState(msgspec.Struct, array_like=True, gc=False):
    """Activity of one person."""

    newest: int = 0  # µs of the newest event applied; 0 if none
    hours: dict[int, Tiles] = {}  # Kind -> hour tiles
    days: dict[int, Tiles] = {}  # Kind -> day tiles
    ever: dict[int, int] = {}  # Kind -> count
    last: dict[int, int] = {}  # Kind -> µs of the newest
    values: dict[int, Stamped] = {}  # Slot ->
    best: dict[int, float] = {}  # Best ->
    items: dict[int, dict[str, Stamped]] = {}  # Item -> source and object id ->
    marks: dict[str, int] = {}


class AccountState(msgspec.Struct, array_like=True, gc=False):
    """Activity at one company: of events that were sent for it, not of what its people did before they were known."""

    newest: int = 0
    hours: dict[int, Tiles] = {}
    people: dict[str, int] = {}  # lead -> day tile of the newest engagement
    last: dict[int, int] = {}
    values: dict[int, Stamped] = {}
    items: dict[int, dict[str, Stamped]] = {}
    marks: dict[str, int] = {}


encode_state = msgspec.msgpack.Encoder().encode
_decode_lead = msgspec.msgpack.Decoder(LeadState).decode
_decode_account = msgspec.msgpack.Decoder(AccountState).decode


def decode_lead_state(encoded: bytes) -> LeadState:
    """The state that `encode_state` turned into these bytes."""
    return _decode_lead(encoded)


def decode_account_state(encoded: bytes) -> AccountState:
    """The state that `encode_state` turned into these bytes."""
    return _decode_account(encoded)
