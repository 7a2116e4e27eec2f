"""`make compose-test`: docker-compose.yml exactly as a user runs it, from nothing to nothing.

Builds the image, starts every service, publishes the demo company, trains, scores leads through the API, sends a
webhook, kills one service of each kind and sees that the platform comes back with all it knew, then takes it all down.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from deploy.engine import docker_engine
from deploy.shell import CommandError, say, wait_until
from deploy.stack import ROOT, Stack, require
from deploy.standin.images import provide_images
from features.definitions import LEAD_SCORING
from ingestion.contracts.event import SCHEMA

_STORES = ("kafka", "postgres", "redis")
_PROCESSES = ("mlflow", "features", "ingest", "receiver", "hydrate", "api")
_KEYLESS = ("receiver", "hydrate", "catalogue")  # they meet the outside, and must hold no key
_KEYS = {"LEADLINE_IDENTITY_KEY", "LEADLINE_MASTER_KEY", "LEADLINE_API_KEYS", "LEADLINE_ONLINE_STORE"}
_ANSWER_FIELDS = {"id", "score", "tier", "route", "model", "policy"}


def main() -> int:
    """0 when everything held."""
    parser = argparse.ArgumentParser(prog="make compose-test", description=__doc__)
    parser.add_argument("--people", type=int, default=1000, help="people in the demo company")
    options = parser.parse_args()
    started = time.monotonic()
    logs = ROOT / ".local" / "compose-test"
    try:
        with docker_engine(logs) as compose, tempfile.TemporaryDirectory() as folder:
            stack = Stack(compose, Path(folder))
            stand_ins = provide_images()
            try:
                _scenario(stack, people=options.people)
            except Exception:
                _keep_logs(stack, logs / "services.log")
                raise
            finally:
                with _step("taking everything down"):
                    stack.remove()
    except CommandError as error:
        say(f"compose-test FAILED after {time.monotonic() - started:.0f} s: {error}")
        return 1
    note = f" ({len(stand_ins)} base images stood in locally)" if stand_ins else ""
    say(f"compose-test passed in {time.monotonic() - started:.0f} s{note}")
    return 0


def _scenario(stack: Stack, *, people: int) -> None:
    with _step("removing what an interrupted run left"):
        stack.remove()
    with _step("building the image"):
        stack.compose("build", timeout=1200)
    with _step("starting every service and waiting until all are healthy"):
        stack.compose("up", "--detach", "--wait", "--wait-timeout", "300")
    _check_hardening(stack)
    with _step("looking at what is declared, on Feast's pages"):
        _shows_declarations(stack)
    with _step(f"publishing the demo company's year ({people} people)"):
        stack.job("seed", "demo-company", "publish", "--leads", str(people))
    with _step("waiting until every event is served, scored and recorded"):
        stack.wait_drained(seconds=300)
        leads = _leads(stack)
        require(len(leads) >= people // 2, f"only {len(leads)} leads have features, of {people} people")
    with _step("training: the API scores with what is promoted"):
        report = stack.job("train")
        say(report.strip())
        # So few people do not always make a model that passes the gate: then the open rules must go on scoring.
        expected = "rules" if "not promoted" in report else "gradient_boosting"
        wait_until(f"{expected} scores", lambda: _scores_with(stack, leads[0]) == expected, seconds=60)
    with _step("scoring 50 leads through the API"):
        receipts = [_score(stack, lead) for lead in leads[:50]]
        _find_all(stack, receipts)
        say(f"  scored by {receipts[0]['model']}")
    with _step("sending a signed webhook, and asking for the score of whom it is about"):
        require(stack.deliver({}, signed=False) == 401, "an unsigned webhook was not refused with 401")
        receipts.append(_score_by_webhook(stack, "first@webhooks-of-compose.com"))
    for service in _STORES:
        with _step(f"killing {service}, starting it again, and asking for what was recorded before"):
            stack.kill(service)
            stack.compose("up", "--detach", "--no-deps", service)
            stack.wait_healthy(service)
            _still_knows(stack, leads, receipts)
    for service in _PROCESSES:
        with _step(f"crashing {service}: its restart policy brings it back"):
            restarts = stack.states()[service]["RestartCount"]
            stack.crash(service)
            wait_until(f"{service} restarted", lambda: _restarts(stack, service) > restarts, seconds=60)  # noqa: B023
            stack.wait_healthy(service)
            _still_knows(stack, leads, receipts)
    with _step("publishing 50 more people: the workers still work"):
        stack.job("seed", "demo-company", "publish", "--leads", "50", "--seed", "11")
        stack.wait_drained(seconds=180)
        newcomers = [lead for lead in _leads(stack) if lead not in set(leads)]
        require(len(newcomers) >= 10, f"only {len(newcomers)} leads are new")
        _find_all(stack, [_score(stack, newcomers[0]), _score_by_webhook(stack, "second@webhooks-of-compose.com")])
    with _step("recomputing every decision from the lake, the model and the policy"):
        stack.wait_drained(seconds=60)
        say(stack.job("lake", "verify", "all").strip())


def _check_hardening(stack: Stack) -> None:
    """Every container as the compose file promises: read-only, no root, no capabilities, a memory limit, healthy."""
    for service, state in stack.states().items():
        host, config = state["HostConfig"], state["Config"]
        require(host["ReadonlyRootfs"], f"{service}: the root file system is writable")
        require(host["CapDrop"] == ["ALL"], f"{service}: keeps capabilities {host['CapDrop']}")
        require(host["Memory"] > 0, f"{service}: has no memory limit")
        require(config["User"] not in {"", "0", "root"}, f"{service}: runs as root")
        if service != "init":
            require(state["State"].get("Health", {}).get("Status") == "healthy", f"{service}: is not healthy")
        given = {variable.partition("=")[0] for variable in config["Env"]}
        require(service not in _KEYLESS or not given & _KEYS, f"{service}: was given {given & _KEYS}")
    require(set(_KEYLESS) <= stack.states().keys(), f"not all of {_KEYLESS} run")
    kept = stack.compose("exec", "--no-TTY", "api", "ls", "-A", "/var/lib/leadline").split()
    require("secrets.env" not in kept, "secrets that the environment brings were written to the volume `home`")


def _shows_declarations(stack: Stack) -> None:
    address = f"http://127.0.0.1:{stack.catalogue_port}/api/v1/entities?project={LEAD_SCORING.service}"
    with urlopen(address, timeout=30) as answer:
        shown = {entity["spec"]["name"] for entity in json.load(answer)["entities"]}
    require({"lead", "account"} <= shown, f"the pages show the entities {shown or 'none'}")


def _leads(stack: Stack) -> list[str]:
    """Leads that have features, the newest change first."""
    found: list[str] = json.loads(stack.job("lake", "leads", "--limit", "100000", "--json"))
    return found


def _scores_with(stack: Stack, lead: str) -> str | None:
    """Of what kind the model is that scores now; None if nothing is scored."""
    status, answer = stack.ask("POST", "/v1/scores", {"lead": lead})
    return str(answer["model"]["kind"]) if status == 200 else None


def _score(stack: Stack, lead: str) -> dict[str, object]:
    """Score one lead; what is remembered of the decision."""
    status, answer = stack.ask("POST", "/v1/scores", {"lead": lead})
    require(status == 200, f"POST /v1/scores for {lead} answered {status}: {answer}")
    require(answer.keys() >= _ANSWER_FIELDS, f"the answer lacks {_ANSWER_FIELDS - answer.keys()}: {answer}")
    return _remembered(answer)


def _score_by_webhook(stack: Stack, email: str) -> dict[str, object]:
    """Tell the receiver about a new person, and score that person as soon as the event has gone the whole way."""
    event = {
        "dataschema": SCHEMA,
        "id": email.partition("@")[0],
        "type": "lead.form_submitted",
        "time": datetime.now(UTC).isoformat(),
        "channel": "web",
        "claims": [{"type": "email", "value": email}],
        "properties": {"jobtitle": "VP Data"},
    }
    status = stack.deliver(event)
    require(status == 200, f"the receiver answered {status} to a signed webhook")
    asked = {"identifier": {"type": "email", "value": email}}
    wait_until("a webhook is a lead with a score", lambda: stack.ask("POST", "/v1/scores", asked)[0] == 200, seconds=60)
    _, answer = stack.ask("POST", "/v1/scores", asked)
    return _remembered(answer)


def _remembered(answer: dict[str, object]) -> dict[str, object]:
    return {name: answer[name] for name in _ANSWER_FIELDS}


def _find_all(stack: Stack, receipts: list[dict[str, object]]) -> None:
    """Every decision is found by its id, as it was answered."""

    def finds(receipt: dict[str, object]) -> bool:
        status, answer = stack.ask("GET", f"/v1/decisions/{receipt['id']}")
        return status == 200 and _remembered(answer) == receipt

    for receipt in receipts:
        wait_until(f"decision {receipt['id']} is found", lambda: finds(receipt), seconds=30)  # noqa: B023


def _still_knows(stack: Stack, leads: list[str], receipts: list[dict[str, object]]) -> None:
    """After a failure: the API scores again within a minute, and every earlier decision is still there."""

    def scores() -> bool:
        status, _ = stack.ask("POST", "/v1/scores", {"lead": leads[0]})
        return status == 200

    wait_until("the API scores again", scores, seconds=90)
    _find_all(stack, receipts)


def _restarts(stack: Stack, service: str) -> int:
    return int(stack.states()[service]["RestartCount"])


def _keep_logs(stack: Stack, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(stack.logs(lines=400))
    say(f"the services' logs are in {path}; the last lines:\n{stack.logs(lines=8)}")


@contextmanager
def _step(what: str) -> Iterator[None]:
    """Announce a step, and say how long it took."""
    say(f"· {what}")
    started = time.monotonic()
    yield
    say(f"  {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
