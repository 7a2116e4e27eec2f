"""The scoring API: HTTP in, decisions out. Statuses live here and nowhere else.

The routes read bytes and answer bytes: the record that was acknowledged is the answer, byte for byte.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from fastapi import FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response

from features.profile import profile_of
from ingestion.errors import Retry as IngestionRetry
from ingestion.rulings import RulingMessage, unmerge_message
from scoring import openapi
from scoring.access import Access, Scope
from scoring.bodies import LimitBodies
from scoring.decision import Trigger
from scoring.errors import DecisionUnknown, LeadUnknown, Retry
from scoring.ledger import Ledger
from scoring.metrics import ScoringMetrics
from scoring.observation import Observe
from scoring.ports import Identities
from scoring.problems import Problem, encode_problem, problem
from scoring.requests import (
    Accepted,
    LatestDecision,
    LeadId,
    LeadView,
    Readiness,
    ScoreRequest,
    decode_batch,
    decode_score,
    decode_unmerge,
)
from scoring.service import ScoreService

log = logging.getLogger(__name__)

JSON = "application/json"
_RETRY_SECONDS = {"retry-after": "1"}
_PLACE = re.compile(r"`(\$[^`]*)`$")
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Deps:
    """Everything the API is built from."""

    service: ScoreService
    identities: Identities
    ledger: Ledger
    access: Access
    metrics: ScoringMetrics
    publish: Callable[[RulingMessage], Awaitable[None]]  # raises `DeliveryFailed`
    checks: Mapping[str, Callable[[], object]]  # name -> raises if it is not ready; may block
    background: Callable[[], AbstractAsyncContextManager[None]] | None = None  # runs while the API does


class Refusal(Exception):
    """Ends a request with a problem."""

    def __init__(self, status: int, kind: str, detail: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.kind, self.detail, self.headers = status, kind, detail, headers
        super().__init__(kind)


def create_app(deps: Deps) -> FastAPI:
    """The ASGI application."""
    background = deps.background

    def lifespan(_app: FastAPI) -> AbstractAsyncContextManager[None]:
        assert background is not None
        return background()

    app = FastAPI(
        title="Leadline scoring",
        version="1",
        description=openapi.DESCRIPTION,
        docs_url=None,  # the pages would load scripts from a CDN; /openapi.json stays
        redoc_url=None,
        lifespan=lifespan if background else None,
    )
    routes = _Routes(deps)
    for path, method, handler, extra in (
        ("/v1/scores", "POST", routes.score, openapi.SCORE),
        ("/v1/scores/batch", "POST", routes.score_batch, openapi.BATCH),
        ("/v1/decisions/{decision}", "GET", routes.decision, openapi.DECISION),
        ("/v1/leads/{lead}", "GET", routes.lead, openapi.LEAD),
        ("/v1/identity/unmerge", "POST", routes.unmerge, openapi.UNMERGE),
        ("/healthz", "GET", routes.healthz, openapi.HEALTH),
        ("/readyz", "GET", routes.readyz, openapi.READY),
        ("/metrics", "GET", routes.metrics, openapi.METRICS),
    ):
        app.add_api_route(path, handler, methods=[method], openapi_extra=extra, response_class=Response)
        route = app.router.routes[-1]
        assert isinstance(route, APIRoute)
        route.app = request_response(handler)  # FastAPI documents the route; its parameter solving costs 70 µs a call
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(LeadUnknown, _unknown)
    app.add_exception_handler(DecisionUnknown, _unknown)
    app.add_exception_handler(Retry, _unavailable)
    app.add_exception_handler(IngestionRetry, _unavailable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(LimitBodies)
    app.add_middleware(Observe, metrics=deps.metrics)
    openapi.install(app)
    return app


class _Routes:
    """One method a route."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._service = deps.service

    async def score(self, request: Request) -> Response:
        """Score one lead, by its id or by an identifier of the person."""
        self._allow(request, Scope.SCORE)
        asked = _decoded(decode_score, await request.body())
        if (asked.lead is None) == (asked.identifier is None):
            raise Refusal(422, "invalid-body", "Send exactly one of `lead` and `identifier`.")
        lead = asked.lead or await self._resolved(asked)
        return Response(await self._service.score(lead, Trigger.API), media_type=JSON)

    async def score_batch(self, request: Request) -> Response:
        """Score up to 1,000 leads, in the order asked; an unknown one has a problem instead of a decision."""
        self._allow(request, Scope.SCORE)
        asked = _decoded(decode_batch, await request.body())
        outcomes = await self._service.score_many(asked.leads, Trigger.BATCH)
        parts = []
        for lead, outcome in zip(asked.leads, outcomes, strict=True):
            if not isinstance(outcome, bytes):
                known = isinstance(outcome, LeadUnknown)
                said = Problem(
                    type="/problems/lead-unknown" if known else "/problems/try-again",
                    title="Not Found" if known else "Service Unavailable",
                    status=404 if known else 503,
                    detail=str(outcome),
                    instance=request.url.path,
                )
                parts.append(b'{"lead":%b,"problem":%b}' % (msgspec.json.encode(lead), encode_problem(said)))
            else:
                parts.append(b'{"lead":%b,"decision":%b}' % (msgspec.json.encode(lead), outcome))
        return Response(b'{"results":[' + b",".join(parts) + b"]}", media_type=JSON)

    async def decision(self, request: Request) -> Response:
        """A recorded decision, as it was answered."""
        self._allow(request, Scope.READ)
        body = await run_in_threadpool(self._deps.ledger.body, request.path_params["decision"])
        return Response(body, media_type=JSON)

    async def lead(self, request: Request) -> Response:
        """What is known of a lead now: features, ages, reading, newest decision. Nothing is recorded."""
        self._allow(request, Scope.READ)
        served, evidence, as_of = self._service.look_at(_decoded_lead(request.path_params["lead"]))
        newest = (await run_in_threadpool(self._deps.ledger.latest, [served.lead])).get(served.lead)
        view = LeadView(
            lead=served.lead,
            requested=served.requested,
            account=served.row.account,
            known_at=served.row.known_at,
            sequence=served.row.sequence,
            as_of=as_of,
            features=evidence.features,
            ages=evidence.ages,
            source_ages=evidence.source_ages,
            profile=profile_of(served.row.state, None if served.account is None else served.account.state),
            enrichment_status=evidence.enrichment_status,
            enrichment=evidence.enrichment,
            latest_decision=None
            if newest is None
            else LatestDecision(
                id=newest.id, as_of=newest.as_of, score=newest.score, tier=newest.tier, route=newest.route
            ),
        )
        return Response(msgspec.json.encode(view), media_type=JSON)

    async def unmerge(self, request: Request) -> Response:
        """Part two people who were taken for one; answered when the ruling is durable."""
        client = self._allow(request, Scope.ADMIN)
        asked = _decoded(decode_unmerge, await request.body())
        if asked.a == asked.b or asked.a.startswith("ac_"):
            raise Refusal(422, "invalid-body", "Send two different identifiers, or an identifier and an account.")
        ruling = unmerge_message(asked.a, asked.b, by=client, reason=asked.reason, now=datetime.now(UTC))
        await self._deps.publish(ruling)
        return Response(msgspec.json.encode(Accepted(ruling.id)), 202, media_type=JSON)

    async def healthz(self, _request: Request) -> Response:
        """Whether the process lives."""
        return Response(b'{"alive":true}', media_type=JSON)

    async def readyz(self, _request: Request) -> Response:
        """Whether traffic may be sent here; names what is not ready."""
        failed = [name for name, check in self._deps.checks.items() if not await run_in_threadpool(_holds, name, check)]
        scorer = self._service.scorer
        body = Readiness(
            ready=not failed,
            not_ready=tuple(failed),
            model=scorer.model.ref.version,
            policy=scorer.policy.version,
        )
        return Response(msgspec.json.encode(body), 503 if failed else 200, media_type=JSON)

    async def metrics(self, request: Request) -> Response:
        """Prometheus metrics; needs the scope `admin`."""
        self._allow(request, Scope.ADMIN)
        return Response(generate_latest(self._deps.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    def _allow(self, request: Request, scope: Scope) -> str:
        """The name of the client whose key was sent, if the key has the scope."""
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        client = self._deps.access.client(key.strip()) if kind.lower() == "bearer" and key else None
        if client is None:
            detail = "Send a valid API key as `Authorization: Bearer KEY`."
            raise Refusal(401, "unauthorized", detail, {"www-authenticate": "Bearer"})
        if scope not in client.scopes:
            raise Refusal(403, "forbidden", f"This key lacks the scope `{scope}`. Ask for a key that has it.")
        return client.name

    async def _resolved(self, asked: ScoreRequest) -> str:
        assert asked.identifier is not None
        found = await run_in_threadpool(self._deps.identities.resolve, asked.identifier.claim())
        if found is None:
            detail = "No lead is known by this identifier. Publish an event about the person first."
            raise Refusal(404, "lead-unknown", detail)
        return found.lead


def _decoded(decode: Callable[[bytes], _T], body: bytes) -> _T:
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))  # the message itself may quote what was sent
        where = f" at `{place.group(1)}`" if place else ""
        detail = f"The body does not follow the schema{where}. See /openapi.json for it."
        raise Refusal(422, "invalid-body", detail) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(400, "malformed-body", "The body is not JSON in UTF-8. Send one JSON object.") from None


def _decoded_lead(lead: str) -> str:
    try:
        return msgspec.convert(lead, LeadId)
    except msgspec.ValidationError:
        raise Refusal(422, "invalid-lead", "A lead id has 1 to 64 letters, digits and `_:-`.") from None


def _holds(name: str, check: Callable[[], object]) -> bool:
    try:
        check()
    except Exception:  # whatever it is, this part is not ready
        log.exception("not ready: %s", name)
        return False
    return True


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return problem(error.status, error.kind, error.detail, request.url.path, error.headers)


async def _unknown(request: Request, error: Exception) -> Response:
    kind = "lead-unknown" if isinstance(error, LeadUnknown) else "decision-unknown"
    return problem(404, kind, f"{str(error)[:1].upper()}{str(error)[1:]}.", request.url.path)


async def _unavailable(request: Request, error: Exception) -> Response:
    log.error("answered 503: %s", error)
    detail = "Nothing was lost and nothing was recorded. Send the same request again."
    return problem(503, "try-again", detail, request.url.path, _RETRY_SECONDS)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    details = {
        404: ("not-found", "There is no such path. See /openapi.json for the paths."),
        405: ("method-not-allowed", "The path takes another method. See /openapi.json."),
    }
    kind, detail = details.get(error.status_code, ("refused", "See /openapi.json."))
    return problem(error.status_code, kind, detail, request.url.path, dict(error.headers or {}))


async def _failed(request: Request, _error: Exception) -> Response:
    detail = "This is a fault of ours and was logged. Try again; if it stays, tell the operator the time."
    return problem(500, "internal", detail, request.url.path)
