"""Errors on the wire: application/problem+json (RFC 9457), each with what to do next and nothing of the request."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One error. `type` is a stable path under /problems."""

    type: str
    title: str
    status: int
    detail: str  # what was wrong, and what to do next
    instance: str  # the path that was asked


encode_problem = msgspec.json.Encoder().encode


def problem(status: int, kind: str, detail: str, instance: str, headers: dict[str, str] | None = None) -> Response:
    """The response that says it. `kind` is a slug such as `lead-unknown`."""
    body = Problem(
        type=f"/problems/{kind}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=instance,
    )
    return Response(encode_problem(body), status, headers=headers, media_type=MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses for these error statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}
