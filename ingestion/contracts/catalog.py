"""The contracts that this platform keeps, and those it has released: one file a version, beside this one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from ingestion.contracts.event import SCHEMA
from ingestion.contracts.odcs import Contract, read

FOLDER = Path(__file__).parent
RELEASED = FOLDER / "released"


def contracts_in(folder: Path) -> list[Contract]:
    """Every contract in a folder, by id and version; none if there is no such folder. Raises `BadContract`."""
    return sorted(map(read, folder.glob("*.odcs.yaml")), key=lambda each: (each.id, each.at))


def newest(contracts: Iterable[Contract]) -> dict[str, Contract]:
    """Each contract's newest version, by id."""
    return {each.id: each for each in sorted(contracts, key=lambda each: (each.id, each.at))}


@lru_cache(maxsize=1)
def interaction() -> Contract:
    """The contract of the interactions that publishers write, in the version that `SCHEMA` names."""
    return read(FOLDER / f"{SCHEMA.replace('/', '-')}.odcs.yaml")
