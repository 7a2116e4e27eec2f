"""The API over a real Redis that is emptied, paused and killed: bounded answers, each of which says what it lacks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from features.errors import OnlineStoreUnavailable
from features.rows import EncodedRow, LeadRow, encode_row
from features.store import OnlineStore
from ingestion.settings import PlatformSettings
from scoring import access
from scoring.api import Deps, create_app
from scoring.breaker import Breaker
from scoring.errors import StoreUnavailable
from scoring.ledger import Ledger
from scoring.metrics import ScoringMetrics
from scoring.scorer import Scorer
from scoring.service import ScoreService
from tests.conftest import wait_until
from tests.features.platforms import applied
from tests.redis_process import RedisProcess
from tests.scoring.http import KEY, Client, serving
from tests.scoring.leads import ACME, ADA, BOB, KnownEmails, LedgerRecorder, MemoryRows, account_row, lead_row
from tests.scoring.moments import Ticking

PATIENCE = 0.4  # seconds
FLAG = "online_store_rebuilding"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path) as running:
        yield running


@pytest.fixture
def platform(redis: RedisProcess, tmp_path: Path) -> PlatformSettings:
    return applied(tmp_path, online_store=redis.address)


@pytest.fixture
def store(platform: PlatformSettings) -> OnlineStore:
    """The store, with Ada and her account."""
    opened = OnlineStore.open(platform)
    opened.write([EncodedRow(ADA, lead_row().known_at, encode_row(lead_row()))])
    opened.write_accounts([EncodedRow(ACME, account_row().known_at, encode_row(account_row()))])
    return opened


@pytest.fixture
def client(platform: PlatformSettings, store: OnlineStore, scorer: Scorer, ledger: Ledger) -> Iterator[Client]:
    metrics = ScoringMetrics(CollectorRegistry())
    rows = Breaker(OnlineStore.open(platform, PATIENCE))
    deps = Deps(
        service=ScoreService(lambda _: rows, lambda: scorer, LedgerRecorder(ledger), metrics, Ticking()),
        identities=KnownEmails(),
        ledger=ledger,
        access=access.parse(f"all:score+read:{sha256(KEY.encode()).hexdigest()}"),
        metrics=metrics,
        publish=lambda _: pytest.fail("nothing is ruled here"),
        checks={},
    )
    with serving(create_app(deps)) as running:
        yield running


def test_a_lost_store_calls_no_lead_unknown_and_flags_every_score_until_it_is_whole_again(
    client: Client, store: OnlineStore, redis: RedisProcess
) -> None:
    assert FLAG not in client.post("/v1/scores", {"lead": ADA}).json["degraded"]
    assert client.post("/v1/scores", {"lead": BOB}).status == 404

    redis.client.flushall()
    lost = client.post("/v1/scores", {"lead": ADA})
    assert (lost.status, lost.json["type"]) == (503, "/problems/try-again")
    assert client.get(f"/v1/leads/{ADA}").status == 503
    store.write([EncodedRow(ADA, lead_row().known_at, encode_row(lead_row()))])
    half = client.post("/v1/scores", {"lead": ADA}).json
    assert half["degraded"][-2:] == ["account_state_missing", FLAG]
    (of_ada, of_bob) = client.post("/v1/scores/batch", {"leads": [ADA, BOB]}).json["results"]
    assert FLAG in of_ada["decision"]["degraded"]
    assert (of_bob["problem"]["status"], of_bob["problem"]["type"]) == (503, "/problems/try-again")

    store.declare_whole()
    assert FLAG not in client.post("/v1/scores", {"lead": ADA}).json["degraded"]
    assert client.post("/v1/scores", {"lead": BOB}).status == 404


def test_while_redis_is_silent_every_answer_is_bounded_and_most_are_immediate(
    client: Client, redis: RedisProcess
) -> None:
    assert client.post("/v1/scores", {"lead": ADA}).status == 200
    redis.pause()
    try:
        times = [_refused_after(client) for _ in range(30)]
    finally:
        redis.go_on()
    assert max(times) < 2 * PATIENCE + 1
    assert sorted(times)[len(times) // 2] < PATIENCE / 2, "one waits for Redis, the others should not"
    wait_until(lambda: client.post("/v1/scores", {"lead": ADA}).status == 200, "scores to flow again")


def test_a_redis_that_died_is_503_and_one_that_came_back_empty_is_not_believed(
    client: Client, redis: RedisProcess
) -> None:
    redis.kill()
    assert _refused_after(client) < 2 * PATIENCE + 1
    redis.start()
    wait_until(lambda: "cannot be told" in client.post("/v1/scores/batch", {"leads": [ADA]}).body.decode(), "Redis")
    assert client.post("/v1/scores", {"lead": ADA}).status == 503


def _refused_after(client: Client) -> float:
    began = time.monotonic()
    answer = client.post("/v1/scores", {"lead": ADA})
    assert (answer.status, answer.json["type"]) == (503, "/problems/try-again")
    assert answer.headers["retry-after"] == "1"
    return time.monotonic() - began


class SilentRows(MemoryRows):
    """A store that does not answer, and counts who waited for it."""

    silent = True

    def read(self, leads: Sequence[str]) -> list[LeadRow | None]:
        rows = super().read(leads)
        if self.silent:
            raise OnlineStoreUnavailable("no answer")
        return rows


def test_one_caller_in_a_second_waits_for_a_silent_store_until_it_answers() -> None:
    now, rows = [0.0], SilentRows()
    breaker = Breaker(rows, rest=1.0, clock=lambda: now[0])
    for tenth in range(25):
        now[0] = tenth / 10
        with pytest.raises(StoreUnavailable):
            breaker.read([ADA])
    assert rows.reads == 3
    rows.silent = False
    now[0] = 3.1
    assert breaker.read([ADA]) == [rows.leads[ADA]]
    rows.silent = True
    with pytest.raises(StoreUnavailable):
        breaker.read([ADA])
    assert rows.reads == 5
