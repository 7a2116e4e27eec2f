"""The usual chain, tuned by its own guides: features from `feast serve`, then a probability from `mlflow models serve`.

Feast: one worker, registry refreshed once an hour, no access log, no restart of workers
(https://docs.feast.dev/reference/feature-servers/python-feature-server). MLflow: the model as registered, which answers
with `predict_proba`, asked in the `inputs` format, which spares it pandas
(https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally).
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import orjson

from benchmarks.http import HOST, Connection, answers
from benchmarks.machine import descendants
from features.definitions import LEAD_SCORING
from features.parity import NO_ACCOUNT
from features.settings import feast_config
from ingestion.settings import PlatformSettings
from leadline.child import dying_with_us
from leadline.errors import StackError
from registry.champion import ALIAS, MODEL_NAME
from scoring.decision import Decision

BINARIES = Path(sys.executable).parent
START_SECONDS = 180
STOP_SECONDS = 10
FOREVER = "1000000000"  # requests before a worker of Feast's is restarted


class ChainClient:
    """One kept-alive connection to each of the two servers."""

    def __init__(self, accounts: Mapping[str, str | None], feast_port: int, mlflow_port: int) -> None:
        self._accounts = accounts
        self._feast = Connection(feast_port)
        self._mlflow = Connection(mlflow_port)

    def probability(self, lead: str) -> float:
        """As of now."""
        return self._predicted(self._features(lead, self._accounts[lead], int(time.time())))

    def require_same(self, decision: Decision, tolerance: float) -> None:
        """Raises `StackError` unless the chain finds the decision's features and probability, as of its moment."""
        found = self._features(decision.lead, decision.account, int(decision.as_of.timestamp()))
        expected = [decision.features[name] for name in LEAD_SCORING.names]
        if found != expected:
            different = {
                name: pair
                for name, *pair in zip(LEAD_SCORING.names, expected, found, strict=True)
                if pair[0] != pair[1]
            }
            raise StackError(f"features of {decision.lead} differ (Leadline's, Feast's): {different}")
        probability = self._predicted(found)
        if decision.probability is None or not math.isclose(decision.probability, probability, abs_tol=tolerance):
            raise StackError(
                f"probability of {decision.lead} is {decision.probability} by Leadline and {probability} by MLflow"
            )

    def _features(self, lead: str, account: str | None, as_of: int) -> list[float | None]:
        asked = {
            "feature_service": LEAD_SCORING.service,
            "entities": {"lead": [lead], "account": [account or NO_ACCOUNT], "as_of": [as_of]},
        }
        answer = orjson.loads(self._feast.post("/get-online-features", orjson.dumps(asked)))
        names = answer["metadata"]["feature_names"]
        values = {name: result["values"][0] for name, result in zip(names, answer["results"], strict=True)}
        return [values[name] for name in LEAD_SCORING.names]

    def _predicted(self, features: list[float | None]) -> float:
        row = [math.nan if value is None else value for value in features]
        # Python's JSON writes NaN, which MLflow's parser reads and orjson's cannot write.
        answer = self._mlflow.post("/invocations", json.dumps({"inputs": [row]}).encode())
        return float(orjson.loads(answer)["predictions"][0][1])


class Chain:
    """Both servers, running."""

    def __init__(self, processes: list[subprocess.Popen[bytes]], client: Callable[[], ChainClient]) -> None:
        self._processes = processes
        self.client = client

    def open_client(self) -> Callable[[str], object]:
        """A client of its own, as the timing loop asks it."""
        return self.client().probability

    def pids(self) -> list[int]:
        """Every process of both servers."""
        return [pid for process in self._processes for pid in descendants(process.pid)]


class Server(NamedTuple):
    """How a server is started, and where it says that it is ready."""

    name: str
    command: str
    port: int
    path: str


@contextmanager
def start_chain(
    settings: PlatformSettings, home: Path, accounts: Mapping[str, str | None], *, feast_port: int, mlflow_port: int
) -> Iterator[Chain]:
    """Both servers on the platform's own stores; stopped at the end.

    Raises:
        StackError: one did not answer in time; its log is in `home`.
    """
    mlflow = (
        f"{BINARIES}/mlflow models serve --model-uri models:/{MODEL_NAME}@{ALIAS} --env-manager local "
        f"--host {HOST} --port {mlflow_port} --workers 1"
    )
    servers = feast_serve(settings, home, feast_port), Server("mlflow-serve", mlflow, mlflow_port, "/ping")
    with started(servers, home, MLFLOW_TRACKING_URI=settings.mlflow_tracking_uri) as processes:
        yield Chain(processes, lambda: ChainClient(accounts, feast_port, mlflow_port))


def feast_serve(settings: PlatformSettings, home: Path, port: int) -> Server:
    """Feast's own server on the platform's stores, tuned by its guide."""
    repository = home / "feast-serve"
    repository.mkdir(exist_ok=True)
    (repository / "feature_store.yaml").write_text(json.dumps(_feature_store(settings)))  # JSON is YAML
    command = (
        f"{BINARIES}/feast --chdir {repository} serve --host {HOST} --port {port} --no-access-log --workers 1 "
        f"--registry_ttl_sec 3600 --max-requests {FOREVER} --max-requests-jitter 0"
    )
    return Server("feast-serve", command, port, "/health")


@contextmanager
def started(servers: Sequence[Server], home: Path, **environment: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The servers' processes, ready; stopped at the end. `StackError` if one does not start or its port is taken."""
    for server in servers:
        if answers(server.port, server.path):  # it would be measured in the place of ours
            raise StackError(f"port {server.port} is taken, perhaps by a {server.name} that outlived its run: stop it")
    path = f"{BINARIES}{os.pathsep}{os.environ['PATH']}"
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for server in servers:
            with (home / "logs" / f"{server.name}.log").open("wb") as output:
                processes.append(
                    subprocess.Popen(
                        dying_with_us(server.command.split(" ")),
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        env={**os.environ, "PATH": path, **environment},
                        start_new_session=True,
                    )
                )
        _wait(processes, home, servers)
        yield processes
    finally:
        for process in processes:
            _stop(process)


def _feature_store(settings: PlatformSettings) -> dict[str, object]:
    """The platform's own Feast configuration as its file."""
    said = feast_config(settings).model_dump(mode="json", exclude_none=True)
    return {
        "project": said["project"],
        "provider": said["provider"],
        "registry": said["registry_config"],
        "online_store": said["online_config"],
        "offline_store": said["offline_config"],
        "entity_key_serialization_version": said["entity_key_serialization_version"],
    }


def _wait(processes: list[subprocess.Popen[bytes]], home: Path, servers: Sequence[Server]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not all(answers(server.port, server.path) for server in servers):
        if any(process.poll() is not None for process in processes) or time.monotonic() > deadline:
            names = " or ".join(server.name for server in servers)
            raise StackError(f"{names} did not start; the logs are in {home / 'logs'}")
        time.sleep(0.2)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the server with the workers it has started: they share its session."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(STOP_SECONDS)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
