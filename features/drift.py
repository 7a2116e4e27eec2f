"""What drift of features is: the suite that Great Expectations judges their shifts by.

Invariant: a shift counts only beyond what chance explains, so that few leads raise no alarm (ADR 28 has the rate).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from quality.compiled import compile_rows
from quality.drift import Shift
from quality.suite import Suite, between
from quality.verdict import Verdict

if TYPE_CHECKING:
    from quality.gx import Runner

PSI_MOST = 0.25  # "a major shift": Siddiqi, Credit Risk Scorecards, 2006
KS_MOST = 0.1  # beyond the critical distance; of many leads, any difference is beyond chance
MISSING_MOST = 0.05  # of the leads, beyond chance

DRIFT = Suite(
    "feature_drift",
    "features",
    (
        between("psi", None, PSI_MOST),
        between("ks_beyond_critical", None, KS_MOST),
        between("missing_change", None, MISSING_MOST),
    ),
)
_check = compile_rows(DRIFT)


def has_drifted(shift: Shift) -> bool:
    """Whether the suite has something to say of it."""
    return bool(_check(_row(shift)))


def by_drift(shifts: Mapping[str, Shift]) -> list[tuple[str, Shift]]:
    """By feature: those that drifted first, then by index."""
    return sorted(shifts.items(), key=lambda item: (not has_drifted(item[1]), -(item[1].psi or 0.0)))


class DriftJudge:
    """Gives verdicts on shifts. Not safe for several threads."""

    def __init__(self) -> None:
        self._runner: Runner | None = None

    def verdict(self, shifts: Mapping[str, Shift], leads: int, at: datetime) -> Verdict:
        """The verdict on so many leads' features; a finding names those that drifted. The first one takes seconds."""
        import pandas as pd

        from quality.gx import Runner

        self._runner = self._runner or Runner(DRIFT)
        table = pd.DataFrame([{"feature": name} | _row(shift) for name, shift in shifts.items()])
        return msgspec.structs.replace(self._runner.run(table.astype(_TYPES), at, names="feature"), rows=leads)


_TYPES = {"psi": "float64", "ks_beyond_critical": "float64", "missing_change": "float64"}


def _row(shift: Shift) -> dict[str, float | None]:
    return {
        "psi": shift.psi,
        "ks_beyond_critical": shift.beyond_critical,
        "missing_change": shift.missing_change,
    }
