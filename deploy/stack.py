"""The services of `docker-compose.yml` as one thing that can be started, hurt and asked.

The invariant: it runs as a Compose project of its own, with its own volumes, ports and image tag, so that a Leadline
that already runs on this machine is not touched.
"""

import base64
import hashlib
import json
import os
import secrets
import socket
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from deploy.shell import CommandError, run, wait_until
from ingestion.receiver.request import Request
from ingestion.receiver.senders import SENDERS
from leadline.company import firm

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "leadline-compose-test"
_CONNECTIONS = """
[compose-test]
sender = "standard-webhooks"
account = "compose-test"
secrets = ["env:WEBHOOK_SECRET"]

[compose-test-leads]
sender = "meta-lead-ads"
account = "compose-test"
secrets = ["env:WEBHOOK_SECRET"]
[compose-test-leads.fetch]
token = "env:FETCH_TOKEN"
"""


class Stack:
    """One Compose project, from build to removal."""

    def __init__(self, compose: tuple[str, ...], folder: Path) -> None:
        """Choose secrets and ports; nothing runs yet.

        Args:
            compose: The words that run Compose.
            folder: Where the env file is written.
        """
        self._api_key = secrets.token_urlsafe(32)
        self._webhook_secret = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
        self.api_port, self.receiver_port, self.catalogue_port = _free_port(), _free_port(), _free_port()
        self._folder = folder
        (folder / "connections.toml").write_text(_CONNECTIONS)
        (folder / "connections.env").write_text(f"WEBHOOK_SECRET={self._webhook_secret}\n")
        (folder / "fetch.env").write_text(f"FETCH_TOKEN={secrets.token_hex(16)}\n")
        env_file = folder / "compose.env"
        env_file.touch(mode=0o600)
        env_file.write_text("".join(f"{name}={value}\n" for name, value in self._variables().items()))
        files = [ROOT / "docker-compose.yml", ROOT / "deploy" / "compose.test.yml"]
        self._compose = [*compose, "--project-name", PROJECT, "--env-file", str(env_file), "--progress", "plain"]
        self._compose += [word for file in files for word in ("--file", str(file))]

    def _variables(self) -> dict[str, str]:
        digest = hashlib.sha256(self._api_key.encode()).hexdigest()
        return {
            "POSTGRES_PASSWORD": secrets.token_hex(24),
            "REDIS_PASSWORD": secrets.token_hex(24),
            "LEADLINE_IDENTITY_KEY": secrets.token_hex(32),
            "LEADLINE_MASTER_KEY": secrets.token_hex(32),
            "LEADLINE_API_KEYS": f"compose-test:score+read+admin:{digest}",
            "LEADLINE_STAFF_DOMAINS": firm.DOMAIN,
            "LEADLINE_PRODUCT_SCOPE": firm.WORKSPACE,
            "LEADLINE_VERSION": "compose-test",
            "LEADLINE_CONNECTIONS": str(self._folder / "connections.toml"),
            "LEADLINE_CONNECTION_SECRETS": str(self._folder / "connections.env"),
            "LEADLINE_FETCH_SECRETS": str(self._folder / "fetch.env"),
            "COMPOSE_PROFILES": "hydration,catalogue",
            "PUBLISHED_API_PORT": str(self.api_port),
            "PUBLISHED_RECEIVER_PORT": str(self.receiver_port),
            "PUBLISHED_CATALOGUE_PORT": str(self.catalogue_port),
            "PUBLISHED_MLFLOW_PORT": str(_free_port()),
        }

    def compose(self, *words: str, timeout: float = 600, stdin: str | None = None) -> str:
        """Run one Compose command on this project and give back what it printed."""
        # A caller's own variables would win over the env file.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LEADLINE_", "KAFKA_"))}
        environment = {**inherited, "COMPOSE_BAKE": "false"}
        return run(*self._compose, *words, timeout=timeout, environment=environment, stdin=stdin)

    def job(self, service: str, *words: str) -> str:
        """Run a one-shot container of a service to its end, with a command of its own if `words` are given."""
        return self.compose("run", "--rm", "--no-deps", "--no-TTY", service, *words, timeout=900)

    def wait_drained(self, *, seconds: int) -> None:
        """Wait until everything that was published is served, scored and recorded (see `deploy/drained.py`)."""
        script = (ROOT / "deploy" / "drained.py").read_text()
        self.compose("exec", "--no-TTY", "ingest", "python", "-", str(seconds), stdin=script, timeout=seconds + 60)

    def kill(self, service: str) -> None:
        """End a service's process as a power cut would; it stays down until `compose("up", …)`."""
        self.compose("kill", "--signal", "KILL", service)

    def crash(self, service: str) -> None:
        """Kill what runs inside a container whose process 1 is Docker's init: its restart policy must bring it back."""
        self.compose("exec", "--no-TTY", service, "sh", "-c", "kill -9 -1")

    def states(self) -> dict[str, dict[str, Any]]:
        """What `docker inspect` says of each container, by service."""
        names = self.compose("ps", "--all", "--quiet").split()
        described: list[dict[str, Any]] = json.loads(run("docker", "inspect", *names)) if names else []
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in described}

    def is_healthy(self, service: str) -> bool:
        """Whether a service runs and its own check says it is well."""
        state = self.states()[service]["State"]
        return bool(state["Running"] and state.get("Health", {}).get("Status") == "healthy")

    def wait_healthy(self, service: str, *, seconds: float = 120) -> float:
        """Wait until a service is well; the seconds it took."""
        return wait_until(f"{service} is healthy", lambda: self.is_healthy(service), seconds=seconds)

    def ask(self, method: str, path: str, body: object = None, *, timeout: float = 10) -> tuple[int, Any]:
        """One request to the API as a client on this machine sends it.

        Returns:
            Status and parsed JSON body; status 0 and the reason when nothing answered.
        """
        connection = HTTPConnection("127.0.0.1", self.api_port, timeout=timeout)
        headers = {"Authorization": f"Bearer {self._api_key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, ValueError) as error:
            return 0, str(error)
        finally:
            connection.close()

    def deliver(self, event: object, *, signed: bool = True) -> int:
        """One webhook to the receiver, as a sender on the internet sends it; the status of the answer, 0 for none."""
        sent = Request(
            "POST", "/in/compose-test", "", {b"content-type": b"application/json"}, json.dumps(event).encode()
        )
        if signed:
            scheme = SENDERS["standard-webhooks"].scheme
            sent = scheme.sign(sent, self._webhook_secret.encode(), time.time())
        connection = HTTPConnection("127.0.0.1", self.receiver_port, timeout=10)
        headers = {name.decode(): value.decode() for name, value in sent.headers.items()}
        try:
            connection.request("POST", sent.path, sent.body, headers)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def logs(self, lines: int = 25) -> str:
        """The newest log lines of every service."""
        return self.compose("logs", "--no-color", "--tail", str(lines))

    def remove(self) -> None:
        """Take everything down and delete its volumes; repeating it does nothing."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "20")


def _free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require(holds: bool, sentence: str) -> None:
    """Stop the test with a sentence when something does not hold.

    Raises:
        CommandError: it does not hold.
    """
    if not holds:
        raise CommandError(sentence)
