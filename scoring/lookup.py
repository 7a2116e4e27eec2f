"""From lead ids to the rows that score them, in a constant number of reads however many leads.

Invariant: a lead is called unknown only by a store that has forgotten nothing. An absorbed lead's row carries a forward
to its survivor, which is followed here: identity's database is not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from features.rows import AccountRow, EnrichmentRow, LeadRow
from scoring.errors import StoreUnavailable
from scoring.ports import Rows

MAX_HOPS = 16  # of forwards; a chain is as long as the identifiers that became known one by one


class Served(NamedTuple):
    """One lead's rows."""

    requested: str
    lead: str  # differs where the requested one was absorbed
    row: LeadRow
    account: AccountRow | None
    enrichment: EnrichmentRow | None
    whole: bool = True  # if not, what is absent may have been lost


class Absent(NamedTuple):
    """A lead without a row: unknown, unless the store is not whole."""

    requested: str
    whole: bool


def look_up(rows: Rows, requested: Sequence[str]) -> list[Served | Absent]:
    """The rows of each lead.

    Raises:
        StoreUnavailable: a chain of forwards does not end.
    """
    leads = list(dict.fromkeys(requested))
    found: dict[str, tuple[str, LeadRow]] = {}  # requested -> survivor and its row
    follow = {lead: lead for lead in leads}
    for _ in range(MAX_HOPS):
        targets = list(dict.fromkeys(follow.values()))
        read = dict(zip(targets, rows.read(targets), strict=True))
        onward: dict[str, str] = {}
        for lead, target in follow.items():
            row = read[target]
            if row is not None and row.forward:
                onward[lead] = row.forward.split("|", 1)[0]
            elif row is not None:
                found[lead] = target, row
        follow = onward
        if not follow:
            break
    if follow:
        raise StoreUnavailable(f"the forwards of {next(iter(follow))} do not end after {MAX_HOPS} hops")
    survivors = list(dict.fromkeys(survivor for survivor, _ in found.values()))
    accounts = list(dict.fromkeys(row.account for _, row in found.values() if row.account))
    of_account = dict(zip(accounts, rows.read_accounts(accounts), strict=True)) if accounts else {}
    of_text = dict(zip(survivors, rows.read_enrichment(survivors), strict=True)) if survivors else {}
    whole = rows.is_whole()
    served: list[Served | Absent] = []
    for lead in requested:
        if lead not in found:
            served.append(Absent(lead, whole))
            continue
        survivor, row = found[lead]
        served.append(Served(lead, survivor, row, of_account.get(row.account or ""), of_text[survivor], whole))
    return served
