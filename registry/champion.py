"""The bundle behind the alias `champion`, for the scorer: resolved by MLflow's client, verified, kept on disk.

Invariant: only a bundle with the digest that the registry names, or that was verified against it before, is given out.
Needs mlflow-skinny with its SQL extra; imports neither scikit-learn nor MLflow's server.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from registry.bundle import Bundle
from registry.errors import BundleError, RegistryUnavailable
from registry.mlflow_client import answering, open_client, sqlite_file

MODEL_NAME = "lead_scoring"
ALIAS = "champion"
DIGEST_TAG = "bundle_digest"
BUNDLE_FOLDER = "bundle"  # among the training run's artefacts
LAST_GOOD_FILE = "last-good.json"

_log = logging.getLogger(__name__)


class Named(msgspec.Struct, frozen=True):
    """What the registry says the champion is."""

    version: str
    digest: str
    run_id: str


def current(tracking_uri: str, cache_dir: Path, model: str = MODEL_NAME) -> Bundle | None:
    """The champion's bundle, None if there is no champion. May block for seconds: call it off the request path.

    If MLflow does not answer, or the champion's bundle is not the registered one, the last good bundle in `cache_dir`
    stays and the log says why.

    Raises:
        RegistryUnavailable: MLflow does not answer, and there is no last good bundle.
        BundleError: the champion's bundle may not be served, and there is no last good one.
    """
    file = sqlite_file(tracking_uri)
    if file is not None and not file.exists():
        return _last_good(cache_dir)  # nothing was trained yet, and a reader must not make the trainer's database
    try:
        champion = named(tracking_uri, model)
        if champion is None:
            return None
        bundle = _fetch(tracking_uri, cache_dir, champion)
    except (RegistryUnavailable, BundleError) as error:
        if (last_good := _last_good(cache_dir)) is None:
            raise
        _log.error("the champion of %s cannot be loaded, version %s stays: %s", model, last_good.version, error)
        return last_good
    _write_atomically(cache_dir / LAST_GOOD_FILE, msgspec.json.encode(champion))
    return bundle


def named(tracking_uri: str, model: str = MODEL_NAME) -> Named | None:
    """What the registry names as champion of `model`.

    Raises:
        RegistryUnavailable: MLflow does not answer.
        BundleError: the version has no bundle.
    """
    try:
        with answering(tracking_uri):
            version = open_client(tracking_uri).get_model_version_by_alias(model, ALIAS)
    except KeyError:
        return None
    return _named(version)


def registered(tracking_uri: str, cache_dir: Path, version: str, digest: str, model: str = MODEL_NAME) -> Bundle:
    """The bundle of any version, champion or not: for verifying what it once scored.

    Raises:
        RegistryUnavailable: it is not in `cache_dir` and MLflow does not answer.
        BundleError: the registry has no such version, or not with this digest.
    """
    if (cached := _cached(cache_dir, version, digest)) is not None:
        return cached
    try:
        with answering(tracking_uri):
            found = _named(open_client(tracking_uri).get_model_version(model, version))
    except KeyError as error:
        raise BundleError(f"the registry has no version {version} of {model}: {error}") from error
    return _fetch(tracking_uri, cache_dir, Named(version, digest, found.run_id))


def _named(version: Any) -> Named:
    digest = version.tags.get(DIGEST_TAG)
    if not digest:
        raise BundleError(
            f"version {version.version} of {version.name} has no tag {DIGEST_TAG}, so it was not registered by "
            f"Leadline; give the alias {ALIAS} to a version that was"
        )
    return Named(str(version.version), digest, version.run_id)


def _cached(cache_dir: Path, version: str, digest: str) -> Bundle | None:
    folder = cache_dir / digest
    if not folder.exists():
        return None
    try:
        return Bundle.load(folder, version=version, digest=digest)
    except BundleError as error:
        _log.warning("cached bundle is loaded anew: %s", error)
        shutil.rmtree(folder)
        return None


def _fetch(tracking_uri: str, cache_dir: Path, champion: Named) -> Bundle:
    if (cached := _cached(cache_dir, champion.version, champion.digest)) is not None:
        return cached
    folder = cache_dir / champion.digest
    cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir, prefix=".download-") as temporary:
        try:
            with answering(tracking_uri):
                client = open_client(tracking_uri)
                downloaded = Path(client.download_artifacts(champion.run_id, BUNDLE_FOLDER, temporary))
        except KeyError as error:
            raise BundleError(f"run {champion.run_id} has no artefact {BUNDLE_FOLDER}: {error}") from error
        bundle = Bundle.load(downloaded, version=champion.version, digest=champion.digest)
        try:
            downloaded.rename(folder)
        except OSError:
            if not folder.exists():  # another process was faster: its copy was verified as well
                raise
    return bundle


def _last_good(cache_dir: Path) -> Bundle | None:
    try:
        champion = msgspec.json.decode((cache_dir / LAST_GOOD_FILE).read_bytes(), type=Named)
        return Bundle.load(cache_dir / champion.digest, version=champion.version, digest=champion.digest)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, BundleError) as error:
        _log.error("the last good bundle is not good any more: %s", error)
        return None


def _write_atomically(file: Path, content: bytes) -> None:
    if file.exists() and file.read_bytes() == content:
        return
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}", delete=False) as temporary:
        temporary.write(content)
    Path(temporary.name).replace(file)
