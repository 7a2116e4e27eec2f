"""The one door to MLflow: a client of a server over HTTP, or of its database on SQLite.

Invariant: nothing is sent to anybody but the given server, MLflow's own tracking URI is never set, and a SQLite
database is visible under its name only when all its tables are there, so that a reader never meets half a migration.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from registry.errors import RegistryUnavailable

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # its 7 retries keep a caller waiting for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
}
_ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})  # the second: no such alias


def sqlite_file(tracking_uri: str) -> Path | None:
    """The database file of a `sqlite:///` URI, None for any other."""
    prefix = "sqlite:///"
    return Path(tracking_uri.removeprefix(prefix)) if tracking_uri.startswith(prefix) else None


def open_client(tracking_uri: str) -> Any:
    """An `MlflowClient`; a missing SQLite database is made first, which takes some seconds."""
    client = _client(tracking_uri)
    file = sqlite_file(tracking_uri)
    if file is not None and not file.exists():
        _make_database(file)
    return client


def _client(tracking_uri: str) -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with quietly():
        from mlflow.tracking import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)  # they narrate every migration and every model
    with quietly():
        return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


def _make_database(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with quietly():
            _client(f"sqlite:///{unfinished}").search_registered_models(max_results=1)
        os.link(unfinished, file)  # unlike a rename it never replaces what another process made meanwhile
    except FileExistsError:
        pass
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def quietly() -> Iterator[None]:
    """MLflow warns of its own dependencies and type hints, mostly at import: nothing its caller could mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def answering(tracking_uri: str) -> Iterator[None]:
    """Raises `RegistryUnavailable` where MLflow does not answer, `KeyError` where it knows no such thing."""
    from mlflow.exceptions import MlflowException

    try:
        with quietly():
            yield
    except MlflowException as error:
        if error.error_code in _ABSENT:
            raise KeyError(str(error)) from error
        raise _unavailable(tracking_uri, error) from error
    except SQLAlchemyError as error:
        raise _unavailable(tracking_uri, error) from error


def _unavailable(tracking_uri: str, error: Exception) -> RegistryUnavailable:
    where = make_url(tracking_uri).render_as_string() if "://" in tracking_uri else tracking_uri  # hides a password
    return RegistryUnavailable(
        f"MLflow at {where} did not answer: {error}; what is being served stays, try again later"
    )
