"""Catalogues of data are told what was made of what, in OpenLineage's own words, and of nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from feature_repo.apply import apply
from features.definitions import LEAD_SCORING
from features.lineage.jobs import FoldLineage, materialising, open_outlet
from features.lineage.rests_on import event_types
from ingestion.kafka import create_topics, read_topic
from ingestion.settings import PlatformSettings
from quality.verdict import Action, Finding, Verdict
from tests.features.conftest import ACME, NOW, event_of, page
from tests.features.members import Log, Member
from tests.features.platforms import applied, settings_of

pytest.importorskip("openlineage.client", reason="leadline[lineage] is not installed")

SCHEMAS = {
    schema["$id"]: Resource.from_contents(schema)
    for schema in (json.loads(path.read_text()) for path in (Path(__file__).parent / "openlineage").glob("*.json"))
}
REGISTRY: Registry[Any] = Registry().with_resources(SCHEMAS.items())
CORE = next(name for name in SCHEMAS if name.endswith("/OpenLineage.json"))
Event = dict[str, Any]


def require_valid(event: Event) -> None:
    """The event and each facet of its datasets and job are what their own schemas say."""
    _check({"$ref": CORE}, event)
    for holder in [event["job"], event["run"], *event["inputs"], *event["outputs"]]:
        for kind in ("facets", "inputFacets", "outputFacets"):
            for facet in holder.get(kind, {}).values():
                _check({"$ref": facet["_schemaURL"]}, facet)


def _check(schema: dict[str, str], found: object) -> None:
    jsonschema.Draft202012Validator(schema, registry=REGISTRY).validate(found)


@pytest.fixture
def told(tmp_path: Path) -> PlatformSettings:
    """Settings that name a file."""
    return applied(tmp_path).model_copy(update={"lineage_file": tmp_path / "told" / "lineage.jsonl"})


def events_in(settings: PlatformSettings) -> list[Event]:
    assert settings.lineage_file is not None
    return [json.loads(line) for line in settings.lineage_file.read_text().splitlines()]


def fold(settings: PlatformSettings, log: Log, verdict: Verdict | None = None) -> None:
    """A worker folds the log and tells of it."""
    lineage = FoldLineage(open_outlet(settings), LEAD_SCORING)
    member = Member(settings, log)
    member.worker._folded = lineage.folded
    if verdict is not None:
        lineage.judged(verdict)
    member.drain()
    lineage.close()


def some(number: int = 3) -> Log:
    log = Log()
    log.publish(event_of(page(), at=NOW, lead="ld_2", account=ACME, offset=offset) for offset in range(number))
    return log


def test_a_fold_tells_which_columns_rest_on_which_events(told: PlatformSettings) -> None:
    fold(told, some())
    began, ended = events_in(told)
    for event in (began, ended):
        require_valid(event)
    assert (began["eventType"], ended["eventType"]) == ("START", "COMPLETE")
    assert began["run"]["runId"] == ended["run"]["runId"]
    assert [each["name"] for each in ended["inputs"]] == ["events"]
    history, served = ended["outputs"]
    assert history["outputFacets"]["outputStatistics"]["rowCount"] == 2  # the lead's and the account's
    assert served["name"] == LEAD_SCORING.service
    assert served["facets"]["version"]["datasetVersion"] == LEAD_SCORING.hash
    assert [each["name"] for each in served["facets"]["schema"]["fields"]] == list(LEAD_SCORING.names)
    by_type, _ = served["facets"]["columnLineage"]["fields"]["page_views_7d"]["inputFields"]
    assert by_type["field"] == "type"
    assert [each["description"] for each in by_type["transformations"]] == ["web.page_viewed"]


def test_what_is_folded_again_is_told_of_as_one_run(told: PlatformSettings, tmp_path: Path) -> None:
    log = some()
    fold(told, log)
    again = applied(tmp_path / "again").model_copy(update={"lineage_file": told.lineage_file})
    fold(again, log)
    log.publish([event_of(page(), at=NOW, lead="ld_2", account=ACME, offset=9)])
    fold(told, log)
    runs = [event["run"]["runId"] for event in events_in(told) if event["eventType"] == "COMPLETE"]
    assert runs[0] == runs[1] != runs[2]


def test_what_a_gate_found_is_told_without_what_it_saw(told: PlatformSettings) -> None:
    finding = Finding(
        expectation="not null", column="sequence", action=Action.STOP, observed="jo@acme.com", unexpected=2
    )
    verdict = Verdict(suite="states", stage="features", at=NOW, rows=9, action=Action.STOP, findings=(finding,))
    fold(told, some(), verdict)
    event = events_in(told)[-1]
    require_valid(event)
    found = event["outputs"][1]["facets"]["dataQualityAssertions"]["assertions"]
    assert [(each["assertion"], each["success"]) for each in found] == [("states", False), ("not null", False)]
    assert (found[1]["column"], found[1]["severity"], found[1]["actual"]) == ("sequence", "error", "2 rows")
    text = json.dumps(events_in(told))
    assert not any(secret in text for secret in ("jo@acme.com", "ld_2", ACME))


def test_a_job_that_fails_is_told_by_its_kind_alone(told: PlatformSettings) -> None:
    def fail() -> None:
        with materialising(told, "registry.training_set", "training_set", NOW):
            raise ValueError("a secret")

    with pytest.raises(ValueError, match="secret"):
        fail()
    began, failed = events_in(told)
    require_valid(failed)
    assert (began["eventType"], failed["eventType"]) == ("START", "FAIL")
    assert failed["run"]["facets"]["errorMessage"]["message"] == "ValueError"
    assert "secret" not in json.dumps(failed)


def test_a_training_set_is_told_with_its_version_and_its_rows(told: PlatformSettings) -> None:
    runs = []
    for _ in range(2):
        with materialising(told, "registry.training_set", "training_set", NOW) as run:
            run.moment, run.made_of, run.version, run.rows = NOW - timedelta(days=90), "digest", "digest", 1200
        runs.append(events_in(told)[-1])
    require_valid(runs[0])
    assert runs[0]["run"]["runId"] == runs[1]["run"]["runId"]
    (made,) = runs[0]["outputs"]
    assert made["facets"]["version"]["datasetVersion"] == "digest"
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 1200
    assert [each["name"] for each in runs[0]["inputs"]] == ["events", "feature_history"]


def test_feast_tells_of_its_registry_itself(told: PlatformSettings) -> None:
    apply(told)
    events = events_in(told)
    assert events
    for event in events:
        _check({"$ref": CORE}, event)
    made = {each["name"] for event in events for each in event["outputs"]}
    assert {"lead_state", "account_state", LEAD_SCORING.service} <= made
    assert all(event["job"]["namespace"].startswith("leadline://demo") for event in events)


def test_events_are_on_the_topic_that_is_named(kafka: str, told: PlatformSettings, tmp_path: Path) -> None:
    create_topics(kafka, {"catalogue": 1})
    named = told.model_copy(update={"kafka_bootstrap_servers": kafka, "lineage_topic": "catalogue"})
    fold(named, some())
    sent = [json.loads(record.value) for record in read_topic(kafka, "catalogue")]
    assert [event["eventType"] for event in sent] == ["START", "COMPLETE"]
    assert sent == events_in(named)
    for event in sent:
        require_valid(event)


def test_a_place_that_cannot_be_reached_stops_nobody(told: PlatformSettings, tmp_path: Path) -> None:
    assert told.lineage_file is not None
    told.lineage_file.mkdir(parents=True)
    fold(told, some())


def test_without_a_place_nothing_is_made_and_the_library_not_loaded(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert open_outlet(settings) is None
    code = "import sys, features.app, registry.app; print([name for name in sys.modules if 'openlineage.cl' in name])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


def test_every_feature_rests_on_events() -> None:
    found = event_types(LEAD_SCORING)
    assert all(found[name] for name in LEAD_SCORING.names), found
    assert found["email_opens_30d"] == ("email.opened",)
    assert found["trial_state"] == ("product.signed_up", "product.trial_started")
    assert "ticket.solved" in found["open_tickets"]
    assert found["account_page_views_7d"] == ("web.page_viewed",)
