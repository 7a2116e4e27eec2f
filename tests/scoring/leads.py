"""Rows of invented leads, and small stand-ins for the stores around scoring."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from features.activity import Item, Kind, Slot
from features.clock import DAY, HOUR, SECOND, micros
from features.language.keep import series_of
from features.language.window import Hop
from features.rows import AccountRow, EnrichmentRow, LeadRow
from features.state import AccountState, LeadState, Stamped
from ingestion.contracts.event import Claim, IdentifierType
from ingestion.identity import Resolved
from scoring.decision import decode_decision
from scoring.errors import NotRecorded
from scoring.ledger import Entry, Ledger
from scoring.lookup import Served
from tests.scoring.moments import NOW

ADA = "ld_" + "a" * 26
BOB = "ld_" + "b" * 26
ACME = "ac_" + "c" * 26


def lead_state(active_hours_ago: float = 3, consent: float | None = 1.0, each_day: int = 1) -> LeadState:
    """A person who was active every day of the last month."""
    moment = micros(NOW)
    last = moment - round(active_hours_ago * HOUR)
    counted = [int(kind) for kind in Kind]
    values: dict[int, Stamped] = {
        int(Slot.STAGE): (last, 1, 2.0, "hubspot"),
        int(Slot.SENIORITY): (last, 2, 3.0, "hubspot"),
        int(Slot.COMPANY_SIZE): (last, 3, 4.0, "hubspot"),
    }
    if consent is not None:
        values[int(Slot.CONSENT)] = (last, 4, consent, "web-form")
    return LeadState(
        newest=last,
        sums={
            **{
                series_of(kind, Hop.HOUR): {last // HOUR - ago: each_day for ago in range(0, 150, 24)}
                for kind in counted
            },
            **{series_of(kind, Hop.DAY): {last // DAY - ago: each_day for ago in range(30)} for kind in counted},
            **{series_of(kind, Hop.EVER): {0: 30 * each_day} for kind in counted},
        },
        last=dict.fromkeys(counted, last),
        values=values,
        sources={"hubspot": last // SECOND - 86_400, "segment": last // SECOND},
        marks={f"{ADA}|raw.crm/0": 65536},
    )


def account_state(open_deals: int = 0) -> AccountState:
    """A company with that many open opportunities."""
    moment = micros(NOW) - HOUR
    deals = {str(deal): (moment, 1, 1.0, "hubspot") for deal in range(open_deals)}
    return AccountState(newest=moment, items={int(Item.DEAL_OPEN): dict(deals)}, marks={f"{ACME}|raw.crm/1": 3})


def lead_row(state: LeadState | None = None, account: str | None = ACME, forward: str | None = None) -> LeadRow:
    """A row that became known three hours ago."""
    return LeadRow(state or lead_state(), NOW - timedelta(hours=3), 7, account, forward)


def account_row(open_deals: int = 0) -> AccountRow:
    """A row that became known an hour ago."""
    return AccountRow(account_state(open_deals), NOW - timedelta(hours=1), 4)


def enrichment_row(
    score: float | None = 70.0, status: str = "fresh", intent: str = "researching", read_at: datetime | None = None
) -> EnrichmentRow:
    """A reading."""
    return EnrichmentRow(
        status=status,
        known_at=read_at or NOW - timedelta(days=1),
        read_at=read_at or NOW - timedelta(days=1),
        content_hash="c0ffee",
        score=score,
        confidence=0.6,
        intent=intent,
        next_step="nurture",
        reasoning="They compare vendors.",
        provider="local-rubric",
        prompt_version="rubric/1",
    )


def served(
    row: LeadRow | None = None,
    account: AccountRow | None = None,
    enrichment: EnrichmentRow | None = None,
) -> Served:
    """Ada's rows."""
    return Served(ADA, ADA, row or lead_row(), account, enrichment)


class MemoryRows:
    """An online store in a dictionary."""

    def __init__(self) -> None:
        self.leads: dict[str, LeadRow] = {ADA: lead_row()}
        self.accounts: dict[str, AccountRow] = {ACME: account_row()}
        self.enrichment: dict[str, EnrichmentRow] = {}
        self.reads = 0
        self.whole = True

    def read(self, leads: Sequence[str]) -> list[LeadRow | None]:
        self.reads += 1
        return [self.leads.get(lead) for lead in leads]

    def read_accounts(self, accounts: Sequence[str]) -> list[AccountRow | None]:
        self.reads += 1
        return [self.accounts.get(account) for account in accounts]

    def read_enrichment(self, leads: Sequence[str]) -> list[EnrichmentRow | None]:
        self.reads += 1
        return [self.enrichment.get(lead) for lead in leads]

    def is_whole(self) -> bool:
        return self.whole

    def write_enrichment(self, rows: dict[str, EnrichmentRow]) -> None:
        self.enrichment |= rows


class LedgerRecorder:
    """Records straight into the ledger, or refuses."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.down = False
        self.recorded = 0

    async def record(self, lead: str, body: bytes) -> None:
        if self.down:
            raise NotRecorded(f"the decision about {lead} was not acknowledged")
        self.ledger.add([Entry(decode_decision(body), body.decode(), "decisions", 0, self.recorded)])
        self.recorded += 1


class KnownEmails:
    """Identity with one person in it."""

    def resolve(self, claim: Claim) -> Resolved | None:
        known = claim.type is IdentifierType.EMAIL and claim.value.lower() == "ada@example.com"
        return Resolved(ADA, ACME) if known else None
