"""What is remembered of a lead and of an account, in drawers: each a commutative sum of the events put in.

Invariant: a state is a function of the set of events applied to it, whatever their order. Sums add, peaks and the best
values win by maximum, and what falls out of a horizon is judged by the state's own newest event, so forgetting commutes
too. `marks` says which events those are: the highest raw position applied, by "{origin}|{raw stream}". Which slots and
series a drawer has follows from the declared features (`features.language.keep`).
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

Stamped = tuple[int, int, float | str, str]  # (µs of the event, `tie` of its id, value, source system)
Tiles = dict[int, int]  # tile -> sum

ITEM_DAYS = 90  # a ticket or deal untouched for longer counts as closed


def tie(event: str) -> int:
    """What decides between events of one microsecond: 56 bits of a hash of the id, which may be ten times as long."""
    return int.from_bytes(blake2b(event.encode(), digest_size=7).digest())


class State(msgspec.Struct, array_like=True, gc=False):
    """Activity, by drawer. A series is a slot with the length of its tiles."""

    newest: int = 0  # µs of the newest event applied; 0 if none
    sums: dict[int, Tiles] = {}  # series -> tile -> acts, or amounts in thousandths
    peaks: dict[int, dict[int, float]] = {}  # series -> tile -> highest number; of least ones with their sign turned
    last: dict[int, int] = {}  # slot -> µs of the newest
    values: dict[int, Stamped] = {}  # slot -> the value that stands highest: see `features.priority`
    first: dict[int, Stamped] = {}  # slot -> oldest value
    seen: dict[int, Tiles] = {}  # series -> hash of a value -> its newest tile
    items: dict[int, dict[str, Stamped]] = {}  # Item -> source and object id -> newest value


class LeadState(State):
    """Activity of one person."""

    sources: dict[str, int] = {}  # source system -> second of its newest event that was heard
    marks: dict[str, int] = {}


class AccountState(State):
    """Activity at one company: of events that were sent for it, not of what its people did before they were known."""

    people: dict[str, int] = {}  # lead -> day tile of the newest engagement
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
