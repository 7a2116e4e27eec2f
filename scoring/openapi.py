"""What /openapi.json says of bodies: schemas from the types that are really decoded and encoded, and examples."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from scoring.decision import Decision
from scoring.problems import Problem, documented
from scoring.requests import Accepted, BatchRequest, BatchResponse, LeadView, Readiness, ScoreRequest, UnmergeRequest

DESCRIPTION = (
    "Scores leads and explains each score. Every score is recorded durably before it is answered, with the features "
    "as served, the model, the policy rule and the reasons. Send `Authorization: Bearer KEY`."
)
_COMPONENT = "#/components/schemas/{name}"
_LEAD = "ld_7qk2m4x5n6p7r2s3t4u5v6w7y2"


def install(app: FastAPI) -> None:
    """Have the app give the full document; built once, on the first request."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            components = schema.setdefault("components", {})
            _, types = msgspec.json.schema_components(
                (
                    Decision,
                    ScoreRequest,
                    BatchRequest,
                    BatchResponse,
                    LeadView,
                    Readiness,
                    UnmergeRequest,
                    Accepted,
                    Problem,
                ),
                ref_template=_COMPONENT,
            )
            components["schemas"] = dict(types)
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _json(name: str, examples: dict[str, Any]) -> dict[str, Any]:
    return {
        "application/json": {
            "schema": {"$ref": _COMPONENT.format(name=name)},
            "examples": {title: {"value": value} for title, value in examples.items()},
        }
    }


def _operation(
    answer: str | None,
    *problems: int,
    body: str | None = None,
    path: str | None = None,
    open_to_all: bool = False,
    **examples: Any,
) -> dict[str, Any]:
    success = {"description": "OK"} | ({"content": _json(answer, {})} if answer else {})
    said: dict[str, Any] = {"responses": {"200": success} | {str(k): v for k, v in documented(*problems).items()}}
    if body:
        said["requestBody"] = {"required": True, "content": _json(body, examples)}
    if path:
        said["parameters"] = [{"name": path, "in": "path", "required": True, "schema": {"type": "string"}}]
    if not open_to_all:
        said["security"] = [{"key": []}]
    return said


SCORE = _operation(
    "Decision",
    *(400, 401, 403, 404, 408, 413, 415, 422, 503),
    body="ScoreRequest",
    by_lead={"lead": _LEAD},
    by_identifier={"identifier": {"type": "email", "value": "ada@example.com"}},
)
BATCH = _operation(
    "BatchResponse",
    *(400, 401, 403, 408, 413, 415, 422, 503),
    body="BatchRequest",
    two_leads={"leads": [_LEAD, "ld_2abc3def4ghi5jkl6mno7pqr2s"]},
)
DECISION = _operation("Decision", 401, 403, 404, path="decision")
LEAD = _operation("LeadView", 401, 403, 404, 422, path="lead")
HEALTH = _operation(None, open_to_all=True)
READY = _operation("Readiness", 503, open_to_all=True)
METRICS = _operation(None, 401, 403)
UNMERGE = _operation(
    "Accepted",
    *(400, 401, 403, 408, 413, 415, 422, 503),
    body="UnmergeRequest",
    two_people={"a": "0" * 31 + "1", "b": "0" * 31 + "2", "reason": "two colleagues on one laptop"},
)
