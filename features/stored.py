"""The states that a worker goes on from: the online store's, or where that has lost any, the history's."""

from __future__ import annotations

from collections.abc import Callable

from features.entries import Entries
from features.history import ACCOUNT, LEAD, HistoryTable
from features.rows import AccountRow, LeadRow, decode_account_row, decode_lead_row
from features.store import OnlineStore


def stored_entries(online: OnlineStore, history: HistoryTable, is_believed: Callable[[], bool]) -> Entries:
    """Entries of what is stored.

    Args:
        online: asked first; one round trip.
        history: asked where the online store is not believed, or a lead that was lost would begin anew. Slow.
        is_believed: whether the online store holds everything that was written to it. Asked after reading it.
    """

    def leads(keys: list[str]) -> list[LeadRow | None]:
        rows = online.read(keys)
        if is_believed():
            return rows
        held = history.newest(LEAD, keys)
        return [decode_lead_row(held[key]) if key in held else None for key in keys]

    def accounts(keys: list[str]) -> list[AccountRow | None]:
        rows = online.read_accounts(keys)
        if is_believed():
            return rows
        held = history.newest(ACCOUNT, keys)
        return [decode_account_row(held[key]) if key in held else None for key in keys]

    return Entries(leads, accounts)
