"""What features are held to: their distributions when a model was trained, or those of the first snapshot.

Invariant: a stored snapshot is never replaced, so that slow drift is seen as well. It belongs to one version of the
definitions: a changed definition begins anew.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec

from features.feature_set import FeatureSet
from quality.drift import ENOUGH, Distribution, Values, distribution_of


class Reference(msgspec.Struct, frozen=True):
    """Distributions by feature, and of what they are."""

    of: str  # `model version 3`
    distributions: Mapping[str, Distribution]


def reference_path(lake: Path, features: FeatureSet) -> Path:
    """Where the first snapshot of this version of the definitions is kept."""
    return lake / "feature_reference" / f"{features.hash[:12]}.json"


def stored_reference(lake: Path, features: FeatureSet) -> Reference | None:
    """The first snapshot that had enough leads, None if there was none yet."""
    try:
        return msgspec.json.decode(reference_path(lake, features).read_bytes(), type=Reference)
    except FileNotFoundError:
        return None


def store_reference(lake: Path, features: FeatureSet, columns: Mapping[str, Values], at: datetime) -> None:
    """Keep the distributions of a snapshot, unless it has too few leads or one was kept before."""
    path = reference_path(lake, features)
    if path.exists() or min(map(len, columns.values()), default=0) < ENOUGH:
        return
    distributions = {name: distribution_of(values) for name, values in columns.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, suffix=".part") as file, suppress(FileExistsError):
        file.write(msgspec.json.encode(Reference(f"snapshot of {at:%Y-%m-%d %H:%M} UTC", distributions)))
        file.flush()
        os.link(file.name, path)  # whole or not at all, and never in another's place
