"""The serving bundle: everything the scorer needs of a model, as `bundle.json` and `leaves.npz`.

Invariant: no pickles, and the digest covers every byte of both files, so that what is served is what was registered.
Imports only numpy, msgspec and the standard library. The same training data and parameters give the same digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from quality.drift import Distribution
from registry.calibrator import Calibrator
from registry.ensemble import Ensemble, Vector
from registry.errors import BundleError, BundleTampered, FeatureMismatch
from registry.leaves import Leaves

MANIFEST_FILE = "bundle.json"
LEAVES_FILE = "leaves.npz"


class Reference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a feature looked like in training. The figures are None if it was always missing."""

    null_rate: float  # 0–1
    minimum: float | None
    p01: float | None
    p50: float | None
    p99: float | None
    maximum: float | None
    distribution: Distribution | None = None  # what drift is measured against; bundles of before it have none


class AgreedMinimum(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model must reach on the hold-out to be promoted."""

    version: str
    auroc: float  # at least
    ece: float  # at most
    champion_auroc_slack: float  # how far below the champion's AUROC still counts as not worse


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`bundle.json`."""

    model: str
    feature_service: str
    feature_hash: str
    feature_names: tuple[str, ...]
    baseline_margin: float
    calibrator: Calibrator
    reference: dict[str, Reference]
    training_rows: int
    data_digest: str  # sha256 of the training frame
    sklearn_version: str
    metrics: dict[str, float]  # on the hold-out
    agreed_minimum: AgreedMinimum
    digest: str = ""  # sha256 of this file without its digest, and of leaves.npz
    format: str = "leadline.bundle/1"


class Bundle:
    """A loaded bundle. Immutable; may be shared by threads."""

    def __init__(self, manifest: Manifest, leaves: Leaves, version: str) -> None:
        self.manifest = manifest
        self.version = version
        self.digest = manifest.digest
        self.feature_names = manifest.feature_names
        self.feature_hash = manifest.feature_hash
        self.feature_service = manifest.feature_service
        self.reference = manifest.reference
        self.agreed_minimum = manifest.agreed_minimum
        self._ensemble = Ensemble(leaves, manifest.baseline_margin, len(manifest.feature_names))
        self.expected_margin = self._ensemble.expected_margin
        self.margin = self._ensemble.margin
        self.contributions = self._ensemble.contributions
        self.probability = manifest.calibrator.probability

    @staticmethod
    def load(folder: Path, *, version: str, digest: str | None = None) -> Bundle:
        """The bundle in `folder`, registered as `version`; `digest` is the one the registry names, if it is known.

        Raises:
            BundleTampered: the bytes do not have the digest that the bundle or the registry names.
            BundleError: a file is missing or is not a bundle.
        """
        try:
            raw, leaves = (folder / MANIFEST_FILE).read_bytes(), (folder / LEAVES_FILE).read_bytes()
        except OSError as error:
            raise BundleError(f"{folder} holds no whole bundle: {error}; download it again") from error
        try:
            manifest = msgspec.json.decode(raw, type=Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BundleError(f"{folder / MANIFEST_FILE} is not a bundle manifest: {error}") from error
        sealed = seal(manifest, leaves)
        if msgspec.json.encode(sealed) != raw:
            raise BundleTampered(
                f"{folder} has digest {sealed.digest} but names {manifest.digest}: its bytes were changed; "
                "remove the folder and load the registered bundle again"
            )
        if digest is not None and digest != manifest.digest:
            raise BundleTampered(
                f"{folder} holds bundle {manifest.digest} but the registry names {digest} for version {version}; "
                "remove the folder and load the registered bundle again"
            )
        return Bundle(manifest, Leaves.from_bytes(leaves, len(manifest.feature_names)), version)

    def require_features(self, service: str, feature_hash: str) -> None:
        """Raises `FeatureMismatch` unless the bundle was trained on these features."""
        if (service, feature_hash) != (self.feature_service, self.feature_hash):
            raise FeatureMismatch(
                f"model version {self.version} was trained on {self.feature_service} ({self.feature_hash}), but "
                f"{service} ({feature_hash}) is served; train on the served features or roll them back"
            )

    def vector(self, features: Mapping[str, float | None]) -> Vector:
        """The features in the model's order, NaN where one is None.

        Raises:
            FeatureMismatch: a feature is absent; a missing value must be said by None.
        """
        try:
            values = [features[name] for name in self.feature_names]
        except KeyError as error:
            raise FeatureMismatch(f"feature {error} of model version {self.version} was not offered") from None
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def seal(manifest: Manifest, leaves: bytes) -> Manifest:
    """The manifest with the digest over itself and the leaves."""
    open_manifest = msgspec.structs.replace(manifest, digest="")
    digest = hashlib.sha256(msgspec.json.encode(open_manifest) + leaves).hexdigest()
    return msgspec.structs.replace(manifest, digest=digest)


def save(folder: Path, manifest: Manifest, leaves: Leaves) -> Manifest:
    """Write a bundle into `folder` and return its sealed manifest."""
    data = leaves.to_bytes()
    sealed = seal(manifest, data)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LEAVES_FILE).write_bytes(data)
    (folder / MANIFEST_FILE).write_bytes(msgspec.json.encode(sealed))
    return sealed
