"""One micro-batch: records of `events` folded into the states of leads and accounts.

Invariant: nothing outside this object changes before its rows are committed. A record for a partition that is ours is
handled at once, one for another partition becomes an outgoing record; both are part of the same commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from features.activity import Facts
from features.clock import after
from features.entries import Entries
from features.feature_set import FeatureSet
from features.fold import (
    absorb,
    fold_account,
    fold_lead,
    part_person,
    rename_person,
    trim_account,
    trim_lead,
)
from features.history import ACCOUNT, LEAD, OUTBOX, HistoryRow
from features.parting import Held, shares
from features.records import SET, Forwarded, Handover, Outgoing, decode_forwarded, decode_handover, encode
from features.rows import AccountRow, EncodedRow, LeadRow, encode_row
from features.state import LeadState, decode_lead_state, encode_state
from ingestion.contracts.event import (
    Event,
    Identifier,
    LeadMerged,
    LeadSplit,
    RecordKind,
    decode_event,
)
from ingestion.contracts.forwards import decode_forwarding, part_origin
from ingestion.kafka import Record, partition_for

_BETWEEN_WORKERS = (RecordKind.HANDOVER, RecordKind.FORWARD)
Content = Event | LeadMerged | LeadSplit | Handover | Forwarded  # of a record on `events`


class MicroBatch:
    """Folds records; `rows`, `outgoing` and the newest rows by key are what the worker commits."""

    def __init__(
        self,
        entries: Entries,
        features: FeatureSet,
        owned: frozenset[int],
        partitions: int,
        now: datetime,
        held: Held,
        *,
        as_received: bool = False,
    ) -> None:
        """`as_received`: every row is known when its event was received, as of imported history."""
        self._as_received = as_received
        self._entries = entries
        self._held = held
        self._features = features
        self._owned = owned
        self._partitions = partitions
        self._now = now  # no row is known before an event in it was received, whoever's clock runs ahead
        self._changed_leads: dict[str, int] = {}  # by live events; imported ones are written as they come
        self._changed_accounts: set[str] = set()
        self._imported: set[str] = set()
        self.rows: list[HistoryRow] = []
        self.outgoing: list[Outgoing] = []
        self.leads: dict[str, EncodedRow] = {}  # the newest of each
        self.accounts: dict[str, EncodedRow] = {}

    def fold(self, records: Iterable[Record]) -> None:
        """Handle the records in order; then nothing more may be added."""
        decoded = [(record, _decode(record)) for record in records if self._is_for_us(record)]
        self._entries.prefetch(
            (lead for _, content in decoded for lead in _leads_of(content)),
            (content.account for _, content in decoded if isinstance(content, Event) and content.account),
        )
        for record, content in decoded:
            self._handle(content, record.partition, record.timestamp_ms, record.value)
        for lead, partition in self._changed_leads.items():
            self._write_lead(lead, partition, self._now)
        for account in self._changed_accounts:
            self._write_account(account, self._now)

    def _is_for_us(self, record: Record) -> bool:
        """What feature workers say to one another is for those of their own set."""
        return record.headers.get("record") not in _BETWEEN_WORKERS or record.headers.get(SET) == self._features.service

    @property
    def live_leads(self) -> list[str]:
        """The leads whose newest change was not imported."""
        return [lead for lead in self.leads if lead not in self._imported]

    def _handle(self, content: Content, partition: int, timestamp_ms: int, value: bytes) -> None:
        match content:
            case Event():
                self._event(content, partition, timestamp_ms, value)
            case LeadMerged():
                self._merge(content, partition, timestamp_ms)
            case LeadSplit():
                self._split(content, partition, timestamp_ms)
            case Handover():
                self._handover(content, partition, timestamp_ms)
            case Forwarded():
                event = decode_event(content.event)
                facts = self._features.facts_of(event)
                self._fold_lead(content.survivor, event, facts, partition, timestamp_ms, content.event, content.origin)

    def _event(self, event: Event, partition: int, timestamp_ms: int, value: bytes) -> None:
        facts = self._features.facts_of(event)
        if event.account is not None:
            entry = self._entries.account(event.account)
            person = self._person(event.lead, event.partitionkey, event.data.identifiers)
            if fold_account(entry.state, event, facts, person, self._features.kept):
                self._account_changed(event.account, event.imported, event.receivedtime)
        self._fold_lead(event.lead, event, facts, partition, timestamp_ms, value, event.lead)

    def _fold_lead(
        self, lead: str, event: Event, facts: Facts, partition: int, timestamp_ms: int, value: bytes, origin: str
    ) -> None:
        entry = self._entries.lead(lead)
        if (heir := entry.heir(event.data.identifiers)) is not None:
            name, key = heir
            if entry.split is not None:
                origin = part_origin(event.lead, name)
            forwarded = Forwarded(survivor=name, survivor_key=key, event=value, origin=origin)
            self._send(RecordKind.FORWARD, forwarded, key, partition, timestamp_ms)
        elif fold_lead(entry.state, event, facts, self._features.kept, origin):
            if lead == event.lead:
                entry.account = event.account
            self._lead_changed(lead, partition, event.imported, event.receivedtime)

    def _merge(self, merge: LeadMerged, partition: int, timestamp_ms: int) -> None:
        entry = self._entries.lead(merge.absorbed)
        if entry.forward is not None:
            return  # a replay: the hand-over is on its way or has arrived
        state = encode_state(entry.state) if entry.state.marks else None
        entry.forward = f"{merge.survivor}|{merge.survivor_key}"
        if (account := entry.account) is not None:
            # The survivor may have become somebody else before this merge was heard of.
            known = msgspec.structs.replace(merge, survivor=self._person(merge.absorbed, account))
            if rename_person(self._entries.account(account).state, account, known):
                self._account_changed(account, merge.imported, merge.receivedtime)
        self._lead_changed(merge.absorbed, partition, merge.imported, merge.receivedtime)
        if state is not None:
            handover = Handover(
                survivor=merge.survivor,
                survivor_key=merge.survivor_key,
                state=state,
                receivedtime=merge.receivedtime,
                imported=merge.imported,
            )
            self._send(RecordKind.HANDOVER, handover, merge.survivor_key, partition, timestamp_ms)

    def _split(self, split: LeadSplit, partition: int, timestamp_ms: int) -> None:
        entry = self._entries.lead(split.lead)
        if entry.forward is not None:
            return  # a replay
        marks, entry.state = entry.state.marks, LeadState()
        entry.forward, entry.split = f"{split.parts[0].lead}|{split.parts[0].key}", split
        days = self._hand_out(split, marks, split.imported, split.receivedtime, partition, timestamp_ms)
        if (account := entry.account) is not None:
            here = {lead: seen[account] for lead, seen in days.items() if account in seen}
            if part_person(self._entries.account(account).state, account, split, here):
                self._account_changed(account, split.imported, split.receivedtime)
        self._lead_changed(split.lead, partition, split.imported, split.receivedtime)

    def _hand_out(
        self,
        split: LeadSplit,
        marks: Mapping[str, int],
        imported: bool,
        received: datetime,
        partition: int,
        timestamp_ms: int,
    ) -> dict[str, dict[str, int]]:
        """Fold what the marks stand for once more, for each part apart, and hand it over.

        Returns:
            The last active day of each part at each account.
        """
        found = shares(split, self._held(marks), self._features) if marks else {}
        keys = {part.lead: part.key for part in split.parts}
        for lead, share in found.items():
            handover = Handover(
                survivor=lead,
                survivor_key=keys[lead],
                state=encode_state(share.state),
                receivedtime=received,
                imported=imported,
            )
            self._send(RecordKind.HANDOVER, handover, keys[lead], partition, timestamp_ms)
        return {lead: share.days for lead, share in found.items()}

    def _handover(self, handover: Handover, partition: int, timestamp_ms: int) -> None:
        entry = self._entries.lead(handover.survivor)
        imported, received = handover.imported, handover.receivedtime
        if entry.split is not None:
            marks = decode_lead_state(handover.state).marks
            self._hand_out(entry.split, marks, imported, received, partition, timestamp_ms)
        elif (heir := entry.heir()) is not None:
            name, key = heir
            onward = msgspec.structs.replace(handover, survivor=name, survivor_key=key)
            self._send(RecordKind.HANDOVER, onward, key, partition, timestamp_ms)
        elif absorb(entry.state, decode_lead_state(handover.state)):
            entry.account = handover.account
            self._lead_changed(handover.survivor, partition, imported, received)

    def _person(self, lead: str, key: str, identifiers: tuple[Identifier, ...] = ()) -> str:
        """Who `lead` is now, as far as the partition of `key` knows; of a parted one whoever has the identifiers."""
        while (heir := self._entries.lead(lead).heir(identifiers)) is not None:
            lead = heir[0]
            if heir[1] != key:
                break
        return lead

    def _send(
        self, kind: RecordKind, content: Handover | Forwarded, key: str, partition: int, timestamp_ms: int
    ) -> None:
        """Handle at once what is for a partition of ours; queue what is for another."""
        target = partition_for(key, self._partitions)
        if target in self._owned:
            self._handle(content, target, timestamp_ms, b"")
            return
        outgoing = Outgoing(kind, key, encode(content), timestamp_ms)
        self.outgoing.append(outgoing)
        self.rows.append(HistoryRow(OUTBOX, key, None, self._now, timestamp_ms, outgoing.value, kind.value, partition))

    def _lead_changed(self, lead: str, partition: int, imported: bool, received: datetime) -> None:
        # A row that also holds a live change may not claim the earlier knowledge time of an imported one.
        if (imported or self._as_received) and lead not in self._changed_leads:
            self._imported.add(lead)
            self._write_lead(lead, partition, received)
        else:
            self._imported.discard(lead)
            self._changed_leads[lead] = partition
            self._now = max(self._now, received)

    def _account_changed(self, account: str, imported: bool, received: datetime) -> None:
        if (imported or self._as_received) and account not in self._changed_accounts:
            self._write_account(account, received)
        else:
            self._changed_accounts.add(account)
            self._now = max(self._now, received)

    def _write_lead(self, lead: str, partition: int, known: datetime) -> None:
        entry = self._entries.lead(lead)
        entry.known_at = after(entry.known_at, known)
        entry.sequence += 1
        row = LeadRow(
            trim_lead(entry.state, self._features.kept),
            entry.known_at,
            entry.sequence,
            entry.account,
            entry.forward,
            entry.split,
        )
        encoded = encode_row(row)
        self.rows.append(
            HistoryRow(LEAD, lead, entry.account, entry.known_at, entry.sequence, encoded, entry.forward, partition)
        )
        self.leads[lead] = EncodedRow(lead, entry.known_at, encoded)

    def _write_account(self, account: str, known: datetime) -> None:
        entry = self._entries.account(account)
        entry.known_at = after(entry.known_at, known)
        entry.sequence += 1
        row = AccountRow(trim_account(entry.state, self._features.kept), entry.known_at, entry.sequence)
        partition = partition_for(account, self._partitions)
        encoded = encode_row(row)
        self.rows.append(HistoryRow(ACCOUNT, account, None, entry.known_at, entry.sequence, encoded, None, partition))
        self.accounts[account] = EncodedRow(account, entry.known_at, encoded)


def _decode(record: Record) -> Content:
    match record.headers.get("record"):
        case RecordKind.MERGE | RecordKind.SPLIT as kind:
            return decode_forwarding(kind, record.value)
        case RecordKind.HANDOVER:
            return decode_handover(record.value)
        case RecordKind.FORWARD:
            return decode_forwarded(record.value)
        case _:
            return decode_event(record.value)


def _leads_of(content: Content) -> tuple[str, ...]:
    match content:
        case Event():
            return (content.lead,)
        case LeadMerged():
            return (content.absorbed, content.survivor)
        case LeadSplit():
            return (content.lead, *(part.lead for part in content.parts))
        case _:
            return (content.survivor,)
