"""Reading features beside Feast's own ways: the SDK in the same process, and `feast serve`; on Redis and on SQLite.

Every arm reads the same rows of the same store and computes the same features as of the same moment, which is asserted
first. Leadline reads the leads' rows, then their accounts', and then whether the store is whole, as its scorer does;
Feast is told the accounts and asks once.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
import orjson
from redis import Redis, RedisError
from rich.console import Console
from rich.table import Table

from benchmarks.chain import feast_serve, started
from benchmarks.home import borrowed
from benchmarks.http import HOST, Connection
from benchmarks.machine import LoadMeter, cpu_seconds, descendants, on_core, own_environment
from benchmarks.result import Goal, Result, Spread, machine, now, versions
from feature_repo.apply import apply
from features.definitions import LEAD_SCORING
from features.parity import NO_ACCOUNT
from features.rebuild import rebuild
from features.settings import history_of, open_feast
from features.store import OnlineStore
from ingestion.settings import PlatformSettings
from leadline import environment
from leadline.child import dying_with_us
from leadline.errors import LeadlineError, StackError
from leadline.questions import newest_leads

FLOOR, AIM = 1 / 3, 1 / 5  # of feast serve's p99, on Redis
SIZES = (1, 10, 100)  # leads a read
READS = {1: 200, 10: 200, 100: 100}  # in a row: of fewer, the 99th percentile is the worst
COMPARED = 200
FEAST_PORT, REDIS_PORT = 18_183, 18_184
REDIS_START_SECONDS = 10
SYSTEM, LOAD = 0, 1  # cores: who reads and serves; Redis
OURS, SDK, SERVE = "leadline", "feast SDK", "feast serve"

Vectors = dict[str, list[float | None]]
Accounts = Mapping[str, str | None]


class Segment(msgspec.Struct, frozen=True):
    """Reads in a row, in milliseconds."""

    p50: float
    p99: float
    cpu_ms: float  # a read: of this process, of feast serve's where that is asked


class Arm(msgspec.Struct, frozen=True):
    """A way to read features as of a moment, and a clock of the CPU time that it costs, in seconds."""

    name: str
    read: Callable[[Sequence[str], datetime], Vectors]
    cpu: Callable[[], float]

    def measure(self, asked: Sequence[Sequence[str]]) -> Segment:
        """One read after the other; the first, which also connects, does not count."""
        as_of = datetime.now(UTC).replace(microsecond=0)
        self.read(asked[0], as_of)
        cpu, taken = self.cpu(), []
        for leads in asked:
            began = time.perf_counter()
            self.read(leads, as_of)
            taken.append(time.perf_counter() - began)
        p50, p99 = np.percentile(np.asarray(taken) * 1000, [50, 99])
        return Segment(float(p50), float(p99), (self.cpu() - cpu) * 1000 / len(asked))


def run(folder: Path, *, home: Path, rounds: int, console: Console) -> Result:
    """Measure on a copy of `home`, which a demo has left.

    Raises:
        NotSetUp: there is no demo in `home`.
        LeadlineError: there is no Redis server, a server did not start, or the arms read different features.
    """
    found: dict[str, list[dict[str, list[Segment]]]] = {}
    meter = LoadMeter()
    with own_environment(), borrowed(home, folder / "feature-read-home") as copy:
        for store in ("redis", "sqlite"):
            with ExitStack() as stack:
                address = stack.enter_context(_redis(copy)) if store == "redis" else "sqlite"
                settings = _settings(copy, address)
                with console.status(f"{store}: writing the rows from the history"):
                    apply(settings)
                    rebuild(history_of(settings), OnlineStore.open(settings))
                accounts: Accounts = {lead: account for lead, account, _ in newest_leads(settings)}
                stack.enter_context(on_core(SYSTEM))
                arms = stack.enter_context(_arms(settings, copy, accounts))
                _require_equal(arms, list(accounts)[:COMPARED])
                for size in SIZES:
                    with console.status(f"{store}: {rounds} rounds of {size} leads a read"):
                        found[f"{store}, {size}"] = _rounds(arms, list(accounts), size, rounds)
    return _result(found, rounds, meter, console)


def _rounds(arms: Sequence[Arm], leads: Sequence[str], size: int, rounds: int) -> list[dict[str, list[Segment]]]:
    rng, made = random.Random(size), []  # noqa: S311
    for _ in range(rounds):
        asked = [rng.choices(leads, k=size) for _ in range(READS[size])]
        of: dict[str, list[Segment]] = {arm.name: [] for arm in arms}
        for arm in (*arms, *reversed(arms)):
            of[arm.name].append(arm.measure(asked))
        made.append(of)
    return made


@contextmanager
def _arms(settings: PlatformSettings, home: Path, accounts: Accounts) -> Iterator[list[Arm]]:
    """The three, each with a connection of its own."""
    store, feast = OnlineStore.open(settings), open_feast(settings)
    service = feast.get_feature_service(LEAD_SCORING.service)

    def ours(leads: Sequence[str], as_of: datetime) -> Vectors:
        rows = store.read(leads)
        companies = store.read_accounts([(row.account if row else None) or NO_ACCOUNT for row in rows])
        store.is_whole()
        read = LEAD_SCORING.features_at
        vectors = (
            read(row.state if row else None, company.state if company else None, as_of)
            for row, company in zip(rows, companies, strict=True)
        )
        return {lead: list(vector.values()) for lead, vector in zip(leads, vectors, strict=True)}

    def sdk(leads: Sequence[str], as_of: datetime) -> Vectors:
        asked = [{"lead": lead, "account": accounts[lead] or NO_ACCOUNT, "as_of": as_of} for lead in leads]
        answer = feast.get_online_features(service, entity_rows=asked).to_dict()
        return {lead: [answer[name][place] for name in LEAD_SCORING.names] for place, lead in enumerate(leads)}

    (home / "logs").mkdir(exist_ok=True)
    with started([feast_serve(settings, home, FEAST_PORT)], home) as (server,), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Feast's own, about on-demand views
        serve, pids = _serve_client(accounts), descendants(server.pid)
        yield [
            Arm(OURS, ours, time.process_time),
            Arm(SDK, sdk, time.process_time),
            Arm(SERVE, serve, lambda: sum(map(cpu_seconds, pids))),
        ]


def _serve_client(accounts: Accounts) -> Callable[[Sequence[str], datetime], Vectors]:
    connection: Connection | None = None

    def serve(leads: Sequence[str], as_of: datetime) -> Vectors:
        nonlocal connection
        asked = {
            "feature_service": LEAD_SCORING.service,
            "entities": {
                "lead": list(leads),
                "account": [accounts[lead] or NO_ACCOUNT for lead in leads],
                "as_of": [int(as_of.timestamp())] * len(leads),
            },
        }
        try:
            connection = connection or Connection(FEAST_PORT)
            answer = orjson.loads(connection.post("/get-online-features", orjson.dumps(asked)))
        except StackError:  # the server closes what was idle during another arm's turn
            connection = Connection(FEAST_PORT)
            answer = orjson.loads(connection.post("/get-online-features", orjson.dumps(asked)))
        names = answer["metadata"]["feature_names"]
        values = {name: result["values"] for name, result in zip(names, answer["results"], strict=True)}
        return {lead: [values[name][place] for name in LEAD_SCORING.names] for place, lead in enumerate(leads)}

    return serve


def _require_equal(arms: Sequence[Arm], leads: Sequence[str]) -> None:
    """Raises `LeadlineError` unless all arms read the same of these leads."""
    as_of = datetime.now(UTC).replace(microsecond=0)
    expected, *others = (arm.read(leads, as_of) for arm in arms)
    for arm, read in zip(arms[1:], others, strict=True):
        different = [lead for lead in leads if read[lead] != expected[lead]]
        if different:
            raise LeadlineError(f"{arm.name} reads other features of {len(different)} leads, e.g. {different[0]}")


def _settings(home: Path, online_store: str) -> PlatformSettings:
    os.environ |= {"LEADLINE_HOME": str(home), "LEADLINE_ONLINE_STORE": online_store}
    return environment.settings(make_keys=True)


@contextmanager
def _redis(home: Path) -> Iterator[str]:
    """A Redis that persists nothing, on the core of the load."""
    program = shutil.which("redis-server")
    if program is None:
        raise LeadlineError("there is no redis-server: install it (Debian: redis-server)")
    command = [
        program,
        "--port",
        str(REDIS_PORT),
        "--bind",
        HOST,
        "--dir",
        str(home),
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    with on_core(LOAD):
        server = subprocess.Popen(dying_with_us(command), stdout=subprocess.DEVNULL)
    try:
        client, deadline = Redis(HOST, REDIS_PORT), time.monotonic() + REDIS_START_SECONDS
        while not _is_up(client):
            if server.poll() is not None or time.monotonic() > deadline:
                raise LeadlineError(f"redis-server did not start: is port {REDIS_PORT} taken?")
            time.sleep(0.05)
        yield f"{HOST}:{REDIS_PORT},db=0"
    finally:
        server.kill()
        server.wait()


def _is_up(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def _result(
    found: Mapping[str, list[dict[str, list[Segment]]]], rounds: int, meter: LoadMeter, console: Console
) -> Result:
    ratios = {
        what: {
            f"{figure} of {arm}": Spread.of([_mean(each[OURS], figure) / _mean(each[arm], figure) for each in made])
            for figure in ("p50", "p99", "cpu_ms")
            for arm in (SDK, SERVE)
        }
        | {"control": Spread.of([each[OURS][0].p50 / each[OURS][1].p50 for each in made])}
        for what, made in found.items()
    }
    _show(found, ratios, console)
    goals = [
        Goal(
            name=f"p99 ÷ feast serve's, {what} leads: upper end (median {of['p99 of feast serve'].median:.3f})",
            measured=of["p99 of feast serve"].high,
            floor=FLOOR,
            aim=AIM,
            higher_is_better=False,
        )
        for what, of in ratios.items()
        if what.startswith("redis")
    ]
    return Result(
        benchmark="feature-read",
        made_at=now(),
        machine=machine(),
        load={"all rounds": meter.read()},
        versions=versions(redis_py=version("redis")),
        goals=goals,
        figures={"segments": found, "ratios": ratios},
        notes=[
            f"{COMPARED} leads compared first on each store: every feature equal in all three arms",
            f"{rounds} rounds, each arm there and back (ABCCBA), {READS} reads in a row by leads a read; ratios are "
            "medians over rounds with their 95 % bootstrap interval",
            "readers and feast serve on one core, Redis (nothing persisted) on the other; one client, one worker",
            "leadline asks for leads, then accounts, then whether the store is whole; Feast is told the accounts",
            "CPU of feast serve is its server's alone; Feast cannot precompute a view that takes `as_of`",
            *(f"control, {what} leads: the same arm against itself, {of['control']}" for what, of in ratios.items()),
        ],
    )


def _show(
    found: Mapping[str, list[dict[str, list[Segment]]]], ratios: Mapping[str, Mapping[str, Spread]], console: Console
) -> None:
    table = Table("store, leads", "arm", "p50 ms", "p99 ms", "CPU ms", "ours ÷ its p50", "p99", "CPU", title="a read")
    for what, made in found.items():
        for arm in (OURS, SDK, SERVE):
            segments = [segment for each in made for segment in each[arm]]
            medians = [
                f"{np.median([getattr(one, name) for one in segments]):.2f}" for name in Segment.__struct_fields__
            ]
            told = (
                [] if arm == OURS else [str(ratios[what][f"{figure} of {arm}"]) for figure in ("p50", "p99", "cpu_ms")]
            )
            table.add_row(what, arm, *medians, *told)
    console.print(table)


def _mean(segments: Sequence[Segment], figure: str) -> float:
    return max(float(np.mean([getattr(segment, figure) for segment in segments])), 1e-6)
