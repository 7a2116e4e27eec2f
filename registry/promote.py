"""May a new model version become the champion? Decided by figures on the same hold-out, and said in words."""

from __future__ import annotations

from dataclasses import dataclass

from registry.bundle import AgreedMinimum
from registry.evaluate import Evaluation


@dataclass(frozen=True)
class Promotion:
    """The judgement and its reason."""

    promoted: bool
    why: str


@dataclass(frozen=True)
class Incumbent:
    """The champion in office; `auroc` is None where it cannot be judged on these rows."""

    version: str
    auroc: float | None


def judge(model: Evaluation, baseline: Evaluation, minimum: AgreedMinimum, incumbent: Incumbent | None) -> Promotion:
    """All failed conditions are named, not only the first."""
    faults = []
    if not model.auroc > baseline.auroc:
        faults.append(f"AUROC {model.auroc:.4f} does not beat the logistic baseline's {baseline.auroc:.4f}")
    if not model.auroc >= minimum.auroc:
        faults.append(f"AUROC {model.auroc:.4f} is below the agreed {minimum.auroc:.2f}")
    if not model.ece <= minimum.ece:
        faults.append(f"ECE {model.ece:.4f} is above the agreed {minimum.ece:.2f}")
    floor = None if incumbent is None or incumbent.auroc is None else incumbent.auroc - minimum.champion_auroc_slack
    if incumbent is not None and floor is not None and not model.auroc >= floor:
        faults.append(
            f"AUROC {model.auroc:.4f} is worse than champion version {incumbent.version}'s {incumbent.auroc:.4f}"
        )
    if faults:
        return Promotion(False, "not promoted: " + "; ".join(faults))
    against = (
        "there was no champion"
        if incumbent is None
        else f"champion version {incumbent.version} was trained on other features and cannot be judged on these rows"
        if incumbent.auroc is None
        else f"champion version {incumbent.version} has {incumbent.auroc:.4f}"
    )
    return Promotion(
        True,
        f"promoted: AUROC {model.auroc:.4f} beats the logistic baseline's {baseline.auroc:.4f} and the agreed "
        f"{minimum.auroc:.2f}, ECE {model.ece:.4f} is within {minimum.ece:.2f}; {against}",
    )
