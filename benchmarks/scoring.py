"""Leadline's scoring API beside `feast serve` followed by `mlflow models serve`: same leads, rows, model and machine.

Leadline's answer holds features, reasons, policy and receipt, and is on the broker's disk log before it is given; the
chain gives a probability. Both arms are held to the same features and the same probability before any timing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.chain import Chain, start_chain
from benchmarks.home import borrowed
from benchmarks.http import Connection
from benchmarks.machine import LoadMeter, children, cpu_seconds, on_core, own_environment
from benchmarks.result import Goal, Result, Spread, machine, now, versions
from leadline import keys
from leadline.platform import Platform
from leadline.questions import newest_leads
from scoring.decision import Decision, decode_decision

FLOOR, AIM = 1 / 3, 1 / 6  # of the chain's p50
TOLERANCE = 1e-9  # of the probability
COMPARED = 200  # leads whose answers are compared before timing
REQUESTS = 250  # in a row, by one client
CLIENTS = 8
PARALLEL_SECONDS = 2.0
WARM_UP_REQUESTS = 300
API_PORT, FEAST_PORT, MLFLOW_PORT = 18_180, 18_181, 18_182
SYSTEM, LOAD = 0, 1  # cores: what is measured; broker and clients

Ask = Callable[[str], object]


class Segment(msgspec.Struct, frozen=True):
    """Requests of one client in a row, in milliseconds."""

    p50: float
    p99: float
    cpu_ms: float  # of the arm's processes, a request

    @staticmethod
    def of(latencies: Sequence[float], cpu: float) -> Segment:
        """From seconds."""
        p50, p99 = np.percentile(np.asarray(latencies) * 1000, [50, 99])
        return Segment(float(p50), float(p99), cpu * 1000 / len(latencies))


class Side:
    """One arm: how a client of its own is opened, and which processes serve it."""

    def __init__(self, name: str, open_client: Callable[[], Ask], pids: Callable[[], list[int]]) -> None:
        self.name = name
        self.open_client = open_client
        self._pids = pids

    def alone(self, leads: Sequence[str]) -> Segment:
        """One client, one request after the other; the first, which also connects, does not count."""
        ask = self.open_client()  # anew: servers close what was idle during the other arm's turn
        ask(leads[0])
        cpu, latencies = self._cpu(), []
        for lead in leads:
            began = time.perf_counter()
            ask(lead)
            latencies.append(time.perf_counter() - began)
        return Segment.of(latencies, self._cpu() - cpu)

    def crowded(self, leads: Sequence[str]) -> float:
        """Requests per second of `CLIENTS` clients at once."""
        deadline = time.perf_counter() + PARALLEL_SECONDS

        def client(number: int) -> int:
            ask, done = self.open_client(), 0
            for lead in islice(cycle(leads), number * len(leads) // CLIENTS, None):
                if time.perf_counter() > deadline:
                    break
                ask(lead)
                done += 1
            return done

        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            done = sum(pool.map(client, range(CLIENTS)))
        return done / (time.perf_counter() - began)

    def _cpu(self) -> float:
        return sum(map(cpu_seconds, self._pids()))


def run(folder: Path, *, home: Path, rounds: int, console: Console) -> Result:
    """Measure on a copy of `home`, which a demo has left.

    Raises:
        NotSetUp: there is no trained champion in `home`.
        StackError: a server did not start, or the arms' answers differ.
    """
    with own_environment(), ExitStack() as stack:
        copy = stack.enter_context(borrowed(home, folder / "scoring-home"))
        with on_core(LOAD):
            platform = stack.enter_context(Platform(copy, say=console.print))
        accounts = {lead: account for lead, account, _ in newest_leads(platform.settings)}
        with console.status("starting the API, feast serve and mlflow models serve"), on_core(SYSTEM):
            platform.start_api(API_PORT)
            api = _api_pids()
            chain = stack.enter_context(
                start_chain(platform.settings, copy, accounts, feast_port=FEAST_PORT, mlflow_port=MLFLOW_PORT)
            )
        stack.enter_context(on_core(LOAD))
        key = keys.ensure(copy)[keys.CLIENT_KEY]
        leadline = Side("leadline", lambda: _leadline_client(key), lambda: api)
        other = Side("feast → mlflow", chain.open_client, chain.pids)
        leads = list(accounts)
        with console.status("comparing the answers"):
            _require_equal(leads[:COMPARED], _leadline_client(key), chain)
        for side in (leadline, other):
            side.alone(list(islice(cycle(leads), WARM_UP_REQUESTS)))
            side.crowded(leads)
        singles: list[dict[str, list[Segment]]] = []
        crowds: list[dict[str, list[float]]] = []
        meter = LoadMeter()
        for number in range(rounds):
            with console.status(f"scoring, round {number + 1} of {rounds}"):
                asked = list(islice(cycle(leads), number * REQUESTS, (number + 1) * REQUESTS))
                abba = (leadline, other, other, leadline)
                found: dict[str, list[Segment]] = {side.name: [] for side in abba}
                for side in abba:
                    found[side.name].append(side.alone(asked))
                crowd: dict[str, list[float]] = {side.name: [] for side in abba}
                for side in abba:
                    crowd[side.name].append(side.crowded(leads))
                singles.append(found)
                crowds.append(crowd)
        load = meter.read()
    ratios = {
        "p50": Spread.of([_mean(each[leadline.name], "p50") / _mean(each[other.name], "p50") for each in singles]),
        "p99": Spread.of([_mean(each[leadline.name], "p99") / _mean(each[other.name], "p99") for each in singles]),
        "cpu": Spread.of(
            [_mean(each[leadline.name], "cpu_ms") / _mean(each[other.name], "cpu_ms") for each in singles]
        ),
        "requests per second": Spread.of([sum(each[leadline.name]) / sum(each[other.name]) for each in crowds]),
        "control p50": Spread.of([each[leadline.name][0].p50 / each[leadline.name][1].p50 for each in singles]),
    }
    _show([leadline.name, other.name], singles, crowds, ratios, console)
    return Result(
        benchmark="scoring",
        made_at=now(),
        machine=machine(),
        load={"scoring": load},
        versions=versions(kafka=platform.broker.version),
        goals=[
            Goal(
                name=f"p50 ÷ the chain's: upper end (median {ratios['p50'].median:.3f})",
                measured=ratios["p50"].high,
                floor=FLOOR,
                aim=AIM,
                higher_is_better=False,
            )
        ],
        figures={"alone": singles, "crowded": crowds, "ratios": ratios},
        notes=[
            f"{COMPARED} leads compared first: features equal, probability within {TOLERANCE:g}",
            f"{rounds} rounds, ABBA: {REQUESTS} requests in a row by one kept-alive client, then {CLIENTS} clients for "
            f"{PARALLEL_SECONDS:g} s; ratios are medians over rounds with their 95 % bootstrap interval",
            "servers on one core, broker and clients on the other; one worker each; SQLite online store for both",
            "leadline: record durable (acks=all) and reasons included; the chain: neither",
            "the chain is told the account, so it asks Feast only once; registry cached, access log off, workers never "
            "restarted; MLflow in its `inputs` format; Feast cannot precompute a view that takes `as_of`",
            f"control: the same arm against itself, {ratios['control p50']}",
        ],
    )


def _leadline_client(key: str) -> Callable[[str], Decision]:
    connection = Connection(API_PORT, {"Authorization": f"Bearer {key}"})
    return lambda lead: decode_decision(connection.post("/v1/scores", msgspec.json.encode({"lead": lead})))


def _require_equal(leads: Sequence[str], ask: Callable[[str], Decision], chain: Chain) -> None:
    """Raises `StackError` unless the chain, asked about the same moment, finds what the decision records."""
    client = chain.client()
    for lead in leads:
        decision = ask(lead)
        client.require_same(decision, TOLERANCE)


def _mean(segments: Sequence[Segment], figure: str) -> float:
    return float(np.mean([getattr(segment, figure) for segment in segments]))


def _api_pids() -> list[int]:
    return [pid for pid, command in children().items() if "serve" in command and str(API_PORT) in command]


def _show(
    names: Sequence[str],
    singles: Sequence[dict[str, list[Segment]]],
    crowds: Sequence[dict[str, list[float]]],
    ratios: dict[str, Spread],
    console: Console,
) -> None:
    table = Table("", "p50 ms", "p99 ms", "CPU ms", f"requests/s, {CLIENTS} clients", title="scoring, one worker")
    for name in names:
        segments = [segment for each in singles for segment in each[name]]
        figures = [np.median([getattr(segment, figure) for segment in segments]) for figure in ("p50", "p99", "cpu_ms")]
        rate = np.median([rate for each in crowds for rate in each[name]])
        table.add_row(name, *(f"{figure:.2f}" for figure in figures), f"{rate:,.0f}")
    table.add_row(
        "ratio (95 % interval)", *(str(ratios[name]) for name in ("p50", "p99", "cpu", "requests per second"))
    )
    console.print(table)
