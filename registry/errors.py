"""Errors of the registry stage, grouped by what the caller must do.

RegistryError
├── Retry                     it may succeed later; what is being served stays
│   └── RegistryUnavailable   MLflow did not answer and no good bundle is cached
└── Stop                      a person must look before a model is trained or served
    ├── TrainingStopped       the gate refused the training set: it leaks, or it is too small
    ├── NotExportable         the model has no exact serving bundle
    └── BundleError           the bundle may not be served
        ├── BundleTampered    its bytes are not the ones that were registered
        └── FeatureMismatch   it was trained on other features than the ones offered
"""

from __future__ import annotations


class RegistryError(Exception):
    """Anything that the registry raises on purpose."""


class Retry(RegistryError):
    """It may succeed later; what is being served stays."""


class RegistryUnavailable(Retry):
    """MLflow did not answer and no good bundle is cached."""


class Stop(RegistryError):
    """A person must look before a model is trained or served."""


class TrainingStopped(Stop):
    """The gate refused the training set: it leaks, or it is too small."""


class NotExportable(Stop):
    """The model has no exact serving bundle."""


class BundleError(Stop):
    """The bundle may not be served."""


class BundleTampered(BundleError):
    """Its bytes are not the ones that were registered."""


class FeatureMismatch(BundleError):
    """It was trained on other features than the ones offered."""
