"""From the elements of a micro-batch to what is sent on: one transaction, then messages in raw order.

Invariant: what is sent for an element depends on its raw coordinates alone from the first time it is seen, so that a
replay after a crash sends the same event, to the same partition, with the same merges behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection, Engine

from ingestion import duplicates, refused
from ingestion.contracts.event import (
    Actor,
    Draft,
    Event,
    EventData,
    EventType,
    RecordKind,
    encode_json,
)
from ingestion.contracts.forwards import Forwarding, kind_of
from ingestion.contracts.raw import IMPORTED, TRACEPARENT
from ingestion.database import reading
from ingestion.duplicates import Duplicate, Seen, key_of
from ingestion.element import Element
from ingestion.identity import Conflict, IdentityStore, Observation, Resolution
from ingestion.privacy import PersonKey, Vault

TEXT = "text"


class Emission(msgspec.Struct, frozen=True, gc=False):
    """One message for the topic `events`."""

    kind: RecordKind
    key: str
    value: bytes
    timestamp_ms: int


@dataclass(slots=True)
class Outcome:
    """What a micro-batch came to, in raw order.

    Each element of the batch is in exactly one of the first four.
    """

    quarantined: list[Element]
    settled: list[Element]  # nothing follows from them: they were dropped, or have passed in another message
    good: list[Element] = field(default_factory=list)
    duplicates: list[Element] = field(default_factory=list)
    emissions: list[Emission] = field(default_factory=list)
    forwardings: list[Forwarding] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)  # new ones
    test_or_bot: int = 0


class _Good(msgspec.Struct, gc=False, eq=False):
    """A readable element on its way through a batch."""

    element: Element
    draft: Draft
    key: str
    personal: bool
    answer: Resolution | None = None  # who it is about, once that is known; a duplicate is asked about by nobody


class Pipeline:
    """Resolves micro-batches against the relational store."""

    def __init__(self, engine: Engine, identity: IdentityStore, vault: Vault, tenant: str) -> None:
        self._engine = engine
        self._identity = identity
        self._vault = vault
        self._tenant = tenant

    def reached(self, topic: str, partition: int) -> int | None:
        """The offset behind a raw partition's last message with a new event; None if there was none. Takes a while."""
        with reading(self._engine) as connection:
            return duplicates.next_offset(connection, topic, partition)

    def resolve(self, elements: Sequence[Element]) -> Outcome:
        """Tell new events, replays and duplicates apart, find out who each is about, and make what is to be sent.

        One transaction with a constant number of round trips; blocks for it.
        """
        good = [
            _Good(element, draft, key_of(draft.source, draft.id), bool(draft.private) or draft.text is not None)
            for element in elements
            if isinstance(draft := element.outcome, Draft)
        ]
        with self._engine.begin() as connection:
            self._identity.lock(connection)  # before anything is read: two workers may get the same event at once
            fates = refused.fates_of(connection, elements)
            outcome = Outcome(*fates.parted(elements))
            if outcome.settled:
                settled = {element.pointer for element in outcome.settled}
                good = [each for each in good if each.element.pointer not in settled]
            known = duplicates.look_up(connection, {each.key for each in good})
            fresh: dict[str, _Good] = {}
            replays: list[tuple[_Good, Seen]] = []
            dropped: list[_Good] = []
            for each in good:
                first = known.get(each.key)
                if first is None:
                    if fresh.setdefault(each.key, each) is not each:
                        dropped.append(each)
                elif first.is_at(each.element.pointer):
                    replays.append((each, first))
                else:
                    dropped.append(each)
            self._resolve_fresh(connection, fresh)
            self._repeat(connection, replays)
            answered = [(each, each.answer) for each in good if each.answer is not None]
            keys = self._vault.keys_for(connection, [answer.lead for each, answer in answered if each.personal])
            duplicates.count_dropped(
                connection, [Duplicate(*each.element.place, each.draft.source) for each in dropped]
            )
            fates.record(connection, outcome.quarantined, fates.on_record(each.element for each in good))
        self._identity.committed()
        outcome.duplicates = [each.element for each in dropped]
        for each, answer in answered:
            self._emit(outcome, each, answer, keys.get(answer.lead))
        return outcome

    def _resolve_fresh(self, connection: Connection, fresh: Mapping[str, _Good]) -> None:
        """Who the new events are about; remembered for their replays."""
        resolutions = self._identity.resolve_batch(connection, [_observe(each) for each in fresh.values()])
        remembered = []
        for (key, each), answer in zip(fresh.items(), resolutions, strict=True):
            each.answer = answer
            pointer = each.element.pointer
            remembered.append((key, Seen(pointer.stream, pointer.position, answer.lead, answer.account)))
        duplicates.remember(connection, remembered)

    def _repeat(self, connection: Connection, replays: Sequence[tuple[_Good, Seen]]) -> None:
        """What was answered when these were first seen."""
        caused = self._identity.caused_by(connection, [(first.stream, first.position) for _, first in replays])
        for each, first in replays:
            ended = caused.get((first.stream, first.position), ())
            each.answer = Resolution(
                first.lead,
                first.account,
                self._identity.identifiers_in(_observe(each)),
                tuple(forwarding for _, forwarding in ended),
                tuple(key for key, _ in ended),
            )

    def _emit(self, outcome: Outcome, each: _Good, answer: Resolution, key: PersonKey | None) -> None:
        milliseconds = int(each.element.raw.known.timestamp() * 1000)
        event = self._event(each, answer, key)
        outcome.emissions.append(Emission(RecordKind.EVENT, event.partitionkey, encode_json(event), milliseconds))
        for ended_key, forwarding in zip(answer.keys, answer.forwardings, strict=True):
            sent = Emission(kind_of(forwarding), ended_key, encode_json(forwarding), milliseconds)
            outcome.emissions.append(sent)
            outcome.forwardings.append(forwarding)
        outcome.conflicts += answer.conflicts
        outcome.good.append(each.element)
        outcome.test_or_bot += each.draft.test or each.draft.actor is Actor.BOT

    def _event(self, each: _Good, answer: Resolution, key: PersonKey | None) -> Event:
        """The canonical event; without its personal part where the person was erased (`key` is None)."""
        draft, raw, pointer = each.draft, each.element.raw, each.element.pointer
        private, text_hash, clamped = None, None, draft.time > raw.received
        if each.personal and key is not None:
            private = key.seal(draft.private if draft.text is None else draft.private | {TEXT: draft.text}, pointer)
            text_hash = None if draft.text is None else self._identity.hash_text(draft.text)
        return Event(
            id=draft.id,
            source=draft.source,
            type=draft.type,
            time=raw.received if clamped else draft.time,
            receivedtime=raw.known,
            tenant=self._tenant,
            lead=answer.lead,
            partitionkey=answer.partitionkey,
            data=EventData(
                channel=draft.channel,
                identifiers=answer.identifiers,
                account=draft.account,
                object=draft.object,
                properties=draft.properties,
                change=draft.change,
                campaign=draft.campaign,
                consent=draft.consent,
                lang=draft.lang,
                text_hash=text_hash,
                actor=draft.actor,
                test=draft.test,
            ),
            raw=pointer,
            account=answer.account,
            private=private,
            pii_fields=tuple(sorted(draft.private)) + ((TEXT,) if draft.text is not None else ()) if private else (),
            clamped=clamped,
            imported=raw.headers.get(IMPORTED) == "true",
            sequence=draft.sequence,
            traceparent=raw.headers.get(TRACEPARENT),
        )


def _observe(each: _Good) -> Observation:
    pointer, raw = each.element.pointer, each.element.raw
    return Observation(
        claims=each.draft.claims,
        account=each.draft.account,
        event_hash=each.key,
        received=raw.received,
        imported=raw.headers.get(IMPORTED) == "true",
        raw=pointer,
        test=each.draft.test,
        loosens=each.draft.type is EventType.IDENTITY_UNLINK,
        linked=each.draft.linked,
        parted=each.draft.parted,
        dismissed=each.draft.dismissed,
        replayed=None if raw.replay is None else raw.replay.sent,
    )
