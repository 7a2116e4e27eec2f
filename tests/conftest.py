"""Real backends for every test that asks: Kafka, Postgres and Redis, each started once a test process, on demand.

A backend that this machine lacks skips the tests that need it; with `LEADLINE_REQUIRE_BACKENDS=1` (CI) it fails them.
"""

from __future__ import annotations

import itertools
import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest
from confluent_kafka.admin import AdminClient

from features.engine import Engine
from features.settings import offline_engine
from leadline.broker import KafkaBroker, open_broker
from leadline.errors import BrokerSetupError

# On busy cores scikit-learn's threads wait for one another longer than they work, here and in every process started.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The processes of pytest-xdist find a terminal's width here, which `leadline` would keep to whatever a test asks for.
os.environ.pop("COLUMNS", None)

# Busy machines: time is not what is tested.
hypothesis.settings.register_profile("leadline", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("leadline")


def pytest_xdist_setupnodes() -> None:
    """Feast's import has set it here; in the processes that start now metrics would go to files that all share."""
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)


PATIENCE_SECONDS = 120.0  # a process may take a minute to start on busy cores
# Several test processes (pytest-xdist) never take a port from one another, nor a broker its own while it is down: those
# choose above 20,000.
PORTS = range(
    10_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")),
    18_000,
    int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
)
THOROUGH = int(os.environ.get("LEADLINE_THOROUGH", "1"))  # `make faults` asks for 5
_numbers = itertools.count(1)


def tries(usual: int) -> int:
    """How many generated cases, or seeds, something is tried with: more where `LEADLINE_THOROUGH` asks for it."""
    return usual * THOROUGH


def missing(backend: str, why: str) -> NoReturn:
    """Skip the test for want of a backend, or fail it where backends are required."""
    message = f"{backend} is not on this machine: {why}"
    if os.environ.get("LEADLINE_REQUIRE_BACKENDS") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@contextmanager
def _broker(directory: Path) -> Iterator[str]:
    try:
        with open_broker(directory) as broker:
            if broker.kind == "librdkafka-mock":
                missing("Kafka", "no Java 17 or newer")
            yield broker.bootstrap_servers
    except BrokerSetupError as error:
        missing("Kafka", str(error))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of a real broker that all tests share: use topic and group names of your own."""
    with _broker(tmp_path_factory.mktemp("kafka")) as servers:
        yield servers


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A real broker of the test's own, which it may kill."""
    try:
        with KafkaBroker(tmp_path / "kafka").start() as running:
            yield running
    except BrokerSetupError as error:
        missing("Kafka", str(error))


@pytest.fixture(scope="session")
def _swept_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with _broker(tmp_path_factory.mktemp("swept-kafka")) as servers:
        yield servers


@pytest.fixture
def empty_kafka(_swept_kafka: str) -> str:
    """Bootstrap servers of a second real broker, without topics or groups: for tests of the platform's own topics."""
    admin = AdminClient({"bootstrap.servers": _swept_kafka})
    wait_until(lambda: _sweep(admin), "Kafka to forget the last test's topics and groups")
    return _swept_kafka


def _sweep(admin: AdminClient) -> bool:
    """Ask for everything to be deleted; true once nothing is left."""
    groups = [group.group_id for group in admin.list_consumer_groups().result().valid]
    topics = [name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")]
    requests = list(admin.delete_consumer_groups(groups).values()) if groups else []
    requests += list(admin.delete_topics(topics).values()) if topics else []
    for request in requests:
        request.exception(timeout=20)  # a group with a member that is just leaving: the next round takes it
    return not requests


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real Postgres without a database name; see `postgres_url`."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if not binaries:
        missing("Postgres", "install Debian's postgresql")
    bin_folder, port = binaries[-1].parent, free_port()
    # Postgres refuses to run as root, and pytest's own folders are closed to other users.
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="leadline-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, user)
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if os.geteuid() == 0 else []
    data, in_utf8 = folder / "data", ["-E", "UTF8", "--locale=C.UTF-8"]
    try:
        subprocess.run(
            [
                *as_user,
                str(bin_folder / "initdb"),
                "-D",
                str(data),
                "-U",
                "leadline",
                "-A",
                "trust",
                *in_utf8,
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        command = [str(bin_folder / "postgres"), "-D", str(data), "-p", str(port)]
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with _server([*as_user, *_dying_with_us(bool(as_user)), *command], port, folder):
            # Postgres listens before it has started.
            wait_until(lambda: _lets_in(f"postgresql://leadline@127.0.0.1:{port}/postgres"), "Postgres to start up")
            yield f"postgresql+psycopg://leadline@127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lets_in(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a new, empty database on a real Postgres."""
    import psycopg

    server, name = postgres_server.replace("+psycopg", ""), f"test_{next(_numbers)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{postgres_server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def _redis_server() -> Iterator[str]:
    if shutil.which("redis-server") is None:
        missing("Redis", "install Debian's redis-server")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    folder = tempfile.mkdtemp(prefix="leadline-redis-")
    with _server([*_dying_with_us(False), *command], port, Path(folder)):
        yield f"127.0.0.1:{port}"
    shutil.rmtree(folder)


@pytest.fixture
def redis_address(_redis_server: str) -> str:
    """`host:port` of a real, emptied Redis."""
    host, _, port = _redis_server.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(16).startswith(b"+OK")
    return _redis_server


@pytest.fixture(scope="session")
def pyspark() -> None:
    """That Spark is installed; it need not be able to start."""
    if find_spec("pyspark") is None:
        missing("Spark", "install leadline[spark]")


@pytest.fixture(scope="session")
def _small_spark(pyspark: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of Spark's own settings, for small data on this machine."""
    if shutil.which("java") is None:
        missing("Spark", "no Java 17 or newer")
    folder = tmp_path_factory.mktemp("spark")
    small = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": folder,
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",  # to compile a question takes longer than to answer it
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.shuffle.partitions": 2,
        "spark.ui.enabled": "false",
    }
    (folder / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in small.items()))
    return folder


@pytest.fixture(scope="session")
def spark(_small_spark: Path) -> Iterator[Engine]:
    """A real Spark on two threads, set up as anybody's is: by its own files."""
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(_small_spark))
        engine = offline_engine("local[2]")
        with engine.database():
            yield engine
        found = SparkSession.getActiveSession()
        assert found is not None
        found.stop()


@pytest.fixture
def spark_cluster(_small_spark: Path) -> Iterator[Mapping[str, str]]:
    """Environment that makes a real cluster compute: a master, a worker, and executors of its own."""
    import pyspark

    home, ports = Path(pyspark.__file__).parent, (free_port(), free_port())
    master = f"spark://127.0.0.1:{ports[0]}"
    given = {"SPARK_CONF_DIR": str(_small_spark), "SPARK_HOME": str(home), "SPARK_WORKER_DIR": str(_small_spark)}
    machine = ["worker.Worker", "--cores", "2", "--memory", "1g", master]
    with pytest.MonkeyPatch.context() as patch, ExitStack() as running:
        for name, value in given.items():
            patch.setenv(name, value)
        for (kind, *words), port in zip((["master.Master"], machine), ports, strict=True):
            at = ["--host", "127.0.0.1", "--port", str(port), "--webui-port", str(free_port())]
            command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}", *at, *words]
            running.enter_context(_server([*_dying_with_us(False), *command], port, _small_spark))
        yield given | {"LEADLINE_OFFLINE_ENGINE": master}


@contextmanager
def _server(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """Run a server until it answers on `port`, and end it afterwards."""
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    try:
        wait_until(
            lambda: process.poll() is not None or answers(port),
            f"{command} to listen: {(folder / 'output.log').read_text()}",
        )
        assert process.poll() is None, (folder / "output.log").read_text()
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _dying_with_us(already_setpriv: bool) -> list[str]:
    """A killed test run leaves no server behind (Linux: the kernel sends the signal)."""
    if shutil.which("setpriv") is None:
        return []
    return ["--pdeathsig=INT"] if already_setpriv else ["setpriv", "--pdeathsig=TERM"]


def free_port() -> int:
    """A port below Linux's ephemeral range that nobody listens on now, and no other test process is given."""
    for port in random.sample(PORTS, 200):
        if not answers(port):
            return port
    raise AssertionError("no free port found")


def answers(port: int) -> bool:
    """Whether somebody listens on the local `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Poll until `condition` holds; fails naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """`eventually(condition, what, seconds=120)`: poll until it holds, else fail naming it."""
    return wait_until
