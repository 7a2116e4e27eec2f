"""The API answers with the recorded decision, refuses in problem+json, and never with 500. Over real HTTP."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from ingestion.database import metadata, open_database
from ingestion.errors import DeliveryFailed
from ingestion.rulings import RulingMessage
from scoring import access
from scoring.api import Deps, create_app
from scoring.ledger import Ledger
from scoring.metrics import ScoringMetrics
from scoring.scorer import Scorer
from scoring.service import ScoreService
from tests.scoring.http import KEY, Answer, Client, serving
from tests.scoring.leads import ADA, BOB, KnownEmails, LedgerRecorder, MemoryRows, enrichment_row, lead_row
from tests.scoring.moments import Ticking

READ_KEY, SCORE_KEY = "r" * 40, "s" * 40


class Api:
    """The API over small stores."""

    def __init__(self, scorer: Scorer, engine: Engine) -> None:
        self.rows = MemoryRows()
        self.ledger = Ledger(engine)
        self.recorder = LedgerRecorder(self.ledger)
        self.scorer = scorer
        self.unready: list[str] = []
        self.rulings: list[RulingMessage] = []
        self.broker_is_down = False
        metrics = ScoringMetrics(CollectorRegistry())
        keys = {"all": (KEY, "score+read+admin"), "reader": (READ_KEY, "read"), "scorer": (SCORE_KEY, "score")}
        self.app = create_app(
            Deps(
                service=ScoreService(lambda _: self.rows, lambda: self.scorer, self.recorder, metrics, Ticking()),
                identities=KnownEmails(),
                ledger=self.ledger,
                access=access.parse(
                    ",".join(
                        f"{name}:{scopes}:{sha256(key.encode()).hexdigest()}" for name, (key, scopes) in keys.items()
                    )
                ),
                metrics=metrics,
                publish=self._publish,
                checks={"online_store": self._check},
            )
        )

    async def _publish(self, ruling: RulingMessage) -> None:
        if self.broker_is_down:
            raise DeliveryFailed("topic raw.crm: not acknowledged")
        self.rulings.append(ruling)

    def _check(self) -> None:
        if self.unready:
            raise RuntimeError(self.unready[0])


@pytest.fixture(scope="module")
def api(scorer: Scorer, tmp_path_factory: pytest.TempPathFactory) -> Api:
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('api')}/a.db")
    metadata.create_all(engine)
    return Api(scorer, engine)


@pytest.fixture(scope="module")
def client(api: Api) -> Iterator[Client]:
    with serving(api.app) as running:
        yield running


@pytest.fixture(autouse=True)
def _unchanged(api: Api) -> Iterator[None]:
    yield
    api.recorder.down = False
    api.unready.clear()
    api.rows.__init__()  # type: ignore[misc]


def assert_problem(answer: Answer, status: int, kind: str) -> None:
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json) == {"type", "title", "status", "detail", "instance"}
    assert answer.json["status"] == status
    assert answer.json["type"] == f"/problems/{kind}"


def test_a_score_is_answered_with_the_record_that_was_made_durable_byte_for_byte(client: Client, api: Api) -> None:
    answer = client.post("/v1/scores", {"lead": ADA})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert api.ledger.body(answer.json["id"]) == answer.body
    assert client.get(f"/v1/decisions/{answer.json['id']}").body == answer.body
    assert answer.json["trigger"] == "api"
    assert len(answer.json["reasons"]) >= 3


def test_nothing_is_answered_before_it_is_durable(client: Client, api: Api) -> None:
    before = api.ledger.count()
    api.recorder.down = True
    answer = client.post("/v1/scores", {"lead": ADA})
    assert_problem(answer, 503, "try-again")
    assert answer.headers["retry-after"] == "1"
    assert api.ledger.count() == before


def test_a_ledger_out_of_reach_is_503_until_it_is_back(scorer: Scorer, engine: Engine, tmp_path: Path) -> None:
    file, aside = tmp_path / "scoring.db", tmp_path / "aside.db"
    with serving(Api(scorer, engine).app) as client:
        engine.dispose()
        file.rename(aside)
        file.mkdir()
        answer = client.get("/v1/decisions/of-yesterday")
        assert_problem(answer, 503, "try-again")
        assert answer.headers["retry-after"] == "1"
        file.rmdir()
        aside.rename(file)
        assert client.get("/v1/decisions/of-yesterday").status == 404


def test_an_identifier_finds_its_lead_and_appears_nowhere(
    client: Client, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = client.post("/v1/scores", {"identifier": {"type": "email", "value": "Ada@Example.com"}})
        unknown = client.post("/v1/scores", {"identifier": {"type": "email", "value": "eve@example.org"}})
    assert answer.json["lead"] == ADA
    assert_problem(unknown, 404, "lead-unknown")
    for text in (answer.body.decode(), unknown.body.decode(), caplog.text, client.get("/metrics").body.decode()):
        assert "ada@" not in text.lower()
        assert "eve@" not in text.lower()


def test_an_absorbed_lead_is_followed_to_its_survivor(client: Client, api: Api) -> None:
    api.rows.leads["ld_old"] = lead_row(forward="ld_mid|k")
    api.rows.leads["ld_mid"] = lead_row(forward=f"{ADA}|ac_x")
    answer = client.post("/v1/scores", {"lead": "ld_old"})
    assert (answer.json["requested"], answer.json["lead"]) == ("ld_old", ADA)


def test_forwards_in_a_circle_are_refused_and_never_loop(client: Client, api: Api) -> None:
    api.rows.leads["ld_1"], api.rows.leads["ld_2"] = lead_row(forward="ld_2|k"), lead_row(forward="ld_1|k")
    assert_problem(client.post("/v1/scores", {"lead": "ld_1"}), 503, "try-again")


def test_a_batch_keeps_the_order_names_the_unknown_and_reads_the_store_once(client: Client, api: Api) -> None:
    leads = [f"ld_{number:03}" for number in range(200)]
    api.rows.leads |= {lead: lead_row() for lead in leads[::2]}
    api.rows.reads = 0
    results = client.post("/v1/scores/batch", {"leads": leads}).json["results"]
    assert [result["lead"] for result in results] == leads
    assert all(("decision" in result) == (number % 2 == 0) for number, result in enumerate(results))
    assert results[1]["problem"]["type"] == "/problems/lead-unknown"
    assert api.rows.reads == 3
    assert api.ledger.latest([leads[0]])[leads[0]].id == results[0]["decision"]["id"]


def test_a_thousand_leads_fit_in_a_batch_and_one_more_does_not(client: Client) -> None:
    assert client.post("/v1/scores/batch", {"leads": [ADA] * 1000}).status == 200
    assert_problem(client.post("/v1/scores/batch", {"leads": [ADA] * 1001}), 422, "invalid-body")
    assert_problem(client.post("/v1/scores/batch", {"leads": []}), 422, "invalid-body")


def test_a_lead_is_shown_with_its_features_their_ages_and_its_newest_decision(client: Client, api: Api) -> None:
    api.rows.enrichment[ADA] = enrichment_row()
    decided = client.post("/v1/scores", {"lead": ADA}).json
    view = client.get(f"/v1/leads/{ADA}").json
    assert set(view["features"]) == set(view["ages"]) == set(decided["features"])
    assert view["latest_decision"]["id"] == decided["id"]
    assert view["enrichment"]["intent"] == "researching"
    assert view["source_ages"].keys() == decided["source_ages"].keys() == {"hubspot", "segment"}
    assert view["profile"]["consent"]["source"] == "web-form"
    assert view["profile"]["seniority"]["value"] == 3.0
    assert view["as_of"] > decided["as_of"]


def test_unknown_leads_decisions_and_paths_are_404_and_say_what_next(client: Client) -> None:
    assert_problem(client.post("/v1/scores", {"lead": BOB}), 404, "lead-unknown")
    assert_problem(client.get(f"/v1/leads/{BOB}"), 404, "lead-unknown")
    assert_problem(client.get("/v1/decisions/none"), 404, "decision-unknown")
    assert_problem(client.get("/v2"), 404, "not-found")
    assert_problem(client.get("/v1/scores"), 405, "method-not-allowed")
    assert_problem(client.get("/docs"), 404, "not-found")


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 400, "malformed-body"),
        (b"{", 400, "malformed-body"),
        (b"\xff\xfe", 400, "malformed-body"),
        (b"null", 422, "invalid-body"),
        (b"{}", 422, "invalid-body"),
        (b'{"lead": 7}', 422, "invalid-body"),
        (b'{"lead": "a b"}', 422, "invalid-body"),
        (b'{"lead": "' + b"x" * 65 + b'"}', 422, "invalid-body"),
        (b'{"lead": "a", "identifier": {"type": "email", "value": "x"}}', 422, "invalid-body"),
        (b'{"lead": "a", "other": 1}', 422, "invalid-body"),
        (b'{"identifier": {"type": "secret@x.example", "value": "v"}}', 422, "invalid-body"),
        (b'{"identifier": {"type": "email"}}', 422, "invalid-body"),
        (b"[" * 100_000, 422, "invalid-body"),
        (b'{"lead":' * 30_000, 422, "invalid-body"),
    ],
)
def test_a_wrong_body_is_refused_without_repeating_it(body: bytes, status: int, kind: str, client: Client) -> None:
    answer = client.post("/v1/scores", body)
    assert_problem(answer, status, kind)
    assert b"secret" not in answer.body


def test_keys_are_needed_and_their_scopes_hold_on_every_route(client: Client) -> None:
    routes: list[tuple[str, str, Any, str]] = [
        ("POST", "/v1/scores", {"lead": ADA}, SCORE_KEY),
        ("POST", "/v1/scores/batch", {"leads": [ADA]}, SCORE_KEY),
        ("GET", f"/v1/leads/{ADA}", None, READ_KEY),
        ("GET", "/metrics", None, KEY),
    ]
    for method, path, body, allowed in routes:
        for key in (None, "", "wrong", KEY[:-1]):
            answer = client.ask(method, path, body, key=key)
            assert_problem(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
        for key in {READ_KEY, SCORE_KEY} - {allowed}:
            assert_problem(client.ask(method, path, body, key=key), 403, "forbidden")
        assert client.ask(method, path, body, key=allowed).status == 200


def test_a_body_over_the_cap_is_refused_declared_or_streamed(client: Client) -> None:
    large = b" " * (256 * 1024 + 1)
    assert_problem(client.post("/v1/scores", large), 413, "body-too-large")
    assert_problem(client.post("/v1/scores", iter([b" " * 65536] * 5)), 413, "body-too-large")
    assert client.post("/v1/scores", b" " * (200 * 1024) + json.dumps({"lead": ADA}).encode()).status == 200


def test_a_compressed_body_is_not_read(client: Client) -> None:
    assert_problem(client.post("/v1/scores", b"\x1f\x8b", content_encoding="gzip"), 415, "content-encoding")


def test_a_client_that_leaves_in_mid_body_does_no_harm(client: Client) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", client.port)) as raw:
            raw.sendall(b"POST /v1/scores HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    assert client.get("/healthz").status == 200


def test_readiness_names_what_is_not_ready_and_liveness_does_not_care(client: Client, api: Api) -> None:
    ready = client.get("/readyz", key=None)
    assert (ready.status, ready.json["ready"], ready.json["model"]) == (200, True, "3")
    api.unready.append("down")
    not_ready = client.get("/readyz", key=None)
    assert (not_ready.status, not_ready.json["not_ready"]) == (503, ["online_store"])
    assert client.get("/healthz", key=None).status == 200


def test_a_new_champion_serves_the_next_request(client: Client, api: Api, rules_scorer: Scorer) -> None:
    champion = api.scorer
    assert client.post("/v1/scores", {"lead": ADA}).json["model"]["version"] == "3"
    api.scorer = rules_scorer
    assert client.post("/v1/scores", {"lead": ADA}).json["model"]["kind"] == "rules"
    api.scorer = champion


def test_metrics_count_by_path_template_and_name_no_lead(client: Client) -> None:
    client.get(f"/v1/leads/{ADA}")
    text = client.get("/metrics").body.decode()
    assert 'leadline_api_requests_total{route="/v1/leads/{lead}",status="200"}' in text
    assert "leadline_decisions_total" in text
    assert ADA not in text


def test_answers_carry_no_banner(client: Client) -> None:
    headers = client.get("/healthz").headers
    assert "server" not in headers
    assert "date" not in headers


def test_openapi_has_schemas_and_examples_of_every_body(client: Client) -> None:
    document = client.get("/openapi.json", key=None).json
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert "200" in operation["responses"], path
            for response in operation["responses"].values():
                for content in response.get("content", {}).values():
                    reference = content["schema"].get("$ref", "")
                    assert reference.rsplit("/", 1)[-1] in document["components"]["schemas"], (path, content)
    score = document["paths"]["/v1/scores"]["post"]
    assert {"by_lead", "by_identifier"} == set(score["requestBody"]["content"]["application/json"]["examples"])
    assert {"400", "401", "403", "404", "413", "415", "422", "503"} <= set(score["responses"])
    assert document["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}


def test_an_unmerge_is_accepted_when_the_ruling_is_durable(api: Api, client: Client) -> None:
    two = {"a": "0" * 32, "b": "f" * 32, "reason": "two colleagues on one laptop"}
    answer = client.post("/v1/identity/unmerge", json.dumps(two).encode())
    assert answer.status == 202
    [ruling] = api.rulings
    assert (ruling.id, ruling.topic) == (json.loads(answer.body)["id"], "raw.crm")
    assert json.loads(ruling.value) | {"time": ""} == two | {
        "id": ruling.id,
        "time": "",
        "action": "unmerge",
        "by": "all",
    }
    api.broker_is_down = True
    assert client.post("/v1/identity/unmerge", json.dumps(two).encode()).status == 503
    for wrong in (
        {"a": two["a"], "b": two["a"]},
        {"a": "ac_" + "a" * 26, "b": two["b"]},
        {"a": "jo@acme.com", "b": "x"},
    ):
        refused = client.post("/v1/identity/unmerge", json.dumps(wrong).encode())
        assert refused.status == 422
        assert b"acme" not in refused.body
    assert len(api.rulings) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
bodies = (
    st.binary(max_size=200)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {},
        optional={
            "lead": json_values,
            "leads": json_values,
            "identifier": st.dictionaries(st.sampled_from(["type", "value", "scope"]), json_values),
        },
    ).map(lambda value: json.dumps(value).encode())
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies, path=st.sampled_from(["/v1/scores", "/v1/scores/batch", "/v1/identity/unmerge"]))
def test_any_body_gets_an_answer_or_a_problem_and_never_a_fault(body: bytes, path: str, client: Client) -> None:
    answer = client.post(path, body)
    assert answer.status < 500, answer.body
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.text(min_size=1, max_size=80))
def test_any_path_gets_an_answer_or_a_problem_and_never_a_fault(part: str, client: Client) -> None:
    from urllib.parse import quote

    for path in ("/v1/leads/", "/v1/decisions/", "/"):
        answer = client.get(path + quote(part, safe=""))
        assert answer.status < 500, answer.body
