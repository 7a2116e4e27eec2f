"""A small client of the scoring API."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2
import msgspec

from scoring.decision import Decision, decode_decision

TIMEOUT_SECONDS = 30


class BatchResult(msgspec.Struct):
    """One lead of a batch; without a decision it has a problem instead."""

    lead: str
    decision: Decision | None = None


class BatchAnswer(msgspec.Struct):
    """The answer of `/v1/scores/batch`."""

    results: list[BatchResult]


class ScoringClient:
    """Asks one API over one kept-alive connection."""

    def __init__(self, url: str, api_key: str) -> None:
        self._http = httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=TIMEOUT_SECONDS
        )

    def is_ready(self) -> bool:
        """Whether the API answers and has all it needs."""
        try:
            return self._http.get("/readyz").status_code == httpx2.codes.OK
        except httpx2.TransportError:
            return False

    def score(self, lead: str) -> Decision:
        """One decision. Raises `httpx2.HTTPStatusError` for a refusal."""
        answer = self._http.post("/v1/scores", json={"lead": lead})
        answer.raise_for_status()
        return decode_decision(answer.content)

    def score_batch(self, leads: Sequence[str]) -> list[Decision]:
        """At most 1,000 decisions in one request; unknown leads are left out."""
        answer = self._http.post("/v1/scores/batch", json={"leads": list(leads)})
        answer.raise_for_status()
        results = msgspec.json.decode(answer.content, type=BatchAnswer).results
        return [result.decision for result in results if result.decision is not None]
