"""States of leads and accounts in a worker's hands: loaded many at a time, changed, and kept while they are its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from features.rows import AccountRow, LeadRow
from features.state import AccountState, LeadState
from ingestion.contracts.event import Identifier, LeadSplit

ENTRIES_KEPT = 200_000  # in memory; about 1 GB


@dataclass(slots=True)
class LeadEntry:
    """A lead's state in the worker's hands."""

    state: LeadState
    known_at: datetime | None = None
    sequence: int = 0
    account: str | None = None
    forward: str | None = None
    split: LeadSplit | None = None

    def heir(self, identifiers: tuple[Identifier, ...] = ()) -> tuple[str, str] | None:
        """Who has what was the lead's, and the partition key; `None` for a live lead.

        Of a parted lead, whoever has the identifiers; without any, the first part.
        """
        if self.split is not None:
            part = self.split.part_of(identifiers)
            return part.lead, part.key
        if self.forward is None:
            return None
        lead, _, key = self.forward.partition("|")
        return lead, key


@dataclass(slots=True)
class AccountEntry:
    """An account's state in the worker's hands."""

    state: AccountState
    known_at: datetime | None = None
    sequence: int = 0


def lead_entry(row: LeadRow | None) -> LeadEntry:
    """The entry of a stored row; an empty one where nothing is stored."""
    if row is None:
        return LeadEntry(LeadState())
    return LeadEntry(row.state, row.known_at, row.sequence, row.account, row.forward, row.split)


def account_entry(row: AccountRow | None) -> AccountEntry:
    """As `lead_entry`."""
    return AccountEntry(AccountState()) if row is None else AccountEntry(row.state, row.known_at, row.sequence)


class Entries:
    """States by key, loaded many at a time and kept while they are ours."""

    def __init__(
        self,
        load_leads: Callable[[list[str]], list[LeadRow | None]],
        load_accounts: Callable[[list[str]], list[AccountRow | None]],
    ) -> None:
        self.leads: dict[str, LeadEntry] = {}
        self.accounts: dict[str, AccountEntry] = {}
        self._load_leads = load_leads
        self._load_accounts = load_accounts

    def prefetch(self, leads: Iterable[str], accounts: Iterable[str]) -> None:
        """Load what is missing: one read for the leads, one for each step of their forwards, one for the accounts."""
        missing = [lead for lead in dict.fromkeys(leads) if lead not in self.leads]
        if missing:
            self.leads |= zip(missing, map(lead_entry, self._load_leads(missing)), strict=True)
            self.prefetch([heir for lead in missing for heir in _heirs(self.leads[lead])], [])
        absent = [account for account in dict.fromkeys(accounts) if account not in self.accounts]
        if absent:
            self.accounts |= zip(absent, map(account_entry, self._load_accounts(absent)), strict=True)

    def lead(self, lead: str) -> LeadEntry:
        """The lead's entry."""
        if lead not in self.leads:
            self.prefetch([lead], [])
        return self.leads[lead]

    def account(self, account: str) -> AccountEntry:
        """The account's entry."""
        if account not in self.accounts:
            self.prefetch([], [account])
        return self.accounts[account]

    def clear(self) -> None:
        """Forget everything; the online store has it."""
        self.leads.clear()
        self.accounts.clear()

    def trim(self) -> None:
        """Forget everything if it has become too much for memory."""
        if len(self.leads) + len(self.accounts) > ENTRIES_KEPT:
            self.clear()


def _heirs(entry: LeadEntry) -> list[str]:
    if entry.split is not None:
        return [part.lead for part in entry.split.parts]
    heir = entry.heir()
    return [] if heir is None else [heir[0]]
