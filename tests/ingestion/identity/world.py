"""A small world for tests of identity: claims that collide, events and rulings about them, and histories of those."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from ingestion.contracts.event import AccountHint, Claim, Identifier, IdentifierType, LeadMerged, RawPointer
from ingestion.database import metadata, open_database
from ingestion.identity import IdentityStore, Observation, Resolution
from ingestion.identity.evidence import Witness
from ingestion.identity.hashing import KeyedHash
from ingestion.identity.tables import IDENTITY_TABLES, identifiers

KEY = bytes(range(32))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_offsets = itertools.count()


def opened(url: str) -> tuple[Engine, IdentityStore]:
    """A store with its tables."""
    engine = open_database(url)
    metadata.create_all(engine, tables=IDENTITY_TABLES)
    return engine, IdentityStore(engine, KEY)


def crm(number: int, kind: str = "contact") -> Claim:
    return Claim(IdentifierType.CRM, str(number), True, f"hubspot:1:{kind}")


def email(address: str, verified: bool = True) -> Claim:
    return Claim(IdentifierType.EMAIL, address, verified)


def user(name: str) -> Claim:
    return Claim(IdentifierType.USER_ID, name, True, "app")


def cookie(name: str) -> Claim:
    return Claim(IdentifierType.ANONYMOUS_ID, name, False, "web")


def seen(*claims: Claim, account: AccountHint | None = None, minute: int = 0, test: bool = False) -> Observation:
    offset = next(_offsets)
    return Observation(
        claims=claims,
        account=account,
        event_hash=f"event {offset}",
        received=NOON + timedelta(minutes=minute),
        imported=False,
        raw=RawPointer("raw.crm", 0, offset, 0, "digest"),
        test=test,
    )


def parting(one: Claim, other: Claim, minute: int = 0) -> Observation:
    """An operator says that two identifiers are two persons'."""
    first, second = (Witness(KeyedHash(KEY)).identifiers_of((claim,)) for claim in (one, other))
    pairs = ((first[0].hash, second[0].hash),) if first and second and first != second else ()
    return msgspec.structs.replace(seen(minute=minute), loosens=True, parted=pairs)


def hash_of(claim: Claim) -> str:
    [identifier] = Witness(KeyedHash(KEY)).identifiers_of((claim,))
    return identifier.hash


def linking(one: Claim, other: Claim, minute: int = 0) -> Observation:
    """An operator says that two identifiers are one person's."""
    found = [Witness(KeyedHash(KEY)).identifiers_of((claim,)) for claim in (one, other)]
    both = [Identifier(each.type, each.hash, True, each.scope) for [each] in found]
    return msgspec.structs.replace(seen(minute=minute), linked=(both[0], both[1]))


def dismissing(a: str, b: str, minute: int = 0) -> Observation:
    """An operator has looked at the two."""
    return msgspec.structs.replace(seen(minute=minute), loosens=True, parted=((a, b),), dismissed=True)


def take(store: IdentityStore, *observations: Observation) -> list[Resolution]:
    with store._engine.begin() as connection:
        resolutions = store.resolve_batch(connection, observations)
    store.committed()
    return resolutions


def merges_of(resolution: Resolution) -> list[LeadMerged]:
    return [forwarding for forwarding in resolution.forwardings if isinstance(forwarding, LeadMerged)]


def state(store: IdentityStore) -> dict[str, tuple[str, str | None, bool, str]]:
    with store._engine.connect() as connection:
        rows = connection.execute(select(identifiers)).all()
    return {row.hash: (row.lead, row.account, row.shared, row.blob) for row in rows}


WORLD = [
    *[crm(n) for n in (11, 12, 13)],
    *[Claim(IdentifierType.CRM, str(n), True, "zendesk:1:user") for n in (21, 22)],
    *[crm(n, "deal") for n in (31, 32)],
    *[user(f"user-{n}") for n in range(3)],
    *[
        email(f"p{n}@{host}", verified)
        for n in range(2)
        for host in ("acme.com", "gmail.com")
        for verified in (False, True)
    ],
    email("x@mailinator.com", False),
    email("info@acme.com"),
    *[cookie(f"cookie-{n}") for n in range(3)],
    Claim(IdentifierType.PHONE, "+4930123456"),
]
LINKABLE = [claim for claim in WORLD if claim.type is not IdentifierType.PHONE]
HINTS = [None, None, None, AccountHint(domain="acme.de"), AccountHint(crm_id="hubspot:1:company:5")]

observations = st.builds(
    lambda claims, account, minute, test: seen(*claims, account=account, minute=minute, test=test),
    st.lists(st.sampled_from(WORLD), max_size=4),
    st.sampled_from(HINTS),
    st.integers(0, 3),
    st.sampled_from([False] * 9 + [True]),
)
partings = st.builds(parting, st.sampled_from(WORLD), st.sampled_from(WORLD), st.integers(0, 3))
two_of_them = st.lists(st.sampled_from(LINKABLE), min_size=2, max_size=2, unique_by=hash_of)
linkings = st.builds(lambda two, minute: linking(two[0], two[1], minute), two_of_them, st.integers(0, 3))
dismissings = st.builds(
    lambda two, minute: dismissing(hash_of(two[0]), hash_of(two[1]), minute), two_of_them, st.integers(0, 3)
)
histories = st.lists(st.one_of(observations, observations, observations, partings, linkings, dismissings), max_size=14)
