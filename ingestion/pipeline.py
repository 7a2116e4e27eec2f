"""From the elements of a micro-batch to what is sent on: one transaction, then messages in raw order.

Invariant: what is sent for an element depends on its raw coordinates alone from the first time it is seen, so that a
replay after a crash sends the same event, to the same partition, with the same merges behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Engine

from ingestion import duplicates, refused
from ingestion.contracts.event import (
    Actor,
    Draft,
    Event,
    EventData,
    EventType,
    Identifier,
    LeadMerged,
    RawPointer,
    RecordKind,
    encode_json,
)
from ingestion.contracts.forwards import Forwarding
from ingestion.contracts.raw import IMPORTED, TRACEPARENT
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


class _Good(NamedTuple):
    element: Element
    draft: Draft
    key: str

    @property
    def personal(self) -> bool:
        return bool(self.draft.private) or self.draft.text is not None


class _Answer(NamedTuple):
    lead: str
    account: str | None
    identifiers: tuple[Identifier, ...]
    forwardings: Sequence[tuple[str, Forwarding]]
    conflicts: Sequence[Conflict] = ()


class Pipeline:
    """Resolves micro-batches against the relational store."""

    def __init__(self, engine: Engine, identity: IdentityStore, vault: Vault, tenant: str) -> None:
        self._engine = engine
        self._identity = identity
        self._vault = vault
        self._tenant = tenant

    def resolve(self, elements: Sequence[Element]) -> Outcome:
        """Tell new events, replays and duplicates apart, find out who each is about, and make what is to be sent.

        One transaction with a constant number of round trips; blocks for it.
        """
        good = [
            _Good(element, element.outcome, key_of(element.outcome.source, element.outcome.id))
            for element in elements
            if isinstance(element.outcome, Draft)
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
            replays: list[_Good] = []
            dropped: list[_Good] = []
            for each in good:
                pointer, first = each.element.pointer, known.get(each.key)
                if first is None and each.key not in fresh:
                    fresh[each.key] = each
                elif first is not None and (first.stream, first.position) == (pointer.stream, pointer.position):
                    replays.append(each)
                else:
                    dropped.append(each)
            answers = self._resolve_fresh(connection, fresh) | self._repeat(connection, replays, known)
            personal = [answers[at].lead for each in good if (at := each.element.pointer) in answers and each.personal]
            keys = self._vault.keys_for(connection, personal)
            duplicates.count_dropped(
                connection, [Duplicate(*each.element.place, each.draft.source) for each in dropped]
            )
            fates.record(connection, outcome.quarantined, fates.on_record(each.element for each in good))
        outcome.duplicates = [each.element for each in dropped]
        for each in good:
            answer = answers.get(each.element.pointer)
            if answer is not None:
                self._emit(outcome, each, answer, keys.get(answer.lead))
        return outcome

    def _resolve_fresh(self, connection: Connection, fresh: Mapping[str, _Good]) -> dict[RawPointer, _Answer]:
        """Who the new events are about; remembered for their replays."""
        resolutions = self._identity.resolve_batch(connection, [_observe(each) for each in fresh.values()])
        answers, remembered = {}, {}
        for (key, each), resolution in zip(fresh.items(), resolutions, strict=True):
            pointer = each.element.pointer
            answers[pointer] = _answer(resolution)
            remembered[key] = Seen(pointer.stream, pointer.position, resolution.lead, resolution.account)
        duplicates.remember(connection, remembered)
        return answers

    def _repeat(
        self, connection: Connection, replays: Sequence[_Good], known: Mapping[str, Seen]
    ) -> dict[RawPointer, _Answer]:
        """What was answered when these were first seen."""
        places = [(each.element.pointer.stream, each.element.pointer.position) for each in replays]
        caused = self._identity.caused_by(connection, places) if places else {}
        return {
            each.element.pointer: _Answer(
                known[each.key].lead,
                known[each.key].account,
                self._identity.identifiers_in(_observe(each)),
                caused.get(place, ()),
            )
            for each, place in zip(replays, places, strict=True)
        }

    def _emit(self, outcome: Outcome, each: _Good, answer: _Answer, key: PersonKey | None) -> None:
        milliseconds = int(each.element.raw.known.timestamp() * 1000)
        event = self._event(each, answer, key)
        outcome.emissions.append(Emission(RecordKind.EVENT, event.partitionkey, encode_json(event), milliseconds))
        for ended_key, forwarding in answer.forwardings:
            kind = RecordKind.MERGE if isinstance(forwarding, LeadMerged) else RecordKind.SPLIT
            outcome.emissions.append(Emission(kind, ended_key, encode_json(forwarding), milliseconds))
            outcome.forwardings.append(forwarding)
        outcome.conflicts += answer.conflicts
        outcome.good.append(each.element)
        outcome.test_or_bot += each.draft.test or each.draft.actor is Actor.BOT

    def _event(self, each: _Good, answer: _Answer, key: PersonKey | None) -> Event:
        """The canonical event; without its personal part where the person was erased (`key` is None)."""
        draft, raw, pointer = each.draft, each.element.raw, each.element.pointer
        private, text_hash = None, None
        if each.personal and key is not None:
            private = key.seal(draft.private if draft.text is None else draft.private | {TEXT: draft.text}, pointer)
            text_hash = None if draft.text is None else self._identity.hash_text(draft.text)
        return Event(
            id=draft.id,
            source=draft.source,
            type=draft.type,
            time=min(draft.time, raw.received),
            receivedtime=raw.known,
            tenant=self._tenant,
            lead=answer.lead,
            partitionkey=answer.account or answer.lead,
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
            clamped=draft.time > raw.received,
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


def _answer(resolution: Resolution) -> _Answer:
    forwardings = tuple(zip(resolution.keys, resolution.forwardings, strict=True)) if resolution.keys else ()
    return _Answer(resolution.lead, resolution.account, resolution.identifiers, forwardings, resolution.conflicts)
