"""Feast's own pages on its registry: entities, views, services, permissions and how they hang together.

Invariant: who looks changes nothing and sees no lead. The process is given no store, answers nothing but reading, and
its connection to Postgres is read-only. Whether a person may look, Feast asks its permissions (`feature_repo`).
"""

from __future__ import annotations

import warnings
from typing import Any

from feast import FeatureStore
from feast.repo_config import RepoConfig
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from features.settings import feature_set, registry_config
from ingestion.settings import RegistrySettings

READING = ("GET", "HEAD")


class ReadOnly:
    """Lets through what reads. Feast's pages could also push rows, and ask its stores for them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        if scope["type"] == "http" and scope["method"] not in READING:
            refused = PlainTextResponse(
                "this shows the registry and changes nothing", 405, {"Allow": ", ".join(READING)}
            )
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)


def registry_ui(settings: RegistrySettings) -> ReadOnly:
    """The pages, and the registry as JSON under `/api/v1`; the declarations must have been applied."""
    from feast.ui_server import get_app  # needs gRPC, which no other process does

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Feast's own, about its experiments
        return ReadOnly(get_app(FeatureStore(config=ui_config(settings)), feature_set(settings).service))


def ui_config(settings: RegistrySettings) -> RepoConfig:
    """Feast's configuration: a registry, and no store."""
    return RepoConfig(
        project=feature_set(settings).service,
        provider="local",
        registry=registry_config(settings),
        online_store=None,
        offline_store={"type": "features.offline_store.LakeOfflineStore"},
        auth=_auth(settings),
        entity_key_serialization_version=3,
    )


def _auth(settings: RegistrySettings) -> dict[str, Any]:
    """A token must be for this client: the identity provider also signs those of other applications."""
    if not settings.oidc_discovery_url:
        return {"type": "no_auth"}
    client = settings.oidc_client
    asked = {"auth_discovery_url": settings.oidc_discovery_url, "client_id": client, "audience": client}
    return {"type": "oidc", **asked, "ui_client_id": client}
