"""The webhook receiver beside the usual handler: the same signed requests, the same durability, in one run.

Both servers run on one core, the load and the broker on the other. nghttp2's h2load makes the load: a closed loop for
throughput, and a fixed rate for the tail, whose latencies it counts from the moment each request was due.
"""

from __future__ import annotations

import hmac
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console

from benchmarks.http import answers
from benchmarks.machine import LoadMeter, cpu_seconds, on_core
from benchmarks.peers.environment import environment, peer_versions
from benchmarks.result import Goal, Result, Spread, machine, now, versions
from ingestion.contracts.raw import RAW_TOPICS
from ingestion.kafka import create_topics, read_topic
from leadline.broker import open_broker
from leadline.errors import LeadlineError

REQUESTS, CLIENTS = 10_000, 64
RATE, RATE_CLIENTS, RATE_SECONDS = 1_000, 20, 5
OURS, PLAIN = "receiver", "plain handler"
PORTS = {OURS: 28_090, PLAIN: 28_091}
SECRET = "benchmark-secret"  # of both servers, on this machine only
_LEAD = {
    "created_time": 1758794728,
    "leadgen_id": "1459076748710713",
    "page_id": "134587",
    "form_id": "1616801872291121",
}
BODY = json.dumps(
    {
        "object": "page",
        "entry": [{"id": "134587", "time": 1758794733, "changes": [{"field": "leadgen", "value": _LEAD}]}],
    }
).encode()
SIGNATURE = f"sha256={hmac.digest(SECRET.encode(), BODY, 'sha256').hex()}"


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One arm's figures of one round."""

    requests_per_second: float  # closed loop
    cpu_microseconds: float  # of the server, a request
    p50_ms: float  # at the fixed rate
    p99_ms: float


def run(folder: Path, *, rounds: int, console: Console) -> Result:
    """Measure both arms in turn, `rounds` times, and compare requests per CPU-second."""
    if shutil.which("h2load") is None:
        raise LeadlineError("h2load is missing, which makes the load: apt-get install nghttp2-client")
    peer = environment("plain_handler", folder / "peers")
    meter = LoadMeter()
    found: dict[str, list[Round]] = {OURS: [], PLAIN: []}
    with (
        tempfile.TemporaryDirectory(prefix="leadline-bench-") as home,
        on_core(1),
        open_broker(Path(home) / "kafka") as broker,
    ):
        create_topics(broker.bootstrap_servers, dict.fromkeys(RAW_TOPICS, 4))
        with _servers(Path(home), broker.bootstrap_servers, peer) as pids:
            _require_equal_outputs(broker.bootstrap_servers)
            for number in range(rounds):
                for arm in (OURS, PLAIN) if number % 2 == 0 else (PLAIN, OURS):
                    with console.status(f"round {number + 1} of {rounds}: {arm}"):
                        found[arm].append(_round(pids[arm], PORTS[arm], Path(home)))
            load = meter.read()
    for arm, of_arm in found.items():
        console.print(_line(arm, of_arm))
    pairs = list(zip(found[OURS], found[PLAIN], strict=True))
    cpu = Spread.of([theirs.cpu_microseconds / ours.cpu_microseconds for ours, theirs in pairs])
    throughput = Spread.of([ours.requests_per_second / theirs.requests_per_second for ours, theirs in pairs])
    tail = Spread.of([ours.p99_ms / theirs.p99_ms for ours, theirs in pairs])
    return Result(
        benchmark="receiver",
        made_at=now(),
        machine=machine(),
        load={"all rounds": load},
        versions=versions(**peer_versions(peer, "aiokafka", "fastapi", "uvicorn")),
        goals=[
            Goal(
                name="requests per CPU-second ÷ plain handler's",
                measured=cpu.low,
                floor=2,
                aim=5,
                higher_is_better=True,
            )
        ],
        figures={"rounds": found, "cpu_ratio": cpu, "throughput_ratio": throughput, "p99_ratio": tail},
        notes=[
            f"ratios, median (95 %): CPU {cpu}, throughput on one core {throughput}, p99 at {RATE}/s {tail}",
            f"{len(BODY)}-byte signed deliveries; closed loop of {CLIENTS} clients, {REQUESTS:,} requests a round",
            "both answer when all in-sync replicas have the bytes (acks=all, idempotent, linger 1 ms)",
            "plain handler: FastAPI, pydantic, aiokafka on uvicorn with uvloop and httptools, without access log",
        ],
    )


@contextmanager
def _servers(home: Path, bootstrap: str, peer: Path) -> Iterator[dict[str, int]]:
    """Process ids by arm, while both servers run on the first core."""
    limits = "requests_per_second = 100000\nburst = 1000000\n"
    (home / "connections.toml").write_text(f'[meta]\nsender = "meta-lead-ads"\nsecrets = ["env:SECRET"]\n{limits}')
    given = {
        "SECRET": SECRET,
        "KAFKA": bootstrap,
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "LEADLINE_CONNECTIONS": str(home / "connections.toml"),
        "LEADLINE_HOME": str(home),
        "LEADLINE_IDENTITY_KEY": "0" * 64,
        "LEADLINE_MASTER_KEY": "0" * 64,
    }
    handler = str(Path(__file__).parent / "peers" / "plain_handler")
    uvicorn = [str(peer / "uvicorn"), "handler:app", "--app-dir", handler, "--no-access-log", "--log-level", "warning"]
    commands = {
        OURS: [sys.executable, "-m", "leadline", "receive", "--port", str(PORTS[OURS])],
        PLAIN: [*uvicorn, "--port", str(PORTS[PLAIN])],
    }
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        with on_core(0):
            for arm, command in commands.items():
                running[arm] = subprocess.Popen(command, env=os.environ | given)
        deadline = time.monotonic() + 60
        while not (answers(PORTS[OURS], "/healthz") and answers(PORTS[PLAIN], "/openapi.json")):
            if time.monotonic() > deadline or any(process.poll() is not None for process in running.values()):
                raise LeadlineError("a server did not start; its words are above")
            time.sleep(0.2)
        yield {arm: process.pid for arm, process in running.items()}
    finally:
        for process in running.values():
            process.terminate()
            process.wait()


def _require_equal_outputs(bootstrap: str) -> None:
    for port in PORTS.values():
        _h2load(port, "-n", "1", "-c", "1")
    kept = [record.value for record in read_topic(bootstrap, "raw.marketing")]
    if kept != [BODY, BODY]:
        raise LeadlineError(f"the two arms do not store the same: {len(kept)} messages after one request to each")


def _round(pid: int, port: int, home: Path) -> Round:
    before, began = cpu_seconds(pid), time.monotonic()
    _h2load(port, "-n", str(REQUESTS), "-c", str(CLIENTS))
    seconds, cpu = time.monotonic() - began, cpu_seconds(pid) - before
    log = home / "latencies"
    log.unlink(missing_ok=True)
    each = str(RATE // RATE_CLIENTS)
    _h2load(port, "-c", str(RATE_CLIENTS), "--rps", each, "-D", str(RATE_SECONDS), f"--log-file={log}")
    micros = np.array([int(line.split("\t")[2]) for line in log.read_text().splitlines()])
    p50, p99 = np.percentile(micros, [50, 99]) / 1_000
    return Round(
        requests_per_second=REQUESTS / seconds,
        cpu_microseconds=cpu / REQUESTS * 1e6,
        p50_ms=float(p50),
        p99_ms=float(p99),
    )


def _h2load(port: int, *arguments: str) -> None:
    with tempfile.NamedTemporaryFile() as body:
        body.write(BODY)
        body.flush()
        headers = ("-H", "content-type: application/json", "-H", f"x-hub-signature-256: {SIGNATURE}")
        url = f"http://127.0.0.1:{port}/in/meta"
        done = subprocess.run(
            ["h2load", "--h1", *arguments, "-d", body.name, *headers, url], capture_output=True, text=True
        )
    if done.returncode != 0 or " 0 failed, 0 errored, 0 timeout" not in done.stdout:
        raise LeadlineError(f"not every request to port {port} was answered: {done.stdout[-600:]}{done.stderr[-300:]}")


def _line(arm: str, rounds: list[Round]) -> str:
    figures = {name: Spread.of([getattr(one, name) for one in rounds]) for name in Round.__struct_fields__}
    return (
        f"[bold]{arm}[/]: {figures['requests_per_second']} requests/s, CPU {figures['cpu_microseconds']} µs a request; "
        f"at {RATE}/s p50 {figures['p50_ms']} ms, p99 {figures['p99_ms']} ms"
    )
