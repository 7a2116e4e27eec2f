"""`leadline features ui`: Feast's pages show what is declared, to whom they may, and neither change nor read a row."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from feature_repo.apply import apply
from feature_repo.permissions import READER
from features.definitions import LEAD_SCORING
from ingestion.settings import PlatformSettings
from tests.conftest import answers, free_port, missing, wait_until
from tests.features.platforms import settings_of
from tests.features.world import CRM, JO, World

CLIENT = "leadline"


@pytest.fixture
def platform(tmp_path: Path, postgres_url: str) -> PlatformSettings:
    """Declarations in Postgres, and a person of whom something is known."""
    if find_spec("grpc") is None:
        missing("Feast's UI", "install leadline[ui]")
    settings = settings_of(tmp_path).model_copy(update={"feast_registry": postgres_url})
    apply(settings)
    world = World(settings)
    world.tell(CRM, JO)
    world.engine.dispose()
    return settings


@contextmanager
def pages(settings: PlatformSettings, **environment: str) -> Iterator[httpx2.Client]:
    """The process as a user starts it, with no key and no store in its environment."""
    port = free_port()
    given = {name: value for name, value in os.environ.items() if not name.startswith("LEADLINE_")}
    given |= {"LEADLINE_FEAST_REGISTRY": settings.feast_registry, "LEADLINE_HOME": str(settings.home), **environment}
    command = [sys.executable, "-m", "leadline", "features", "ui", "--port", str(port)]
    process = subprocess.Popen(command, env=given)
    try:
        wait_until(lambda: process.poll() is not None or answers(port), "the pages")
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        process.terminate()
        process.wait(timeout=30)


class Provider:
    """An identity provider: a discovery document and keys over HTTP, and tokens that they sign."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        keys = {"keys": [public | {"kid": "1", "use": "sig", "alg": "RS256"}]}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = keys if self.path == "/keys" else documents
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        ends = {"jwks_uri": "keys", "token_endpoint": "token", "authorization_endpoint": "authorize"}
        documents = {name: f"{self.url}/{end}" for name, end in ends.items()}
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def token(self, *roles: str, audience: str = CLIENT) -> dict[str, str]:
        """The header of somebody with these roles."""
        claims = {"sub": "jo", "aud": audience, "exp": time.time() + 600, "resource_access": {CLIENT: {"roles": roles}}}
        signed = jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "1"})
        return {"Authorization": f"Bearer {signed}"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_what_is_declared_is_shown_and_nothing_of_a_person(platform: PlatformSettings) -> None:
    with pages(platform) as client:
        assert "<title>Feast" in client.get("/").text
        shown = {
            kind: client.get(
                f"/api/v1/{kind}", params={"project": LEAD_SCORING.service, "include_relationships": "true"}
            ).text
            for kind in ("entities", "data_sources", "feature_views", "features", "feature_services", "permissions")
        }
        assert all(name in shown["features"] for name in LEAD_SCORING.names)
        assert "read_offline" in shown["permissions"]
        told = "".join(shown.values())
        assert not any(word in told for word in (JO.value, "ld_", "ac_", "postgresql"))


def test_nothing_can_be_pushed_or_read_from_a_store(platform: PlatformSettings) -> None:
    with pages(platform) as client:
        asked = {"feature_view": "lead_state", "entity_keys": {"lead": ["ld_0"]}}
        for path in ("push", "get-online-labels", "list-labels", "materialize"):
            assert client.post(f"/api/v1/{path}", json=asked).status_code == 405
        assert client.delete("/api/v1/entities/lead").status_code == 405


def test_with_an_identity_provider_a_role_decides_what_is_shown(platform: PlatformSettings) -> None:
    provider = Provider()
    entities = f"/api/v1/entities?project={LEAD_SCORING.service}"
    with pages(platform, LEADLINE_OIDC_DISCOVERY_URL=f"{provider.url}/.well-known") as client:
        assert client.get(entities).status_code in (401, 403)
        reader = client.get(entities, headers=provider.token(READER))
        assert {each["spec"]["name"] for each in reader.json()["entities"]} >= {"lead", "account"}
        assert client.get(entities, headers=provider.token("somebody")).status_code == 403
        assert client.get(entities, headers=provider.token(READER, audience="another")).status_code in (401, 403)
    provider.close()
