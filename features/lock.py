"""The lock: what each feature was declared to be, version by version, so that none changes under one number.

Invariant: a name and a version mean one definition for ever. A name that is gone stays locked: should it come back, it
comes back as what it was or with a higher version.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from features.feature_set import FeatureSet


class Entry(msgspec.Struct, frozen=True):
    """A feature as it was locked. The definition is text and no hash, so that a review shows what changed."""

    version: int
    definition: str


Locked = dict[str, Entry]  # by the feature's name


class Change(NamedTuple):
    """What differs between a declaration and its lock."""

    feature: str
    what: str
    refused: str = ""  # why, and what to do; empty if the change may be locked


def lock_file(path: str) -> Path:
    """Where the lock of the set at `module:name` is: beside its module, which must have been imported."""
    found = sys.modules[path.partition(":")[0]].__file__
    assert found is not None, "a module that declares features is a file"
    return Path(found).with_suffix(".lock.json")


def read_lock(file: Path) -> Locked:
    """What is locked; nothing if there is no such file."""
    return msgspec.json.decode(file.read_bytes(), type=Locked) if file.exists() else {}


def locked(features: FeatureSet, before: Mapping[str, Entry]) -> bytes:
    """The lock's content once these declarations are locked too, as JSON in the order of names."""
    entries = {**before, **{each.name: Entry(each.version, each.definition) for each in features.features}}
    return msgspec.json.format(msgspec.json.encode(dict(sorted(entries.items()))), indent=1) + b"\n"


def changes(features: FeatureSet, before: Mapping[str, Entry]) -> list[Change]:
    """Every difference; empty if the lock is up to date."""
    found = []
    for each in features.features:
        now, was = Entry(each.version, each.definition), before.get(each.name)
        if was is None:
            found.append(Change(each.name, f"new: {now.definition}"))
        elif now.version < was.version:
            refused = f"version {was.version} is locked already; give at least {was.version}"
            found.append(Change(each.name, f"version {now.version} after {was.version}", refused))
        elif now.definition != was.definition:
            what = f"{was.definition} → {now.definition}"
            refused = "" if now.version > was.version else f"it means something else: give it version={was.version + 1}"
            found.append(Change(each.name, what, refused))
        elif now.version > was.version:
            found.append(Change(each.name, f"version {was.version} → {now.version}"))
    return found
