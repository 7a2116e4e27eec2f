"""Whether contracts may be released as they are: each change against the version that it asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingestion.contracts.catalog import newest
from ingestion.contracts.compare import Change, changes
from ingestion.contracts.odcs import Contract
from ingestion.contracts.version import Level, Version


@dataclass(frozen=True, slots=True)
class Judgement:
    """One contract against what was released of it."""

    id: str
    before: Version | None  # None: nothing of it was released
    now: Version | None  # None: it is gone
    changes: tuple[Change, ...] = ()

    @property
    def level(self) -> Level:
        """The gravest of its changes."""
        return max((change.level for change in self.changes), default=Level.NONE)

    @property
    def least(self) -> Version | None:
        """The smallest version that its changes may have; `None` where nothing was released."""
        return None if self.before is None else self.before.after(self.level)

    @property
    def held(self) -> bool:
        """Whether it may be released."""
        return self.least is None or (self.now is not None and self.now >= self.least)


def judge(kept: Iterable[Contract], released: Sequence[Contract]) -> list[Judgement]:
    """A judgement of every contract that is kept, and of every one that was released and is gone.

    A contract is compared with the newest released version that is not above its own, so that neither a released
    version can be edited nor an old one that is kept beside a new.
    """
    found = [_against(contract, [each for each in released if each.id == contract.id]) for contract in kept]
    gone = newest(released).keys() - {judgement.id for judgement in found}
    return found + [Judgement(name, newest(released)[name].at, None) for name in sorted(gone)]


def _against(contract: Contract, released: Sequence[Contract]) -> Judgement:
    if not released:
        return Judgement(contract.id, None, contract.at)
    below = [each for each in released if each.at <= contract.at]
    base = max(below or released, key=lambda each: each.at)
    return Judgement(contract.id, base.at, contract.at, tuple(changes(base, contract)))
