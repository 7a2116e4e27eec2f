"""The demo's report: what was counted, and whether every invariant held."""

from __future__ import annotations

from pathlib import Path

import msgspec

MINIMUM_COMPARED = 1_000


class BrokerInfo(msgspec.Struct, frozen=True):
    """Which broker carried the run."""

    kind: str
    version: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one demo run. Times in the unit of their name."""

    events_published: int  # elements of raw messages; a body that cannot be split counts as one
    raw_messages: int
    raw_accepted: int  # elements that the ingestion worker has answered for
    canonical: int
    quarantined: int
    quarantined_by_reason: dict[str, int]
    duplicates_dropped: int
    test_or_bot_excluded: int
    fates_wrong: int  # elements whose fate differs from the generator's ground truth
    identity_people_expected: int
    identity_people_found: int
    identity_pairs_wrong: int
    merges: int
    online_offline_rows_compared: int
    online_offline_mismatches: int
    batch_recompute_rows_compared: int
    batch_recompute_mismatches: int
    training_rows: int
    model_auroc_holdout: float
    model_ece_holdout: float
    baseline_auroc_holdout: float
    model_promoted: bool
    decisions: int
    decisions_verified: int
    decisions_mismatched: int
    freshness_p50_ms: float
    freshness_p99_ms: float
    score_p50_ms: float
    score_p99_ms: float
    pipeline_events_per_second: float
    broker: BrokerInfo
    seconds_by_phase: dict[str, float]

    def broken_invariants(self) -> list[str]:
        """What did not hold, each as a sentence; empty if all is well."""
        accounted = self.canonical + self.quarantined + self.duplicates_dropped
        checks = {
            f"published {self.events_published} = canonical {self.canonical} + quarantined {self.quarantined} "
            f"+ duplicates {self.duplicates_dropped}": self.events_published == accounted,
            f"every element met its expected fate ({self.fates_wrong} did not)": self.fates_wrong == 0,
            f"people found {self.identity_people_found} = expected {self.identity_people_expected}": (
                self.identity_people_found == self.identity_people_expected
            ),
            f"identity pairs wrong = 0 (found {self.identity_pairs_wrong})": self.identity_pairs_wrong == 0,
            f"online = offline ({self.online_offline_mismatches} mismatches)": self.online_offline_mismatches == 0,
            f"at least {MINIMUM_COMPARED} rows compared online and offline ({self.online_offline_rows_compared})": (
                self.online_offline_rows_compared >= MINIMUM_COMPARED
            ),
            f"online = batch recompute ({self.batch_recompute_mismatches} mismatches)": (
                self.batch_recompute_mismatches == 0 and self.batch_recompute_rows_compared > 0
            ),
            f"decisions verified {self.decisions_verified} = decisions {self.decisions}": (
                self.decisions_verified == self.decisions and self.decisions_mismatched == 0
            ),
            f"at least {MINIMUM_COMPARED} decisions ({self.decisions})": self.decisions >= MINIMUM_COMPARED,
            f"model AUROC {self.model_auroc_holdout:.3f} above the baseline's {self.baseline_auroc_holdout:.3f}": (
                self.model_auroc_holdout > self.baseline_auroc_holdout
            ),
            "the model was promoted": self.model_promoted,
        }
        return [sentence for sentence, held in checks.items() if not held]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")
