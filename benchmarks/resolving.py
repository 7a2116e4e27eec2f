"""Our arms of the identity benchmark, each a process of its own: `python -m benchmarks.resolving ARM READ WRITE`.

`memory` resolves all evidence at once, as a question about the past does; `durable` takes it batch by batch into SQLite
as the worker does, with every edge, lead and forwarding written, and then merges leads one by one. Both read records
from one Parquet file, write each record's lead to another, and print what it took from observations to leads.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine, select

from ingestion.contracts.event import Claim, IdentifierType, RawPointer
from ingestion.database import open_database, reading
from ingestion.identity import IdentityStore, Observation
from ingestion.identity.evidence import Evidence, Witness
from ingestion.identity.hashing import KeyedHash
from ingestion.identity.ledger import Ledger, Node
from ingestion.identity.resolve import Bond
from ingestion.identity.tables import identifiers
from ingestion.memory import settle_memory
from ingestion.worker import BATCH_MESSAGES
from leadline.migrations import upgrade

KEY = b"k" * 32
MERGES = 2_000
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_KINDS = {
    "crm": (IdentifierType.CRM, "hubspot:62515:contact"),
    "user": (IdentifierType.USER_ID, "workspace"),
    "email": (IdentifierType.EMAIL, ""),
    "cookie": (IdentifierType.ANONYMOUS_ID, "workspace"),
}


def observation(number: int, said: Sequence[tuple[str, str]]) -> Observation:
    """What a record says by column, as the event of its sender would."""
    claims = tuple(Claim(_KINDS[column][0], value, True, _KINDS[column][1]) for column, value in said)
    raw = RawPointer("raw.crm", 0, number, 0, "0" * 64)
    return Observation(claims, None, str(number), _BEGAN + timedelta(seconds=number), False, raw)


def observations(file: Path) -> list[Observation]:
    """One of every record, in order."""
    table = pq.read_table(file)
    rows = zip(*(table.column(name).to_pylist() for name in _KINDS), strict=True)
    return [
        observation(number, [(name, value) for name, value in zip(_KINDS, row, strict=True) if value is not None])
        for number, row in enumerate(rows)
    ]


def witnessed(seen: Sequence[Observation]) -> list[Evidence]:
    """What each observation is evidence of: normalised and hashed."""
    witness = Witness(KeyedHash(KEY))
    return [witness.evidence_of(each) for each in seen]


def resolved(seen: Sequence[Observation], evidence: Sequence[Evidence]) -> list[str]:
    """The lead of every observation, all of them resolved at once."""
    ledger = Ledger(KeyedHash(KEY))
    for each, said in zip(seen, evidence, strict=True):
        for identifier, traits in zip(said.identifiers, said.traits, strict=True):
            if traits.hash not in ledger.nodes:
                ledger.nodes[traits.hash] = Node(identifier, traits)
        for pair, attached in said.ties:
            ledger.add_bond(pair, Bond(attached, each.time, *pair))
        for pair in said.accounts:
            ledger.add_bond(pair, Bond(False, each.time, *pair))
    ledger.clusters()
    return [ledger.nodes[said.centre.hash].lead for said in evidence]


def stored(seen: Sequence[Observation], engine: Engine) -> list[str]:
    """The same through the store, in batches as large as the worker's."""
    store = IdentityStore(engine, KEY)
    hashes = []
    for batch in _batches(seen):
        with engine.begin() as connection:
            resolutions = store.resolve_batch(connection, batch)
        store.committed()
        hashes += [resolution.identifiers[0].hash for resolution in resolutions]
    with reading(engine) as connection:
        leads = {row.hash: row.lead for row in connection.execute(select(identifiers.c.hash, identifiers.c.lead))}
    return [leads[hash_] for hash_ in hashes]


def merged(engine: Engine, first: int) -> dict[str, list[float]]:
    """Milliseconds that one event took that makes one lead of two: the step, its CPU time, and with its transaction.

    `first` is a number from which on no record has one.
    """
    store = IdentityStore(engine, KEY)
    pairs = [(("crm", f"{first + number}"), ("user", f"merging-{number}")) for number in range(MERGES)]
    apart = [observation(first + place, [one]) for place, one in enumerate(one for pair in pairs for one in pair)]
    with engine.begin() as connection:
        store.resolve_batch(connection, apart)
    taken: dict[str, list[float]] = {"merge_step": [], "merge_cpu": [], "merge_transaction": []}
    for number, pair in enumerate(pairs):
        event = observation(first + 2 * MERGES + number, pair)
        began = time.perf_counter()
        with engine.begin() as connection:
            step = _Clock()
            (resolution,) = store.resolve_batch(connection, [event])
            one = step.read("merge_")
        store.committed()
        taken["merge_transaction"].append((time.perf_counter() - began) * 1_000)
        taken["merge_step"].append(one["merge_wall"] * 1_000)
        taken["merge_cpu"].append(one["merge_cpu"] * 1_000)
        if not resolution.forwardings:
            raise AssertionError(f"event {number} merged nothing")
    return taken


def _batches(seen: Sequence[Observation]) -> Iterator[Sequence[Observation]]:
    for start in range(0, len(seen), BATCH_MESSAGES):
        yield seen[start : start + BATCH_MESSAGES]


class _Clock:
    """Wall and CPU seconds of this process since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self, prefix: str = "") -> dict[str, float]:
        return {
            f"{prefix}wall": time.perf_counter() - self._wall,
            f"{prefix}cpu": time.process_time() - self._cpu,
        }


def _memory(seen: Sequence[Observation]) -> tuple[list[str], dict[str, float]]:
    whole = _Clock()
    evidence = witnessed(seen)
    resolving = _Clock()
    leads = resolved(seen, evidence)
    return leads, whole.read() | resolving.read("resolving_")


def _durable(seen: Sequence[Observation], file: Path) -> tuple[list[str], dict[str, float | list[float]]]:
    engine = open_database(f"sqlite:///{file}")
    upgrade(engine)
    whole = _Clock()
    leads = stored(seen, engine)
    return leads, whole.read() | merged(engine, len(seen))


def main(arm: str, read: str, write: str) -> None:
    """Run one arm."""
    seen = observations(Path(read))
    settle_memory()
    leads, taken = _memory(seen) if arm == "memory" else _durable(seen, Path(write).with_suffix(".db"))
    pq.write_table(pa.table({"cluster": leads}), write)
    print(json.dumps(taken))  # noqa: T201 - to the benchmark


if __name__ == "__main__":
    main(*sys.argv[1:])
